#include "client/include/weft/client.h"
#include "tests/lib/tap.h"

int main(void)
{
    size_t n = 0;
    int whole = 1;

    while (weft_error_at(n) != 0) {
        int code = weft_error_at(n++);

        whole &= code < 0 && weft_errname(code)[0] == 'E' &&
                 weft_strerror(code)[0] != '\0' && weft_errhint(code)[0] != '\0';
    }
    ok(n > 40 && whole, "each of %zu errors has a name, a sentence and a next step", n);
    is_int(weft_error_at(SIZE_MAX), 0, "past the end there is none");
    is_str(weft_errname(WEFT_EBUSY), "EBUSY", "a name");
    is_str(weft_errname(0), "OK", "no error is OK");
    return done();
}

#include "common/err.h"
#include "tests/lib/tap.h"

int main(void)
{
    static const int codes[] = {
#define W(name, value, sentence, next) -(value),
#include "client/include/weft/error.def"
#undef W
    };
    struct wf_err e;
    int good = 1;

    is_str(wf_err_name(WEFT_ECONF), "ECONF", "name");
    is_str(wf_err_name(0), "OK", "name of 0");
    is_str(wf_err_name(-9999), "EUNKNOWN", "name of an unknown code");
    is_str(wf_err_sentence(-9999), "unknown error", "sentence of an unknown code");
    is_str(wf_err_next(-9999), "", "next step of an unknown code");
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        good = good && codes[i] < 0 && *wf_err_sentence(codes[i]) != '\0' &&
               *wf_err_next(codes[i]) != '\0';
        for (size_t j = 0; j < i; j++) {
            good = good && codes[i] != codes[j];
        }
    }
    ok(good, "every code has a value of its own, a sentence and a next step");

    is_int(wf_err_set(NULL, WEFT_EIO, "x"), WEFT_EIO, "no text wanted");
    is_int(wf_err_set(&e, WEFT_EIO, "%s %d", "disk", 7), WEFT_EIO,
           "set returns the code");
    is_int(e.code, WEFT_EIO, "and keeps it");
    is_str(e.text, "disk 7", "with the text");
    (void) wf_err_set(&e, WEFT_EIO, "%1000d", 1);
    is_int(strlen(e.text), WF_ERR_TEXT - 1, "long text is cut");
    return done();
}

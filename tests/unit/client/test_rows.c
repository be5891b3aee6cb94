#include "client/rows.h"

#include "common/err.h"
#include "common/mem.h"
#include "tests/lib/tap.h"

int main(void)
{
    struct rows r;
    uint64_t *numbers;
    const char *a, *b;

    must(rows_init(&r, 2, 3 * sizeof *numbers + 3, 8) == 0);
    must(rows_array(&r, 3, 1) != NULL);
    numbers = rows_array(&r, 3, sizeof *numbers);
    is_int((uintptr_t) numbers % ROWS_ALIGN, 0, "arrays are aligned");
    is_int(numbers[2], 0, "and zeroed");
    a = rows_text(&r, wf_slice_of("abc"));
    b = rows_text(&r, wf_slice_of("xyz"));
    is_str(a, "abc", "a text is copied");
    is_str(b, "xyz", "and the next one behind it");
    for (int i = 0; i < 100; i++) {
        a = rows_text(&r, wf_slice_of(""));
    }
    is_str(a, "", "empty texts take no room");
    wf_free(r.base);
    wf_mem_fail_after(0);
    is_int(rows_init(&r, 1, 10, 10), WEFT_ENOMEM, "no memory");
    wf_mem_fail_after(-1);
    return done();
}

#include "common/mem.h"
#include "tests/lib/tap.h"

int main(void)
{
    char *p = wf_calloc(10, 10);
    char *q;
    int zero = 1;

    must(p != NULL);
    for (int i = 0; i < 100; i++) {
        zero = zero && p[i] == 0;
    }
    ok(zero, "calloc zeroes");
    /* Hidden from the compiler, which would warn. */
    volatile size_t half = SIZE_MAX / 2;
    ok(wf_calloc(half, 3) == NULL, "calloc refuses an overflow");
    q = wf_calloc(0, 0);
    ok(q != NULL, "nothing is not out of memory");
    wf_free(q);
    wf_free(NULL);

    q = wf_memdup("ab\0c", 4);
    ok(q != NULL && memcmp(q, "ab\0c", 5) == 0, "memdup copies and terminates");
    wf_free(q);
    q = wf_memdup(NULL, 0);
    is_str(q, "", "memdup of nothing");
    wf_free(q);

    wf_mem_fail_after(1);
    q = wf_strdup("x");
    is_str(q, "x", "the first allocation succeeds");
    ok(wf_strdup("y") == NULL, "the second fails");
    ok(wf_realloc(p, 200) == NULL, "so do those after it");
    is_int(wf_mem_fail_after(-1), 3, "all are counted");
    wf_free(q);
    p = wf_realloc(p, 200);
    ok(p != NULL, "switched off");
    wf_free(p);
    return done();
}

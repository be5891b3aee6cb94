#include "common/err.h"
#include "common/intern.h"
#include "common/mem.h"
#include "tests/lib/tap.h"

static void test_numbers(void)
{
    struct wf_intern *t = wf_intern_new(3, 1);
    char name[WF_INTERN_NAME + 2];
    uint32_t n = 99;

    must(t != NULL);
    is_int(wf_intern_find(t, "lyon"), 0, "none yet");
    is_int(wf_intern_put(t, "lyon", &n), 0, "put");
    is_int(n, 1, "the first number is 1");
    ok(wf_intern_put(t, "fra", &n) == 0 && n == 2, "the next is 2");
    ok(wf_intern_put(t, "lyon", &n) == 0 && n == 1, "a name keeps its number");
    ok(wf_intern_put(t, "", &n) == 0 && n == 0, "no name is 0");
    is_int(wf_intern_find(t, ""), 0, "always");
    is_str(wf_intern_name(t, 2), "fra", "and back");
    is_str(wf_intern_name(t, 0), "", "no name");
    is_str(wf_intern_name(t, 3), "", "a number never given");
    memset(name, 'x', sizeof name);
    name[WF_INTERN_NAME + 1] = '\0';
    n = 99;
    is_int(wf_intern_put(t, name, &n), WEFT_ETOOBIG, "a name too long");
    name[WF_INTERN_NAME] = '\0';
    is_int(n, 99, "leaves the number");
    ok(wf_intern_put(t, name, &n) == 0 && n == 3, "the longest");
    is_int(wf_intern_put(t, "more", &n), WEFT_EFULL, "full");
    ok(wf_intern_put(t, "fra", &n) == 0 && n == 2, "those there are found still");
    is_int(wf_intern_len(t), 3, "length");
    wf_intern_free(t);
    wf_intern_free(NULL);
}

static void test_many(void)
{
    struct wf_intern *t = wf_intern_new(5000, 2);
    char name[16];
    int good = 1;

    must(t != NULL);
    for (uint32_t i = 1; i <= 5000; i++) {
        uint32_t n = 0;

        (void) snprintf(name, sizeof name, "site-%u", i);
        good = good && wf_intern_put(t, name, &n) == 0 && n == i;
    }
    for (uint32_t i = 1; i <= 5000; i++) {
        (void) snprintf(name, sizeof name, "site-%u", i);
        good = good && wf_intern_find(t, name) == i &&
               strcmp(wf_intern_name(t, i), name) == 0;
    }
    ok(good, "many names, in order");
    wf_intern_free(t);
}

static void test_memory(void)
{
    for (long n = 0;; n++) {
        struct wf_intern *t;
        uint32_t number = 0;
        int rc = WEFT_ENOMEM;

        wf_mem_fail_after(n);
        t = wf_intern_new(10, 1);
        if (t != NULL) {
            rc = wf_intern_put(t, "lyon", &number);
        }
        wf_mem_fail_after(-1);
        ok(rc == 0 ? number == 1 : rc == WEFT_ENOMEM, "after %ld allocations", n);
        if (t != NULL && rc != 0) {
            is_int(wf_intern_find(t, "lyon"), 0, "not in");
            ok(wf_intern_put(t, "lyon", &number) == 0 && number == 1, "next time it is");
        }
        wf_intern_free(t);
        if (rc == 0) {
            break;
        }
    }
}

int main(void)
{
    test_numbers();
    test_many();
    test_memory();
    return done();
}

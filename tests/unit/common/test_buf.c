#include "common/buf.h"
#include "common/err.h"
#include "common/mem.h"
#include "tests/lib/tap.h"

static void test_put(void)
{
    struct wf_buf b = WF_BUF_INIT(1000);

    is_int(wf_buf_put(&b, NULL, 0), 0, "nothing can be put");
    ok(b.p == NULL, "and allocates nothing");
    is_int(wf_buf_put(&b, "abc", 3), 0, "put");
    is_int(wf_buf_printf(&b, "%d-%s", 42, "x"), 0, "printf");
    ok(b.len == 7 && memcmp(b.p, "abc42-x", 7) == 0, "content");
    wf_buf_truncate(&b, 3);
    memcpy(wf_buf_extend(&b, 2), "de", 2);
    ok(b.len == 5 && memcmp(b.p, "abcde", 5) == 0, "truncate and extend");
    wf_buf_clear(&b);
    ok(b.len == 0 && b.p != NULL, "clear keeps the memory");
    wf_buf_fini(&b);
    ok(b.p == NULL && b.max == 1000, "fini keeps the limit");
}

static void test_limit(void)
{
    static const char bytes[1000];

    for (size_t max = 0; max <= 1000; max += 125) {
        struct wf_buf b;

        wf_buf_init(&b, max);
        ok(wf_buf_put(&b, bytes, max) == 0 && b.len == max, "%zu bytes fit exactly", max);
        ok(wf_buf_put(&b, "x", 1) == WEFT_ETOOBIG && b.len == max, "not one more");
        wf_buf_truncate(&b, 0);
        is_int(wf_buf_printf(&b, "x"), WEFT_ETOOBIG, "the error sticks");
        wf_buf_clear(&b);
        is_int(wf_buf_printf(&b, "%.*s", (int) max, ""), 0, "until it is cleared");
        wf_buf_fini(&b);
    }
}

static void test_long_printf(void)
{
    struct wf_buf b = WF_BUF_INIT(1000);

    is_int(wf_buf_printf(&b, "%1000d", 7), 0, "printf up to the very limit");
    ok(b.len == 1000 && b.p[999] == '7', "all of it");
    wf_buf_clear(&b);
    is_int(wf_buf_printf(&b, "%1001d", 7), WEFT_ETOOBIG, "not beyond");
    wf_buf_fini(&b);
}

static void test_memory(void)
{
    struct wf_buf b = WF_BUF_INIT(SIZE_MAX);
    char bytes[100] = "";

    must(wf_buf_put(&b, bytes, 60) == 0);
    wf_mem_fail_after(0);
    is_int(wf_buf_put(&b, bytes, 100), WEFT_ENOMEM, "out of memory");
    wf_mem_fail_after(-1);
    ok(b.len == 60 && wf_buf_extend(&b, 1) == NULL, "sticks, content kept");
    wf_buf_clear(&b);
    ok(wf_buf_extend(&b, SIZE_MAX) == NULL && b.err == WEFT_ENOMEM,
       "an absurd length is out of memory");
    wf_buf_fini(&b);
}

/* A limit below the first allocation holds as well, also in small steps. */
static void test_small_limit(void)
{
    unsigned wrong = 0;

    for (size_t max = 0; max < 130; max++) {
        struct wf_buf b = WF_BUF_INIT(max);
        size_t n = 0;

        while (wf_buf_put(&b, "abc", 3) == 0) {
            n += 3;
        }
        wrong += n != max / 3 * 3 || b.len != n || b.err != WEFT_ETOOBIG;
        wf_buf_fini(&b);
    }
    is_int(wrong, 0, "small limits hold");
}

int main(void)
{
    test_put();
    test_limit();
    test_long_printf();
    test_memory();
    test_small_limit();
    return done();
}

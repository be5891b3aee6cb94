#include "common/backoff.h"
#include "tests/lib/tap.h"

static void test_growth(void)
{
    struct wf_backoff b;
    struct wf_rng r = {1};
    uint64_t window = 100;
    int good = 1;

    wf_backoff_init(&b, 100, 5000);
    for (int i = 0; i < 50; i++) {
        uint64_t d = wf_backoff_next(&b, &r);

        window = wf_min_u64(window * 2, 5000);
        good = good && d >= 100 && d <= window && b.cur_ms == window;
    }
    ok(good, "delays stay between the minimum and a window that doubles to the maximum");
    wf_backoff_reset(&b);
    ok(wf_backoff_next(&b, &r) <= 200, "a reset starts again at the minimum");
}

static void test_spread(void)
{
    int low = 0;
    int high = 0;

    for (uint64_t seed = 0; seed < 1000; seed++) {
        struct wf_rng r = {seed};
        struct wf_backoff b;
        uint64_t d;

        wf_backoff_init(&b, 100, 5000);
        d = wf_backoff_next(&b, &r);
        low += d < 125;
        high += d > 175;
    }
    ok(low > 150 && high > 150, "already the first delays of many peers are spread");
}

static void test_edges(void)
{
    struct wf_backoff b;
    struct wf_rng r = {7};

    wf_backoff_init(&b, 500, 10);
    is_int(wf_backoff_next(&b, &r), 500, "a maximum below the minimum counts as it");
    wf_backoff_init(&b, 0, 8);
    for (int i = 0; i < 10; i++) {
        (void) wf_backoff_next(&b, &r);
    }
    is_int(b.cur_ms, 8, "a minimum of 0 grows too");
    wf_backoff_init(&b, 0, UINT64_MAX);
    for (int i = 0; i < 100; i++) {
        (void) wf_backoff_next(&b, &r);
    }
    ok(b.cur_ms == UINT64_MAX, "the window saturates");
}

int main(void)
{
    test_growth();
    test_spread();
    test_edges();
    return done();
}

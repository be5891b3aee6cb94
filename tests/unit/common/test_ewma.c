#include "common/ewma.h"
#include "common/rng.h"
#include "tests/lib/tap.h"

static void test_steps(void)
{
    struct wf_ewma e = {0};

    is_int(wf_ewma_mean(&e), 0, "no samples");
    wf_ewma_add(&e, 100, 3);
    is_int(wf_ewma_mean(&e), 100, "the first sample sets the mean");
    is_int(wf_ewma_dev(&e), 50, "and half of it the deviation");
    wf_ewma_add(&e, 180, 3);
    is_int(wf_ewma_mean(&e), 110, "an eighth of the way up");
    is_int(wf_ewma_dev(&e), 54, "deviation an eighth of the way from 50 to 80");
    wf_ewma_add(&e, 30, 3);
    is_int(wf_ewma_mean(&e), 100, "an eighth of the way down");
    is_int(e.n, 3, "counted");
    wf_ewma_add(&e, 7, 0);
    is_int(wf_ewma_mean(&e), 7, "shift 0 takes the sample itself");
}

static void test_converges(void)
{
    int good = 1;

    for (unsigned shift = 1; shift <= 6; shift++) {
        for (uint64_t to = 0; to <= 4000; to += 400) {
            struct wf_ewma e = {0};

            wf_ewma_add(&e, 2000, shift);
            for (int i = 0; i < 2000; i++) {
                wf_ewma_add(&e, to, shift);
            }
            good = good && wf_ewma_mean(&e) + 2 >= to && wf_ewma_mean(&e) <= to + 2 &&
                   wf_ewma_dev(&e) <= 4;
        }
    }
    ok(good, "reaches a constant from both sides");
}

static void test_extremes(void)
{
    struct wf_ewma e = {0};
    struct wf_rng r = {3};
    int good = 1;

    wf_ewma_add(&e, UINT64_MAX, 3);
    ok(wf_ewma_mean(&e) == (UINT64_C(1) << 48) - 1, "huge samples are clamped");
    for (int i = 0; i < 100000; i++) {
        wf_ewma_add(&e, wf_rng_next(&r) >> wf_rng_below(&r, 64),
                    (unsigned) wf_rng_below(&r, 100));
        good = good && wf_ewma_mean(&e) < UINT64_C(1) << 48 &&
               wf_ewma_dev(&e) < UINT64_C(1) << 48;
    }
    ok(good, "never leaves the range of the samples");
    e.n = UINT32_MAX;
    wf_ewma_add(&e, 1, 3);
    ok(e.n == UINT32_MAX, "the count stays at its maximum");
}

int main(void)
{
    test_steps();
    test_converges();
    test_extremes();
    return done();
}

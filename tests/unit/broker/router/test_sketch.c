#include "broker/core/router/sketch.h"
#include "common/rng.h"
#include "tests/lib/tap.h"

/* Within the error that is promised, and what rounding to whole microseconds adds. */
static int is_near(uint64_t got, uint64_t want)
{
    const uint64_t off = got > want ? got - want : want - got;

    return off * 1000 <= want * SKETCH_ERROR_PM + 2000;
}

static void test_bins(void)
{
    int near = 1, grows = 1;
    unsigned last = 0;

    for (uint64_t us = 64; us < UINT64_C(1) << SKETCH_LOG2_MAX; us += us / 97 + 1) {
        const unsigned bin = sketch_bin(us);

        near = near && is_near(sketch_value(bin), us);
        grows = grows && bin >= last;
        last = bin;
    }
    ok(near, "the value of a bin is within 3 %% of what is in it");
    ok(grows, "bins grow with their values");
    is_int(sketch_bin(0), 0, "what is too small is in the first");
    is_int(sketch_bin(UINT64_MAX), SKETCH_BINS - 1, "what is too large in the last");
    is_int(sketch_bin((UINT64_C(1) << SKETCH_LOG2_MAX) - 1), SKETCH_BINS - 1,
           "as is the largest of the range");
    for (unsigned i = 0; i < SKETCH_BINS; i++) {
        near = near && sketch_bin(sketch_value(i)) == i;
    }
    ok(near, "a value is in the bin that it stands for");
}

static void test_few(void)
{
    struct sketch s = {0};

    is_int(sketch_quantile(&s, 500), 0, "empty");
    is_int(sketch_above(&s, 1), 0, "nothing above");
    sketch_halve(&s);
    is_int(s.total, 0, "nothing to halve");
    sketch_add(&s, 1000);
    ok(is_near(sketch_quantile(&s, 1), 1000) && is_near(sketch_quantile(&s, 999), 1000),
       "one sample is every quantile");
    sketch_add(&s, 3000);
    ok(is_near(sketch_quantile(&s, 500), 1000), "of two the lower is the median");
    ok(is_near(sketch_quantile(&s, 900), 3000), "the upper the 0.9-quantile");
    sketch_add(&s, 2000);
    ok(is_near(sketch_quantile(&s, 500), 2000), "the median of three");
    ok(is_near(sketch_above(&s, 1500), 2000), "above: the lower of two");
    ok(is_near(sketch_above(&s, 2500), 3000), "the one that is left");
    is_int(sketch_above(&s, 3500), 0, "none");
}

static void test_quantiles(void)
{
    struct sketch s = {0};
    int good = 1;

    for (uint64_t i = 1; i <= 99; i++) {
        sketch_add(&s, (i * 37 % 100) * 10000);
    }
    for (unsigned pm = 10; pm <= 990; pm += 10) {
        good = good && is_near(sketch_quantile(&s, pm), UINT64_C(1000) * pm);
    }
    ok(good, "99 samples: every hundredth is where it belongs");
}

/* Halving keeps ranks, however many bins have but one. */
static void test_halving(void)
{
    struct sketch s = {0};

    for (uint64_t i = 0; i < 100; i++) {
        sketch_add(&s, 1000 + 1000 * i);
    }
    sketch_halve(&s);
    is_int(s.total, 50, "half is left");
    ok(sketch_quantile(&s, 500) > 45000 && sketch_quantile(&s, 500) < 56000,
       "the median stays");
    ok(sketch_quantile(&s, 900) > 85000 && sketch_quantile(&s, 900) < 96000,
       "the 0.9-quantile as well");
    for (unsigned i = 0; i < 12; i++) {
        sketch_halve(&s);
    }
    is_int(s.total, 0, "at last nothing is left");
    sketch_add(&s, 5000);
    ok(is_near(sketch_quantile(&s, 500), 5000), "and it begins anew");
}

static void test_bounds(void)
{
    struct sketch s = {0};
    struct wf_rng r = {7};
    int good = 1;

    for (unsigned i = 0; i < 100000; i++) {
        unsigned sum = 0;

        sketch_add(&s, wf_rng_next(&r) >> wf_rng_below(&r, 64));
        if (i % 1000 == 0) {
            for (unsigned b = 0; b < SKETCH_BINS; b++) {
                good = good && (s.count[b] == 0 || (b >= s.lo && b <= s.hi));
                sum += s.count[b];
            }
            good = good && s.count[s.mid] != 0 && s.below < (sum + 1) / 2 &&
                   s.below + s.count[s.mid] >= (sum + 1) / 2;
            good = good && sum == s.total && s.total < SKETCH_FULL &&
                   s.count[s.lo] != 0 && s.count[s.hi] != 0;
        }
    }
    ok(good, "counts add up, and stay within their range");
}

static void test_follows(void)
{
    struct sketch s = {0};
    unsigned n = 0;

    for (unsigned i = 0; i < 1000; i++) {
        sketch_add(&s, 1000);
    }
    while (n < 1000 && !is_near(sketch_quantile(&s, 500), 9000)) {
        sketch_add(&s, 9000);
        n++;
    }
    ok(n <= SKETCH_FULL, "the median follows within %u samples: %u", SKETCH_FULL, n);
}

int main(void)
{
    test_bins();
    test_few();
    test_quantiles();
    test_halving();
    test_bounds();
    test_follows();
    return done();
}

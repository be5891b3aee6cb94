#include "broker/core/router/tail.h"
#include "tests/lib/tap.h"

#include <math.h>

#define MS UINT64_C(1000)

/* So many samples of a log-normal distribution, evenly by probability. */
static void fill(struct sketch *s, unsigned n, double median_us, double sigma)
{
    for (unsigned i = 0; i < n; i++) {
        const double p = ((i * 37) % n + 0.5) / n;
        double low = -8, high = 8;

        while (high - low > 1e-6) {
            const double z = (low + high) / 2;

            *(0.5 * erfc(-z / sqrt(2)) < p ? &low : &high) = z;
        }
        sketch_add(s, (uint64_t) (median_us * exp(sigma * low)));
    }
}

static void test_nothing(void)
{
    struct sketch s = {0};
    struct tail t;

    tail_of(&s, &t);
    ok(t.of == NULL, "of nothing nothing is known");
}

static void test_normal(void)
{
    struct sketch s = {0};
    struct tail t;
    int good = 1, falls = 1;
    uint32_t last = TAIL_ONE;

    fill(&s, 101, 100e3, 0.6);
    tail_of(&s, &t);
    for (double z = -2; z <= 3; z += 0.25) {
        const double want = 0.5 * erfc(z / sqrt(2));
        const uint32_t got = tail_above(&t, (uint64_t) (100e3 * exp(0.6 * z)));

        good = good && fabs(got / 1e6 - want) < 0.01 + want / 8;
        falls = falls && got <= last;
        last = got;
    }
    ok(good, "a log-normal distribution is told from a hundred samples");
    ok(falls, "and longer runs are less likely");
    ok(tail_above(&t, 1000 * MS) > 0 && tail_above(&t, 1000 * MS) < 1000,
       "what was never seen is unlikely, not impossible");
    is_int(tail_above(&t, UINT64_MAX), 0, "for ever is");
    ok(tail_above(&t, 0) > 999900, "anything takes longer than nothing");
}

static void test_two_kinds(void)
{
    struct sketch s = {0};
    struct tail t;

    for (unsigned i = 0; i < 100; i++) {
        sketch_add(&s, i % 10 == 0 ? 1000 * MS : 100 * MS);
    }
    tail_of(&s, &t);
    ok(tail_above(&t, 500 * MS) >= 100000, "one in ten that is longer counts as that");
    ok(tail_above(&t, 1200 * MS) < 10000, "but no further");
}

/* Of the same spread. */
static void test_few(void)
{
    struct sketch few = {0}, many = {0};
    struct tail a, b;

    fill(&few, 6, 100e3, 0.6);
    fill(&many, 120, 100e3, 0.6);
    tail_of(&few, &a);
    tail_of(&many, &b);
    ok(tail_above(&a, 500 * MS) > tail_above(&b, 500 * MS),
       "what few samples tell is less certain");
}

static void test_ends(void)
{
    struct sketch s = {0};
    struct tail t;

    sketch_add(&s, 0);
    tail_of(&s, &t);
    ok(tail_above(&t, 32) <= TAIL_ONE, "the first bin");
    is_int(tail_above(&t, 10 * MS), 0, "one sample has some width");
    s = (struct sketch){0};
    sketch_add(&s, UINT64_MAX);
    tail_of(&s, &t);
    ok(tail_above(&t, 10 * MS) == TAIL_ONE, "the last one is above all others");
    ok(tail_above(&t, UINT64_MAX) <= TAIL_ONE, "and there it ends");
}

int main(void)
{
    test_nothing();
    test_normal();
    test_two_kinds();
    test_few();
    test_ends();
    return done();
}

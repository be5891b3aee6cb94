#include "common/rng.h"
#include "tests/lib/tap.h"

int main(void)
{
    struct wf_rng r = {1234567};
    unsigned seen[10] = {0};
    unsigned hits = 0;
    int good = 1;

    /* From the reference implementation by Vigna. */
    ok(wf_rng_next(&r) == UINT64_C(6457827717110365317), "splitmix64, first");
    ok(wf_rng_next(&r) == UINT64_C(3203168211198807973), "splitmix64, second");
    ok(wf_rng_next(&r) == UINT64_C(9817491932198370423), "splitmix64, third");

    for (int i = 0; i < 100000; i++) {
        uint64_t v = wf_rng_below(&r, 10);

        good = good && v < 10;
        seen[v % 10]++;
        hits += (unsigned) wf_rng_chance(&r, 1, 4);
    }
    for (int i = 0; i < 10; i++) {
        good = good && seen[i] > 9500 && seen[i] < 10500;
    }
    ok(good, "below() is uniform");
    ok(hits > 24000 && hits < 26000, "chance() hits as often as asked");
    is_int(wf_rng_below(&r, 0), 0, "below 0");
    is_int(wf_rng_below(&r, 1), 0, "below 1");
    ok(wf_rng_below(&r, UINT64_MAX) < UINT64_MAX, "below the maximum");
    /* Without rejection two thirds of these would be small. */
    hits = 0;
    for (int i = 0; i < 3000; i++) {
        hits += wf_rng_below(&r, UINT64_C(3) << 62) < UINT64_C(1) << 62;
    }
    ok(hits > 900 && hits < 1100, "no bias in a huge range");
    ok(!wf_rng_chance(&r, 0, 7) && wf_rng_chance(&r, 7, 7) && !wf_rng_chance(&r, 1, 0),
       "never, always, and a zero denominator");
    return done();
}

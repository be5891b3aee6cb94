#include "common/rng.h"

uint64_t wf_rng_next(struct wf_rng *r)
{
    uint64_t z = r->s += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

uint64_t wf_rng_below(struct wf_rng *r, uint64_t n)
{
    uint64_t v;
    uint64_t low;

    if (n == 0) {
        return 0;
    }
    /* 2^64 mod n: without that many values the rest divides evenly. */
    low = (0 - n) % n;
    do {
        v = wf_rng_next(r);
    } while (v < low);
    return v % n;
}

int wf_rng_chance(struct wf_rng *r, uint64_t num, uint64_t den)
{
    return den != 0 && wf_rng_below(r, den) < num;
}

/* rng.h - seeded pseudo-random numbers (splitmix64)
 *
 * For jitter, placement ties and tests: reproducible from the seed, not secret.  Where
 * the seed comes from is the caller's matter.  Source: Steele, Lea, Flood, "Fast
 * splittable pseudorandom number generators", OOPSLA 2014.
 */
#ifndef COMMON_RNG_H
#define COMMON_RNG_H

#include "common/defs.h"

/* Any value of `s` is a good seed. */
struct wf_rng {
    uint64_t s;
};

uint64_t wf_rng_next(struct wf_rng *r);

/* Uniform in [0, n), without bias; 0 when n is 0. */
uint64_t wf_rng_below(struct wf_rng *r, uint64_t n);

/* 1 with probability num/den, else 0; 0 when den is 0. */
int wf_rng_chance(struct wf_rng *r, uint64_t num, uint64_t den);

#endif

/* chance.h - random numbers of the distributions that scenarios and policies need */
#ifndef TESTS_SIM_PLACE_CHANCE_H
#define TESTS_SIM_PLACE_CHANCE_H

#include "common/rng.h"

/* Uniform in [0, 1). */
double chance_unit(struct wf_rng *r);

/* Exponential with mean 1, and normal with mean 0 and deviation 1. */
double chance_exp(struct wf_rng *r);
double chance_normal(struct wf_rng *r);

/* An index of `sums`, of which each grows by that index's weight; n > 0. */
uint32_t chance_weighted(struct wf_rng *r, const double *sums, uint32_t n);

/* Up to `want` different ones of them into `ret`; how many. */
uint32_t chance_some(struct wf_rng *r, const double *sums, uint32_t n, uint32_t want,
                     uint32_t *ret);

#endif

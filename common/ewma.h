/* ewma.h - exponentially weighted moving average and deviation, in integers
 *
 * Kept in sixteenths of the sample's unit.  The first sample sets the mean, and half of
 * it the deviation; each later one moves both by 1/2^shift of the difference, the
 * estimator of TCP's round-trip time (RFC 6298).  Zeroed memory is a valid empty average.
 */
#ifndef COMMON_EWMA_H
#define COMMON_EWMA_H

#include "common/defs.h"

struct wf_ewma {
    uint64_t mean_x16;
    uint64_t dev_x16; /* mean absolute deviation */
    uint32_t n;       /* samples so far; stays at its maximum */
};

/* Samples of 2^48 and more count as 2^48 - 1; shifts over 16 as 16. */
void wf_ewma_add(struct wf_ewma *e, uint64_t sample, unsigned shift);

/* Rounded to the sample's unit; 0 without samples. */
uint64_t wf_ewma_mean(const struct wf_ewma *e);
uint64_t wf_ewma_dev(const struct wf_ewma *e);

#endif

/* backoff.h - exponential back-off with jitter
 *
 * Each step doubles the window, up to the maximum, and draws a delay uniformly between
 * the minimum and the window, so that many peers that failed together do not return
 * together.
 */
#ifndef COMMON_BACKOFF_H
#define COMMON_BACKOFF_H

#include "common/defs.h"
#include "common/rng.h"

struct wf_backoff {
    uint64_t min_ms, max_ms;
    uint64_t cur_ms; /* window of the last delay; min_ms after a reset */
};

/* A max below min counts as min. */
void wf_backoff_init(struct wf_backoff *b, uint64_t min_ms, uint64_t max_ms);

/* The next delay: at least min_ms, at most twice the last window and max_ms. */
uint64_t wf_backoff_next(struct wf_backoff *b, struct wf_rng *r);

/* After a success: start again at the minimum. */
void wf_backoff_reset(struct wf_backoff *b);

#endif

#include "common/backoff.h"

void wf_backoff_init(struct wf_backoff *b, uint64_t min_ms, uint64_t max_ms)
{
    b->min_ms = min_ms;
    b->max_ms = wf_max_u64(min_ms, max_ms);
    b->cur_ms = min_ms;
}

uint64_t wf_backoff_next(struct wf_backoff *b, struct wf_rng *r)
{
    /* A minimum of 0 would never grow by doubling. */
    uint64_t doubled = wf_add_sat(wf_max_u64(b->cur_ms, 1), b->cur_ms);

    b->cur_ms = wf_min_u64(doubled, b->max_ms);
    return b->min_ms + wf_rng_below(r, wf_add_sat(b->cur_ms - b->min_ms, 1));
}

void wf_backoff_reset(struct wf_backoff *b)
{
    b->cur_ms = b->min_ms;
}

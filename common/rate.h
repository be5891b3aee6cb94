/* rate.h - what one direction of a link can carry, learned from finished transfers
 *
 * Each finished transfer says what it got while it shared the link with others: its rate
 * times their number is what the link carried, if the others got as much.  Most transfers
 * are held back by something else (the other end, a slow reader), so the capacity is the
 * maximum over a window, as in BBR (Cardwell et al., ACM Queue 14, 2016).  It forgets: a
 * link that got slower is believed slower within ten minutes.  Transfers too small to
 * leave the transport's slow start say nothing.
 *
 * Kept as the maxima of ten slots of a minute each.  Rates are bytes a second, bounded;
 * times are those of the caller's monotonic clock.  Zeroed memory knows nothing.
 */
#ifndef COMMON_RATE_H
#define COMMON_RATE_H

#include "common/defs.h"

#define WF_RATE_SLOTS     10u
#define WF_RATE_SLOT_US   60000000u
#define WF_RATE_MIN_BYTES (256u * 1024) /* of a transfer that tells something */
#define WF_RATE_FLOWS_MAX 64u           /* more at a time are counted as so many */
#define WF_RATE_MAX       UINT64_C(100000000000)

struct wf_rate {
    uint64_t newest;              /* number of the newest slot, counted from 1; 0: none */
    uint64_t best[WF_RATE_SLOTS]; /* by slot number modulo their count */
    uint64_t told;                /* at the last wf_rate_told() */
};

/* A transfer of so many bytes took so long, with `flows` under way in this direction,
 * itself included.  1 when it counts. */
int wf_rate_add(struct wf_rate *r, uint64_t bytes, uint64_t took_us, uint64_t flows,
                uint64_t now_us);

/* The capacity; 0: not known, or not measured for ten minutes. */
uint64_t wf_rate_get(const struct wf_rate *r, uint64_t now_us);

/* 1 when others should be told: it changed by a fifth, became known or got too old. */
int wf_rate_news(const struct wf_rate *r, uint64_t now_us);
void wf_rate_told(struct wf_rate *r, uint64_t now_us);

#endif

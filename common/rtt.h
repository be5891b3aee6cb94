/* rtt.h - what the samples of one link say: round trip, jitter, loss
 *
 * A sample goes through three filters.  Validity: 0 and more than 10 s are refused and
 * counted, for one absurd sample can spoil an average for ever.  Outliers: what counts is
 * the median of the last five, so up to two strays in a row change nothing, and a new
 * level is seen with its third sample.  Smoothing: medians near the level move it by a
 * quarter; one that is farther off than jitter explains replaces it.  The deviation is
 * the mean distance of samples from the level; that of a single one is bounded.
 *
 * Callers that tell others what a link is like ask wf_rtt_news(): worth it is a change
 * against what was told last by a tenth, half a millisecond and twice the jitter,
 * whichever is most, or by a tenth in loss.
 *
 * Microseconds; times are those of the caller's monotonic clock.  Zeroed memory is a
 * valid link without samples.  Sources: a short window over each link before anything is
 * derived from it is the latency filter of Ledlie, Gardner, Seltzer, "Network coordinates
 * in the wild", NSDI 2007; level and deviation follow RFC 6298.
 */
#ifndef COMMON_RTT_H
#define COMMON_RTT_H

#include "common/defs.h"

#define WF_RTT_MAX_US 10000000u /* the longest that is believed */
#define WF_RTT_WINDOW 5u        /* samples of the median */
#define WF_RTT_PROBES 64u       /* newest probes over which loss is counted */

struct wf_rtt {
    uint32_t last[WF_RTT_WINDOW]; /* samples, newest first */
    uint32_t n;                   /* samples ever accepted; stays at its maximum */
    uint32_t refused;             /* likewise */
    uint32_t level_x16, dev_x16;  /* sixteenths of a microsecond */
    uint64_t lost;                /* a bit for each of the newest probes: it was lost */
    uint32_t probes;              /* answered and lost, at most WF_RTT_PROBES */
    uint32_t told_us, told_pm;    /* level and loss at the last wf_rtt_told(); 0: never */
    uint64_t at_us;               /* of the newest sample */
};

/* A probe was answered.  1 when it counts, 0 when it was refused. */
int wf_rtt_add(struct wf_rtt *r, uint64_t rtt_us, uint64_t now_us);

/* A probe was not answered in time. */
void wf_rtt_lost(struct wf_rtt *r);

/* The level, at least 1; 0: not known. */
uint32_t wf_rtt_us(const struct wf_rtt *r);
uint32_t wf_rtt_jitter_us(const struct wf_rtt *r);

/* Of the newest probes.  Few of them are taken as sixteen, so that the first one lost
 * does not make a bad link. */
uint32_t wf_rtt_loss_pm(const struct wf_rtt *r);

/* The newest sample is off the level: two more soon tell a change from a stray. */
int wf_rtt_unsure(const struct wf_rtt *r);

/* 1 when others should be told; wf_rtt_told() says that they were. */
int wf_rtt_news(const struct wf_rtt *r);
void wf_rtt_told(struct wf_rtt *r);

#endif

/* estimates.h - what was learned of run times outlives the process
 *
 * The router's runtimes.h knows capabilities and node classes by number; their records
 * name them: one a capability, under a number of its own, written when something was
 * learned of it since, a minute after the last time at the earliest, and once more when
 * the broker stops.  Nothing that was promised hangs on them.  One that cannot be written
 * is counted and written later; one that cannot be read is counted, and its number taken
 * for the next.  At most ESTIMATES_BYTES each, and no more of them than capabilities.
 */
#ifndef BROKER_CORE_ESTIMATES_H
#define BROKER_CORE_ESTIMATES_H

#include "proto/effects.h"

#define ESTIMATES_BYTES     (48u << 10)
#define ESTIMATES_PERIOD_US (UINT64_C(60) * 1000000)

struct core;

struct estimates {
    struct estimate *of; /* owned, by the capability's number */
    uint64_t *spare;     /* owned: numbers of records that say nothing of use */
    size_t max, nspare;
    size_t at;         /* a round through the capabilities goes on here */
    int under_way;     /* one does */
    uint64_t round_us; /* when the last one ended */
    uint64_t seen;     /* samples that had been learned when this one began, */
    uint64_t kept;     /* and when the last one began that wrote all */
};

/* WEFT_ENOMEM. */
int estimates_init(struct estimates *e, size_t max_capabilities);
void estimates_fini(struct estimates *e);

/* A record came out of the store. */
void estimates_replay(struct core *c, struct wf_slice record);

/* Write what is due, a little at a time; when a tick is wanted for it, in the core's
 * time, or UINT64_MAX. */
void estimates_tick(struct core *c, struct wf_effects *out);
uint64_t estimates_due_us(const struct core *c);

/* Write all that was learned since it was written. */
void estimates_stop(struct core *c, struct wf_effects *out);

#endif

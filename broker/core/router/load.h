/* load.h - how much is ahead of a job at a node: reports, and what was sent since
 *
 * A report is old when it is read, and many decisions are made between two.  So what this
 * broker sent counts until a report covers it, by job and not by clock, and counts more
 * when other brokers send there as well: by the share of this broker in what arrived.
 * Without that the same score is five times worse: everybody goes where it was quiet a
 * second ago.  Source: Goren, Vargaftik, Moses, DISC 2020 (stale load and herding).
 */
#ifndef BROKER_CORE_ROUTER_LOAD_H
#define BROKER_CORE_ROUTER_LOAD_H

#include "common/defs.h"

#define LOAD_ONE 256u /* a multiplier of 1 */

struct load {
    uint32_t jobs;             /* as reported, without those seen to end since */
    uint32_t own_jobs;         /* sent by this broker, not covered by the report */
    uint64_t work_us;          /* expected run time on a node of speed 1, of `jobs`, */
    uint64_t own_work_us;      /* and of `own_jobs` */
    uint64_t reported_us;      /* when; 0: never */
    uint64_t arrived;          /* by the last report, from all brokers */
    uint32_t others;           /* multiplier of own, in 1 / LOAD_ONE */
    uint32_t sent;             /* by this broker since that report */
    uint32_t all_x16, own_x16; /* arrivals and own ones, decayed */
};

struct load_report {
    uint32_t jobs;
    uint64_t work_us;
    uint64_t arrived;
    uint32_t own_jobs; /* sent by this broker and not in `jobs` yet */
    uint64_t own_work_us;
};

/* What this broker believes. */
struct route_load {
    uint64_t jobs, work_us;
};

void load_init(struct load *l);

/* `brokers`: that may send there; bounds the multiplier. */
void load_report(struct load *l, const struct load_report *report, uint32_t brokers,
                 uint64_t now_us);

void load_sent(struct load *l, uint64_t work_us);

/* It ended, or never arrived.  `covered`: it is one of those in the report. */
void load_ended(struct load *l, uint64_t work_us, int covered);

struct route_load load_view(const struct load *l);

#endif

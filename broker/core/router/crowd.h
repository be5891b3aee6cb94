/* crowd.h - does the queue at a node pass, or does it stand?
 *
 * A queue that comes and goes keeps slots busy.  One that stands does not: its node would
 * do as much with a shorter one, and whoever joins it is behind it with all who come
 * later, until it is gone.  How long it stood at least is told by the lowest wait of the
 * last seconds (Nichols, Jacobson, "Controlling Queue Delay", 2012): what stands falls
 * with the wait at once and rises slowly.  Each of those who come later waits longer by
 * what one job takes, so that a job of twice the usual work costs them twice as much.
 *
 * Microseconds; what is more than UINT32_MAX of them, an hour, counts as that.  Pure.
 */
#ifndef BROKER_CORE_ROUTER_CROWD_H
#define BROKER_CORE_ROUTER_CROWD_H

#include "common/defs.h"

struct crowd {
    uint32_t stand_us; /* the wait that stands */
    uint32_t usual_us; /* the work of a job there, on average; 0: there was none */
};

/* What the node told `past_us` after the report before it; 0: it is the first. */
struct crowd_report {
    uint64_t wait_us, jobs, work_us;
    uint64_t past_us;
};

void crowd_report(struct crowd *c, const struct crowd_report *report);

#define CROWD_ONE 64u

/* What stands of a wait that is so long now, in usual runs, of CROWD_ONE each. */
uint16_t crowd_of(const struct crowd *c, uint64_t wait_us);

#endif

/* place.h - choose the agent for a job
 *
 * Hard filters in a fixed order, each counted, then the score over those that remain, all
 * of them up to PLACE_SAMPLE, else a random sample; when none of that has room, the first
 * of the next PLACE_FURTHER that does.  A filter never scores; a score never filters.
 * Changes nothing but the generator.
 */
#ifndef BROKER_CORE_PLACE_H
#define BROKER_CORE_PLACE_H

#include "broker/core/agents.h"
#include "broker/core/decisions.h"
#include "common/rng.h"

struct inputs_at;

#define PLACE_SAMPLE  20
#define PLACE_FURTHER 512

/* Fill `ret` with the decision and return the winner's offer, or NULL when none has room
 * (or none is capable: then ret->passed and the full ones are 0).  `sure` is looked at in
 * any case: an offer that is known to fit; NULL: there is none.  `data` says where the
 * job's data is, whose holders are looked at as well; NULL: it needs none. */
struct offer *place_choose(const struct job *j, const struct inputs_at *data,
                           struct offer *sure, const struct agents *agents,
                           uint64_t now_us, struct wf_rng *rng, struct decision *ret);

/* The first filter that refuses this offer for the job, or PLACE_FILTER_COUNT. */
unsigned place_filter(const struct job *j, const struct offer *o);

#endif

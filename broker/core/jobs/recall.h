/* recall.h - late binding: what waits at one agent goes to another that fell idle
 *
 * Queues at agents hide the round trip, but what was to be over soon may take long, and
 * another agent is done before.  When one has a free slot that nothing in the broker
 * fits, it asks for an attempt that waits elsewhere, if it would clearly finish it
 * sooner: by a quarter of the time, and by RECALL_GAIN_US and the round trip that asking
 * costs.
 *
 * Bounded: a few agents and attempts are looked at for one event, in turn; an agent asks
 * at most once in RECALL_PAUSE_US; an attempt is asked once, and its job never moves to
 * where it was, nor more often than RECALL_MOVES_MAX.  Asking costs the other agent
 * nothing: it gives back only what it did not start.
 */
#ifndef BROKER_CORE_RECALL_H
#define BROKER_CORE_RECALL_H

#include "broker/core/core_int.h"

#define RECALL_GAIN_US   50000u
#define RECALL_PAUSE_US  100000u
#define RECALL_MOVES_MAX 3u

/* Nothing in the broker waits for this agent any more: what waits elsewhere? */
void recall_for(struct core *c, struct agent *a, struct wf_effects *out);

#endif

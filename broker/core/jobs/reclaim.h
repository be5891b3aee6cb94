/* reclaim.h - who still holds which attempt, after a restart or a takeover
 *
 * Live jobs whose attempt may still be with an agent wait until the agents that were
 * connected have told what they hold, at most for a lease; an agent that holds exactly
 * that attempt keeps it, any other job gets its next attempt.
 */
#ifndef BROKER_CORE_RECLAIM_H
#define BROKER_CORE_RECLAIM_H

#include "broker/core/core_int.h"

/* All records are in. */
void reclaim_begin(struct core *c, struct wf_effects *out);

/* An agent that was connected before the restart told what it holds. */
void reclaim_agent_synced(struct core *c, struct agent *a, struct wf_effects *out);

/* An agent says that it holds this attempt: 1 and the job is its again. */
int reclaim_attempt(struct core *c, struct agent *a, struct job *j, unsigned run_state);

void reclaim_tick(struct core *c, struct wf_effects *out);

#endif

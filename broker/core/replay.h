/* replay.h - the broker's state out of its records
 *
 * At the start every record comes in, then LOADED: live jobs whose attempt may still be
 * with an agent wait until the agents that were connected have told what they hold, at
 * most for a lease; an agent that holds exactly that attempt keeps it, any other job
 * gets its next attempt.  Records may also come while the broker runs, of jobs that a
 * dead broker of the site left behind, and of keys that another one enrolled.
 */
#ifndef BROKER_CORE_REPLAY_H
#define BROKER_CORE_REPLAY_H

#include "broker/core/core_int.h"

/* One record; `live`: after LOADED. */
void replay_record(struct core *c, const struct broker_event *ev, struct wf_effects *out);

/* Whose key it is; when that was lost a stand-in, to keep for the operator what it had.
 * NULL: no room for that. */
struct principal *replay_owner(struct core *c, const struct wf_key *key);

/* All records are in. */
void replay_loaded(struct core *c, struct wf_effects *out);

/* An agent that was connected before the restart told what it holds. */
void replay_agent_synced(struct core *c, struct agent *a, struct wf_effects *out);

/* An agent says that it holds this attempt: 1 and the job is its again. */
int replay_claim(struct core *c, struct agent *a, struct job *j, unsigned run_state);

void replay_tick(struct core *c, struct wf_effects *out);

#endif

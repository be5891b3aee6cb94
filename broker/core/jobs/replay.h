/* replay.h - the broker's state out of its records
 *
 * At the start every record comes in, then LOADED (reclaim.h).  Records may also come
 * while the broker runs, of jobs that a dead broker of the site left behind, and of keys
 * and datasets that another one wrote.
 */
#ifndef BROKER_CORE_REPLAY_H
#define BROKER_CORE_REPLAY_H

#include "broker/core/core_int.h"

/* One record; `live`: after LOADED. */
void replay_record(struct core *c, const struct broker_event *ev, struct wf_effects *out);

/* Whose key it is; when that was lost a stand-in, to keep for the operator what it had.
 * NULL: no room for that. */
struct principal *replay_owner(struct core *c, const struct wf_key *key);

#endif

/* notice.h - a machine is taken away: its work goes on elsewhere in time
 *
 * An agent tells how long its machine has (agent_info.notice_ms).  From then on it is
 * closed for new work.  What did not start it gives back by itself.  What runs goes on if
 * it is expected to end in time, or if nothing is known of how long it takes; else it is
 * stopped with a grace, so that its next attempt begins before the machine is gone.
 * Nobody is to blame for what is lost with it.
 */
#ifndef BROKER_CORE_NOTICE_H
#define BROKER_CORE_NOTICE_H

#include "broker/core/core_int.h"

/* The agent told of itself.  0: it stays, as far as it knows. */
void notice_heard(struct core *c, struct agent *a, uint64_t notice_ms,
                  struct wf_effects *out);

/* An attempt was told to run there: it may be too long as well. */
void notice_started(struct core *c, struct job *j, struct wf_effects *out);

#endif

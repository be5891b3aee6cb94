/* asked.h - attempts that were asked to end before their time, so that their job moves
 *
 * An attempt that waits at its agent may be asked back, one that runs may be asked to
 * make way or to leave before its machine does.  The agent's answer (refuse, started or
 * result) says how that went.  Who gave way is placed again at once, before all others of
 * its priority: nobody is to blame, and no attempt is counted.  What was asked is not
 * known after the session any more: the next one's resync says what the agent holds.
 * docs/spec/4-jobs.md, 4.10.
 */
#ifndef BROKER_CORE_ASKED_H
#define BROKER_CORE_ASKED_H

#include "broker/core/core_int.h"

enum asked_why {
    ASKED_NOT,
    ASKED_BACK,  /* if it was not started: answered by refuse, ERECALLED */
    ASKED_WAY,   /* in any case: answered by result, EPREEMPTED */
    ASKED_LEAVE, /* the same, EDRAIN: the machine is taken away */
};

/* May the present attempt be asked anything?  It may have been started, as far as `state`
 * tells, when it is RUNNING. */
int asked_may(const struct job *j);

/* Ask it.  `grace_ms`: from the polite to the final kill; 0: as the agent is set. */
void asked_ask(struct core *c, struct job *j, enum asked_why why, uint64_t grace_ms,
               struct wf_effects *out);

/* It was started: it is not given back. */
void asked_started(struct core *c, struct job *j);

/* The attempt of a live job is over, with this code: 1 when that is what was asked for,
 * and it has been placed again; 0: nothing happened. */
int asked_ended(struct core *c, struct job *j, int code, struct wf_effects *out);

#endif

/* hedge.h - a second copy of a job whose run takes unusually long
 *
 * For jobs that were submitted as idempotent (submit.hedge).  When the present attempt
 * has run longer than hedge_at_pm per mille of its kind there, a copy starts as the next
 * attempt at another agent, at another site if there is one, while the first goes on. The
 * first that ends well gives the outcome, the other is stopped.  When one of them is lost
 * or fails, the other goes on alone.
 *
 *      job at A, attempt n  --due-->  + copy at B, attempt n + 1
 *            |                            |
 *            +--- ok: outcome; B stops ---+--- ok: they change places, then the same
 *            +--- fails: they change places; the copy ends
 *                                         +--- fails: the copy ends
 *
 * The copy is a struct job of its own that stands in its agent's list, so that whatever
 * concerns an attempt there (resync, loss, limits) finds it; it is in no table or queue,
 * has no records, and never ends as a job does.  `original` leads to the job, which owns
 * it.  Changing places exchanges all that belongs to an attempt, so an outcome is always
 * recorded by the job, from its present attempt.  Numbers: a durable job's records
 * reserve that of the copy before it is sent, as for any attempt.
 *
 * Bounded: of each capability's jobs one in 1000 / hedge_pm, none while the agents looked
 * at are over 80 % full, one copy at a time, none for jobs with a disconnect policy
 * (which wait for one agent), none beyond max_cost.  The rule follows placement.md 2.7
 * and Dean, Barroso, "The tail at scale", 2013.  docs/spec/4-jobs.md, 4.11.
 */
#ifndef BROKER_CORE_HEDGE_H
#define BROKER_CORE_HEDGE_H

#include "broker/core/core_int.h"

/* A copy is out. */
int hedge_is_on(const struct job *j);

/* A copy of it is at that agent. */
int hedge_is_at(const struct job *j, const struct agent *a);

/* The present attempt runs: when would a copy be due? */
void hedge_plan(struct core *c, struct job *j);

/* Time passed. */
void hedge_due(struct core *c, struct job *j, struct wf_effects *out);

/* What was written of the job is on stable storage. */
void hedge_settled(struct core *c, struct job *j, struct wf_effects *out);

/* -- what is heard of a copy: 1 when the message is about one, and was dealt with -------
 */

int hedge_started(struct turn *t, struct agent *a);
int hedge_refused(struct turn *t, struct agent *a);

/* A resync tells that the agent holds the attempt. */
int hedge_held(struct core *c, const struct agent *a, struct job *j, uint64_t attempt);

/* A result: when it is to be the outcome, the copy changes places with the present
 * attempt, and the caller goes on as with any; else the copy ends, and 1 is returned. */
int hedge_result(struct turn *t, struct agent *a);

/* -- what becomes of the job ------------------------------------------------------------
 */

/* An attempt is to be tried again.  1: it was a copy, which ended, or a copy goes on in
 * its place. */
int hedge_goes_on(struct core *c, struct job *j, struct wf_effects *out);

/* It goes back to its queue: a copy's number is not to be given again. */
void hedge_number(struct job *j);

/* It has an outcome. */
void hedge_over(struct core *c, struct job *j, struct wf_effects *out);

void hedge_check(const struct core *c, const struct job *j);

#endif

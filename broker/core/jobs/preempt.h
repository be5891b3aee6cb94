/* preempt.h - work of lower priority makes way for work that is urgent
 *
 * Urgent is what has priority PREEMPT_PRIORITY or more.  It may push aside what stands
 * PREEMPT_LEVELS or more below it, at an agent that has no room left for it, or where it
 * waits for a slot:
 *
 *   - what waits there is asked back first: that costs nothing but its place;
 *   - what runs there is stopped, with a grace, only when that saves the urgent job
 *     PREEMPT_LEAST_US at least, and saves more than it destroys: the time until a slot
 *     would be free anyway, against the work done so far and PREEMPT_RESTART_US to begin
 *     again, each at what a second of that job is worth (its rho), doubled for every two
 *     levels of priority between them.
 *
 * How long the runs there still last comes from what such runs took; one that is over its
 * expected time, or of which nothing is known, is taken to be half done.  A job makes way
 * twice at most while it runs, and is left alone when it has a deadline or may be tried
 * only once; the broker has an agent stop one in PREEMPT_PAUSE_US.  The job goes to the
 * front of its queue, and no attempt is counted (asked.h).  Work with a deadline pushes
 * aside work without one, of its priority or below, that its agent runs when it would
 * have to wait for too long: that the agent does itself, as only it knows when the inputs
 * are there, and the broker tells with the assignment until when it may wait, and of
 * which that it may be stopped.  All of it is switched off by the configuration's
 * `preempt`.  The rule follows placement.md 2.6; docs/spec/4-jobs.md, 4.10.
 */
#ifndef BROKER_CORE_PREEMPT_H
#define BROKER_CORE_PREEMPT_H

#include "broker/core/core_int.h"

#define PREEMPT_PRIORITY   7u
#define PREEMPT_LEVELS     2u
#define PREEMPT_TIMES      2u
#define PREEMPT_LEAST_US   UINT64_C(1000000)
#define PREEMPT_RESTART_US UINT64_C(100000)
#define PREEMPT_PAUSE_US   UINT64_C(30000000)
/* With less than twice its expected run left, and so much more, it has to begin. */
#define PREEMPT_BEGIN_RUNS 2u
#define PREEMPT_BEGIN_US   UINT64_C(300000)

/* What an assignment says: in so many milliseconds it has to begin, 0: whenever that is;
 * and its result has to be here; and whether it may be stopped for one that has to. */
uint64_t preempt_begin_ms(const struct core *c, const struct job *j);
uint64_t preempt_left_ms(const struct core *c, const struct job *j);
int preempt_yields(const struct core *c, const struct job *j);

/* The job was put to the router, with this result: it waits in its queue, or maybe at
 * the agent that it went to. */
void preempt_for(struct core *c, struct job *j, const struct decision *d,
                 struct wf_effects *out);

/* Something there was started, or time passed: does urgent work wait there? */
void preempt_at(struct core *c, struct agent *a, struct wf_effects *out);

#endif

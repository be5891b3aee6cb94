/* numbers.h - numbers of attempts that hold at every site
 *
 * Handlers tell the attempts of a job apart by its id and a number, and use the two as a
 * fencing token.  A neighbour may try a job several times without asking; so what is
 * assigned to it takes not one number but a block of them.  Its m-th attempt shows the
 * m-th of the block, under the id that the job has at home; to a further neighbour it
 * gives half of what is left.  With the block used up the guest goes back.  So no two
 * attempts anywhere show the same number, and a later attempt shows a higher one.
 * Among brokers and agents an attempt is called by the number that the sender gave it, as
 * ever: these are shown to handlers only.  docs/spec/5-mesh.md, 5.4.
 */
#ifndef BROKER_CORE_MESH_NUMBERS_H
#define BROKER_CORE_MESH_NUMBERS_H

#include "broker/core/jobs/jobs.h"

#define NUMBERS_BLOCK 16u

/* The highest that its present attempt has taken. */
uint32_t numbers_last(const struct job *j);

/* That of its next attempt. */
uint32_t numbers_next(const struct job *j);

/* How many an attempt takes that begins with this number, at that agent. */
uint32_t numbers_for(const struct job *j, uint32_t attempt, const struct agent *a);

/* A record's field: how many are taken, from job.reserved on. */
uint32_t numbers_recorded(const struct job *j);

/* A guest that its home gave no number for another attempt. */
int numbers_used_up(const struct job *j);

/* The number that the handler of its present attempt saw, as far as it is known; the
 * attempt at another site ended, and tells it. */
uint32_t numbers_seen(const struct job *j);
void numbers_ended(struct job *j, const struct wf_result *m);

/* Of the numbers that a guest got, those that no attempt of it has; and a site that
 * refuses an attempt of ours tells of them. */
uint32_t numbers_left(const struct job *j);
void numbers_refused(struct job *j, const struct wf_refuse *m);

/* What its present attempt shows; of jobs of ours that stay here nothing need be said. */
void numbers_show(const struct job *j, struct wf_assign *m);

#endif

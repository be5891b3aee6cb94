/* work.h - what happens to a job between submission and outcome
 *
 * Placing and finishing (work.c), retrying (retry.c), telling (tell.c), used by every
 * handler that moves work.  A job is placed when it is submitted, when an agent gets
 * room, and when its back-off ends.
 */
#ifndef BROKER_CORE_WORK_H
#define BROKER_CORE_WORK_H

#include "broker/core/core_int.h"

/* Place a QUEUED job now or leave it in its ready queue. */
void work_place(struct core *c, struct job *j, struct wf_effects *out);

/* This agent may have room: place what waits for its capabilities. */
void work_feed(struct core *c, struct agent *a, struct wf_effects *out);

struct work_end {
    unsigned state; /* final */
    int code;
    unsigned exit_code, term_signal;
    uint64_t wait_us, run_us, cut;
    const char *reason;   /* NULL: none */
    struct wf_slice data; /* the result */
};

/* The job is accepted for good: say so.  A durable one: its record is on stable storage.
 * One that is told was taken over: it is known, and who submitted it here hears that. */
void work_accept(struct core *c, struct job *j, struct wf_effects *out);

/* Record the outcome, once; it is told when the record is on stable storage. */
void work_finish(struct core *c, struct job *j, const struct work_end *end,
                 struct wf_effects *out);

/* Why an attempt failed decides how it is counted.  All but the first count against the
 * job's attempts, crashes against the limit of crashes as well. */
enum work_blame {
    BLAME_NOBODY,  /* a lost race: a refusal, an assignment that never arrived */
    BLAME_PLACE,   /* the agent or the link to it */
    BLAME_HANDLER, /* the handler said no */
    BLAME_CRASH    /* the attempt took its process, or its agent, with it */
};

/* Try again after a back-off, or give up. */
void work_retry(struct core *c, struct job *j, int code, const char *reason,
                enum work_blame blame, struct wf_effects *out);

/* It is to be tried again at once, nobody is to blame: work_place() is next, for a
 * durable job when its record is safe. */
void work_again(struct core *c, struct job *j, int code, const char *reason,
                struct wf_effects *out);

/* The present attempt runs, from now. */
void work_started(struct core *c, struct job *j);

/* It has for so long, says its agent, which may have begun before we heard of it. */
void work_ran(struct core *c, struct job *j, uint64_t run_us);

/* Its agent was cut off and still holds it: its limits count again. */
void work_came_back(struct core *c, struct job *j);

/* Send the present assignment to its agent, if it is there. */
void work_send_assign(struct core *c, struct job *j, struct wf_effects *out);

/* The attempt holds a slot at its agent: of that offer (NULL: of none that is known), as
 * that row of a decision said (NULL: it is there already). */
void work_occupy(struct core *c, struct job *j, struct offer *o,
                 const struct route_row *row);

/* The attempt holds its slot no longer. */
void work_release(struct core *c, struct job *j);

/* The agent was cut off: each of its attempts goes on, waits or is replaced as its job
 * declared. */
void work_cut(struct core *c, struct agent *a);

/* Its grace is over: attempts whose jobs declared nothing are lost.  `all`: the others as
 * well, because it will not come back with them. */
void work_lose(struct core *c, struct agent *a, int all, const char *why,
               struct wf_effects *out);

/* Tell the agent to stop the present attempt. */
void work_stop(struct job *j, int code, struct wf_effects *out);

/* Send a job's outcome to one peer. */
void work_send_outcome(const struct job *j, uint32_t peer, struct wf_effects *out);

/* Tell everybody who waits for the outcome, which is on stable storage if it must be. */
void work_tell_outcome(struct core *c, struct job *j, struct wf_effects *out);

/* Forget a watch. */
void watch_free(struct watch *w);

/* Tell watchers of states. */
void work_tell_state(const struct core *c, const struct job *j, struct wf_effects *out);

/* Once a step, and before more is taken in: drop finished jobs over age, number or bytes,
 * so that `more` bytes (at most all there may be) find room as far as finished jobs are
 * in the way. */
void work_retain(struct core *c, size_t more, struct wf_effects *out);

/* Drop a finished job that nobody needs any more, unless it must stay. */
void work_drop(struct core *c, struct job *j, struct wf_effects *out);

/* Jobs whose time has come. */
void work_tick(struct core *c, struct wf_effects *out);

#endif

/* work.h - what happens to a job between submission and outcome
 *
 * Placing, retrying and finishing, used by every handler that moves work.  A job is
 * placed when it is submitted, when an agent gets room, and when its back-off ends.
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

/* Record the outcome, once, and tell who waits for it. */
void work_finish(struct core *c, struct job *j, const struct work_end *end,
                 struct wf_effects *out);

/* The attempt failed for a reason that another agent may not share: try again after a
 * back-off, or give up.  `counts`: against the job's attempts. */
void work_retry(struct core *c, struct job *j, int code, const char *reason, int counts,
                struct wf_effects *out);

/* The attempt holds its slot no longer. */
void work_release(struct job *j);

/* Every attempt of an agent that will not answer any more. */
void work_lose_all(struct core *c, struct agent *a, const char *why,
                   struct wf_effects *out);

/* Tell the agent to stop the present attempt. */
void work_stop(struct job *j, int code, struct wf_effects *out);

/* Send a job's outcome to one peer. */
void work_send_outcome(const struct job *j, uint32_t peer, struct wf_effects *out);

/* Tell watchers of states. */
void work_tell_state(const struct job *j, struct wf_effects *out);

/* Drop finished jobs over age, number or bytes, so that `more` bytes (at most all there
 * may be) find room as far as finished jobs are in the way. */
void work_retain(struct core *c, size_t more);

/* Jobs whose time has come. */
void work_tick(struct core *c, struct wf_effects *out);

#endif

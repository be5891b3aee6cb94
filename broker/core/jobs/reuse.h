/* reuse.h - one run for like jobs
 *
 * A job that was submitted with a reuse window takes the outcome of a like one: same
 * owner, capability, version and payload.  While that one is live the new job follows it
 * (its leader); when it ended well, at most the window ago, its result is copied at once.
 * Each is a job of its own, with its own acceptance and one outcome.  A leader that ends
 * otherwise than by its handler leaves its place to the oldest follower.
 */
#ifndef BROKER_CORE_REUSE_H
#define BROKER_CORE_REUSE_H

#include "broker/core/core_int.h"

/* A new or replayed job that may be reused, or may reuse: make it follow or finish it
 * with the result of another (1: it need not run), or make it the one that others reuse
 * (0). */
int reuse_enter(struct core *c, struct job *j, struct wf_effects *out);

/* Its outcome is told: pass it on. */
void reuse_finished(struct core *c, struct job *j, struct wf_effects *out);

/* It leaves the table, or will not run: its followers go on without it. */
void reuse_leave(struct core *c, struct job *j, struct wf_effects *out);

#endif

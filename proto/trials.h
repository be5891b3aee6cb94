/* trials.h - for link.c: looking for a better broker beside a session
 *
 * At most one trial is under way.  While the session is well one is due every `try_ms`,
 * give or take a quarter, and sooner where unfinished work waits: by the back-off of that
 * way.  Tried are, in this order: where work waits, where an agent is awaited, what was
 * never measured, what is known to be nearer, what was not measured for ten minutes or is
 * awaited or unknown and failed last; of equals the one whose last trial is the oldest.
 * With one way, or several to one broker, there are none.
 */
#ifndef PROTO_TRIALS_H
#define PROTO_TRIALS_H

#include "proto/link.h"

/* The session has opened; it ends. */
void wf_trials_begin(struct wf_link *l, uint64_t now_us);
void wf_trials_end(struct wf_link *l, struct wf_effects *out);

/* While READY. */
void wf_trials_tick(struct wf_link *l, uint64_t now_us, struct wf_effects *out);
uint64_t wf_trials_due_us(const struct wf_link *l);

/* The present one is silent, and not yet over its lease. */
int wf_trials_silent(const struct wf_link *l, uint64_t now_us);

/* Something waits there, however far it is. */
int wf_trials_due(const struct wf_link *l, unsigned i);

/* Who goes there leaves work behind that it does not finish first. */
int wf_trials_bound(const struct wf_link *l, unsigned to);

/* There is still a reason to be there rather than here, and it is time for that one. */
int wf_trials_stands(const struct wf_link *l, uint64_t now_us, unsigned i);

/* It answered, or not, as wf_link_tried() has it: takes note.  The caller moves when the
 * present one is silent. */
void wf_trials_told(struct wf_link *l, uint64_t now_us, int answered);

#endif

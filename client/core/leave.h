/* leave.h - for calls.c: going to a better broker, once this one may be left
 *
 * Of another broker nobody could answer what is asked of this one, so requests are waited
 * for.  Who goes to where others of its jobs are also lets those that are open here end,
 * for two seconds at most, and sends no new ones meanwhile: they are held back until it
 * is there, or stays.
 */
#ifndef CLIENT_CORE_LEAVE_H
#define CLIENT_CORE_LEAVE_H

#include "client/core/calls.h"

/* After whatever may have changed the reason to go, or what keeps it. */
void wf_leave_for_better(struct wf_calls *c, uint64_t now_us, struct wf_effects *out);

/* A session has opened: whoever it was to be, it is there. */
void wf_leave_done(struct wf_calls *c);

/* When wf_leave_for_better() is wanted whatever happens; UINT64_MAX: it is not. */
uint64_t wf_leave_due_us(const struct wf_calls *c);

#endif

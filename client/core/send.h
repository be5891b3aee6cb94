/* send.h - for calls.c: what is asked, put into messages
 *
 * What is another broker's is not sent (homes.h).
 */
#ifndef CLIENT_CORE_SEND_H
#define CLIENT_CORE_SEND_H

#include "client/core/calls.h"

/* Distinguishes pings of calls from the link's own heartbeats. */
#define WF_PING_BIT (UINT64_C(1) << 63)

/* The session is open. */
void wf_send_call(struct wf_calls *c, uint64_t now_us, struct wf_call *call,
                  struct wf_effects *out);

/* Order matters: a broker answers submits of one id in the order of asking. */
void wf_send_all(struct wf_calls *c, uint64_t now_us, struct wf_effects *out);

/* A job that waited is sent now: what is due next is its deadline, if it has one. */
void wf_send_stop_waiting(struct wf_calls *c, struct wf_call *call);

#endif

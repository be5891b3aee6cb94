/* led.h - calls about a job that another broker has than the one that was asked
 *
 * The one that was asked names it (docs/spec/2-sessions.md, 2.8).  From then on the call
 * is that one's: the link is to go there, and tries it first.  That may last an hour, for
 * brokers come and go; but one that does not let us in with our key will not: operators
 * are such where they were enrolled alone.  Then the calls end with WEFT_EAUTH, and say
 * whom to ask as whom.  Pure.
 */
#ifndef CLIENT_CORE_LED_H
#define CLIENT_CORE_LED_H

#include "client/core/calls.h"

/* One of the brokers in `at` has the job: the call is that one's, once.  0: none of them
 * can be had. */
int wf_led_on(struct wf_calls *c, uint64_t now_us, struct wf_call *call,
              struct wf_rows at);

/* A watch waits for where `twin` is, a call about the same job: if that one was led
 * there, no longer than it. */
void wf_led_along(struct wf_calls *c, struct wf_call *call, const struct wf_call *twin);

/* The broker at the end of this way refused our key. */
void wf_led_refused(struct wf_calls *c, unsigned way);

/* Ask for a job again, where it is. */
void wf_led_again(struct wf_calls *c, uint64_t now_us, struct wf_call *call,
                  struct wf_effects *out);

#endif

/* replies.h - what each message of the broker does to the calls it is about
 *
 * A message about nothing that is open (late, repeated, or never asked for) is counted
 * and changes nothing.  Pure.
 */
#ifndef CLIENT_CORE_REPLIES_H
#define CLIENT_CORE_REPLIES_H

#include "client/core/calls.h"

void wf_replies_take(struct wf_calls *c, uint64_t now_us, const struct wf_msg *msg,
                     struct wf_slice raw);

#endif

/* control.h - the control lane: the connection to the broker, as events of the core
 *
 * The uplink and the roster (trials of other brokers, the file of those learned) around
 * the core's link: what happens on them steps the core, and the link's effects are
 * carried out here.
 */
#ifndef AGENT_CONTROL_H
#define AGENT_CONTROL_H

#include "agent/core/node.h"
#include "common/io/log.h"
#include "common/io/uplink.h"

struct control;

struct control_opts {
    const char *state; /* folder of the file; borrowed for the call, as are the keys */
    const struct keys *keys;    /* own */
    const struct log_sink *log; /* borrowed, as is the node */
    const struct node *node;
};

/* Step the core with it. */
typedef void control_event_fn(void *arg, struct node_event *ev);

/* WEFT_ENOMEM, WEFT_EIO. */
int control_new(struct wf_loop *l, const struct control_opts *opts, control_event_fn *fn,
                void *arg, struct control **ret_control, struct wf_err *err);

/* Its connections go, and when the loop has ended what was below them.  NULL is allowed.
 */
void control_close(struct control *c);
void control_free(struct control *c);

/* Carry out SEND, CONNECT, DISCONNECT, TRY or UNTRY. */
void control_effect(struct control *c, const struct wf_effects *fx,
                    const struct wf_effect *x);

/* Messages were lost: the session is to end. */
void control_lost(struct control *c);

/* Whether something failed that the core must hear of. */
int control_failure(struct control *c, struct node_event *ret_event);

/* After a step: keep what was learned. */
void control_keep(struct control *c);

/* What the transport said of the last end, once; 0: nothing. */
int control_why(struct control *c);

/* Where the link dials, or did last. */
const char *control_endpoint(const struct control *c);
const struct uplink *control_uplink(const struct control *c);

#endif

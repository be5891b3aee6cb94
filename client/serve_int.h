/* serve_int.h - what a weft_server is
 *
 * A shell around the agent's core.  START puts a call in a queue; handlers run from
 * there, after the step's effects were carried out, so that an answer given inside a
 * handler is simply the next step.  The node, with the payloads that calls borrow,
 * outlives weft_serve_close() until the last call is answered.
 */
#ifndef CLIENT_SERVE_INT_H
#define CLIENT_SERVE_INT_H

#include "agent/core/node.h"
#include "client/include/weft/serve.h"
#include "common/io/identity.h"
#include "common/io/loop.h"
#include "common/io/roster.h"
#include "common/io/uplink.h"
#include "common/io/wake.h"

struct serve_handler {
    weft_handler_fn *fn;
    void *arg;
    char text[WF_CAP_NAME_MAX + 12]; /* "name@version" */
};

struct weft_call {
    struct weft_server *server;
    struct wf_list_node link; /* in `ready`, `open` or `spare` */
    uint64_t run;
    struct run_key shown;
    const uint8_t *payload; /* borrowed from the run, which lives until it is done */
    size_t payload_len;
    unsigned cap;
    int stopped;
};

struct weft_server {
    struct wf_loop loop;
    void *zctx;
    struct uplink *uplink;
    struct roster *roster;
    struct wf_timer *timer;
    struct wf_wake *wake;
    struct identity id;
    struct wf_broker_table brokers; /* until the node is there */
    int lock_fd;                    /* of the state folder; -1: none */
    struct node_config cfg;
    struct serve_handler handlers[WF_CAPS_MAX];
    struct node *node; /* NULL before the first turn: then capabilities may be added */
    struct wf_effects fx;
    struct wf_list_node ready, open, spare;
    size_t ncalls;
    uint64_t *starved; /* runs that found no memory for a call: at most the slots */
    size_t nstarved;
    uint64_t armed_us, stop_us;
    int link_lost;
    int running;  /* handlers are being run */
    int stop;     /* asked for; set from anywhere */
    int stopping; /* seen */
    int over;     /* no more to do */
    int closed;
};

/* Step the core with an event and carry out what follows.  Not from inside itself. */
void serve_step(struct weft_server *s, struct node_event *ev);

/* Take up a run that the core started; run the handlers of all that were taken up. */
void serve_take(struct weft_server *s, const struct run *run);
void serve_run_ready(struct weft_server *s);

/* The run's answer is not wanted any more. */
void serve_stopped(struct weft_server *s, uint64_t run);

/* Free what remains once the last call is gone. */
void serve_free(struct weft_server *s);

#endif

#include "agent/control.h"

#include "common/failpoint.h"
#include "common/io/roster.h"
#include "common/mem.h"

#define LINGER_MS 300
#define DIAL_MS   8000 /* less than the core allows, so that the transport says why */

struct control {
    const struct log_sink *log;
    const struct node *node;
    control_event_fn *fn;
    void *arg;
    void *zctx;
    struct uplink *uplink;
    struct roster *roster;
    int lost; /* the uplink could not do what it should: the core is to hear */
    int why;
};

static void tell(struct control *c, enum node_event_kind kind, int on)
{
    struct node_event ev = {.kind = kind, .on = on};

    c->fn(c->arg, &ev);
}

/* -- what happens ------------------------------------------------------------------- */

static void on_up(void *arg)
{
    tell(arg, NODE_LINK_UP, 0);
}

static void on_down(void *arg, int why)
{
    struct control *c = arg;

    c->why = why;
    tell(c, NODE_LINK_DOWN, 0);
}

static void on_refused(void *arg)
{
    tell(arg, NODE_LINK_REFUSED, 0);
}

static void on_frame(void *arg, const uint8_t *bytes, size_t len)
{
    struct control *c = arg;
    struct wf_msg msg;
    struct node_event ev = {.kind = NODE_MSG, .msg = &msg};
    struct wf_cursor cur;

    wf_cur_init(&cur, bytes, len);
    while (wf_cur_left(&cur) != 0) {
        int rc = wf_msg_decode(&cur, &msg);

        if (rc == 0) {
            c->fn(c->arg, &ev);
        } else if (rc != WEFT_ESUPPORT) {
            uplink_disconnect(c->uplink);
            on_down(c, WEFT_EPROTO);
            return;
        }
    }
}

static void on_tried(void *arg, int answered)
{
    tell(arg, NODE_LINK_TRIED, answered);
}

/* -- carrying out ------------------------------------------------------------------- */

static const struct wf_broker *at(const struct control *c, uint64_t way)
{
    return &node_link(c->node)->ways.brokers.v[way];
}

void control_effect(struct control *c, const struct wf_effects *fx,
                    const struct wf_effect *x)
{
    const uint8_t *p = wf_effect_bytes(fx, x);

    switch (x->kind) {
    case WF_EFFECT_SEND:
        WF_FAILPOINT_MESSAGE("agent.send", p, x->len, "before");
        c->lost |= uplink_send(c->uplink, p, x->len) != 0;
        WF_FAILPOINT_MESSAGE("agent.send", p, x->len, "after");
        break;
    case WF_EFFECT_CONNECT:
        WF_FAILPOINT("agent.connect.before");
        c->lost = 0; /* what was, was the old session's */
        c->lost |= uplink_connect(c->uplink, at(c, x->arg)->endpoint,
                                  at(c, x->arg)->key.b, NULL) != 0;
        break;
    case WF_EFFECT_DISCONNECT:
        uplink_flush(c->uplink);
        uplink_disconnect(c->uplink);
        break;
    default:
        roster_effect(c->roster, node_link(c->node), x);
        break;
    }
}

void control_lost(struct control *c)
{
    c->lost = 1;
}

int control_failure(struct control *c, struct node_event *ret_event)
{
    if (c->lost) {
        c->lost = 0;
        uplink_disconnect(c->uplink);
        *ret_event = (struct node_event){.kind = NODE_LINK_DOWN};
        return 1;
    }
    if (roster_failed(c->roster)) {
        *ret_event = (struct node_event){.kind = NODE_LINK_TRIED};
        return 1;
    }
    return 0;
}

void control_keep(struct control *c)
{
    struct wf_err err = {0, ""};

    if (roster_keep(c->roster, node_link(c->node), &err) != 0) {
        log_warn(c->log, "agent", "brokers-not-kept", "text=\"%s\"", err.text);
    }
}

int control_why(struct control *c)
{
    int why = c->why;

    c->why = 0;
    return why;
}

const char *control_endpoint(const struct control *c)
{
    return at(c, node_link(c->node)->endpoint)->endpoint;
}

const struct uplink *control_uplink(const struct control *c)
{
    return c->uplink;
}

/* -- the beginning and the end ------------------------------------------------------ */

int control_new(struct wf_loop *l, const struct control_opts *opts, control_event_fn *fn,
                void *arg, struct control **ret_control, struct wf_err *err)
{
    static const struct uplink_cbs cbs = {on_up, on_down, on_refused, on_frame, NULL};
    /* The core has heartbeats of its own. */
    const struct uplink_opts up = {.sock = {.linger_ms = LINGER_MS, .heartbeat_ms = -1},
                                   .keys = opts->keys,
                                   .dial_ms = DIAL_MS};
    const struct roster_opts trials = {opts->state, opts->keys, DIAL_MS};
    struct control *c = wf_calloc(1, sizeof *c);
    int rc;

    if (c == NULL) {
        return wf_err_set(err, WEFT_ENOMEM, "no memory for the control lane");
    }
    c->log = opts->log;
    c->node = opts->node;
    c->fn = fn;
    c->arg = arg;
    rc = zctx_new(0, &c->zctx);
    if (rc != 0) {
        rc = wf_err_set(err, rc, "cannot start ZeroMQ");
    }
    if (rc == 0) {
        rc = uplink_new(l, c->zctx, &up, &cbs, c, &c->uplink, err);
    }
    if (rc == 0) {
        rc = roster_new(l, c->zctx, &trials, on_tried, c, &c->roster, err);
    }
    *ret_control = c; /* closed and freed by the caller also when it is not whole */
    return rc;
}

void control_close(struct control *c)
{
    if (c != NULL) {
        uplink_free(c->uplink);
        roster_free(c->roster);
        c->uplink = NULL;
        c->roster = NULL;
    }
}

void control_free(struct control *c)
{
    if (c != NULL) {
        zctx_free(&c->zctx);
        wf_free(c);
    }
}

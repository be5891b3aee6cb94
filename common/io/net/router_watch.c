#include "common/io/net/router_impl.h"
#include "common/io/net/tcpinfo.h"

/* How long until the next look at the connections: nothing going on, data coming in,
 * somebody near the flood cap. */
#define QUIET_US 1000000
#define BUSY_US  100000
#define NEAR_US  50000

#define EVENTS                                                                           \
    (ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED |       \
     ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |             \
     ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL)

/* ZeroMQ gives up the route a moment after it reported the end of the connection, which
 * wakes the loop; should that be missed, the timer asks once more. */
#define PROBES 16

static void sever(struct router *r, uint32_t handle)
{
    struct session *s = handle != 0 ? sessions_by_handle(&r->sessions, handle) : NULL;

    if (s != NULL && !s->lost) {
        r->unsettled += session_settled(s);
        s->severed = true;
        router_out_probe(r, s, PROBES);
        router_watch_wake(r);
    }
}

/* It was another connection's end. */
static void unsever(struct router *r, uint32_t handle)
{
    struct session *s = handle != 0 ? sessions_by_handle(&r->sessions, handle) : NULL;

    if (s != NULL && s->severed) {
        s->severed = false;
        r->unsettled -= session_settled(s);
    }
}

static void cut_oldest(struct router *r, uint64_t *counter)
{
    int fd = r->conns.oldest;

    (*counter)++;
    tcpinfo_cut(fd, conns_get(&r->conns, fd)->cookie);
    conns_settle(&r->conns, fd);
}

static void on_accepted(struct router *r, int fd)
{
    uint32_t old;

    r->stats.accepted++;
    if (conns_accepted(&r->conns, fd, wf_now_us(), &old) != 0) {
        r->stats.no_memory++;
        tcpinfo_cut(fd, tcpinfo_cookie(fd));
        return;
    }
    sever(r, old);
    if (r->conns.unready != 0 &&
        (r->conns.unready > r->opts.max_unready || r->conns.n > r->opts.max_conns)) {
        cut_oldest(r, &r->stats.crowded);
    }
    router_watch_wake(r);
}

static void on_disconnected(struct router *r, int fd)
{
    struct conn *c = conns_get(&r->conns, fd);

    if (c == NULL) {
        return;
    }
    sever(r, c->handle);
    if (tcpinfo_cookie(fd) != c->cookie) {
        conns_drop(&r->conns, fd, 0);
    } else if (!c->suspect) {
        /* About to be closed; or this is old news of another connection. */
        c->suspect = true;
        r->conns.suspects++;
        router_watch_wake(r);
    }
}

static void on_event(void *arg, unsigned event, uint32_t value)
{
    struct router *r = arg;

    switch (event) {
    case ZMQ_EVENT_ACCEPTED:
        on_accepted(r, (int) value);
        break;
    case ZMQ_EVENT_DISCONNECTED:
        on_disconnected(r, (int) value);
        break;
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        r->stats.handshakes++;
        break;
    default:
        r->stats.refused++;
        break;
    }
}

static void look_at(struct router *r, int fd, enum conns_look *worst)
{
    struct conn *c = conns_get(&r->conns, fd);
    struct session *s;
    enum conns_look look;
    bool suspect;

    if (c == NULL) {
        return;
    }
    suspect = c->suspect;
    look = conns_look(&r->conns, fd, r->opts.flood_cap);
    if (look == CONNS_GONE) {
        sever(r, c->handle);
        conns_drop(&r->conns, fd, 0);
    } else if (look == CONNS_FLOOD) {
        r->stats.floods++;
        s = sessions_by_handle(&r->sessions, c->handle);
        if (c->handle != 0 && s != NULL && s->state != SESSION_DEAD) {
            router_cut(r, s);
        } else {
            tcpinfo_cut(fd, c->cookie);
            conns_settle(&r->conns, fd);
        }
        c->unguarded = true;
    } else {
        if (suspect) {
            unsever(r, c->handle);
        }
        *worst = look > *worst ? look : *worst;
    }
}

/* Sessions on their way out: cut those whose time has come, ask for the others. */
static void look_at_unsettled(struct router *r, uint64_t now_us)
{
    struct session *s;
    uint32_t it = 0;

    while (r->unsettled != 0 && (s = sessions_next(&r->sessions, &it)) != NULL) {
        if (s->state == SESSION_CLOSING && now_us >= s->close_at_us) {
            router_cut(r, s);
        } else if (!session_settled(s)) {
            router_out_probe(r, s, 1);
        }
    }
}

static void on_time(void *arg)
{
    struct router *r = arg;
    uint64_t now_us = wf_now_us();
    enum conns_look worst = CONNS_QUIET;

    r->timer_runs = false;
    while (r->conns.oldest >= 0) {
        const struct conn *c = conns_get(&r->conns, r->conns.oldest);

        if (now_us - c->since_us < r->silent_us) {
            break;
        }
        cut_oldest(r, &r->stats.silent);
    }
    for (int fd = 0; fd < r->conns.cap; fd++) {
        look_at(r, fd, &worst);
    }
    look_at_unsettled(r, now_us);
    if (r->conns.n != 0 || r->unsettled != 0) {
        uint64_t wait_us = worst == CONNS_NEAR   ? NEAR_US
                           : worst == CONNS_BUSY ? BUSY_US
                                                 : QUIET_US;

        r->timer_runs = true;
        wf_timer_start_at(r->timer, now_us + wait_us);
    }
}

void router_watch_wake(struct router *r)
{
    if (!r->timer_runs && r->timer != NULL) {
        r->timer_runs = true;
        wf_timer_start_at(r->timer, wf_now_us() + BUSY_US);
    }
}

void router_watch_bind(struct router *r, struct session *s, int fd)
{
    uint32_t old;

    if (conns_bind(&r->conns, fd, s->handle, &old) == 0) {
        s->fd = fd;
        router_watch_wake(r);
    }
    sever(r, old);
}

void router_watch_moved(struct router *r, struct session *s)
{
    struct conn *c = conns_get(&r->conns, s->fd);

    if (c != NULL && c->handle == s->handle) {
        c->moved = true;
    }
}

void router_watch_shut(struct router *r, struct session *s)
{
    const struct conn *c = conns_get(&r->conns, s->fd);

    if (c != NULL && c->handle == s->handle) {
        tcpinfo_cut(s->fd, c->cookie);
    }
}

int router_watch_new(struct router *r, struct wf_loop *l, void *ctx, struct wf_err *err)
{
    if (wf_timer_new(l, on_time, r, &r->timer) != 0) {
        return wf_err_set(err, WEFT_ENOMEM, "no memory for a timer");
    }
    return monitor_new(l, ctx, r->sock, EVENTS, on_event, r, &r->monitor, err);
}

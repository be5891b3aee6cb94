#include "common/io/uplink.h"

#include "common/check.h"
#include "common/failpoint.h"
#include "common/io/net/frame.h"
#include "common/io/net/monitor.h"
#include "common/io/net/outq.h"
#include "common/mem.h"

#include <errno.h>
#include <string.h>

#define EVENTS                                                                           \
    (ZMQ_EVENT_CONNECTED | ZMQ_EVENT_CLOSED | ZMQ_EVENT_DISCONNECTED |                   \
     ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |                   \
     ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL)

enum state {
    DOWN,
    DIALLING,
    UP,
};

/* One attempt: its sockets outlive the moment it is dropped, until uv lets go of them. */
struct dial {
    struct uplink *owner; /* NULL once it was dropped */
    struct zsock *sock;
    struct monitor *monitor;
    bool connected; /* TCP is there */
    int why;        /* the connection ended so; told when all that came was read */
    int refs;       /* what still has to be closed */
    union udp_addr peer;
    bool has_peer;
};

struct uplink {
    struct wf_loop *loop;
    void *ctx;
    struct uplink_opts opts;
    struct uplink_cbs cbs;
    void *arg;
    struct keys keys;
    enum state state;
    struct dial *dial;
    struct wf_timer *timer;
    struct outq out;
    struct outq_pool pool;
    bool took; /* some of what was queued, which the owner has not heard */
    struct uplink_stats stats;
};

static void dial_unref(void *arg)
{
    struct dial *d = arg;

    if (--d->refs == 0) {
        wf_free(d);
    }
}

static void dial_drop(struct dial *d)
{
    d->owner = NULL;
    monitor_free(d->monitor, dial_unref);
    zsock_free(d->sock, dial_unref);
}

void uplink_disconnect(struct uplink *u)
{
    if (u->dial != NULL) {
        dial_drop(u->dial);
        u->dial = NULL;
    }
    wf_timer_stop(u->timer);
    u->stats.dropped_bytes += u->out.bytes;
    outq_clear(&u->out, &u->pool);
    u->state = DOWN;
}

/* The attempt or session ended by itself: nothing of it is touched after the callback. */
static void end(struct uplink *u, int why)
{
    uplink_disconnect(u);
    if (why == WEFT_EAUTH) {
        u->stats.refusals++;
        u->cbs.on_refused(u->arg);
    } else {
        u->cbs.on_down(u->arg, why);
    }
}

static void came_up(struct dial *d)
{
    struct uplink *u = d->owner;

    if (u->state == DIALLING) {
        u->state = UP;
        u->stats.ups++;
        wf_timer_stop(u->timer);
        u->cbs.on_up(u->arg);
    }
}

/* Whose address it is does not depend on how its name is looked up a second time. */
static void learn_peer(struct dial *d, int fd)
{
    socklen_t len = sizeof d->peer;

    memset(&d->peer, 0, sizeof d->peer);
    d->has_peer = getpeername(fd, &d->peer.sa, &len) == 0 &&
                  (d->peer.sa.sa_family == AF_INET || d->peer.sa.sa_family == AF_INET6);
}

static void on_event(void *arg, unsigned event, uint32_t value)
{
    struct dial *d = arg;
    struct uplink *u = d->owner;

    if (u == NULL) {
        return;
    }
    switch (event) {
    case ZMQ_EVENT_CONNECTED:
        d->connected = true;
        learn_peer(d, (int) value);
        break;
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        came_up(d);
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        end(u, WEFT_EAUTH);
        break;
    default:
        if (u->state == UP) {
            d->why = WEFT_ECLOSED;
            zsock_kick(d->sock);
        } else {
            end(u, d->connected ? WEFT_EPROTO : WEFT_EUNREACH);
        }
        break;
    }
}

static void on_late(void *arg)
{
    struct uplink *u = arg;

    end(u, u->dial->connected ? WEFT_EPROTO : WEFT_EUNREACH);
}

static void on_frames(void *arg, zmq_msg_t *frames, size_t n)
{
    struct dial *d = arg;
    struct uplink *u = d->owner;
    const uint8_t *p = zmq_msg_data(&frames[0]);
    size_t len = zmq_msg_size(&frames[0]);

    /* The news that the connection is up takes another way and may come later. */
    if (u != NULL) {
        came_up(d);
        u = d->owner;
    }
    if (u == NULL) {
        return;
    }
    if (n != 1 || !frame_ok(p, len)) {
        u->stats.bad_frames++;
        end(u, WEFT_EPROTO);
        return;
    }
    u->stats.frames_in++;
    u->stats.bytes_in += len;
    if (len > WF_FRAME_HEADER) {
        u->cbs.on_frame(u->arg, p + WF_FRAME_HEADER, len - WF_FRAME_HEADER);
    }
}

/* Hand over what ZeroMQ takes. */
static void send_queued(struct uplink *u)
{
    while (u->out.head != NULL) {
        size_t len = u->out.head->len;

        WF_FAILPOINT("uplink.frame.before");
        if (zmq_send(zsock_raw(u->dial->sock), u->out.head->p, len, ZMQ_DONTWAIT) < 0) {
            if (errno == EINTR) {
                continue;
            }
            break;
        }
        u->stats.frames_out++;
        u->stats.bytes_out += len;
        outq_pop(&u->out, &u->pool);
        u->took = true;
        WF_FAILPOINT("uplink.frame.after");
    }
    zsock_want_out(u->dial->sock, u->out.head != NULL);
}

static void flush_turn(struct uplink *u)
{
    send_queued(u);
    if (u->took && u->cbs.on_room != NULL) {
        u->took = false;
        u->cbs.on_room(u->arg, u->out.bytes);
    }
}

static void on_turn(void *arg, bool drained)
{
    struct dial *d = arg;

    if (d->owner != NULL && d->owner->cbs.on_turn != NULL) {
        d->owner->cbs.on_turn(d->owner->arg);
    }
    if (d->owner == NULL) {
        return;
    }
    if (d->why != 0 && drained) {
        end(d->owner, d->why);
    } else {
        flush_turn(d->owner);
    }
}

int uplink_new(struct wf_loop *l, void *ctx, const struct uplink_opts *opts,
               const struct uplink_cbs *cbs, void *arg, struct uplink **ret_uplink,
               struct wf_err *err)
{
    struct uplink *u;

    if (opts->keys == NULL) {
        return wf_err_set(err, WEFT_EINVAL, "an uplink needs a key pair");
    }
    u = wf_calloc(1, sizeof *u);
    if (u == NULL || wf_timer_new(l, on_late, u, &u->timer) != 0) {
        wf_free(u);
        return wf_err_set(err, WEFT_ENOMEM, "no memory for an uplink");
    }
    u->loop = l;
    u->ctx = ctx;
    u->opts = *opts;
    u->keys = *opts->keys;
    u->opts.keys = NULL;
    u->cbs = *cbs;
    u->arg = arg;
    if (u->opts.sock.max_frame == 0) {
        u->opts.sock.max_frame = ZSOCK_MAX_FRAME;
    }
    if (u->opts.pending_cap == 0) {
        u->opts.pending_cap = UPLINK_PENDING_CAP;
    }
    if (u->opts.dial_ms == 0) {
        u->opts.dial_ms = 10000;
    }
    *ret_uplink = u;
    return 0;
}

void uplink_free(struct uplink *u)
{
    if (u == NULL) {
        return;
    }
    /* Attempts on their way out do not know the uplink any more, so it can go at once. */
    uplink_disconnect(u);
    wf_timer_free(u->timer);
    outq_pool_fini(&u->pool);
    keys_wipe(&u->keys, sizeof u->keys);
    wf_free(u);
}

static int set_curve(const struct uplink *u, struct zsock *z, const uint8_t *server_key)
{
    void *sock = zsock_raw(z);

    if (zmq_setsockopt(sock, ZMQ_CURVE_SERVERKEY, server_key, KEY_BYTES) != 0 ||
        zmq_setsockopt(sock, ZMQ_CURVE_PUBLICKEY, u->keys.pub, KEY_BYTES) != 0 ||
        zmq_setsockopt(sock, ZMQ_CURVE_SECRETKEY, u->keys.sec, KEY_BYTES) != 0) {
        return WEFT_EIO;
    }
    return 0;
}

static int dial_new(struct uplink *u, const uint8_t *server_key, struct dial **ret_dial,
                    struct wf_err *err)
{
    static const struct zsock_cbs cbs = {on_frames, on_turn};
    struct dial *d = wf_calloc(1, sizeof *d);
    int rc;

    if (d == NULL) {
        return wf_err_set(err, WEFT_ENOMEM, "no memory to connect");
    }
    d->owner = u;
    rc = zsock_new(u->loop, u->ctx, ZMQ_DEALER, &u->opts.sock, &cbs, d, &d->sock, err);
    if (rc != 0) {
        wf_free(d);
        return rc;
    }
    d->refs = 1;
    rc = monitor_new(u->loop, u->ctx, d->sock, EVENTS, on_event, d, &d->monitor, err);
    if (rc == 0) {
        d->refs = 2;
        if (set_curve(u, d->sock, server_key) != 0) {
            rc = wf_err_set(err, WEFT_EIO, "cannot set the connection's keys");
        }
    }
    if (rc != 0) {
        dial_drop(d);
        return rc;
    }
    *ret_dial = d;
    return 0;
}

int uplink_connect(struct uplink *u, const char *endpoint, const uint8_t *server_key,
                   struct wf_err *err)
{
    struct dial *d = NULL;
    int rc;

    uplink_disconnect(u);
    rc = dial_new(u, server_key, &d, err);
    if (rc != 0) {
        return rc;
    }
    rc = zsock_connect(d->sock, endpoint, err);
    if (rc != 0) {
        dial_drop(d);
        return rc;
    }
    u->dial = d;
    u->state = DIALLING;
    u->stats.dials++;
    wf_timer_start_at(u->timer, wf_now_us() + (uint64_t) u->opts.dial_ms * 1000);
    return 0;
}

bool uplink_is_up(const struct uplink *u)
{
    return u->state == UP;
}

int uplink_peer(const struct uplink *u, union udp_addr *ret_addr)
{
    if (u->dial == NULL || !u->dial->has_peer) {
        return WEFT_ENOENT;
    }
    *ret_addr = u->dial->peer;
    return 0;
}

int uplink_send(struct uplink *u, const void *bytes, size_t len)
{
    bool was_empty = u->out.head == NULL;
    int rc;

    if (u->state != UP) {
        return WEFT_EUNREACH;
    }
    if (len > u->opts.sock.max_frame - WF_FRAME_HEADER) {
        return WEFT_ETOOBIG;
    }
    rc = outq_put(&u->out, &u->pool, bytes, len, u->opts.pending_cap);
    if (rc != 0) {
        return rc;
    }
    if (was_empty) {
        zsock_kick(u->dial->sock);
    }
    return 0;
}

void uplink_flush(struct uplink *u)
{
    if (u->state == UP && u->out.head != NULL) {
        send_queued(u);
        zsock_kick(u->dial->sock);
    }
}

void uplink_kick(struct uplink *u)
{
    if (u->dial != NULL) {
        zsock_kick(u->dial->sock);
    }
}

const struct uplink_stats *uplink_stats(struct uplink *u)
{
    u->stats.pending_bytes = u->out.bytes;
    return &u->stats;
}

#include "common/io/router.h"

#include "common/io/net/frame.h"
#include "common/io/net/router_impl.h"
#include "common/io/net/tcpinfo.h"
#include "common/mem.h"

#include <string.h>

#define CLOSE_GRACE_US 1000000

/* The routing id that ZeroMQ made up: a zero byte and a number.  Peers that bring their
 * own could take over or collide with others' (the library aborts on the latter). */
static bool own_id(zmq_msg_t *id, uint32_t *ret_rid)
{
    const uint8_t *p = zmq_msg_data(id);

    if (zmq_msg_size(id) != 5 || p[0] != 0) {
        return false;
    }
    *ret_rid =
        (uint32_t) p[1] << 24 | (uint32_t) p[2] << 16 | (uint32_t) p[3] << 8 | p[4];
    return true;
}

/* A peer without a session: there is only the descriptor to go by, which may be another's
 * by now, but is surely not when it has a session. */
static void refuse(struct router *r, zmq_msg_t *payload)
{
    int fd = zmq_msg_get(payload, ZMQ_SRCFD);
    const struct conn *c = conns_get(&r->conns, fd);

    r->stats.bad_ids++;
    if (c != NULL && c->handle == 0) {
        tcpinfo_cut(fd, c->cookie);
        conns_settle(&r->conns, fd);
    }
}

static bool payload_ok(zmq_msg_t *frames, size_t n)
{
    return n == 2 && frame_ok(zmq_msg_data(&frames[1]), zmq_msg_size(&frames[1]));
}

/* The properties of a connection come with its payload frames only. */
static bool identify(zmq_msg_t *payload, uint8_t *ret_key)
{
    const char *user = zmq_msg_gets(payload, "User-Id");

    return user != NULL && keys_parse(user, strlen(user), ret_key) == 0;
}

/* The session of a new peer, or NULL.  One that is not let in gets a session too, a dead
 * one, so that the rest of what it sent is ignored. */
static struct session *begin(struct router *r, uint32_t rid, zmq_msg_t *frames, size_t n)
{
    uint8_t key[KEY_BYTES];
    struct session *s;

    if (sessions_add(&r->sessions, rid, &s) != 0) {
        r->stats.no_memory++;
        refuse(r, &frames[1]);
        return NULL;
    }
    router_watch_bind(r, s, zmq_msg_get(&frames[1], ZMQ_SRCFD));
    if (!identify(&frames[1], key)) {
        r->stats.bad_ids++;
        router_cut(r, s);
        return NULL;
    }
    if (!payload_ok(frames, n)) {
        r->stats.bad_frames++;
        router_cut(r, s);
        return NULL;
    }
    s->known = true;
    r->stats.peers_seen++;
    r->cbs.on_peer(r->arg, s->handle, key);
    return r->closing ? NULL : s;
}

static void on_frames(void *arg, zmq_msg_t *frames, size_t n)
{
    struct router *r = arg;
    struct session *s;
    uint32_t rid;
    size_t len;

    if (n < 2) {
        return;
    }
    if (!own_id(&frames[0], &rid)) {
        refuse(r, &frames[1]);
        return;
    }
    s = sessions_by_rid(&r->sessions, rid);
    if (s == NULL) {
        s = begin(r, rid, frames, n);
    }
    if (s == NULL || s->state != SESSION_OPEN) {
        return;
    }
    router_watch_moved(r, s);
    if (!payload_ok(frames, n)) {
        r->stats.bad_frames++;
        router_cut(r, s);
        return;
    }
    len = zmq_msg_size(&frames[1]);
    r->stats.frames_in++;
    r->stats.bytes_in += len;
    if (len > WF_FRAME_HEADER) {
        const uint8_t *p = zmq_msg_data(&frames[1]);

        r->cbs.on_frame(r->arg, s->handle, p + WF_FRAME_HEADER, len - WF_FRAME_HEADER);
    }
}

static void report_ends(struct router *r)
{
    struct wf_list_node *node;

    while (!r->closing && (node = wf_list_first(&r->ends)) != NULL) {
        struct session *s = CONTAINER_OF(node, struct session, end);
        uint32_t handle = s->handle;
        bool known = s->known;

        wf_list_remove(node);
        s->known = false;
        if (s->lost) {
            conns_drop(&r->conns, s->fd, handle);
            r->unsettled -= !session_settled(s);
            sessions_remove(&r->sessions, s);
        }
        if (known) {
            r->stats.gone++;
            r->cbs.on_gone(r->arg, handle);
        }
    }
}

static void on_turn(void *arg, bool drained)
{
    struct router *r = arg;

    if (drained) {
        report_ends(r);
    }
    if (!r->closing && r->cbs.on_turn != NULL) {
        r->cbs.on_turn(r->arg);
    }
    if (!r->closing) {
        router_out_all(r);
        router_out_tell(r);
    }
    if (!r->closing && !wf_list_empty(&r->ends)) {
        zsock_kick(r->sock);
    }
}

static void set_defaults(struct router_opts *o)
{
    unsigned limit = conns_raise_nofile();

    limit = limit > 128 ? limit - 64 : 64;
    o->domain = o->domain != NULL ? o->domain : "weft";
    o->sock.max_frame = o->sock.max_frame != 0 ? o->sock.max_frame : ZSOCK_MAX_FRAME;
    o->pending_cap = o->pending_cap != 0 ? o->pending_cap : ROUTER_PENDING_CAP;
    o->flood_cap = o->flood_cap != 0 ? o->flood_cap : (size_t) 16 << 20;
    o->max_conns = o->max_conns != 0 && o->max_conns < limit ? o->max_conns : limit;
    o->max_unready = o->max_unready != 0 ? o->max_unready : 1024;
    if (o->max_unready > o->max_conns / 2) {
        o->max_unready = o->max_conns / 2;
    }
    o->unready_ms = o->unready_ms != 0 ? o->unready_ms : 10000;
}

static int set_curve(struct router *r)
{
    void *sock = zsock_raw(r->sock);
    const char *domain = r->opts.domain;
    int yes = 1;

    if (zmq_setsockopt(sock, ZMQ_CURVE_SERVER, &yes, sizeof yes) != 0 ||
        zmq_setsockopt(sock, ZMQ_CURVE_SECRETKEY, r->opts.keys->sec, KEY_BYTES) != 0 ||
        zmq_setsockopt(sock, ZMQ_ZAP_DOMAIN, domain, strlen(domain)) != 0) {
        return WEFT_EIO;
    }
    return 0;
}

int router_new(struct wf_loop *l, void *ctx, const struct router_opts *opts,
               const struct router_cbs *cbs, void *arg, struct router **ret_router,
               struct wf_err *err)
{
    static const struct zsock_cbs sock_cbs = {on_frames, on_turn};
    struct router *r;
    int rc;

    if (opts->keys == NULL) {
        return wf_err_set(err, WEFT_EINVAL, "a router needs a key pair");
    }
    r = wf_calloc(1, sizeof *r);
    if (r == NULL || sessions_init(&r->sessions) != 0) {
        wf_free(r);
        return wf_err_set(err, WEFT_ENOMEM, "no memory for a router");
    }
    r->opts = *opts;
    set_defaults(&r->opts);
    r->silent_us = (uint64_t) r->opts.unready_ms * 1000;
    r->cbs = *cbs;
    r->arg = arg;
    r->pool.batch = opts->batch;
    conns_init(&r->conns);
    wf_list_init(&r->out);
    wf_list_init(&r->lazy);
    wf_list_init(&r->ends);
    wf_list_init(&r->room);
    rc = zsock_new(l, ctx, ZMQ_ROUTER, &r->opts.sock, &sock_cbs, r, &r->sock, err);
    if (rc != 0) {
        sessions_fini(&r->sessions);
        wf_free(r);
        return rc;
    }
    rc = router_out_new(r, l, err);
    if (rc == 0) {
        rc = router_watch_new(r, l, ctx, err);
    }
    if (rc == 0 && set_curve(r) != 0) {
        rc = wf_err_set(err, WEFT_EIO, "cannot set the router's key");
    }
    /* Nobody's but the caller's from here on. */
    r->opts.keys = NULL;
    r->opts.domain = NULL;
    if (rc != 0) {
        router_free(r);
        return rc;
    }
    *ret_router = r;
    return 0;
}

static void freed(void *arg)
{
    struct router *r = arg;
    struct session *s;
    uint32_t it = 0;

    while ((s = sessions_next(&r->sessions, &it)) != NULL) {
        outq_clear(&s->out, &r->pool);
    }
    sessions_fini(&r->sessions);
    outq_pool_fini(&r->pool);
    conns_fini(&r->conns);
    wf_free(r);
}

void router_free(struct router *r)
{
    if (r == NULL) {
        return;
    }
    r->closing = true;
    wf_timer_free(r->timer);
    wf_timer_free(r->retry);
    wf_timer_free(r->linger);
    monitor_free(r->monitor, NULL);
    zsock_free(r->sock, freed);
}

int router_bind(struct router *r, const char *endpoint, struct wf_err *err)
{
    return zsock_bind(r->sock, endpoint, err);
}

int router_endpoint(struct router *r, char *dst, size_t cap)
{
    return zsock_endpoint(r->sock, dst, cap);
}

static struct session *lookup(const struct router *r, uint32_t handle)
{
    struct session *s = sessions_by_handle(&r->sessions, handle);

    return s != NULL && s->state == SESSION_OPEN && !s->lost ? s : NULL;
}

/* Queue messages.  0 and the session, or what router_send() returns. */
static int queue(struct router *r, uint32_t handle, const void *bytes, size_t len,
                 struct session **ret_session)
{
    struct session *s = lookup(r, handle);
    size_t was;
    int rc;

    if (s == NULL) {
        return WEFT_ENOENT;
    }
    if (len > r->opts.sock.max_frame - WF_FRAME_HEADER) {
        return WEFT_ETOOBIG;
    }
    was = s->out.bytes;
    rc = outq_put(&s->out, &r->pool, bytes, len, r->opts.pending_cap);
    if (rc != 0) {
        (*(rc == WEFT_EFULL ? &r->stats.slow_peers : &r->stats.no_memory))++;
        router_cut(r, s);
        return rc;
    }
    r->stats.pending_bytes += s->out.bytes - was;
    *ret_session = s;
    return 0;
}

int router_send(struct router *r, uint32_t handle, const void *bytes, size_t len)
{
    struct session *s;
    int rc = queue(r, handle, bytes, len, &s);

    if (rc != 0) {
        return rc;
    }
    router_out_now(r, s);
    /* A full batch need not wait for the end of the turn. */
    if (s->out.head != s->out.tail && !s->blocked) {
        router_out_full(r, s);
    }
    return 0;
}

int router_send_lazy(struct router *r, uint32_t handle, const void *bytes, size_t len)
{
    struct session *s;
    int rc = queue(r, handle, bytes, len, &s);

    if (rc == 0) {
        router_out_later(r, s);
    }
    return rc;
}

void router_flush(struct router *r)
{
    if (!wf_list_empty(&r->out)) {
        router_out_all(r);
        zsock_kick(r->sock);
    }
}

static void settle(struct router *r, struct session *s, enum session_state state)
{
    r->unsettled += session_settled(s);
    s->state = state;
    router_watch_wake(r);
}

void router_cut(struct router *r, struct session *s)
{
    settle(r, s, SESSION_DEAD);
    router_out_drop(r, s);
    router_watch_shut(r, s);
    if (wf_list_empty(&s->end)) {
        wf_list_push_back(&r->ends, &s->end);
    }
    zsock_kick(r->sock);
}

void router_close(struct router *r, uint32_t handle)
{
    struct session *s = lookup(r, handle);

    if (s != NULL) {
        s->known = false;
        router_cut(r, s);
    }
}

void router_close_after_flush(struct router *r, uint32_t handle)
{
    struct session *s = lookup(r, handle);

    if (s != NULL) {
        s->known = false;
        s->close_at_us = wf_now_us() + CLOSE_GRACE_US;
        settle(r, s, SESSION_CLOSING);
    }
}

void router_address(struct router *r, uint32_t handle, char *dst, size_t cap)
{
    struct session *s = sessions_by_handle(&r->sessions, handle);
    const struct conn *c = s != NULL ? conns_get(&r->conns, s->fd) : NULL;

    dst[0] = '\0';
    if (c != NULL && c->handle == handle) {
        tcpinfo_peer(s->fd, dst, cap);
    }
}

size_t router_pending(const struct router *r, uint32_t handle)
{
    const struct session *s = sessions_by_handle(&r->sessions, handle);

    return s != NULL ? s->out.bytes : 0;
}

const struct router_stats *router_stats(struct router *r)
{
    r->stats.peers = r->sessions.n - r->unsettled;
    r->stats.conns = r->conns.n;
    r->stats.unready = r->conns.unready;
    return &r->stats;
}

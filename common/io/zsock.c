#include "common/io/zsock.h"

#include "common/check.h"
#include "common/io/thread.h"
#include "common/mem.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

/* Options that libzmq 4.3.4 has, but whose names its header keeps for drafts. */
#define OPT_ZAP_ENFORCE_DOMAIN 93
#define CTX_ZERO_COPY_RECV     10

struct zsock {
    uv_poll_t poll;
    uv_prepare_t prep;
    uv_check_t check;
    uv_idle_t idle;
    unsigned open; /* uv handles */
    size_t budget;
    void *sock;
    struct zsock_cbs cbs;
    void *arg;
    void (*on_freed)(void *arg);
    zmq_msg_t frames[ZSOCK_FRAMES];
    bool dirty;    /* something may have happened since the end of the last turn */
    bool touched;  /* zmq functions were called since all that came was read */
    bool sparse;   /* the last turn brought one message */
    bool kicked;   /* the owner asked for this turn */
    bool want_out; /* the owner has more to send */
    bool spinning; /* the idle handle runs */
    bool closing;
};

/* The first socket starts the threads, which are like the one that asks for it. */
static void *start_threads(void *ctx)
{
    void *first;

    thread_gives_way();
    first = zmq_socket(ctx, ZMQ_PAIR);
    if (first != NULL) {
        (void) zmq_close(first);
    }
    return NULL;
}

int zctx_new(unsigned flags, void **ret_ctx)
{
    void *ctx = zmq_ctx_new();
    pthread_t thread;

    if (ctx == NULL) {
        return WEFT_ENOMEM;
    }
    if ((flags & ZCTX_COMPACT) != 0) {
        (void) zmq_ctx_set(ctx, CTX_ZERO_COPY_RECV, 0);
    }
    (void) zmq_ctx_set(ctx, ZMQ_MAX_SOCKETS, 4096);
    if ((flags & ZCTX_BULK) != 0 &&
        pthread_create(&thread, NULL, start_threads, ctx) == 0) {
        (void) pthread_join(thread, NULL);
    }
    *ret_ctx = ctx;
    return 0;
}

void zctx_free(void **ctx)
{
    if (*ctx != NULL) {
        while (zmq_ctx_term(*ctx) != 0 && errno == EINTR) {
        }
        *ctx = NULL;
    }
}

static int set_int(void *sock, int opt, int value)
{
    return zmq_setsockopt(sock, opt, &value, sizeof value);
}

static int either(int value, int other)
{
    return value != 0 ? value : other;
}

/* What a peer that vanished without a FIN was sent is not repeated for hours. */
static int set_heartbeat(void *sock, const struct zsock_opts *o)
{
    int timeout = either(o->heartbeat_timeout_ms, 15000);

    if (o->heartbeat_ms > 0 && (set_int(sock, ZMQ_HEARTBEAT_IVL, o->heartbeat_ms) != 0 ||
                                set_int(sock, ZMQ_HEARTBEAT_TIMEOUT, timeout) != 0 ||
                                set_int(sock, ZMQ_HEARTBEAT_TTL, timeout / 3 * 4) != 0)) {
        return -1;
    }
    return set_int(sock, ZMQ_TCP_MAXRT, timeout);
}

static int set_opts(void *sock, int type, const struct zsock_opts *o)
{
    int64_t max_frame = (int64_t) (o->max_frame != 0 ? o->max_frame : ZSOCK_MAX_FRAME);
    int hwm = either(o->hwm, 256);
    int rc = 0;

    rc |= set_int(sock, ZMQ_LINGER, o->linger_ms);
    rc |= set_int(sock, ZMQ_SNDHWM, hwm);
    rc |= set_int(sock, ZMQ_RCVHWM, hwm);
    if (type == ZMQ_PAIR) {
        return rc;
    }
    rc |= zmq_setsockopt(sock, ZMQ_MAXMSGSIZE, &max_frame, sizeof max_frame);
    rc |= set_heartbeat(sock, o);
    rc |= set_int(sock, ZMQ_HANDSHAKE_IVL, either(o->handshake_ms, 5000));
    rc |= set_int(sock, OPT_ZAP_ENFORCE_DOMAIN, 1);
    if (o->sndbuf != 0) {
        rc |= set_int(sock, ZMQ_SNDBUF, o->sndbuf);
    }
    if (o->rcvbuf != 0) {
        rc |= set_int(sock, ZMQ_RCVBUF, o->rcvbuf);
    }
    if (type == ZMQ_ROUTER) {
        rc |= set_int(sock, ZMQ_ROUTER_MANDATORY, 1);
        rc |= set_int(sock, ZMQ_BACKLOG, 4096);
    } else {
        rc |= set_int(sock, ZMQ_CONNECT_TIMEOUT, 5000);
        /* Off: when to dial again is the owner's decision. */
        rc |= set_int(sock, ZMQ_RECONNECT_IVL, -1);
    }
    return rc;
}

/* Only wakes the loop. */
static void poll_cb(uv_poll_t *h, int status, int events)
{
    struct zsock *z = h->data;

    (void) status;
    (void) events;
    z->dirty = true;
}

/* Only makes the time the loop may block 0. */
static void idle_cb(uv_idle_t *h)
{
    (void) h;
}

static void spin(struct zsock *z, bool on)
{
    if (on && !z->spinning) {
        (void) uv_idle_start(&z->idle, idle_cb);
    } else if (!on && z->spinning) {
        (void) uv_idle_stop(&z->idle);
    }
    z->spinning = on;
}

/* An interrupted call has not found out whether there is something. */
static int receive(struct zsock *z, zmq_msg_t *m)
{
    int rc;

    do {
        rc = zmq_msg_recv(m, z->sock, ZMQ_DONTWAIT);
    } while (rc < 0 && errno == EINTR);
    return rc;
}

/* Read one message and hand it over.  The number of frames, or 0 when there is none. */
static size_t read_message(struct zsock *z)
{
    size_t n = 0, kept;
    int more = 1;

    while (more) {
        zmq_msg_t extra;
        zmq_msg_t *m = n < ZSOCK_FRAMES ? &z->frames[n] : &extra;

        (void) zmq_msg_init(m);
        if (receive(z, m) < 0) {
            (void) zmq_msg_close(m);
            break;
        }
        more = zmq_msg_more(m);
        if (m == &extra) {
            (void) zmq_msg_close(m);
        }
        n++;
    }
    kept = n < ZSOCK_FRAMES ? n : ZSOCK_FRAMES;
    if (n != 0) {
        z->cbs.on_frames(z->arg, z->frames, n);
    }
    for (size_t i = 0; i < kept; i++) {
        (void) zmq_msg_close(&z->frames[i]);
    }
    return n;
}

/* Is there more to do?  Asking carries out waiting commands and so makes the descriptor
 * signal the next one. */
static bool ready(struct zsock *z)
{
    int events = 0;
    size_t len = sizeof events;

    if (zmq_getsockopt(z->sock, ZMQ_EVENTS, &events, &len) != 0) {
        return errno == EINTR;
    }
    return (events & (ZMQ_POLLIN | (z->want_out ? ZMQ_POLLOUT : 0))) != 0;
}

static void tell(struct zsock *z, bool drained)
{
    if (!z->closing && z->cbs.on_turn != NULL) {
        z->cbs.on_turn(z->arg, drained);
    }
}

/* Read what came, up to the budget.  Whether all was read: the last call found nothing,
 * and has so made the descriptor signal the next command.
 *
 * Where messages come one by one, what there is to send leaves before ZeroMQ is asked in
 * vain for another. */
static bool read_all(struct zsock *z)
{
    size_t left = z->budget, got = 0;
    bool drained = false;

    if (z->kicked && z->sparse) {
        tell(z, false);
    }
    while (left != 0 && !drained && !z->closing) {
        size_t n = read_message(z);

        drained = n == 0;
        left -= n < left ? n : left;
        got += n != 0;
        if (got == 1 && z->sparse && !drained) {
            tell(z, false);
        }
    }
    z->sparse = got <= 1;
    return drained;
}

static void turn(struct zsock *z)
{
    bool drained;

    if (!z->dirty) {
        return;
    }
    drained = read_all(z);
    /* What the callbacks queued so far is flushed in on_turn; a kick after this is not.
     */
    z->dirty = false;
    z->kicked = false;
    z->touched = false;
    tell(z, drained);
    if (z->closing) {
        return;
    }
    if (!drained || (z->touched && ready(z))) {
        z->dirty = true;
    }
    spin(z, z->dirty);
}

static void prepare_cb(uv_prepare_t *h)
{
    turn(h->data);
}

static void check_cb(uv_check_t *h)
{
    turn(h->data);
}

static void start(struct wf_loop *l, struct zsock *z)
{
    z->poll.data = z;
    z->prep.data = z;
    z->check.data = z;
    z->idle.data = z;
    z->open = 4;
    (void) uv_prepare_init(&l->uv, &z->prep);
    (void) uv_check_init(&l->uv, &z->check);
    (void) uv_idle_init(&l->uv, &z->idle);
    (void) uv_poll_start(&z->poll, UV_READABLE, poll_cb);
    (void) uv_prepare_start(&z->prep, prepare_cb);
    (void) uv_check_start(&z->check, check_cb);
    zsock_kick(z);
}

int zsock_new(struct wf_loop *l, void *ctx, int type, const struct zsock_opts *opts,
              const struct zsock_cbs *cbs, void *arg, struct zsock **ret_sock,
              struct wf_err *err)
{
    struct zsock *z = wf_calloc(1, sizeof *z);
    size_t len = sizeof(int);
    int fd = -1, rc;

    if (z == NULL) {
        return wf_err_set(err, WEFT_ENOMEM, "no memory for a socket");
    }
    z->cbs = *cbs;
    z->arg = arg;
    z->budget = (size_t) either(opts->budget, ZSOCK_BUDGET);
    z->sock = zmq_socket(ctx, type);
    if (z->sock == NULL || set_opts(z->sock, type, opts) != 0 ||
        zmq_getsockopt(z->sock, ZMQ_FD, &fd, &len) != 0) {
        rc = wf_err_set(err, WEFT_EIO, "cannot make a socket: %s", zmq_strerror(errno));
        goto fail;
    }
    rc = uv_poll_init(&l->uv, &z->poll, fd);
    if (rc != 0) {
        rc = wf_err_set(err, WEFT_EIO, "cannot watch a socket: %s", uv_strerror(rc));
        goto fail;
    }
    start(l, z);
    *ret_sock = z;
    return 0;
fail:
    if (z->sock != NULL) {
        (void) zmq_close(z->sock);
    }
    wf_free(z);
    return rc;
}

static void handle_closed(uv_handle_t *h)
{
    struct zsock *z = h->data;

    if (--z->open == 0) {
        if (z->on_freed != NULL) {
            z->on_freed(z->arg);
        }
        wf_free(z);
    }
}

void zsock_free(struct zsock *z, void (*on_freed)(void *arg))
{
    if (z == NULL) {
        return;
    }
    WF_CHECK(!z->closing);
    z->closing = true;
    z->on_freed = on_freed;
    /* uv stops watching the descriptor here, so ZeroMQ may close it. */
    uv_close((uv_handle_t *) &z->poll, handle_closed);
    uv_close((uv_handle_t *) &z->prep, handle_closed);
    uv_close((uv_handle_t *) &z->check, handle_closed);
    uv_close((uv_handle_t *) &z->idle, handle_closed);
    (void) zmq_close(z->sock);
    z->sock = NULL;
}

void *zsock_raw(struct zsock *z)
{
    z->touched = true;
    return z->sock;
}

void zsock_kick(struct zsock *z)
{
    z->dirty = true;
    z->kicked = true;
    spin(z, true);
}

void zsock_want_out(struct zsock *z, bool want)
{
    z->want_out = want;
}

/* A bracketed address is IPv6; anything else is not resolved to it. */
static void set_family(void *sock, const char *endpoint)
{
    (void) set_int(sock, ZMQ_IPV6, strchr(endpoint, '[') != NULL);
}

int zsock_bind(struct zsock *z, const char *endpoint, struct wf_err *err)
{
    set_family(z->sock, endpoint);
    if (zmq_bind(z->sock, endpoint) != 0) {
        return wf_err_set(err, WEFT_ECONF, "cannot listen on %.128s: %s", endpoint,
                          zmq_strerror(errno));
    }
    zsock_kick(z);
    return 0;
}

int zsock_connect(struct zsock *z, const char *endpoint, struct wf_err *err)
{
    set_family(z->sock, endpoint);
    if (zmq_connect(z->sock, endpoint) != 0) {
        return wf_err_set(err, WEFT_ECONF, "cannot connect to %.128s: %s", endpoint,
                          zmq_strerror(errno));
    }
    zsock_kick(z);
    return 0;
}

int zsock_endpoint(struct zsock *z, char *dst, size_t cap)
{
    size_t len = cap;

    if (zmq_getsockopt(z->sock, ZMQ_LAST_ENDPOINT, dst, &len) != 0) {
        return WEFT_ETOOBIG;
    }
    zsock_kick(z);
    return 0;
}

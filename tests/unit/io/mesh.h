/* mesh.h - a router with its ZAP handler on a loop, and what it reported
 *
 * Time is only a watchdog: run_until() turns the loop until something is so.
 */
#ifndef TESTS_UNIT_IO_MESH_H
#define TESTS_UNIT_IO_MESH_H

#include "common/io/router.h"
#include "common/io/uplink.h"
#include "common/io/zap.h"
#include "tests/lib/tap.h"

#define WATCHDOG_US 60000000

struct mesh {
    struct wf_loop loop;
    struct wf_timer *beat;
    void *ctx;
    struct zap *zap;
    struct router *router;
    struct keys server, client;
    char endpoint[128];
    bool deny;
    unsigned peers, frames, gone;
    size_t bytes;
    uint32_t handle; /* the last peer's */
    uint8_t key[KEY_BYTES];
    char last[256]; /* the last frame as text */
    bool echo;
    bool close_in_peer; /* refuse at application level */
    unsigned rooms;
    size_t pending; /* as told last */
};

#define run_until(m, cond)                                                               \
    do {                                                                                 \
        uint64_t end_us_ = wf_now_us() + WATCHDOG_US;                                    \
        bool so_;                                                                        \
        while (!(so_ = (cond)) && wf_now_us() < end_us_) {                               \
            (void) uv_run(&(m)->loop.uv, UV_RUN_ONCE);                                   \
        }                                                                                \
        ok(so_, "%s", #cond);                                                            \
    } while (0)

/* So that UV_RUN_ONCE comes back to look at the watchdog. */
static void mesh_beat(void *arg)
{
    struct mesh *m = arg;

    wf_timer_start_at(m->beat, wf_now_us() + 50000);
}

static int mesh_allow(void *arg, const uint8_t *key, const char *domain,
                      const char *address)
{
    const struct mesh *m = arg;

    return !m->deny && key != NULL && strcmp(domain, "weft") == 0 && address[0] != '\0';
}

static void mesh_on_peer(void *arg, uint32_t handle, const uint8_t *key)
{
    struct mesh *m = arg;

    m->peers++;
    m->handle = handle;
    memcpy(m->key, key, KEY_BYTES);
    if (m->close_in_peer) {
        (void) router_send(m->router, handle, "refused", 7);
        router_close_after_flush(m->router, handle);
    }
}

static void mesh_on_frame(void *arg, uint32_t handle, const uint8_t *p, size_t len)
{
    struct mesh *m = arg;
    size_t n = len < sizeof m->last - 1 ? len : sizeof m->last - 1;

    m->frames++;
    m->bytes += len;
    memcpy(m->last, p, n);
    m->last[n] = '\0';
    if (m->echo) {
        (void) router_send(m->router, handle, p, len);
    }
}

static void mesh_on_gone(void *arg, uint32_t handle)
{
    struct mesh *m = arg;

    (void) handle;
    m->gone++;
}

static void mesh_on_room(void *arg, uint32_t handle, size_t pending)
{
    struct mesh *m = arg;

    must(pending == router_pending(m->router, handle));
    m->rooms++;
    m->pending = pending;
}

__attribute__((unused)) static void mesh_init(struct mesh *m, struct router_opts opts)
{
    static const struct router_cbs cbs = {mesh_on_peer, mesh_on_frame, mesh_on_gone, NULL,
                                          mesh_on_room};
    struct wf_err err = {0, ""};

    memset(m, 0, sizeof *m);
    must(keys_init() == 0);
    keys_make(&m->server);
    keys_make(&m->client);
    must(wf_loop_init(&m->loop, &err) == 0);
    must(wf_timer_new(&m->loop, mesh_beat, m, &m->beat) == 0);
    mesh_beat(m);
    must(zctx_new(ZCTX_COMPACT, &m->ctx) == 0);
    must(zap_new(&m->loop, m->ctx, mesh_allow, m, &m->zap, &err) == 0);
    opts.keys = &m->server;
    must(router_new(&m->loop, m->ctx, &opts, &cbs, m, &m->router, &err) == 0);
    must(router_bind(m->router, "tcp://127.0.0.1:*", &err) == 0);
    must(router_endpoint(m->router, m->endpoint, sizeof m->endpoint) == 0);
}

__attribute__((unused)) static void mesh_fini(struct mesh *m)
{
    router_free(m->router);
    zap_free(m->zap);
    wf_timer_free(m->beat);
    wf_loop_fini(&m->loop);
    zctx_free(&m->ctx);
}

/* A peer outside of our code: a bare DEALER with the client's key.  `id` may be NULL. */
__attribute__((unused)) static void *mesh_dealer(struct mesh *m, const char *id,
                                                 size_t id_len)
{
    void *d = zmq_socket(m->ctx, ZMQ_DEALER);
    int zero = 0, small = 32768;

    must(d != NULL);
    (void) zmq_setsockopt(d, ZMQ_LINGER, &zero, sizeof zero);
    (void) zmq_setsockopt(d, ZMQ_RCVBUF, &small, sizeof small);
    (void) zmq_setsockopt(d, ZMQ_CURVE_SERVERKEY, m->server.pub, KEY_BYTES);
    (void) zmq_setsockopt(d, ZMQ_CURVE_PUBLICKEY, m->client.pub, KEY_BYTES);
    (void) zmq_setsockopt(d, ZMQ_CURVE_SECRETKEY, m->client.sec, KEY_BYTES);
    if (id != NULL) {
        must(zmq_setsockopt(d, ZMQ_ROUTING_ID, id, id_len) == 0);
    }
    must(zmq_connect(d, m->endpoint) == 0);
    return d;
}

/* What a bare DEALER got, without the header; -1: nothing yet. */
__attribute__((unused)) static int mesh_take(void *dealer, char *dst, size_t cap)
{
    int n = zmq_recv(dealer, dst, cap - 1, ZMQ_DONTWAIT);

    if (n < 2) {
        return -1;
    }
    memmove(dst, dst + 2, (size_t) n - 2);
    dst[n - 2] = '\0';
    return n - 2;
}

#endif

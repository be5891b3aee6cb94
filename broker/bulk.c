#include "broker/bulk.h"

#include "common/mem.h"
#include "common/parse.h"
#include "proto/limits.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* More than the relay lets stand for one peer, so that nobody is cut for what it asked.
 */
#define PENDING_CAP ((size_t) 12 << 20)
#define BUDGET      8 /* pieces passed on in a turn */

struct bulk {
    struct router *router;
    bulk_event_fn *fn;
    void *arg;
    char endpoint[WF_ENDPOINT_MAX + 1];
};

static void on_peer(void *arg, uint32_t handle, const uint8_t *key)
{
    struct bulk *b = arg;
    struct broker_event ev = {.kind = BROKER_LANE_UP, .peer = handle};

    memcpy(ev.key.b, key, sizeof ev.key.b);
    b->fn(b->arg, &ev);
}

static void on_gone(void *arg, uint32_t handle)
{
    struct bulk *b = arg;
    struct broker_event ev = {.kind = BROKER_LANE_DOWN, .peer = handle};

    b->fn(b->arg, &ev);
}

static void on_room(void *arg, uint32_t handle, size_t pending)
{
    struct bulk *b = arg;
    struct broker_event ev = {
        .kind = BROKER_LANE_ROOM, .peer = handle, .queued = pending};

    b->fn(b->arg, &ev);
}

int bulk_frame(uint32_t peer, const uint8_t *bytes, size_t len, bulk_event_fn *fn,
               void *arg)
{
    struct wf_msg msg;
    struct broker_event ev = {.kind = BROKER_LANE_MSG, .peer = peer, .msg = &msg};
    struct wf_cursor c;

    wf_cur_init(&c, bytes, len);
    while (wf_cur_left(&c) > 0) {
        const uint8_t *from = c.p;
        int rc = wf_msg_decode(&c, &msg);

        if (rc == 0) {
            ev.record = wf_slice_make(from, (size_t) (c.p - from));
            ev.now_us = 0;
            fn(arg, &ev);
        } else if (rc != WEFT_ESUPPORT) {
            return WEFT_EPROTO;
        }
    }
    return 0;
}

static void on_frame(void *arg, uint32_t handle, const uint8_t *bytes, size_t len)
{
    struct bulk *b = arg;

    if (bulk_frame(handle, bytes, len, b->fn, b->arg) != 0) {
        router_close(b->router, handle);
        on_gone(b, handle);
    }
}

/* "tcp://HOST" of an address, and its port (0: any). */
static unsigned split(const char *endpoint, char *host, size_t cap)
{
    const char *colon = strrchr(endpoint, ':');
    uint64_t port = 0;

    if (colon == NULL) {
        host[0] = '\0';
        return 0;
    }
    (void) snprintf(host, cap, "%.*s", (int) (colon - endpoint), endpoint);
    return wf_parse_u64(colon + 1, &port) == 0 && port < 65535 ? (unsigned) port : 0;
}

static int is_every_host(const char *host)
{
    return strcmp(host, "tcp://*") == 0 || strcmp(host, "tcp://0.0.0.0") == 0 ||
           strcmp(host, "tcp://[::]") == 0;
}

static int bind_at(struct bulk *b, const char *host, unsigned port, struct wf_err *err)
{
    char next[WF_ENDPOINT_MAX + 16];

    (void) snprintf(next, sizeof next, port != 0 ? "%s:%u" : "%s:*", host, port);
    return router_bind(b->router, next, err);
}

/* Peers know one port, on the host that each of them connected to. */
static int bind_others(struct bulk *b, const struct wf_conf_list *control,
                       const char *bound, struct wf_err *err)
{
    char host[WF_ENDPOINT_MAX + 1], other[WF_ENDPOINT_MAX + 1];
    char endpoint[WF_ENDPOINT_MAX + 1] = "";
    unsigned port;
    int rc = 0;

    (void) router_endpoint(b->router, endpoint, sizeof endpoint);
    port = split(endpoint, host, sizeof host);
    for (size_t i = 0; rc == 0 && port != 0 && i < control->n; i++) {
        size_t k = 0;

        (void) split(control->item[i], host, sizeof host);
        do {
            (void) split(control->item[k], other, sizeof other);
        } while (strcmp(host, other) != 0 && ++k < i);
        if (k == i && strcmp(host, bound) != 0) {
            rc = bind_at(b, host, port, err);
        }
    }
    return rc;
}

/* As it is written, not as it was bound: that may be another name. */
static void choose_host(const struct bulk_where *w, char *host, size_t cap)
{
    char other[WF_ENDPOINT_MAX + 1];

    for (size_t i = 0; i < w->control->n; i++) {
        (void) split(w->control->item[i], other, sizeof other);
        if (i == 0 || is_every_host(other)) {
            (void) snprintf(host, cap, "%s", other);
        }
    }
}

static int bind_default(struct bulk *b, const struct bulk_where *w, struct wf_err *err)
{
    char host[WF_ENDPOINT_MAX + 1];
    unsigned port = split(w->bound, host, sizeof host);
    int rc = WEFT_ECONF;

    choose_host(w, host, sizeof host);
    if (port != 0) {
        rc = bind_at(b, host, port + 1, err);
    }
    if (rc != 0) {
        rc = bind_at(b, host, 0, err);
    }
    return rc == 0 && !is_every_host(host) ? bind_others(b, w->control, host, err) : rc;
}

int bulk_new(struct wf_loop *loop, void *zmq, const struct keys *keys,
             const struct bulk_where *where, bulk_event_fn *fn, void *arg,
             struct bulk **ret_bulk, struct wf_err *err)
{
    static const struct router_cbs cbs = {on_peer, on_frame, on_gone, NULL, on_room};
    const struct router_opts opts = {
        .sock = {.budget = BUDGET}, .keys = keys, .pending_cap = PENDING_CAP};
    struct bulk *b = wf_calloc(1, sizeof *b);
    int rc;

    if (b == NULL) {
        return wf_err_set(err, WEFT_ENOMEM, "no memory for the bulk lane");
    }
    b->fn = fn;
    b->arg = arg;
    rc = router_new(loop, zmq, &opts, &cbs, b, &b->router, err);
    for (size_t i = 0; rc == 0 && i < where->listen->n; i++) {
        rc = router_bind(b->router, where->listen->item[i], err);
    }
    if (rc == 0 && where->listen->n == 0) {
        rc = bind_default(b, where, err);
    }
    if (rc != 0) {
        bulk_free(b);
        return rc;
    }
    (void) router_endpoint(b->router, b->endpoint, sizeof b->endpoint);
    *ret_bulk = b;
    return 0;
}

void bulk_free(struct bulk *b)
{
    if (b != NULL) {
        router_free(b->router);
        wf_free(b);
    }
}

const char *bulk_endpoint(const struct bulk *b)
{
    return b->endpoint;
}

unsigned bulk_port(const struct bulk *b)
{
    char host[WF_ENDPOINT_MAX + 1];

    return b->endpoint[0] != '\0' ? split(b->endpoint, host, sizeof host) : 0;
}

void bulk_send(struct bulk *b, uint32_t peer, const uint8_t *p, size_t len)
{
    (void) router_send(b->router, peer, p, len);
}

void bulk_close(struct bulk *b, uint32_t peer)
{
    router_close(b->router, peer);
}

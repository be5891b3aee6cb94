#include "broker/dial_lanes.h"

#include "broker/core/mesh/neighbours.h"
#include "common/io/uplink.h"
#include "common/mem.h"

#include <stdio.h>
#include <string.h>

#define DIAL_MS 5000
/* As of lanes that others open: more than relays let stand for one peer. */
#define PENDING_CAP ((size_t) 12 << 20)
#define HWM         16 /* as an agent's lane to its broker: little at a time */

struct dial_lane_line {
    struct dial_lanes *all;
    struct uplink *uplink; /* NULL: it was never opened */
    int open;              /* the core has not heard of its end */
    int lost;              /* it broke while the core was at work */
};

struct dial_lanes {
    struct wf_loop *loop;
    void *zmq;
    struct keys keys;
    const struct dials *dials;
    bulk_event_fn *fn;
    void *arg;
    struct dial_lane_line lines[MESH_DIALS_MAX];
};

static uint32_t peer_of(const struct dial_lane_line *x)
{
    return MESH_DIALLED | (uint32_t) (x - x->all->lines);
}

static struct dial_lane_line *line_of(struct dial_lanes *l, uint32_t peer)
{
    const uint32_t i = peer & ~MESH_DIALLED;

    return i < MESH_DIALS_MAX ? &l->lines[i] : NULL;
}

static void tell(struct dial_lane_line *x, enum broker_event_kind kind, uint64_t queued)
{
    struct broker_event ev = {.kind = kind, .peer = peer_of(x), .queued = queued};

    x->open = kind != BROKER_LANE_DOWN;
    x->all->fn(x->all->arg, &ev);
}

static void on_up(void *arg)
{
    tell(arg, BROKER_LANE_UP, 0);
}

static void on_down(void *arg, int why)
{
    (void) why;
    tell(arg, BROKER_LANE_DOWN, 0);
}

static void on_refused(void *arg)
{
    tell(arg, BROKER_LANE_DOWN, 0);
}

static void on_frame(void *arg, const uint8_t *bytes, size_t len)
{
    struct dial_lane_line *x = arg;

    if (bulk_frame(peer_of(x), bytes, len, x->all->fn, x->all->arg) != 0 && x->open) {
        uplink_disconnect(x->uplink);
        tell(x, BROKER_LANE_DOWN, 0);
    }
}

static void on_room(void *arg, size_t pending)
{
    tell(arg, BROKER_LANE_ROOM, pending);
}

int dial_lanes_new(struct wf_loop *loop, void *zmq, const struct keys *keys,
                   const struct dials *dials, bulk_event_fn *fn, void *arg,
                   struct dial_lanes **ret_lanes)
{
    struct dial_lanes *l = wf_calloc(1, sizeof *l);

    if (l == NULL) {
        return WEFT_ENOMEM;
    }
    l->loop = loop;
    l->zmq = zmq;
    l->keys = *keys;
    l->dials = dials;
    l->fn = fn;
    l->arg = arg;
    for (unsigned i = 0; i < MESH_DIALS_MAX; i++) {
        l->lines[i].all = l;
    }
    *ret_lanes = l;
    return 0;
}

void dial_lanes_free(struct dial_lanes *l)
{
    if (l == NULL) {
        return;
    }
    for (unsigned i = 0; i < MESH_DIALS_MAX; i++) {
        uplink_free(l->lines[i].uplink);
    }
    keys_wipe(&l->keys, sizeof l->keys);
    wf_free(l);
}

static int need_uplink(struct dial_lane_line *x)
{
    static const struct uplink_cbs cbs = {on_up,    on_down, on_refused,
                                          on_frame, NULL,    on_room};
    const struct uplink_opts opts = {.sock = {.hwm = HWM},
                                     .keys = &x->all->keys,
                                     .pending_cap = PENDING_CAP,
                                     .dial_ms = DIAL_MS};

    return x->uplink != NULL
               ? 0
               : uplink_new(x->all->loop, x->all->zmq, &opts, &cbs, x, &x->uplink, NULL);
}

/* "tcp://HOST:PORT" with another port.  WEFT_ECONF. */
static int at_port(const char *endpoint, unsigned port, char *dst, size_t cap)
{
    const char *colon = strrchr(endpoint, ':');

    return colon != NULL && snprintf(dst, cap, "%.*s:%u", (int) (colon - endpoint),
                                     endpoint, port) < (int) cap
               ? 0
               : WEFT_ECONF;
}

void dial_lanes_open(struct dial_lanes *l, uint32_t peer, unsigned port)
{
    struct dial_lane_line *x = line_of(l, peer);
    char at[WF_ENDPOINT_MAX + 1];
    const char *endpoint;
    const uint8_t *key;

    if (x == NULL) {
        return;
    }
    x->open = 1;
    x->lost = dials_where(l->dials, peer, &endpoint, &key) != 0 ||
              at_port(endpoint, port, at, sizeof at) != 0 || need_uplink(x) != 0 ||
              uplink_connect(x->uplink, at, key, NULL) != 0;
}

void dial_lanes_close(struct dial_lanes *l, uint32_t peer)
{
    struct dial_lane_line *x = line_of(l, peer);

    if (x != NULL && x->uplink != NULL) {
        uplink_disconnect(x->uplink);
    }
    if (x != NULL) {
        x->open = x->lost = 0;
    }
}

void dial_lanes_send(struct dial_lanes *l, uint32_t peer, const uint8_t *p, size_t len)
{
    struct dial_lane_line *x = line_of(l, peer);

    if (x != NULL && x->open && x->uplink != NULL) {
        x->lost |= uplink_send(x->uplink, p, len) != 0;
    }
}

void dial_lanes_flush(struct dial_lanes *l)
{
    for (unsigned i = 0; i < MESH_DIALS_MAX; i++) {
        struct dial_lane_line *x = &l->lines[i];

        if (x->lost) {
            x->lost = 0;
            if (x->uplink != NULL) {
                uplink_disconnect(x->uplink);
            }
            tell(x, BROKER_LANE_DOWN, 0);
        } else if (x->open) {
            uplink_flush(x->uplink);
        }
    }
}

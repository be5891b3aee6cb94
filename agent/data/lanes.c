#include "agent/data/lanes.h"

#include "common/check.h"
#include "common/io/router.h"
#include "common/io/uplink.h"
#include "common/io/zap.h"
#include "common/mem.h"
#include "common/str.h"
#include "proto/transfer/transfer.h"

#include <stdio.h>
#include <string.h>

/* In ZeroMQ, each way: 1 MiB of pieces, as a window is mostly in the kernel's buffers.
 * Four pieces share a frame where fetchers connect to us, which costs a tenth less than
 * one each; not through the broker, which is to relay little at a time. */
#define BATCH       ((size_t) 260 << 10)
#define DIRECT_HWM  4
#define HWM         16
#define BUDGET      4 /* pieces read in a turn */
#define PENDING_CAP ((size_t) 24 << 20)
#define DIAL_MS     5000
#define REDIAL_US   250000
#define REDIALS     10 /* of a holder that refuses our key */
#define GUEST_MS    30000
#define LOOKS       4 /* at guests, in that time */

struct lane {
    struct lanes *owner;
    uint32_t number;
    struct uplink *uplink; /* NULL: the lane is free */
    uint64_t serial;       /* of this opening */
    uint64_t redial_us;    /* UINT64_MAX: not waiting */
    unsigned redials;
    int failed; /* the core is to hear of it */
    struct wf_lane_to to;
};

struct guest {
    uint32_t handle; /* 0: free */
    uint64_t serial;
    int said;          /* its first message came, and was `lane` */
    uint64_t until_us; /* when it has to go; UINT64_MAX: it is let in */
    struct wf_key key;
};

struct lanes {
    struct wf_loop *loop;
    struct lanes_cbs cbs;
    void *arg;
    struct keys keys;
    struct wf_key broker;
    uint64_t epoch, serials;
    char broker_at[WF_ENDPOINT_MAX + 1]; /* its bulk socket; empty: there is none */
    char endpoint[WF_ENDPOINT_MAX + 1];  /* ours */
    void *zctx;                          /* NULL before the first socket */
    struct wf_timer *timer;              /* dials again */
    struct wf_timer *looks;              /* at guests, while there are any */
    int looking;
    uint64_t guest_us;
    struct zap *zap;
    struct router *router;
    uint64_t refused;
    unsigned nfailed;
    struct lane dialled[WF_PULL_LANES];
    struct guest guests[LANES_GUESTS];
};

static void tell(struct lanes *l, enum node_event_kind kind, uint32_t lane)
{
    struct node_event ev = {.kind = kind, .lane = lane};

    l->cbs.on_event(l->arg, &ev);
}

static void tell_room(struct lanes *l, uint32_t lane, size_t pending)
{
    struct node_event ev = {.kind = NODE_LANE_ROOM, .lane = lane, .bytes = pending};

    l->cbs.on_event(l->arg, &ev);
}

/* -- lanes that we dial --------------------------------------------------------------
 */

static void lane_drop(struct lane *d)
{
    uplink_free(d->uplink);
    d->uplink = NULL;
    d->serial = 0;
    d->redial_us = UINT64_MAX;
}

/* It broke while the core was at work. */
static void lane_fail(struct lane *d)
{
    lane_drop(d);
    d->owner->nfailed += !d->failed;
    d->failed = 1;
}

static int say_lane(const struct lanes *l, struct wf_buf *out)
{
    const struct wf_lane m = {.epoch = l->epoch};

    return wf_msg_encode(out, WF_MSG_lane, &m);
}

static void on_up(void *arg)
{
    struct lane *d = arg;
    struct wf_buf first = WF_BUF_INIT(64);
    int rc = say_lane(d->owner, &first);

    if (rc == 0) {
        rc = uplink_send(d->uplink, first.p, first.len);
    }
    wf_buf_fini(&first);
    if (rc != 0) {
        lane_drop(d);
    }
    tell(d->owner, rc == 0 ? NODE_LANE_UP : NODE_LANE_DOWN, d->number);
}

static void lane_broke(struct lane *d)
{
    lane_drop(d);
    tell(d->owner, NODE_LANE_DOWN, d->number);
}

static void on_down(void *arg, int why)
{
    (void) why;
    lane_broke(arg);
}

static void plan_redials(struct lanes *l)
{
    uint64_t due_us = UINT64_MAX;

    for (size_t i = 0; i < WF_PULL_LANES; i++) {
        due_us = wf_min_u64(due_us, l->dialled[i].redial_us);
    }
    wf_timer_start_at(l->timer, due_us);
}

/* Grants and what we were told of them travel on different links. */
static void on_refused(void *arg)
{
    struct lane *d = arg;

    if (d->redials++ >= REDIALS) {
        lane_broke(d);
        return;
    }
    d->redial_us = wf_now_us() + REDIAL_US;
    plan_redials(d->owner);
}

static void on_frame(void *arg, const uint8_t *bytes, size_t len)
{
    struct lane *d = arg;
    uint64_t serial = d->serial;
    struct wf_msg msg;
    struct node_event ev = {.kind = NODE_LANE_MSG, .lane = d->number, .msg = &msg};
    struct wf_cursor c;

    wf_cur_init(&c, bytes, len);
    while (wf_cur_left(&c) != 0 && d->serial == serial) {
        int rc = wf_msg_decode(&c, &msg);

        if (rc == 0) {
            d->owner->cbs.on_event(d->owner->arg, &ev);
        } else if (rc != WEFT_ESUPPORT) {
            lane_broke(d);
        }
    }
}

static void on_room(void *arg, size_t pending)
{
    const struct lane *d = arg;

    /* Nothing is given on the others. */
    if (d->number == WF_LANE_BROKER) {
        tell_room(d->owner, d->number, pending);
    }
}

static int need_zctx(struct lanes *l)
{
    return l->zctx != NULL ? 0 : zctx_new(ZCTX_BULK, &l->zctx);
}

static int dial(struct lane *d)
{
    const struct lanes *l = d->owner;
    int broker = d->to.endpoint[0] == '\0';
    const char *endpoint = broker ? l->broker_at : d->to.endpoint;

    return uplink_connect(d->uplink, endpoint, (broker ? &l->broker : &d->to.key)->b,
                          NULL);
}

static void on_redial(void *arg)
{
    struct lanes *l = arg;
    uint64_t now_us = wf_now_us();

    for (size_t i = 0; i < WF_PULL_LANES; i++) {
        struct lane *d = &l->dialled[i];

        if (d->redial_us <= now_us) {
            d->redial_us = UINT64_MAX;
            if (dial(d) != 0) {
                lane_broke(d);
            }
        }
    }
    plan_redials(l);
}

void lanes_open(struct lanes *l, uint32_t lane, const struct wf_lane_to *to)
{
    static const struct uplink_cbs cbs = {on_up,    on_down, on_refused,
                                          on_frame, NULL,    on_room};
    /* Both ends have timeouts of their own for what does not come. */
    const struct uplink_opts opts = {
        .sock = {.hwm = lane == WF_LANE_BROKER ? HWM : DIRECT_HWM,
                 .budget = lane == WF_LANE_BROKER ? BUDGET : BUDGET / 4,
                 .heartbeat_ms = -1},
        .keys = &l->keys,
        .pending_cap = PENDING_CAP,
        .dial_ms = DIAL_MS};
    struct lane *d;

    WF_CHECK(lane < WF_PULL_LANES && l->dialled[lane].uplink == NULL);
    d = &l->dialled[lane];
    l->nfailed -= d->failed;
    d->failed = 0;
    d->to = *to;
    d->redials = 0;
    if (need_zctx(l) != 0 ||
        uplink_new(l->loop, l->zctx, &opts, &cbs, d, &d->uplink, NULL) != 0 ||
        dial(d) != 0) {
        lane_fail(d);
        return;
    }
    d->serial = ++l->serials;
}

/* -- lanes that others opened ----------------------------------------------------------
 */

static struct guest *guest_of(struct lanes *l, uint32_t handle)
{
    for (size_t i = 0; i < LANES_GUESTS; i++) {
        if (l->guests[i].handle == handle) {
            return &l->guests[i];
        }
    }
    return NULL;
}

static uint32_t number_of(const struct lanes *l, const struct guest *g)
{
    return WF_LANE_GIVE + (uint32_t) (g - l->guests);
}

static int on_zap(void *arg, const uint8_t *key, const char *domain, const char *address)
{
    struct lanes *l = arg;
    struct wf_key k;
    int yes;

    (void) domain;
    (void) address;
    memcpy(k.b, key, sizeof k.b);
    yes = l->cbs.lets_in(l->arg, &k);
    l->refused += !yes;
    return yes;
}

static void guest_gone(struct lanes *l, struct guest *g)
{
    int said = g->said;

    g->handle = 0;
    g->serial = 0;
    if (said) {
        tell(l, NODE_LANE_DOWN, number_of(l, g));
    }
}

static void guest_cut(struct lanes *l, struct guest *g)
{
    router_close(l->router, g->handle);
    guest_gone(l, g);
}

/* Who has as many lanes as one key may have loses the oldest. */
static void make_way(struct lanes *l, const uint8_t *key)
{
    struct guest *oldest = NULL;
    unsigned n = 0;

    for (size_t i = 0; i < LANES_GUESTS; i++) {
        struct guest *g = &l->guests[i];

        if (g->handle != 0 && memcmp(g->key.b, key, sizeof g->key.b) == 0) {
            n++;
            oldest = oldest == NULL || g->serial < oldest->serial ? g : oldest;
        }
    }
    if (n >= LANES_OF_KEY) {
        guest_cut(l, oldest);
    }
}

static void plan_look(struct lanes *l, uint64_t now_us)
{
    l->looking = 1;
    wf_timer_start_at(l->looks, now_us + l->guest_us / LOOKS);
}

/* A peer that went without a word is known by its tickets, which end. */
static void on_look(void *arg)
{
    struct lanes *l = arg;
    uint64_t now_us = wf_now_us();
    unsigned n = 0;

    for (size_t i = 0; i < LANES_GUESTS; i++) {
        struct guest *g = &l->guests[i];

        if (g->handle == 0) {
            continue;
        }
        if (g->said && l->cbs.lets_in(l->arg, &g->key)) {
            g->until_us = UINT64_MAX;
        } else {
            g->until_us = wf_min_u64(g->until_us, now_us + l->guest_us);
        }
        if (now_us >= g->until_us) {
            guest_cut(l, g);
        }
        n += g->handle != 0;
    }
    l->looking = 0;
    if (n != 0) {
        plan_look(l, now_us);
    }
}

static void on_peer(void *arg, uint32_t handle, const uint8_t *key)
{
    struct lanes *l = arg;
    struct guest *g;

    make_way(l, key);
    g = guest_of(l, 0);
    if (g == NULL) {
        l->refused++;
        router_close(l->router, handle);
        return;
    }
    *g = (struct guest){.handle = handle, .serial = ++l->serials, .until_us = UINT64_MAX};
    memcpy(g->key.b, key, sizeof g->key.b);
    if (!l->looking) {
        plan_look(l, wf_now_us());
    }
}

static void on_gone(void *arg, uint32_t handle)
{
    struct guest *g = guest_of(arg, handle);

    if (g != NULL) {
        guest_gone(arg, g);
    }
}

/* One message of a guest.  0, or it has to go. */
static int take(struct lanes *l, struct guest *g, const struct wf_msg *msg)
{
    struct node_event ev = {
        .kind = NODE_LANE_MSG, .lane = number_of(l, g), .msg = msg, .peer = &g->key};

    if (!g->said) {
        if (msg->type != WF_MSG_lane) {
            return WEFT_EPROTO;
        }
        g->said = 1;
        ev.kind = NODE_LANE_UP;
        ev.msg = NULL;
    }
    l->cbs.on_event(l->arg, &ev);
    return 0;
}

static void on_guest_frame(void *arg, uint32_t handle, const uint8_t *bytes, size_t len)
{
    struct lanes *l = arg;
    struct guest *g = guest_of(l, handle);
    uint64_t serial = g != NULL ? g->serial : 0;
    struct wf_msg msg;
    struct wf_cursor c;

    wf_cur_init(&c, bytes, len);
    while (g != NULL && g->serial == serial && wf_cur_left(&c) != 0) {
        int rc = wf_msg_decode(&c, &msg);

        if (rc == 0) {
            rc = take(l, g, &msg);
        }
        if (rc != 0 && rc != WEFT_ESUPPORT) {
            guest_cut(l, g);
        }
    }
}

static void on_guest_room(void *arg, uint32_t handle, size_t pending)
{
    struct lanes *l = arg;
    const struct guest *g = guest_of(l, handle);

    if (g != NULL) {
        tell_room(l, number_of(l, g), pending);
    }
}

static int listen_on(struct lanes *l, const char *endpoint, struct wf_err *err)
{
    static const struct router_cbs cbs = {on_peer, on_guest_frame, on_gone, NULL,
                                          on_guest_room};
    const struct router_opts opts = {
        .sock = {.hwm = DIRECT_HWM, .budget = 2 * BUDGET, .heartbeat_ms = -1},
        .keys = &l->keys,
        .domain = "weft-bulk",
        .batch = BATCH,
        .pending_cap = PENDING_CAP,
        .max_conns = 2 * LANES_GUESTS,
        .max_unready = LANES_GUESTS};
    int rc = need_zctx(l);

    if (rc == 0) {
        rc = zap_new(l->loop, l->zctx, on_zap, l, &l->zap, err);
    }
    if (rc == 0) {
        rc = router_new(l->loop, l->zctx, &opts, &cbs, l, &l->router, err);
    }
    if (rc == 0) {
        rc = router_bind(l->router, endpoint, err);
    }
    if (rc == 0 && router_endpoint(l->router, l->endpoint, sizeof l->endpoint) != 0) {
        rc = wf_err_set(err, WEFT_ECONF, "the endpoint %.100s is too long", endpoint);
    }
    return rc;
}

/* -- the whole -------------------------------------------------------------------------
 */

int lanes_new(struct wf_loop *loop, const struct lanes_opts *opts,
              const struct lanes_cbs *cbs, void *arg, struct lanes **ret_lanes,
              struct wf_err *err)
{
    struct lanes *l = wf_calloc(1, sizeof *l);
    int rc = 0;

    if (l == NULL || wf_timer_new(loop, on_redial, l, &l->timer) != 0 ||
        wf_timer_new(loop, on_look, l, &l->looks) != 0) {
        lanes_free(l);
        return wf_err_set(err, WEFT_ENOMEM, "no memory for bulk lanes");
    }
    l->loop = loop;
    l->guest_us = (opts->guest_ms != 0 ? opts->guest_ms : GUEST_MS) * 1000;
    l->cbs = *cbs;
    l->arg = arg;
    l->keys = *opts->keys;
    l->epoch = opts->epoch;
    for (uint32_t i = 0; i < WF_PULL_LANES; i++) {
        l->dialled[i] = (struct lane){.owner = l, .number = i, .redial_us = UINT64_MAX};
    }
    if (opts->listen != NULL && opts->listen[0] != '\0') {
        rc = listen_on(l, opts->listen, err);
    }
    if (rc != 0) {
        lanes_free(l);
        return rc;
    }
    *ret_lanes = l;
    return 0;
}

void lanes_free(struct lanes *l)
{
    if (l == NULL) {
        return;
    }
    for (size_t i = 0; i < WF_PULL_LANES; i++) {
        uplink_free(l->dialled[i].uplink);
    }
    router_free(l->router);
    zap_free(l->zap);
    wf_timer_free(l->timer);
    wf_timer_free(l->looks);
    keys_wipe(&l->keys, sizeof l->keys);
    zctx_free(&l->zctx);
    wf_free(l);
}

const char *lanes_endpoint(const struct lanes *l)
{
    return l->endpoint;
}

void lanes_set_broker(struct lanes *l, const char *control, unsigned port,
                      const uint8_t *key)
{
    const char *colon = strrchr(control, ':');
    int n;

    memcpy(l->broker.b, key, sizeof l->broker.b);
    l->broker_at[0] = '\0';
    if (port != 0 && colon != NULL) {
        n = snprintf(l->broker_at, sizeof l->broker_at, "%.*s:%u",
                     (int) (colon - control), control, port);
        l->broker_at[n < (int) sizeof l->broker_at ? n : 0] = '\0';
    }
}

/* Who takes no more than this is slower than what it asks for, or hostile. */
void lanes_send(struct lanes *l, uint32_t lane, const void *bytes, size_t len)
{
    if (lane < WF_PULL_LANES) {
        struct lane *d = &l->dialled[lane];

        if (d->uplink != NULL && uplink_send(d->uplink, bytes, len) != 0) {
            lane_fail(d);
        }
    } else if (lane - WF_LANE_GIVE < LANES_GUESTS &&
               l->guests[lane - WF_LANE_GIVE].handle != 0) {
        /* Failures cut it: on_gone comes by itself. */
        (void) router_send(l->router, l->guests[lane - WF_LANE_GIVE].handle, bytes, len);
    }
}

void lanes_close(struct lanes *l, uint32_t lane)
{
    if (lane < WF_PULL_LANES) {
        struct lane *d = &l->dialled[lane];

        l->nfailed -= d->failed;
        d->failed = 0;
        lane_drop(d);
    } else if (lane - WF_LANE_GIVE < LANES_GUESTS) {
        struct guest *g = &l->guests[lane - WF_LANE_GIVE];

        if (g->handle != 0) {
            router_close(l->router, g->handle);
            g->handle = 0;
            g->serial = 0;
        }
    }
}

int lanes_failure(struct lanes *l, struct node_event *ret_event)
{
    for (uint32_t i = 0; l->nfailed != 0 && i < WF_PULL_LANES; i++) {
        if (l->dialled[i].failed) {
            l->dialled[i].failed = 0;
            l->nfailed--;
            *ret_event = (struct node_event){.kind = NODE_LANE_DOWN, .lane = i};
            return 1;
        }
    }
    return 0;
}

struct lanes_counts lanes_counts(const struct lanes *l)
{
    struct lanes_counts c = {.refused = l->refused};

    for (size_t i = 0; i < WF_PULL_LANES; i++) {
        c.open += l->dialled[i].uplink != NULL && uplink_is_up(l->dialled[i].uplink);
    }
    for (size_t i = 0; i < LANES_GUESTS; i++) {
        c.guests += l->guests[i].handle != 0 && l->guests[i].said;
    }
    return c;
}

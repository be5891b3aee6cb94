#include "tests/sim/sim.h"

#include "broker/core/mesh/neighbours.h"
#include "common/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIAL_US   (5ull * SECOND)
#define REDIAL_US (250 * MS)
#define BYTES_MS  20000u /* that a lane takes in a millisecond */
#define NEWS_US   (20ull * SECOND)
#define STANDS_HOST                                                                      \
    ((size_t) 12 << 20) /* as broker/bulk.c and agent/data/lanes.c cut                   \
                         */
#define STANDS_NODE ((size_t) 24 << 20)

void lanes_reset(struct sim *s)
{
    struct lanes *l = &s->lanes;

    for (unsigned i = 0; i < l->n; i++) {
        for (unsigned side = 0; side < 2; side++) {
            struct wf_list_node *n;

            while ((n = wf_list_first(&l->v[i].line[side])) != NULL) {
                clock_drop(&s->clock, CONTAINER_OF(n, struct event, spare));
            }
        }
    }
    l->n = 0;
    l->handles = 0;
}

static uint64_t latency(struct sim *s)
{
    return s->swarm.latency_us + below(&s->clock, s->swarm.jitter_us + 1);
}

/* Something for one end to hear of. */
static void tell(struct sim *s, struct pipe *l, unsigned side, uint64_t at_us,
                 enum event_kind kind)
{
    const struct pipe_end *end = &l->end[side];
    struct event *e = clock_add(&s->clock, at_us, kind);

    e->lane = l;
    e->arg = side;
    e->who = end->d != NULL ? &end->d->a : NULL;
    e->host = end->h;
    e->inc = end->inc;
}

/* -- dialling --------------------------------------------------------------------------
 */

static struct pipe *new_lane(struct sim *s, uint32_t number)
{
    struct lanes *all = &s->lanes;
    struct pipe *l;

    if (all->n == LANES) {
        sim_fail(s, "more than %u lanes are opened in one world", LANES);
        return NULL;
    }
    l = &all->v[all->n];
    *l = (struct pipe){.index = all->n++, .until_us = s->clock.now_us + DIAL_US};
    l->end[0].number = number;
    l->end[0].here = l->end[0].knows = 1;
    wf_list_init(&l->line[0]);
    wf_list_init(&l->line[1]);
    return l;
}

static void dial(struct sim *s, struct pipe *l, uint64_t in_us)
{
    struct event *e = clock_add(&s->clock, s->clock.now_us + in_us, EV_LANE_DIAL);

    e->lane = l;
}

/* Where a device says that it listens: "tcp://NAME:1". */
static struct device *device_at(struct sim *s, const char *endpoint)
{
    char at[32];

    for (unsigned i = 0; i < s->ndevices; i++) {
        (void) snprintf(at, sizeof at, "tcp://%s:1", s->devices[i].a.name);
        if (strcmp(at, endpoint) == 0) {
            return &s->devices[i];
        }
    }
    return NULL;
}

static void open_of_device(struct sim *s, struct device *d, const struct wf_effect *x)
{
    struct pipe *l = new_lane(s, x->peer);
    struct wf_lane_to to;

    if (l == NULL) {
        return;
    }
    wf_lane_to_of(&d->a.fx, x, &to);
    l->key = d->a.key;
    l->end[0].d = d;
    l->end[0].inc = d->a.inc;
    if (to.endpoint[0] == '\0') {
        l->end[1].h = d->broker;
    } else {
        l->end[1].d = device_at(s, to.endpoint);
    }
    dial(s, l, latency(s));
}

static void open_of_host(struct sim *s, struct host *h, uint32_t peer)
{
    struct pipe *l = new_lane(s, peer);

    if (l != NULL) {
        l->key = h->key;
        l->end[0].h = h;
        l->end[0].inc = h->inc;
        l->end[1].h = h->ports[peer & ~MESH_DIALLED].a.home;
        dial(s, l, latency(s));
    }
}

static int is_parted(const struct sim *s, const struct pipe *l)
{
    int parted = 0;

    for (unsigned side = 0; side < 2; side++) {
        const struct device *d = l->end[side].d;

        parted |= d != NULL && d->a.parted_until_us > s->clock.now_us;
    }
    return parted;
}

/* It is up and takes who comes: 1; it refuses: 0; nobody answers: -1. */
static int answers(const struct sim *s, const struct pipe *l)
{
    const struct device *d = l->end[1].d;
    const struct host *h = l->end[1].h;

    if (is_parted(s, l)) {
        return -1;
    }
    if (d != NULL) {
        return !d->a.up || d->node == NULL || d->a.paused_until_us > s->clock.now_us
                   ? -1
                   : node_lets_in(d->node, &l->key);
    }
    return h == NULL || !h->up || h->paused_until_us > s->clock.now_us
               ? -1
               : core_admits(h->core, &l->key);
}

void lanes_on_dial(struct sim *s, const struct event *e)
{
    struct pipe *l = e->lane;
    struct pipe_end *to = &l->end[1];

    if (!l->end[0].here) {
        return;
    }
    if (answers(s, l) != 1) {
        if (s->clock.now_us >= l->until_us) {
            l->broken = 1;
            tell(s, l, 0, s->clock.now_us, EV_LANE_DOWN);
        } else {
            dial(s, l, around(&s->clock, REDIAL_US));
        }
        return;
    }
    sim_log(s, l->end[0].d != NULL ? l->end[0].d->a.name : l->end[0].h->name,
            "lane %u to %s", l->index, to->d != NULL ? to->d->a.name : to->h->name);
    l->up = 1;
    to->here = 1;
    to->inc = to->d != NULL ? to->d->a.inc : to->h->inc;
    to->number = to->d != NULL ? WF_LANE_GIVE + l->index : ++s->lanes.handles;
    tell(s, l, 0, s->clock.now_us + latency(s), EV_LANE_UP);
}

/* -- frames ----------------------------------------------------------------------------
 */

/* One message towards an end. */
static void send(struct sim *s, struct pipe *l, unsigned side, const void *p, size_t len)
{
    struct event *parcel;
    int rc;

    if (!l->up || l->broken || !l->end[side].here) {
        return;
    }
    parcel = clock_parcel(&s->clock);
    rc = wf_buf_put(&parcel->bytes, p, len);
    WF_CHECK(rc == 0);
    clock_mix_bytes(&s->clock, p, len);
    wf_list_push_back(&l->line[side], &parcel->spare);
    l->queued[side] += len;
    l->free_us[side] =
        wf_max_u64(l->free_us[side], s->clock.now_us + latency(s)) + len * MS / BYTES_MS;
    tell(s, l, side, l->free_us[side], EV_LANE_FRAME);
    if (l->queued[side] > (l->end[!side].h != NULL ? STANDS_HOST : STANDS_NODE)) {
        sim_fail(s, "%zu bytes stand in a lane: it would be cut", l->queued[side]);
    }
}

/* Both ends of it learn that it is no more, unless they have closed it. */
static void break_lane(struct sim *s, struct pipe *l, uint64_t within_us)
{
    if (l->broken) {
        return;
    }
    l->broken = 1;
    for (unsigned side = 0; side < 2; side++) {
        if (l->end[side].here) {
            tell(s, l, side, s->clock.now_us + below(&s->clock, within_us), EV_LANE_DOWN);
        }
    }
}

void lanes_cut(struct sim *s)
{
    struct pipe *l;

    if (s->lanes.n == 0) {
        return;
    }
    /* Most of the last ones are in use. */
    l = &s->lanes.v[s->lanes.n - 1 - below(&s->clock, wf_min_u64(s->lanes.n, 12))];
    if (l->up && !l->broken) {
        sim_log(s, "chaos", "lane %u breaks", l->index);
        break_lane(s, l, percent(&s->clock, 70) ? 300 * MS : NEWS_US);
    }
}

static void close_end(struct sim *s, struct pipe *l, unsigned side)
{
    l->end[side].here = 0;
    if (!l->up) {
        l->broken = 1;
    }
    break_lane(s, l, latency(s) + 1);
}

/* -- effects ---------------------------------------------------------------------------
 */

static struct pipe *find(struct sim *s, const struct device *d, const struct host *h,
                         uint32_t number, unsigned *ret_side)
{
    for (unsigned i = s->lanes.n; i-- > 0;) {
        struct pipe *l = &s->lanes.v[i];

        for (unsigned side = 0; side < 2; side++) {
            const struct pipe_end *end = &l->end[side];

            if (end->here && end->number == number && end->d == d && end->h == h) {
                *ret_side = side;
                return l;
            }
        }
    }
    return NULL;
}

static void send_or_close(struct sim *s, const struct device *d, const struct host *h,
                          const struct wf_effects *fx, const struct wf_effect *x)
{
    unsigned side = 0;
    struct pipe *l = find(s, d, h, x->peer, &side);

    if (l != NULL && x->kind == WF_EFFECT_LANE_CLOSE) {
        close_end(s, l, side);
    } else if (l != NULL) {
        send(s, l, !side, wf_effect_bytes(fx, x), x->len);
    }
}

int lanes_of_device(struct sim *s, struct device *d, const struct wf_effect *x)
{
    if (x->kind == WF_EFFECT_LANE_OPEN) {
        open_of_device(s, d, x);
    } else if (x->kind == WF_EFFECT_LANE_SEND || x->kind == WF_EFFECT_LANE_CLOSE) {
        send_or_close(s, d, NULL, &d->a.fx, x);
    } else {
        return 0;
    }
    return 1;
}

int lanes_of_host(struct sim *s, struct host *h, const struct wf_effect *x)
{
    if (x->kind == WF_EFFECT_LANE_OPEN) {
        open_of_host(s, h, x->peer);
    } else if (x->kind == WF_EFFECT_LANE_SEND || x->kind == WF_EFFECT_LANE_CLOSE) {
        send_or_close(s, NULL, h, &h->fx, x);
    } else {
        return 0;
    }
    return 1;
}

static void end_process(struct sim *s, const struct device *d, const struct host *h)
{
    for (unsigned i = 0; i < s->lanes.n; i++) {
        struct pipe *l = &s->lanes.v[i];

        for (unsigned side = 0; side < 2; side++) {
            if (l->end[side].here && l->end[side].d == d && l->end[side].h == h) {
                l->end[side].here = 0;
                break_lane(s, l, percent(&s->clock, 80) ? 300 * MS : NEWS_US);
            }
        }
    }
}

void lanes_end_device(struct sim *s, const struct device *d)
{
    end_process(s, d, NULL);
}

void lanes_end_host(struct sim *s, const struct host *h)
{
    end_process(s, NULL, h);
}

/* -- what an end hears -----------------------------------------------------------------
 */

uint64_t lanes_parted_until_us(const struct event *e)
{
    uint64_t until_us = 0;

    if (e->kind != EV_LANE_FRAME && e->kind != EV_LANE_UP) {
        return 0;
    }
    for (unsigned side = 0; side < 2; side++) {
        const struct device *d = e->lane->end[side].d;

        until_us = d != NULL ? wf_max_u64(until_us, d->a.parted_until_us) : until_us;
    }
    return until_us;
}

static void tell_device(struct sim *s, const struct pipe_end *end,
                        enum node_event_kind kind, const struct wf_msg *msg,
                        const struct wf_key *peer, uint64_t bytes)
{
    struct node_event ev = {
        .kind = kind, .lane = end->number, .msg = msg, .peer = peer, .bytes = bytes};

    if (end->d->node != NULL) {
        device_do(s, end->d, &ev);
    }
}

static void tell_host(struct sim *s, const struct pipe *l, const struct pipe_end *end,
                      enum broker_event_kind kind, uint64_t queued)
{
    struct broker_event ev = {
        .kind = kind, .peer = end->number, .key = l->key, .queued = queued};

    host_step(s, end->h, &ev);
}

static void up(struct sim *s, struct pipe *l, struct pipe_end *end)
{
    struct wf_lane m;
    struct wf_buf first = WF_BUF_INIT(64);
    int rc;

    if (l->broken) {
        return;
    }
    if (end->h != NULL) {
        tell_host(s, l, end, BROKER_LANE_UP, 0); /* its core says `lane` */
        return;
    }
    m = (struct wf_lane){.epoch = end->d->cfg.link.epoch};
    rc = wf_msg_encode(&first, WF_MSG_lane, &m);
    WF_CHECK(rc == 0);
    send(s, l, 1, first.p, first.len);
    wf_buf_fini(&first);
    tell_device(s, end, NODE_LANE_UP, NULL, NULL, 0);
}

static void hear_at_device(struct sim *s, struct pipe *l, unsigned side,
                           const struct wf_msg *msg)
{
    struct pipe_end *end = &l->end[side];

    if (!end->knows) {
        if (msg->type != WF_MSG_lane) {
            sim_fail(s, "a lane begins with message %d", (int) msg->type);
        }
        end->knows = 1;
        tell_device(s, end, NODE_LANE_UP, NULL, &l->key, 0);
        return;
    }
    tell_device(s, end, NODE_LANE_MSG, msg, side == 1 ? &l->key : NULL, 0);
}

static void hear_at_host(struct sim *s, struct pipe *l, unsigned side,
                         const struct wf_msg *msg, const struct wf_buf *raw)
{
    struct pipe_end *end = &l->end[side];
    struct broker_event ev = {.kind = BROKER_LANE_MSG,
                              .peer = end->number,
                              .msg = msg,
                              .record = wf_slice_make(raw->p, (uint32_t) raw->len)};

    if (!end->knows) {
        end->knows = 1;
        tell_host(s, l, end, BROKER_LANE_UP, 0);
    }
    if (end->here && end->h->up) {
        host_step(s, end->h, &ev);
    }
}

/* Those who dialled another device give nothing on that lane. */
static int wants_room(const struct pipe *l, unsigned side)
{
    return l->end[side].d == NULL || side == 1 || l->end[side].number == WF_LANE_BROKER;
}

static void frame(struct sim *s, struct pipe *l, unsigned side)
{
    struct event *parcel =
        CONTAINER_OF(wf_list_first(&l->line[side]), struct event, spare);
    struct wf_cursor cur;
    struct wf_msg msg;
    int rc;

    wf_list_remove(&parcel->spare);
    l->queued[side] -= parcel->bytes.len;
    wf_cur_init(&cur, parcel->bytes.p, parcel->bytes.len);
    rc = wf_msg_decode(&cur, &msg);
    WF_CHECK(rc == 0);
    if (l->end[side].here && !l->broken) {
        if (wants_room(l, !side) && l->end[!side].here) {
            tell(s, l, !side, s->clock.now_us, EV_LANE_ROOM);
        }
        if (l->end[side].d != NULL) {
            hear_at_device(s, l, side, &msg);
        } else {
            hear_at_host(s, l, side, &msg, &parcel->bytes);
        }
    }
    clock_drop(&s->clock, parcel);
}

static void down(struct sim *s, const struct pipe *l, struct pipe_end *end)
{
    end->here = 0;
    if (end->knows && end->h != NULL) {
        tell_host(s, l, end, BROKER_LANE_DOWN, 0);
    } else if (end->knows) {
        tell_device(s, end, NODE_LANE_DOWN, NULL, NULL, 0);
    }
}

static void room(struct sim *s, const struct pipe *l, unsigned side)
{
    const struct pipe_end *end = &l->end[side];

    if (!end->knows) {
        return;
    }
    if (end->h != NULL) {
        tell_host(s, l, end, BROKER_LANE_ROOM, l->queued[!side]);
    } else {
        tell_device(s, end, NODE_LANE_ROOM, NULL, NULL, l->queued[!side]);
    }
}

void lanes_take(struct sim *s, const struct event *e)
{
    struct pipe *l = e->lane;
    const unsigned side = (unsigned) e->arg;
    struct pipe_end *end = &l->end[side];

    if (e->kind == EV_LANE_FRAME) {
        frame(s, l, side);
        return;
    }
    if (!end->here) {
        return;
    }
    switch (e->kind) {
    case EV_LANE_UP:
        up(s, l, end);
        break;
    case EV_LANE_DOWN:
        down(s, l, end);
        break;
    default:
        room(s, l, side);
        break;
    }
}

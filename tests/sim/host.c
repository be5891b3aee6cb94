#include "tests/sim/sim.h"

#include "common/check.h"
#include "common/err.h"
#include "common/mem.h"
#include "tests/sim/abroad.h"
#include "tests/sim/oracle.h"
#include "tests/sim/roam/whose.h"

#include <string.h>

static const uint8_t frame_header[2] = {WF_FRAME_MAGIC, WF_FRAME_VERSION};

void host_init(struct host *h, struct clock *c)
{
    memset(h, 0, sizeof *h);
    disk_init(&h->disk);
    lite_init(&h->lite, c);
    wf_effects_init(&h->fx);
    wf_list_init(&h->turn);
}

void host_fini(struct host *h)
{
    core_free(h->core);
    h->core = NULL;
    wf_effects_fini(&h->fx);
    lite_fini(&h->lite);
    disk_fini(&h->disk);
}

void host_reset(struct sim *s, struct host *h)
{
    h->inc = (uint64_t) h->index << 20; /* a process has one number, wherever it is */
    h->old = 0;
    h->power = 0;
    h->own = (struct local){0};
    h->paused_until_us = 0;
    h->starved = 0;
    h->nports = 0;
    disk_reset(s, h);
}

static struct port *port_at(struct host *h, uint32_t peer)
{
    const uint32_t i = peer & ~MESH_DIALLED;

    WF_CHECK(i < h->nports);
    return &h->ports[i];
}

/* What it asks for a link that it dialled. */
static void carry_dialled(struct sim *s, struct host *h, const struct wf_effect *x)
{
    struct port *p = port_at(h, x->peer);

    if (x->kind == WF_EFFECT_SEND && p->a.conn != NULL) {
        oracle_says(s, h, p->a.conn, wf_effect_bytes(&h->fx, x), x->len);
    }
    if (x->kind != WF_EFFECT_CLOSE) {
        port_effect(s, p, x);
    }
}

static int is_dialled(const struct wf_effect *x)
{
    return (x->kind == WF_EFFECT_SEND || x->kind == WF_EFFECT_CLOSE ||
            x->kind == WF_EFFECT_CONNECT || x->kind == WF_EFFECT_DISCONNECT) &&
           (x->peer & MESH_DIALLED) != 0;
}

static void say(struct sim *s, struct host *h, const struct wf_effect *x)
{
    struct conn *c = net_peer(&s->net, x->peer);
    int rc = 0;

    if (c == NULL || !c->there) {
        return;
    }
    oracle_says(s, h, c, wf_effect_bytes(&h->fx, x), x->len);
    if (c->out.len == 0) {
        rc = wf_buf_put(&c->out, frame_header, sizeof frame_header);
        wf_list_push_back(&h->turn, &c->turn);
    }
    WF_CHECK(rc == 0);
    rc = wf_buf_put(&c->out, wf_effect_bytes(&h->fx, x), x->len);
    WF_CHECK(rc == 0);
}

static void flush(struct sim *s, struct conn *c)
{
    wf_list_remove(&c->turn);
    net_send(s, c, NET_TO_ACTOR, &c->out);
}

static void carry(struct sim *s, struct host *h)
{
    struct wf_effects *fx = &h->fx;
    struct wf_list_node *n;

    for (size_t i = 0; i < fx->n; i++) {
        const struct wf_effect *x = &fx->v[i];
        struct conn *c;

        if (is_dialled(x)) {
            carry_dialled(s, h, x);
            continue;
        }
        switch (x->kind) {
        case WF_EFFECT_SEND:
            say(s, h, x);
            break;
        case WF_EFFECT_CLOSE:
            c = net_peer(&s->net, x->peer);
            if (c != NULL && c->there) {
                flush(s, c);
                net_close(s, c);
            }
            break;
        case WF_EFFECT_APPEND:
            disk_append(h, x->peer, x->arg, wf_effect_bytes(fx, x), x->len);
            break;
        case WF_EFFECT_SYNC:
            disk_sync(s, h);
            break;
        case WF_EFFECT_TRACE:
            sim_log(s, h->name, "%.*s", (int) x->len,
                    (const char *) wf_effect_bytes(fx, x));
            break;
        case WF_EFFECT_LANE_OPEN:
        case WF_EFFECT_LANE_SEND:
        case WF_EFFECT_LANE_CLOSE:
            (void) lanes_of_host(s, h, x);
            break;
        default:
            sim_fail(s, "%s asks for effect %d", h->name, (int) x->kind);
        }
    }
    while ((n = wf_list_first(&h->turn)) != NULL) {
        flush(s, CONTAINER_OF(n, struct conn, turn));
    }
    for (unsigned i = 0; i < h->nports; i++) {
        port_flush(s, &h->ports[i]);
    }
    wf_effects_clear(fx);
}

static void plan_tick(struct sim *s, struct host *h)
{
    uint64_t due_us = h->up ? local_due_us(&h->own, core_wakeup_us(h->core)) : UINT64_MAX;

    if (h->tick != NULL && (due_us == UINT64_MAX || h->tick->at.key > due_us + 1)) {
        clock_drop(&s->clock, h->tick);
        h->tick = NULL;
    }
    if (h->tick == NULL && due_us != UINT64_MAX) {
        h->tick = clock_add(&s->clock, due_us, EV_TICK);
        h->tick->host = h;
        h->tick->inc = h->inc;
    }
}

/* As a service manager does. */
static void start_later(struct sim *s, struct host *h)
{
    struct event *e =
        clock_add(&s->clock, s->clock.now_us + around(&s->clock, SECOND), EV_START);

    e->host = h;
}

static void step_once(struct sim *s, struct host *h, struct broker_event *ev)
{
    ev->now_us = local_us(&h->own, &s->clock);
    ev->wall_ms = local_wall_ms(&h->own, &s->clock);
    /* What was being written then is still told. */
    h->reads_only = h->core->rolled_back && ev->kind != BROKER_DURABLE;
    core_step(h->core, ev, &h->fx);
    (void) wf_mem_fail_after(-1);
    if (ev->kind != BROKER_RECORD) {
        /* Jobs are read before their outcomes. */
        core_check(h->core);
        oracle_step(s, h);
    }
}

void host_step(struct sim *s, struct host *h, struct broker_event *ev)
{
    struct broker_event forgetful = {.kind = BROKER_FORGETFUL};
    int lost;

    if (h->starved != 0) {
        /* Also the effects have to grow again. */
        wf_effects_fini(&h->fx);
        (void) wf_mem_fail_after((long) h->starved - 1);
        h->starved = 0;
    }
    step_once(s, h, ev);
    lost = h->fx.err != 0;
    carry(s, h);
    if (lost) {
        step_once(s, h, &forgetful);
        carry(s, h);
    }
    plan_tick(s, h);
    if (h->disk.over) {
        /* Nothing more could be written: the process ends, as the store's owner has it.
         */
        host_crash(s, h, 0);
        start_later(s, h);
    }
}

static void plan_poll(struct sim *s, struct host *h, uint64_t in_us)
{
    struct event *e = clock_add(&s->clock, s->clock.now_us + in_us, EV_POLL);

    e->host = h;
    e->inc = h->inc;
}

struct reader {
    struct sim *s;
    struct host *h;
};

static void take_record(void *arg, unsigned table, struct wf_slice record)
{
    const struct reader *r = arg;
    struct broker_event ev = {.kind = BROKER_RECORD, .table = table, .record = record};

    host_step(r->s, r->h, &ev);
}

void host_start(struct sim *s, struct host *h)
{
    struct broker_event loaded = {.kind = BROKER_LOADED};
    struct reader r = {s, h};
    int rc;

    if (h->up) {
        return;
    }
    if (disk_open(s, h) != 0) {
        start_later(s, h);
        return;
    }
    h->up = 1;
    h->starved = 0;
    h->inc++;
    h->old |= h->disk.is_old ? UINT64_C(1) << (h->inc % 64) : 0;
    h->cfg.epoch = wf_rng_next(&s->clock.rng);
    h->cfg.seed = wf_rng_next(&s->clock.rng);
    h->cfg.durable = 1;
    h->cfg.shared = h->joint.base != NULL;
    h->cfg.store_id = h->disk.facts.id;
    h->cfg.boot = h->disk.facts.boot;
    h->cfg.lsn = h->disk.facts.lsn;
    h->cfg.accept_rollback = h->disk.forked && !h->disk.is_old;
    rc = core_new(&h->cfg, &h->core);
    WF_CHECK(rc == 0);
    if (disk_load(s, h, take_record, &r) != 0) {
        h->up = 0;
        core_free(h->core);
        h->core = NULL;
        disk_crash(s, h, 0);
        start_later(s, h);
        return;
    }
    if (core_bad_records(h->core) != 0) {
        sim_fail(s, "%s does not read its own records", h->name);
    }
    host_step(s, h, &loaded);
    if (h->up && h->joint.base != NULL) {
        plan_poll(s, h, 0);
    }
    if (h->up) {
        oracle_keys(s, h);
        h->awake_us = wf_max_u64(s->clock.now_us, h->paused_until_us);
        sim_log(s, h->name, "start %u", (unsigned) h->inc);
    }
    for (unsigned i = 0; i < h->nports && h->up; i++) {
        port_start(s, &h->ports[i]);
    }
}

void host_crash(struct sim *s, struct host *h, int power)
{

    if (!h->up) {
        return;
    }
    sim_log(s, h->name, power ? "power cut" : "crash");
    h->up = 0;
    h->paused_until_us = 0;
    plan_tick(s, h);
    net_cut_host(s, h, percent(&s->clock, 30));
    for (unsigned i = 0; i < h->nports; i++) {
        port_crash(s, &h->ports[i]);
    }
    lanes_end_host(s, h);
    core_free(h->core);
    h->core = NULL;
    disk_crash(s, h, power);
    if (power) {
        local_boot(&h->own, &s->clock);
    }
}

void host_stop(struct sim *s, struct host *h)
{
    struct broker_event ev = {.kind = BROKER_STOPPING};

    if (h->up) {
        host_step(s, h, &ev);
    }
}

int host_was_old(const struct host *h, uint64_t inc)
{
    return (h->old >> (inc % 64) & 1) != 0;
}

void host_heard(struct sim *s, struct host *h, const struct conn *c,
                const struct wf_msg *m)
{
    if (m->type == WF_MSG_result_ack && actor_is_port(c->who)) {
        oracle_acked(s, h, c, &m->u.result_ack);
    }
    if (m->type == WF_MSG_assign && actor_is_port(c->who)) {
        history_guest(s, h, c->to == h ? &c->key : &c->to->key, &m->u.assign);
    }
}

/* A frame that no decoder takes ends the session, as the shell ends it. */
static void end_session(struct sim *s, struct host *h, struct conn *c)
{
    struct broker_event ev = {.kind = BROKER_PEER_DOWN, .peer = c->peer};

    net_close(s, c);
    host_step(s, h, &ev);
}

static void read_frame(struct sim *s, struct host *h, struct conn *c,
                       const struct event *e)
{
    struct wf_cursor cur;
    struct wf_msg msg;

    if (!c->there) {
        struct broker_event ev = {.kind = BROKER_PEER_UP, .peer = c->peer, .key = c->key};

        c->there = 1;
        host_step(s, h, &ev);
    }
    wf_cur_init(&cur, e->bytes.p + 2, e->bytes.len - 2);
    while (wf_cur_left(&cur) > 0 && c->there) {
        struct broker_event ev = {.kind = BROKER_MSG, .peer = c->peer, .msg = &msg};
        int rc = wf_msg_decode(&cur, &msg);

        if (rc == WEFT_ESUPPORT) {
            continue;
        }
        if (rc != 0) {
            end_session(s, h, c);
            return;
        }
        sim_log_msg(s, c->who->name, h->name, &msg);
        if (msg.type == WF_MSG_submit) {
            whose_reached(s, h, c->who, &msg.u.submit);
        }
        oracle_heard(h, &msg, c);
        host_heard(s, h, c, &msg);
        host_step(s, h, &ev);
        oracle_took(s, h);
    }
}

/* Jobs that were not written, because another broker has their ids. */
static void tell_taken(struct sim *s, struct host *h, size_t from)
{
    const size_t to = h->disk.safe;
    const uint64_t inc = h->inc;

    for (size_t i = from; i < to && h->up && h->inc == inc; i++) {
        struct broker_event ev = {.kind = BROKER_TAKEN, .lsn = h->disk.records[i].lsn};

        if (h->disk.records[i].taken) {
            host_step(s, h, &ev);
        }
    }
}

static void on_synced(struct sim *s, struct host *h)
{
    struct broker_event ev = {.kind = BROKER_DURABLE};
    const size_t from = h->disk.safe;
    int rc = disk_committed(s, h, &ev.lsn);

    if (rc < 0) {
        host_crash(s, h, h->power);
        start_later(s, h);
        return;
    }
    ev.kind = rc > 0 ? BROKER_DURABLE : BROKER_STORE_ERROR;
    if (rc > 0 && h->joint.base != NULL) {
        tell_taken(s, h, from);
    }
    if (!h->up) {
        return;
    }
    host_step(s, h, &ev);
    if (rc > 0 && percent(&s->clock, 3)) {
        oracle_replay(s, h);
    }
    if (rc > 0 && h->lite.on && h->up && percent(&s->clock, 2)) {
        lite_examine(s, h);
    }
}

/* Rows of a poll, on their way from the store's thread. */
struct found {
    struct wf_buf bytes;
};

struct found_head {
    unsigned table;
    uint32_t len;
};

static void find_row(void *arg, unsigned table, struct wf_slice record)
{
    struct found *f = arg;
    const struct found_head head = {table, record.len};
    int rc = wf_buf_put(&f->bytes, &head, sizeof head);

    rc = rc == 0 ? wf_buf_put(&f->bytes, record.p, record.len) : rc;
    WF_CHECK(rc == 0);
}

static void take_found(struct sim *s, struct host *h, const struct found *f)
{
    struct reader r = {s, h};
    const uint64_t inc = h->inc;

    for (size_t at = 0; at < f->bytes.len && h->up && h->inc == inc;) {
        struct found_head head;

        memcpy(&head, f->bytes.p + at, sizeof head);
        at += sizeof head;
        take_record(&r, head.table, wf_slice_make(f->bytes.p + at, head.len));
        at += head.len;
    }
}

static void on_poll(struct sim *s, struct host *h)
{
    struct found f = {WF_BUF_INIT(64u << 20)};
    int rc = joint_poll(s, h, find_row, &f);

    if (rc == WEFT_ESTATE) {
        sim_log(s, h->name, "is fenced");
        host_crash(s, h, 0);
        start_later(s, h);
    } else {
        plan_poll(s, h, SECOND);
        take_found(s, h, &f);
    }
    wf_buf_fini(&f.bytes);
}

void host_take(struct sim *s, struct host *h, struct event *e)
{
    struct conn *c = e->conn;
    struct broker_event ev = {.kind = BROKER_TICK};
    struct event *parcel;

    if (e->kind == EV_TO_BROKER) {
        parcel = net_arrive(c, NET_TO_BROKER);
        if (h->up && c->broker_inc == h->inc && c->let_in && !c->broken) {
            read_frame(s, h, c, parcel);
        }
        clock_drop(&s->clock, parcel);
        return;
    }
    if (e->kind == EV_GONE_THERE) {
        if (h->up && c->broker_inc == h->inc && c->let_in) {
            ev = (struct broker_event){.kind = BROKER_PEER_DOWN, .peer = c->peer};
            c->let_in = 0;
            c->broken = 1;
            if (c->there) {
                c->there = 0;
                host_step(s, h, &ev);
            }
        }
        return;
    }
    if (!h->up || e->inc != h->inc) {
        return;
    }
    if (e->kind == EV_SYNCED) {
        on_synced(s, h);
        return;
    }
    if (e->kind == EV_POLL) {
        on_poll(s, h);
        return;
    }
    if (e->lane != NULL) {
        lanes_take(s, e);
        return;
    }
    h->tick = NULL;
    host_step(s, h, &ev);
}

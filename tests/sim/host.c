#include "tests/sim/sim.h"

#include "common/check.h"
#include "common/mem.h"
#include "tests/sim/oracle.h"

static const uint8_t frame_header[2] = {WF_FRAME_MAGIC, WF_FRAME_VERSION};

void host_init(struct host *h)
{
    *h = (struct host){0};
    wf_effects_init(&h->fx);
    wf_list_init(&h->turn);
}

void host_fini(struct host *h)
{
    core_free(h->core);
    h->core = NULL;
    wf_effects_fini(&h->fx);
}

static void say(struct sim *s, const struct wf_effect *x)
{
    struct conn *c = net_peer(&s->net, x->peer);
    int rc = 0;

    if (c == NULL || !c->there) {
        return;
    }
    oracle_says(s, c, wf_effect_bytes(&s->host.fx, x), x->len);
    if (c->out.len == 0) {
        rc = wf_buf_put(&c->out, frame_header, sizeof frame_header);
        wf_list_push_back(&s->host.turn, &c->turn);
    }
    WF_CHECK(rc == 0);
    rc = wf_buf_put(&c->out, wf_effect_bytes(&s->host.fx, x), x->len);
    WF_CHECK(rc == 0);
}

static void flush(struct sim *s, struct conn *c)
{
    wf_list_remove(&c->turn);
    net_send(s, c, NET_TO_ACTOR, &c->out);
}

static void carry(struct sim *s)
{
    struct wf_effects *fx = &s->host.fx;
    struct wf_list_node *n;

    for (size_t i = 0; i < fx->n; i++) {
        const struct wf_effect *x = &fx->v[i];
        struct conn *c;

        switch (x->kind) {
        case WF_EFFECT_SEND:
            say(s, x);
            break;
        case WF_EFFECT_CLOSE:
            c = net_peer(&s->net, x->peer);
            if (c != NULL && c->there) {
                flush(s, c);
                net_close(s, c);
            }
            break;
        case WF_EFFECT_APPEND:
            disk_append(s, x->peer, x->arg, wf_effect_bytes(fx, x), x->len);
            break;
        case WF_EFFECT_SYNC:
            disk_sync(s);
            break;
        case WF_EFFECT_TRACE:
            sim_log(s, "broker", "%.*s", (int) x->len,
                    (const char *) wf_effect_bytes(fx, x));
            break;
        default:
            sim_fail(s, "the broker asks for effect %d", (int) x->kind);
        }
    }
    while ((n = wf_list_first(&s->host.turn)) != NULL) {
        flush(s, CONTAINER_OF(n, struct conn, turn));
    }
    wf_effects_clear(fx);
}

static void plan_tick(struct sim *s)
{
    struct host *h = &s->host;
    uint64_t due_us = h->up ? local_due_us(&h->own, core_wakeup_us(h->core)) : UINT64_MAX;

    if (h->tick != NULL && (due_us == UINT64_MAX || h->tick->at.key > due_us + 1)) {
        clock_drop(&s->clock, h->tick);
        h->tick = NULL;
    }
    if (h->tick == NULL && due_us != UINT64_MAX) {
        h->tick = clock_add(&s->clock, due_us, EV_TICK);
        h->tick->inc = h->inc;
    }
}

/* As a service manager does. */
static void start_later(struct sim *s)
{
    (void) clock_add(&s->clock, s->clock.now_us + around(&s->clock, SECOND), EV_START);
}

static void step_once(struct sim *s, struct broker_event *ev)
{
    ev->now_us = local_us(&s->host.own, &s->clock);
    ev->wall_ms = local_wall_ms(&s->host.own, &s->clock);
    /* What was being written then is still told. */
    s->host.reads_only = s->host.core->rolled_back && ev->kind != BROKER_DURABLE;
    core_step(s->host.core, ev, &s->host.fx);
    (void) wf_mem_fail_after(-1);
    if (ev->kind != BROKER_RECORD) {
        /* Jobs are read before their outcomes. */
        core_check(s->host.core);
        oracle_step(s);
    }
}

static void step(struct sim *s, struct broker_event *ev)
{
    struct broker_event forgetful = {.kind = BROKER_FORGETFUL};
    int lost;

    if (s->host.starved != 0) {
        /* Also the effects have to grow again. */
        wf_effects_fini(&s->host.fx);
        (void) wf_mem_fail_after((long) s->host.starved - 1);
        s->host.starved = 0;
    }
    step_once(s, ev);
    lost = s->host.fx.err != 0;
    carry(s);
    if (lost) {
        step_once(s, &forgetful);
        carry(s);
    }
    plan_tick(s);
    if (s->disk.over) {
        /* Nothing more could be written: the process ends, as the store's owner has it.
         */
        host_crash(s, 0);
        start_later(s);
    }
}

static void take_record(void *arg, unsigned table, struct wf_slice record)
{
    struct broker_event ev = {.kind = BROKER_RECORD, .table = table, .record = record};

    step(arg, &ev);
}

void host_start(struct sim *s)
{
    struct host *h = &s->host;
    struct broker_event loaded = {.kind = BROKER_LOADED};
    int rc;

    if (h->up) {
        return;
    }
    if (disk_open(s) != 0) {
        start_later(s);
        return;
    }
    h->up = 1;
    h->starved = 0;
    h->inc++;
    h->old |= s->disk.is_old ? UINT64_C(1) << (h->inc % 64) : 0;
    h->cfg.epoch = wf_rng_next(&s->clock.rng);
    h->cfg.seed = wf_rng_next(&s->clock.rng);
    h->cfg.durable = 1;
    h->cfg.store_id = s->disk.facts.id;
    h->cfg.boot = s->disk.facts.boot;
    h->cfg.lsn = s->disk.facts.lsn;
    h->cfg.accept_rollback = s->disk.forked && !s->disk.is_old;
    rc = core_new(&h->cfg, &h->core);
    WF_CHECK(rc == 0);
    if (disk_load(s, take_record, s) != 0) {
        h->up = 0;
        core_free(h->core);
        h->core = NULL;
        disk_crash(s, 0);
        start_later(s);
        return;
    }
    if (core_bad_records(h->core) != 0) {
        sim_fail(s, "the broker does not read its own records");
    }
    step(s, &loaded);
    if (h->up) {
        oracle_keys(s);
        h->awake_us = wf_max_u64(s->clock.now_us, h->paused_until_us);
        sim_log(s, "broker", "start %u", (unsigned) h->inc);
    }
}

void host_crash(struct sim *s, int power)
{
    struct host *h = &s->host;

    if (!h->up) {
        return;
    }
    sim_log(s, "broker", power ? "power cut" : "crash");
    h->up = 0;
    h->paused_until_us = 0;
    plan_tick(s);
    net_cut_all(s, NULL, percent(&s->clock, 30));
    core_free(h->core);
    h->core = NULL;
    disk_crash(s, power);
    if (power) {
        local_boot(&h->own, &s->clock);
    }
}

void host_stop(struct sim *s)
{
    struct broker_event ev = {.kind = BROKER_STOPPING};

    if (s->host.up) {
        step(s, &ev);
    }
}

int host_was_old(const struct host *h, uint64_t inc)
{
    return (h->old >> (inc % 64) & 1) != 0;
}

/* A frame that no decoder takes ends the session, as the shell ends it. */
static void end_session(struct sim *s, struct conn *c)
{
    struct broker_event ev = {.kind = BROKER_PEER_DOWN, .peer = c->peer};

    net_close(s, c);
    step(s, &ev);
}

static void read_frame(struct sim *s, struct conn *c, const struct event *e)
{
    struct wf_cursor cur;
    struct wf_msg msg;

    if (!c->there) {
        struct broker_event ev = {.kind = BROKER_PEER_UP, .peer = c->peer, .key = c->key};

        c->there = 1;
        step(s, &ev);
    }
    wf_cur_init(&cur, e->bytes.p + 2, e->bytes.len - 2);
    while (wf_cur_left(&cur) > 0 && c->there) {
        struct broker_event ev = {.kind = BROKER_MSG, .peer = c->peer, .msg = &msg};
        int rc = wf_msg_decode(&cur, &msg);

        if (rc == WEFT_ESUPPORT) {
            continue;
        }
        if (rc != 0) {
            end_session(s, c);
            return;
        }
        sim_log_msg(s, c->who->name, "broker", &msg);
        if (msg.type == WF_MSG_submit) {
            history_submit(s, c->who, &msg.u.submit);
        }
        oracle_heard(s, &msg, c);
        step(s, &ev);
        oracle_took(s);
    }
}

static void on_synced(struct sim *s)
{
    struct broker_event ev = {.kind = BROKER_DURABLE};
    int rc = disk_committed(s, &ev.lsn);

    if (rc < 0) {
        host_crash(s, s->host.power);
        start_later(s);
        return;
    }
    ev.kind = rc > 0 ? BROKER_DURABLE : BROKER_STORE_ERROR;
    step(s, &ev);
    if (rc > 0 && percent(&s->clock, 3)) {
        oracle_replay(s);
    }
    if (rc > 0 && s->lite.on && s->host.up && percent(&s->clock, 2)) {
        lite_examine(s);
    }
}

void host_take(struct sim *s, struct event *e)
{
    struct host *h = &s->host;
    struct conn *c = e->conn;
    struct broker_event ev = {.kind = BROKER_TICK};
    struct event *parcel;

    if (e->kind == EV_TO_BROKER) {
        parcel = net_arrive(c, NET_TO_BROKER);
        if (h->up && c->broker_inc == h->inc && c->let_in && !c->broken) {
            read_frame(s, c, parcel);
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
                step(s, &ev);
            }
        }
        return;
    }
    if (!h->up || e->inc != h->inc) {
        return;
    }
    if (e->kind == EV_SYNCED) {
        on_synced(s);
        return;
    }
    h->tick = NULL;
    step(s, &ev);
}

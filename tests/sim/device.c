#include "tests/sim/sim.h"

#include "agent/core/node_int.h"
#include "common/check.h"
#include "common/mem.h"
#include "tests/sim/handlers.h"
#include "tests/sim/roam/held.h"

#include <stdio.h>
#include <string.h>

#define SPOOL_AMPLE  (1u << 20)
#define SPOOL_LAG_US (2ull * SECOND) /* from the end of a run to its record */

static uint64_t draw_spool(struct clock *c)
{
    switch (below(c, 5)) {
    case 0:
        return 0;
    case 1:
        return 200 + below(c, 3000);
    default:
        return SPOOL_AMPLE;
    }
}

void device_draw(struct sim *s, struct device *d, int offers_all)
{
    struct node_config *cfg = &d->cfg;

    node_config_init(cfg);
    cfg->link.retry_min_ms = 20;
    cfg->link.retry_max_ms = 400;
    cfg->link.dial_ms = 900;
    cfg->slots = 1 + below(&s->clock, 3);
    cfg->stream_after_ms = below(&s->clock, 2) ? 20 : 200;
    cfg->max_log = 4096;
    cfg->grace_ms = 50;
    cfg->spool_bytes = draw_spool(&s->clock);
    cfg->spool_age_ms = percent(&s->clock, 10) ? 1000 + below(&s->clock, 9000) : 0;
    for (unsigned i = 0; i < s->swarm.ncaps; i++) {
        struct node_capability *c = &cfg->caps[cfg->ncaps];

        if (!offers_all && percent(&s->clock, s->nhosts > 1 ? 65 : 40)) {
            continue;
        }
        (void) snprintf(c->name, sizeof c->name, "c%u", i);
        c->version = offers_all ? 1 : 1 + (uint32_t) below(&s->clock, 2);
        c->kind = below(&s->clock, 2) ? WF_HANDLER_EXEC : WF_HANDLER_WORKER;
        c->slots = 1 + below(&s->clock, cfg->slots);
        c->queue = below(&s->clock, 3);
        c->wall_ms = percent(&s->clock, 25) ? 15000 : 2000;
        c->max_output = DEVICE_OUTPUT;
        cfg->ncaps++;
    }
    if (percent(&s->clock, 50)) {
        (void) snprintf(cfg->labels[cfg->nlabels++], sizeof cfg->labels[0], "zone=a");
    }
}

void device_stock(struct sim *s, struct device *d)
{
    struct node_config *cfg = &d->cfg;

    if (!d->shelf.on) {
        return;
    }
    cfg->data_cap = 1u << 30;
    (void) snprintf(cfg->pull.site, sizeof cfg->pull.site, "%s", d->a.home->cfg.site);
    cfg->pull.max_inflight = 1u << 20;
    if (percent(&s->clock, 60)) {
        (void) snprintf(cfg->bulk, sizeof cfg->bulk, "tcp://%s:1", d->a.name);
    }
}

void device_do(struct sim *s, struct device *d, struct node_event *ev)
{
    uint64_t held;

    ev->now_us = actor_us(s, &d->a);
    ev->wall_ms = local_wall_ms(&d->a.own, &s->clock);
    if (d->a.starved != 0) {
        wf_effects_fini(&d->a.fx);
        (void) wf_mem_fail_after((long) d->a.starved - 1);
        d->a.starved = 0;
    }
    held = held_before(s, d, ev);
    node_step(d->node, ev, &d->a.fx);
    (void) wf_mem_fail_after(-1);
    node_check(d->node);
    held_after(s, d, ev, held);
    if (node_link(d->node)->state == WF_LINK_READY) {
        d->cut_us = 0;
        d->broker = d->a.at;
        d->seen_us[d->a.at->index] = actor_us(s, &d->a);
    } else if (d->cut_us == 0) {
        d->cut_us = actor_us(s, &d->a);
    }
}

/* -- the spool -------------------------------------------------------------------------
 */

static void restore(struct sim *s, struct device *d)
{
    for (unsigned i = 0; i < SPOOL_FILES; i++) {
        const struct spool_file *f = &d->spool.files[i];
        struct node_event ev = {.kind = NODE_RECORD,
                                .key = wf_slice_make(f->key, sizeof f->key),
                                .value = wf_slice_make(f->value.p, f->value.len),
                                .lsn = f->lsn};

        if (f->here) {
            device_do(s, d, &ev);
        }
    }
    if (node_counts(d->node).spool.errors != 0) {
        sim_fail(s, "%s does not read its own spool", d->a.name);
    }
}

void device_power_cut(struct sim *s, struct device *d)
{
    spool_power_cut(&d->spool, &s->clock);
    shelf_power_cut(&d->shelf, &s->clock);
    local_boot(&d->a.own, &s->clock);
}

/* What ended without a session has to be in the spool soon. */
static void check_spool(struct sim *s, const struct device *d)
{
    uint64_t now_us = actor_us(s, &d->a);
    const struct run *r;
    size_t it = 0;

    if (d->node == NULL || d->cut_us == 0 || now_us < d->cut_us + SPOOL_LAG_US ||
        d->cfg.spool_bytes != SPOOL_AMPLE || s->swarm.on[FAULT_SPOOL] ||
        s->swarm.on[FAULT_AGENT_MEMORY]) {
        return;
    }
    while ((r = wf_map_next(d->node->runs.by_key, &it)) != NULL) {
        if (r->phase == RUN_FINISHED && now_us > r->ended_us + SPOOL_LAG_US &&
            !spool_has(&d->spool, &r->key.job, r->key.attempt)) {
            sim_fail(s, "%s: a result that waits for the broker is not in the spool",
                     d->a.name);
        }
    }
}

/* Since when a run is cut off from its broker; 0: it is not. */
static uint64_t cut_of(const struct device *d, const struct handler *h)
{
    return d->cut_us == 0 && d->a.at != h->from ? d->seen_us[h->from->index] : d->cut_us;
}

/* What is to stop when it is cut off has to. */
static void check_stops(struct sim *s, struct device *d)
{
    uint64_t now_us = actor_us(s, &d->a);

    for (unsigned i = 0; i < DEVICE_RUNS; i++) {
        struct handler *h = &d->runs[i];
        uint64_t cut_us = h->number != 0 ? cut_of(d, h) : 0;

        if (h->killed || h->stop_after_ms == 0 || cut_us == 0 ||
            s->swarm.on[FAULT_AGENT_MEMORY] || /* there may be none for its timer */
            now_us < cut_us + (h->stop_after_ms + 200) * MS) {
            h->overdue = 0;
        } else if (++h->overdue == 2) {
            sim_fail(s, "%s: a run goes on long after it was to stop", d->a.name);
        }
    }
}

/* -- joining ---------------------------------------------------------------------------
 */

static void join_start(struct sim *s, struct device *d)
{
    struct wf_join_config cfg = {
        .key = d->own_key, .role = WF_ROLE_AGENT, .nendpoints = 1};

    cfg.epoch = wf_rng_next(&s->clock.rng);
    cfg.seed = wf_rng_next(&s->clock.rng);
    (void) snprintf(cfg.name, sizeof cfg.name, "%s", d->a.name);
    d->a.key = d->token;
    d->joining = 1;
    wf_joiner_init(&d->joiner, &cfg);
    wf_joiner_start(&d->joiner, actor_us(s, &d->a), actor_us(s, &d->a) + 20 * SECOND,
                    &d->a.fx);
}

static void node_begin(struct sim *s, struct device *d)
{
    struct node_facts facts = {.arch = "sim", .cpus = 2, .mem = 1u << 30};
    struct node_event ev = {.kind = NODE_FACTS, .facts = &facts};
    struct wf_broker_table brokers;
    int rc;

    d->a.key = d->own_key;
    d->cfg.link.epoch = wf_rng_next(&s->clock.rng);
    d->cfg.link.seed = wf_rng_next(&s->clock.rng);
    d->cfg.seed = wf_rng_next(&s->clock.rng);
    roam_equip(s, &d->a, &d->cfg.link, &brokers);
    rc = node_new(&d->cfg, &d->node);
    d->cfg.link.brokers = NULL;
    WF_CHECK(rc == 0);
    d->cut_us = 0;
    d->broker = NULL;
    restore(s, d);
    if (d->shelf.on) {
        shelf_list(s, d);
    }
    device_do(s, d, &ev);
    ev = (struct node_event){.kind = NODE_START};
    device_do(s, d, &ev);
}

/* The joiner has ended: with a key that is known, or not. */
static void join_ended(struct sim *s, struct device *d)
{
    if (!d->joining || d->joiner.state < WF_JOIN_DONE) {
        return;
    }
    d->joining = 0;
    d->has_token = 0;
    if (d->joiner.state == WF_JOIN_DONE) {
        d->a.enrolled = 1;
        history_key(s, d->a.home, &d->own_key)->joined = 1;
        (void) actor_at(s, &d->a, s->clock.now_us + 10 * MS, EV_WORK);
    } else if (d->joiner.err.code == WEFT_EEXIST) {
        /* It had joined under an earlier token, and crashed before it knew. */
        d->a.enrolled = 1;
    } else {
        d->asks = 1;
    }
}

/* -- effects ---------------------------------------------------------------------------
 */

static void device_effect(struct sim *s, struct actor *a, const struct wf_effect *x)
{
    struct device *d = CONTAINER_OF(a, struct device, a);

    if (x->kind == WF_EFFECT_START) {
        handlers_begin(s, d, x->obj);
    } else if (x->kind == WF_EFFECT_KILL) {
        handlers_kill(s, d, x->arg, x->peer);
    } else if (d->shelf.on && (shelf_effect(s, d, x) || lanes_of_device(s, d, x))) {
        return;
    } else if (x->kind == WF_EFFECT_APPEND) {
        spool_append(s, &d->spool, x->arg,
                     wf_slice_make(wf_effect_bytes(&a->fx, x), (uint32_t) x->len));
    }
}

static int device_again(struct sim *s, struct actor *a)
{
    struct device *d = CONTAINER_OF(a, struct device, a);
    struct node_event ev = {.kind = NODE_LINK_DOWN};
    uint64_t lsn;

    if (d->node == NULL || d->node->stopped) {
        return 0;
    }
    if (a->forgetful == 1) {
        a->forgetful = 2;
        spool_lost(&d->spool);
    }
    lsn = spool_failure(&d->spool);
    if (lsn != 0) {
        ev = (struct node_event){.kind = NODE_STORE_ERROR, .lsn = lsn};
    } else if (a->forgetful != 0) {
        a->forgetful = 0;
        net_hang_up(s, a->conn);
    } else {
        return 0;
    }
    device_do(s, d, &ev);
    return 1;
}

/* -- the actor -------------------------------------------------------------------------
 */

static void device_run(struct sim *s, struct actor *a, uint64_t number)
{
    handlers_go_on(s, CONTAINER_OF(a, struct device, a), number);
}

static void device_link(struct sim *s, struct actor *a, enum link_news news)
{
    static const enum node_event_kind kinds[] = {NODE_LINK_UP, NODE_LINK_DOWN,
                                                 NODE_LINK_REFUSED};
    struct device *d = CONTAINER_OF(a, struct device, a);
    struct node_event ev = {.kind = kinds[news]};

    if (d->node != NULL) {
        device_do(s, d, &ev);
        return;
    }
    switch (news) {
    case LINK_NEWS_UP:
        wf_joiner_up(&d->joiner, actor_us(s, &d->a), &a->fx);
        break;
    case LINK_NEWS_DOWN:
        wf_joiner_down(&d->joiner, actor_us(s, &d->a), "cut", &a->fx);
        break;
    case LINK_NEWS_REFUSED:
        wf_joiner_refused(&d->joiner, actor_us(s, &d->a), &a->fx);
        break;
    }
    join_ended(s, d);
}

static void device_msg(struct sim *s, struct actor *a, const struct wf_msg *msg,
                       struct wf_slice raw)
{
    struct device *d = CONTAINER_OF(a, struct device, a);
    struct node_event ev = {.kind = NODE_MSG, .msg = msg};

    (void) raw;
    if (d->node != NULL) {
        device_do(s, d, &ev);
    } else if (d->joining) {
        wf_joiner_msg(&d->joiner, actor_us(s, &d->a), msg, &a->fx);
        join_ended(s, d);
    }
}

static void device_tick(struct sim *s, struct actor *a)
{
    struct device *d = CONTAINER_OF(a, struct device, a);
    struct node_event ev = {.kind = NODE_TICK};

    if (d->node != NULL) {
        device_do(s, d, &ev);
    } else if (d->joining) {
        wf_joiner_tick(&d->joiner, actor_us(s, &d->a), &a->fx);
        join_ended(s, d);
    }
}

static uint64_t device_wakeup_us(const struct actor *a)
{
    const struct device *d = CONTAINER_OF(a, struct device, a);

    return d->node != NULL ? node_wakeup_us(d->node)
           : d->joining    ? wf_joiner_due_us(&d->joiner)
                           : UINT64_MAX;
}

static void report(struct sim *s, struct device *d)
{
    uint64_t metrics[WF_METRICS];
    struct node_event ev = {
        .kind = NODE_SAMPLE, .metrics_known = (1u << WF_METRICS) - 1, .metrics = metrics};

    for (unsigned i = 0; i < WF_METRICS; i++) {
        metrics[i] = below(&s->clock, 1000);
    }
    device_do(s, d, &ev);
}

/* What its store has done, and its lanes bring. */
static void device_event(struct sim *s, struct actor *a, const struct event *e)
{
    struct device *d = CONTAINER_OF(a, struct device, a);

    if (e->kind == EV_SHELF) {
        shelf_take(s, d, e);
    } else {
        lanes_take(s, e);
    }
}

static void drain(struct sim *s, struct device *d, int on)
{
    struct node_event ev = {.kind = NODE_DRAIN, .on = on};

    d->drained = on;
    sim_log(s, d->a.name, "drains itself: %d", on);
    device_do(s, d, &ev);
}

static void notice(struct sim *s, struct device *d)
{
    struct node_event ev = {.kind = NODE_NOTICE, .left_ms = below(&s->clock, 5000)};

    d->noticed = 1;
    sim_log(s, d->a.name, "is to be taken away");
    device_do(s, d, &ev);
}

static void warm(struct sim *s, struct device *d)
{
    struct node_event ev = {.kind = NODE_WARM,
                            .cap = (unsigned) below(&s->clock, d->cfg.ncaps),
                            .on = percent(&s->clock, 70)};

    device_do(s, d, &ev);
}

static void device_work(struct sim *s, struct actor *a)
{
    struct device *d = CONTAINER_OF(a, struct device, a);

    if (d->node == NULL && !d->joining) {
        if (a->enrolled && a->conn == NULL) {
            node_begin(s, d);
        } else if (d->has_token && a->conn == NULL) {
            join_start(s, d);
        }
    } else if (d->node != NULL && s->swarm.operator_acts && !s->healed &&
               percent(&s->clock, 10)) {
        if (percent(&s->clock, 20)) {
            notice(s, d);
        } else {
            drain(s, d, !d->drained);
        }
    } else if (d->node != NULL && s->swarm.notices && !s->healed && !d->noticed &&
               percent(&s->clock, 4)) {
        notice(s, d);
    } else if (d->node != NULL && s->healed && d->drained) {
        drain(s, d, 0);
    } else if (d->node != NULL && d->cfg.ncaps != 0 && percent(&s->clock, 10)) {
        warm(s, d);
    } else if (d->node != NULL) {
        report(s, d);
    }
    if (d->shelf.on && !s->healed && percent(&s->clock, 10)) {
        shelf_evict(s, d);
    }
    check_spool(s, d);
    check_stops(s, d);
    (void) actor_at(s, a, s->clock.now_us + around(&s->clock, 500 * MS), EV_WORK);
}

static void device_start(struct sim *s, struct actor *a)
{
    struct device *d = CONTAINER_OF(a, struct device, a);

    memset(d->runs, 0, sizeof d->runs);
    d->drained = d->noticed = 0;
    d->joining = 0;
    if (a->enrolled) {
        node_begin(s, d);
    } else {
        d->asks = !d->has_token;
    }
    (void) actor_at(s, a, s->clock.now_us + around(&s->clock, 300 * MS), EV_WORK);
}

static void device_leave(struct sim *s, struct actor *a)
{
    struct device *d = CONTAINER_OF(a, struct device, a);
    struct node_event ev = {.kind = NODE_STOP};

    if (d->node != NULL) {
        device_do(s, d, &ev);
    }
}

static void device_end(struct sim *s, struct actor *a)
{
    struct device *d = CONTAINER_OF(a, struct device, a);

    check_spool(s, d);
    handlers_end(s, d);
    if (d->shelf.on) {
        shelf_end(&d->shelf);
        lanes_end_device(s, d);
    }
    node_free(d->node);
    d->node = NULL;
    d->joining = 0;
    (void) spool_failure(&d->spool);
}

void device_say(const struct sim *s, const struct device *d)
{
    struct node_counts n = {0};

    if (d->node != NULL) {
        n = node_counts(d->node);
    }
    sim_log(s, d->a.name,
            "up %d enrolled %d joining %d, waiting %zu running %zu finished %zu, "
            "spooled %zu, files %u",
            d->a.up, d->a.enrolled, d->joining, n.waiting, n.running, n.finished,
            n.spool.results, spool_count(&d->spool));
}

int device_is_idle(const struct device *d)
{
    struct node_counts n;

    if (!d->a.up || d->node == NULL) {
        return d->a.dead || !d->a.enrolled;
    }
    n = node_counts(d->node);
    return n.waiting == 0 && n.running == 0 &&
           ((n.finished == 0 && n.spool.results == 0 && spool_count(&d->spool) == 0) ||
            d->a.revoked); /* nobody acknowledges those */
}

static const struct wf_link *device_link_of(const struct actor *a)
{
    const struct device *d = CONTAINER_OF(a, struct device, a);

    return d->node != NULL ? node_link(d->node) : NULL; /* it joins at home */
}

static void device_tried(struct sim *s, struct actor *a, int answered)
{
    struct node_event ev = {.kind = NODE_LINK_TRIED, .on = answered};

    device_do(s, CONTAINER_OF(a, struct device, a), &ev);
}

const struct actor_ops device_ops = {.link = device_link,
                                     .msg = device_msg,
                                     .tick = device_tick,
                                     .wakeup_us = device_wakeup_us,
                                     .work = device_work,
                                     .run = device_run,
                                     .link_of = device_link_of,
                                     .tried = device_tried,
                                     .effect = device_effect,
                                     .event = device_event,
                                     .again = device_again,
                                     .start = device_start,
                                     .leave = device_leave,
                                     .end = device_end};

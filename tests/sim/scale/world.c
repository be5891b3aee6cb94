#include "tests/sim/scale/world.h"

#include "broker/core/mesh/gossip/gossip.h"
#include "broker/core/place/routes.h"
#include "common/check.h"
#include "common/err.h"
#include "tests/sim/scale/make.h"
#include "tests/sim/scale/site.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define START_NS  (1000 * EV_S)
#define WALL_MS   UINT64_C(1700000000000)
#define SAFE_NS   (2 * EV_MS)
#define WATCH_NS  (20 * EV_MS)
#define LOOK_EACH 4096u /* events between looks at the processor's time */

struct frame {
    struct event event;
    const struct way *way;
    uint32_t session;
    size_t len;
    uint8_t bytes[];
};

void *room(size_t n, size_t size)
{
    void *p = calloc(n, size);

    if (p == NULL) {
        fprintf(stderr, "weft-scale: out of memory\n");
        exit(1);
    }
    return p;
}

/* -- links -----------------------------------------------------------------------------
 */

static void deliver(void *world, struct event *e)
{
    struct world *w = world;
    struct frame *f = CONTAINER_OF(e, struct frame, event);
    struct wf_cursor cur;
    struct wf_msg msg;

    wf_cur_init(&cur, f->bytes, f->len);
    while (wf_cur_left(&cur) > 0 && f->session == f->way->link->session) {
        struct broker_event ev = {.kind = BROKER_MSG, .peer = f->way->at_to, .msg = &msg};

        WF_CHECK(wf_msg_decode(&cur, &msg) == 0);
        world_step(w, f->way->to, &ev);
    }
    free(f);
}

static void flush(struct world *w, struct way *x)
{
    const uint64_t delay_ns = x->link->delay_ns;
    struct frame *f;
    uint64_t at_ns;

    if (x->out.len == 0) {
        return;
    }
    f = room(1, sizeof *f + x->out.len);
    f->way = x;
    f->session = x->link->session;
    f->len = x->out.len;
    memcpy(f->bytes, x->out.p, x->out.len);
    wf_buf_clear(&x->out);
    x->from->link_frames++;
    at_ns = w->ev.now_ns + delay_ns + wf_rng_below(&w->rng, delay_ns / 10 + 1);
    x->last_ns = wf_max_u64(at_ns, x->last_ns);
    events_set(&w->ev, &f->event, x->last_ns, deliver);
}

static void link_up(void *world, struct event *e)
{
    struct world *w = world;
    struct link *l = CONTAINER_OF(e, struct link, event);
    struct way *x = &l->ways[0];
    struct broker_event up = {.kind = BROKER_PEER_UP, .key = site_broker_key(x->from)};
    struct broker_event dialled = {.kind = BROKER_DIAL_UP, .peer = x->at_from};

    if (x->to->core == NULL) {
        dialled.kind = BROKER_DIAL_DOWN; /* it is not up yet */
        world_step(w, x->from, &dialled);
        return;
    }
    l->up = 1;
    x->at_to = l->ways[1].at_from = up.peer = x->to->next_peer++;
    world_step(w, x->to, &up);
    world_step(w, x->from, &dialled);
}

/* Nobody cuts links here: a core did, and is not to. */
static void link_over(void *world, struct event *e)
{
    struct world *w = world;
    struct link *l = CONTAINER_OF(e, struct link, event);
    struct broker_event down = {.kind = BROKER_PEER_DOWN, .peer = l->ways[0].at_to};
    struct broker_event dialled = {.kind = BROKER_DIAL_DOWN, .peer = l->ways[0].at_from};

    world_step(w, l->ways[0].to, &down);
    world_step(w, l->ways[0].from, &dialled);
}

static void break_link(struct world *w, struct link *l)
{
    if (l->up) {
        l->up = 0;
        l->session++;
        w->breaks++;
        events_set(&w->ev, &l->event, w->ev.now_ns + l->delay_ns, link_over);
    }
}

static struct way *way_of(const struct broker *b, uint32_t peer)
{
    for (unsigned i = 0; i < b->nways; i++) {
        if (b->ways[i]->at_from == peer) {
            return b->ways[i];
        }
    }
    return NULL;
}

/* -- steps -----------------------------------------------------------------------------
 */

static void send(struct world *w, struct broker *b, const struct wf_effect *x)
{
    const uint8_t *p = wf_effect_bytes(&b->fx, x);
    struct wf_cursor cur;
    struct wf_msg m;
    struct way *to;

    if (site_heard(w, b, x->peer, p, x->len)) {
        return;
    }
    to = way_of(b, x->peer);
    if (to == NULL || !to->link->up) {
        return;
    }
    wf_cur_init(&cur, p, x->len);
    WF_CHECK(wf_msg_decode(&cur, &m) == 0);
    b->link_bytes += x->len;
    if (m.type == WF_MSG_facts || m.type == WF_MSG_seen) {
        b->gossip_bytes += x->len;
        b->gossip_frames += to->out.len == 0;
    }
    WF_CHECK(wf_buf_put(&to->out, p, x->len) == 0);
}

static void now_durable(void *world, struct event *e)
{
    struct broker *b = CONTAINER_OF(e, struct broker, durable);
    struct broker_event ev = {.kind = BROKER_DURABLE, .lsn = b->durable_lsn};

    world_step(world, b, &ev);
}

static void carry_one(struct world *w, struct broker *b, const struct wf_effect *x)
{
    struct way *way;

    switch (x->kind) {
    case WF_EFFECT_SEND:
        send(w, b, x);
        break;
    case WF_EFFECT_CONNECT:
        way = way_of(b, x->peer);
        events_set(&w->ev, &way->link->event, w->ev.now_ns + 3 * way->link->delay_ns,
                   link_up);
        break;
    case WF_EFFECT_CLOSE:
    case WF_EFFECT_DISCONNECT:
        way = way_of(b, x->peer);
        WF_CHECK(way != NULL);
        break_link(w, way->link);
        break;
    case WF_EFFECT_SYNC:
        b->durable_lsn = wf_max_u64(b->durable_lsn, x->arg);
        events_set(&w->ev, &b->durable, w->ev.now_ns + SAFE_NS, now_durable);
        break;
    default:
        break; /* what is appended is safe; nobody reads traces */
    }
}

static void tick(void *world, struct event *e)
{
    struct broker_event ev = {.kind = BROKER_TICK};

    world_step(world, CONTAINER_OF(e, struct broker, tick), &ev);
}

static void account_step(struct broker *b, struct broker_event *ev)
{
    struct account *was = memory_use(&b->account);

    core_step(b->core, ev, &b->fx);
    (void) memory_use(was);
}

void world_step(struct world *w, struct broker *b, struct broker_event *ev)
{
    ev->now_us = w->ev.now_ns / 1000;
    ev->wall_ms = WALL_MS + w->ev.now_ns / EV_MS;
    b->steps++;
    account_step(b, ev);
    WF_CHECK(b->fx.err == 0);
    for (size_t i = 0; i < b->fx.n; i++) {
        carry_one(w, b, &b->fx.v[i]);
    }
    wf_effects_clear(&b->fx);
    for (unsigned i = 0; i < b->nways; i++) {
        flush(w, b->ways[i]);
    }
    if (core_wakeup_us(b->core) != UINT64_MAX) {
        events_set(&w->ev, &b->tick,
                   wf_max_u64(w->ev.now_ns, core_wakeup_us(b->core) * 1000), tick);
    }
}

/* -- brokers ---------------------------------------------------------------------------
 */

static void enrol(struct world *w, struct broker *b, const struct principal *p)
{
    struct wf_buf record = WF_BUF_INIT(4096);
    struct broker_event ev = {.kind = BROKER_RECORD, .table = REGISTRY_KEYS};

    WF_CHECK(wf_buf_put(&record, p->key.b, sizeof p->key.b) == 0 &&
             registry_record(p, &record) == 0);
    ev.record = wf_slice_make(record.p, record.len);
    world_step(w, b, &ev);
    wf_buf_fini(&record);
}

static void enrol_all(struct world *w, struct broker *b)
{
    struct principal p = {.state = WF_KEY_ACTIVE, .tier = WF_TIER_EDGE};

    (void) snprintf(p.site, sizeof p.site, "%s", b->cfg.site);
    p.foreign = !w->o->keys; /* what others enrolled is not said */
    p.role = WF_ROLE_AGENT;
    for (unsigned i = 0; i < b->ndevices; i++) {
        p.key = site_agent_key(b, i);
        (void) snprintf(p.name, sizeof p.name, "b%u-a%u", b->index, i);
        enrol(w, b, &p);
    }
    p.role = WF_ROLE_CLIENT;
    p.key = site_client_key(b);
    (void) snprintf(p.name, sizeof p.name, "b%u-client", b->index);
    enrol(w, b, &p);
    p.foreign = 0;
    p.role = WF_ROLE_BROKER;
    for (unsigned i = 0; i < b->nways; i++) {
        const struct broker *other = b->ways[i]->to;

        p.key = site_broker_key(other);
        (void) snprintf(p.name, sizeof p.name, "b%u", other->index);
        (void) snprintf(p.site, sizeof p.site, "s%u", other->index);
        enrol(w, b, &p);
    }
}

static void start(void *world, struct event *e)
{
    struct world *w = world;
    struct broker *b = CONTAINER_OF(e, struct broker, start);
    struct account *was = memory_use(&b->account);
    struct broker_event loaded = {.kind = BROKER_LOADED};

    WF_CHECK(core_new(&b->cfg, &b->core) == 0);
    (void) memory_use(was);
    enrol_all(w, b);
    world_step(w, b, &loaded);
    site_start(w, b);
    for (unsigned i = 0; i < b->ndials; i++) {
        struct mesh_dial d = {.nendpoints = 1};
        struct broker_event dial = {.kind = BROKER_DIAL, .dial = &d};

        d.key = site_broker_key(b->dials[i]->ways[0].to);
        (void) snprintf(d.name, sizeof d.name, "b%u", b->dials[i]->ways[0].to->index);
        world_step(w, b, &dial);
    }
}

static void configure(struct world *w, struct broker *b)
{
    struct core_config *cfg = &b->cfg;

    core_config_init(cfg);
    (void) snprintf(cfg->name, sizeof cfg->name, "b%u", b->index);
    (void) snprintf(cfg->site, sizeof cfg->site, "s%u", b->index);
    (void) snprintf(cfg->endpoints[0], sizeof cfg->endpoints[0],
                    "tcp://b%u.example.net:7400", b->index);
    (void) snprintf(cfg->software, sizeof cfg->software, "scale");
    cfg->nendpoints = 1;
    cfg->key = site_broker_key(b);
    memcpy(cfg->sign_seed, cfg->key.b, sizeof cfg->sign_seed);
    cfg->seed = wf_rng_next(&w->rng);
    cfg->probe_seed = wf_rng_next(&w->rng);
    cfg->epoch = b->index + 1;
    cfg->durable = 1;
    cfg->store_id = b->index + 1;
    cfg->boot = 1;
}

void world_new(struct world *w, const struct options *o, enum world_mode mode)
{
    *w = (struct world){.o = o, .mode = mode, .rng.s = o->seed};
    events_init(&w->ev);
    w->ev.now_ns = START_NS;
    w->b = room(o->brokers, sizeof *w->b);
    w->followed = room(o->follow + 1, sizeof *w->followed);
    for (unsigned i = 0; i < o->brokers; i++) {
        w->b[i].index = i;
        wf_effects_init(&w->b[i].fx);
        make_site(w, &w->b[i]);
    }
    if (mode != WORLD_ALONE) {
        make_links(w);
    }
    make_works(w);
    for (unsigned i = 0; i < o->brokers; i++) {
        configure(w, &w->b[i]);
        events_set(&w->ev, &w->b[i].start, START_NS + wf_rng_below(&w->rng, EV_S), start);
    }
}

void world_free(struct world *w)
{
    struct wf_heap_node *n;

    while ((n = wf_heap_min(&w->ev.heap)) != NULL) {
        struct event *e = CONTAINER_OF(n, struct event, node);

        wf_heap_remove(&w->ev.heap, n);
        if (e->happen == deliver) {
            free(CONTAINER_OF(e, struct frame, event));
        }
    }
    events_fini(&w->ev);
    for (unsigned i = 0; i < w->o->brokers; i++) {
        struct broker *b = &w->b[i];

        site_free(b);
        if (b->core != NULL) {
            core_free(b->core);
        }
        wf_effects_fini(&b->fx);
    }
    for (unsigned i = 0; i < 2 * w->nlinks; i++) {
        wf_buf_fini(&w->links[i / 2].ways[i % 2].out);
    }
    for (unsigned i = 0; i < w->nfollowed; i++) {
        free(w->followed[i].has);
    }
    free(w->followed);
    free(w->links);
    free(w->works);
    free(w->decide_ns.v);
    free(w->b);
}

/* -- work ------------------------------------------------------------------------------
 */

static uint64_t own_jobs(const struct core *c)
{
    uint64_t away = c->mesh.idle;

    for (const struct wf_list_node *n = wf_list_first(&c->mesh.neighbours); n != NULL;
         n = wf_list_next(&c->mesh.neighbours, n)) {
        away += CONTAINER_OF(n, struct neighbour, node)->agent->assigned;
    }
    return c->jobs.live - wf_min_u64(away, c->jobs.live);
}

/* The agent that stands for a broker at another one; NULL: it has none yet. */
static struct agent *stands_for(const struct broker *b, const struct broker *at)
{
    const struct wf_key key = site_broker_key(b);
    const struct principal *p = registry_key(&at->core->registry, &key);

    return p != NULL && p->agent != NULL && p->agent->session != NULL ? p->agent : NULL;
}

/* What the neighbour would report, if its report took no time. */
static void tell_truth(const struct broker *b, const struct broker *neighbour)
{
    struct agent *there = stands_for(neighbour, b);
    const struct agent *here = stands_for(b, neighbour);
    const struct core *c = neighbour->core;

    if (there != NULL && here != NULL && here->neighbour != NULL) {
        const uint64_t jobs = own_jobs(c);
        const struct wf_ping m = {.covered = here->neighbour->covered,
                                  .jobs = jobs,
                                  .work_us = jobs * wf_ewma_mean(&c->mesh.run_us),
                                  .arrived = c->count.assigned};

        routes_load(b->core, there, &m);
    }
}

void world_submitted(struct world *w, struct work *x)
{
    const struct broker *b = &w->b[x->broker];

    for (unsigned i = 0; i < b->nways && w->mode == WORLD_TRUTH; i++) {
        tell_truth(b, b->ways[i]->to);
    }
}

static void submit_next(void *world, struct event *e)
{
    struct world *w = world;
    struct work *x = &w->works[w->next++];

    site_submit(w, &w->b[x->broker], x);
    if (w->next < w->nworks) {
        events_set(&w->ev, e, wf_max_u64(w->ev.now_ns, w->works[w->next].at_ns),
                   submit_next);
    }
}

void world_begin_work(struct world *w)
{
    for (size_t i = 0; i < w->nworks; i++) {
        w->works[i].at_ns += w->ev.now_ns;
    }
    if (w->nworks != 0) {
        events_set(&w->ev, &w->submit, w->works[0].at_ns, submit_next);
    }
}

/* -- what everybody knows --------------------------------------------------------------
 */

static uint64_t site_seq(const struct broker *at, const struct broker *of)
{
    struct gossip_fact f;
    const struct wf_key key = site_broker_key(of);

    return gossip_get(at->core->word.gossip, &key, WF_FACT_SITE, wf_slice_make(NULL, 0),
                      &f) == 0
               ? f.seq
               : 0;
}

unsigned world_knowing(const struct world *w)
{
    unsigned knowing = 0;

    for (unsigned i = 0; i < w->o->brokers; i++) {
        unsigned known = 0;

        for (unsigned k = 0; k < w->o->brokers; k++) {
            known += site_seq(&w->b[i], &w->b[k]) != 0;
        }
        knowing += known == w->o->brokers;
    }
    return knowing;
}

static void watch(void *world, struct event *e)
{
    struct world *w = world;
    unsigned open = 0;

    for (unsigned i = 0; i < w->nfollowed; i++) {
        struct followed *f = &w->followed[i];

        for (unsigned k = 0; k < w->o->brokers && f->reached < w->o->brokers; k++) {
            if (!f->has[k] && site_seq(&w->b[k], &w->b[f->origin]) > f->was_seq) {
                f->has[k] = 1;
                f->reached++;
            }
        }
        if (f->said_ns == 0 && f->has[f->origin]) {
            f->said_ns = w->ev.now_ns;
        }
        if (f->reached == w->o->brokers && f->until_ns == 0) {
            f->until_ns = w->ev.now_ns;
        }
        open += f->until_ns == 0;
    }
    if (open != 0) {
        events_set(&w->ev, e, w->ev.now_ns + WATCH_NS, watch);
    }
}

void world_change(struct world *w)
{
    struct followed *f = &w->followed[w->nfollowed++];

    *f = (struct followed){.origin = (unsigned) wf_rng_below(&w->rng, w->o->brokers),
                           .from_ns = w->ev.now_ns,
                           .has = room(w->o->brokers, 1)};
    f->was_seq = site_seq(&w->b[f->origin], &w->b[f->origin]);
    site_change(w, &w->b[f->origin]);
    events_set(&w->ev, &w->watch, w->ev.now_ns + WATCH_NS, watch);
}

/* -- time ------------------------------------------------------------------------------
 */

int world_run(struct world *w, uint64_t until_ns)
{
    const clock_t end = (clock_t) w->o->limit_s * CLOCKS_PER_SEC;

    for (unsigned n = 1; events_step(&w->ev, until_ns, w); n++) {
        if (n % LOOK_EACH == 0 && clock() - w->began > end) {
            return 0;
        }
        if (w->ndone == w->nworks && w->next == w->nworks && w->nworks != 0) {
            break;
        }
    }
    WF_CHECK(w->ev.err == 0);
    w->ev.now_ns = wf_max_u64(w->ev.now_ns, w->ndone < w->nworks ? until_ns : 0);
    return 1;
}

#include "broker/core/router/router_int.h"

#include "broker/core/router/lines.h"
#include "common/err.h"
#include "common/plant.h"

#include <string.h>

#define NODES_FIRST 64u
#define PAIRS_MAX   65536u
#define FLOWS_MAX   (1u << 20)
#define RATE_GUESS  UINT64_C(50000000)

int routing_new(const struct routing_config *cfg, struct prices *prices,
                struct runtimes *runtimes, struct routing **ret_routing)
{
    struct routing *r = wf_calloc(1, sizeof *r);

    if (r == NULL) {
        return WEFT_ENOMEM;
    }
    r->cfg = *cfg;
    r->cfg.brokers = cfg->brokers != 0 ? cfg->brokers : 1;
    r->cfg.sample = cfg->sample != 0 ? (uint32_t) wf_min_u64(cfg->sample, ROUTE_ROWS_MAX)
                                     : ROUTE_SAMPLE;
    /* Eight at once are as fast as one; those that there are not are not known. */
    r->vector = (unsigned) wf_min_u64(r->cfg.brokers, ROUTE_BROKERS_MAX);
    r->vector = (r->vector + 7) / 8 * 8;
    r->prices = prices;
    r->runtimes = runtimes;
    r->rng.s = cfg->seed;
    r->caps = wf_calloc(cfg->max_capabilities, sizeof *r->caps);
    r->sets = lines_calloc(AROUND_SETS, sizeof *r->sets, &r->set_block);
    r->around = lines_calloc((size_t) AROUND_SETS * AROUND_WAYS, sizeof *r->around,
                             &r->around_block);
    r->pairs =
        pairs_new((uint32_t) wf_min_u64(PAIRS_MAX, (uint64_t) cfg->max_nodes * 16));
    if (r->caps == NULL || r->sets == NULL || r->around == NULL || r->pairs == NULL) {
        routing_free(r);
        return WEFT_ENOMEM;
    }
    *ret_routing = r;
    return 0;
}

void routing_free(struct routing *r)
{
    if (r == NULL) {
        return;
    }
    for (uint32_t i = 0; i < r->nnodes; i++) {
        wf_free(r->rest[i].more);
    }
    for (uint32_t i = 0; r->caps != NULL && i < r->cfg.max_capabilities; i++) {
        wf_free(r->caps[i].block);
        wf_free(r->caps[i].chances);
        wf_free(r->caps[i].luck);
        wf_free(r->caps[i].deck);
    }
    pairs_free(r->pairs);
    wf_free(r->block);
    wf_free(r->site_heads);
    wf_free(r->free_nodes);
    wf_free(r->idle);
    wf_free(r->caps);
    wf_free(r->set_block);
    wf_free(r->around_block);
    wf_free(r);
}

size_t routing_bytes(const struct routing *r)
{
    const size_t node = sizeof *r->nodes + sizeof *r->rest + sizeof *r->free_nodes;
    size_t n = sizeof *r + r->cap_nodes * node + r->cap_nodes / 8 +
               r->cfg.max_capabilities * sizeof *r->caps +
               AROUND_SETS * (sizeof *r->sets + AROUND_WAYS * sizeof *r->around) +
               pairs_bytes(r->pairs);

    for (uint32_t i = 0; i < r->nnodes; i++) {
        n += r->rest[i].cap_more * sizeof *r->rest[i].more;
    }
    for (uint32_t i = 0; i < r->cfg.max_capabilities; i++) {
        n += r->caps[i].cap * sizeof *r->caps[i].v +
             r->caps[i].cap_chances * sizeof *r->caps[i].chances + r->caps[i].cap_luck +
             (r->caps[i].deck != NULL ? DECK * sizeof *r->caps[i].deck : 0);
    }
    return n;
}

/* -- nodes ----------------------------------------------------------------------------
 */

/* Records begin at a cache line, whatever the allocator does. */
static struct rnode *aligned(void *block)
{
    const uintptr_t line = _Alignof(struct rnode);

    return (struct rnode *) (((uintptr_t) block + line - 1) / line * line);
}

/* One block for both tables: either both grow or none. */
static int grow_records(struct routing *r, uint32_t cap)
{
    void *block = wf_calloc((size_t) cap + 1, sizeof *r->nodes + sizeof *r->rest);
    struct rnode *nodes;
    struct rrest *rest;

    if (block == NULL) {
        return WEFT_ENOMEM;
    }
    nodes = aligned(block);
    rest = (struct rrest *) (void *) (nodes + cap);
    if (r->nnodes != 0) {
        memcpy(nodes, r->nodes, r->nnodes * sizeof *nodes);
        memcpy(rest, r->rest, r->nnodes * sizeof *rest);
    }
    wf_free(r->block);
    r->block = block;
    r->nodes = nodes;
    r->rest = rest;
    r->cap_nodes = cap;
    return 0;
}

static int grow_nodes(struct routing *r)
{
    uint32_t cap = r->cap_nodes != 0 ? r->cap_nodes * 2 : NODES_FIRST;
    uint32_t *free_nodes;
    uint64_t *idle;

    cap = (uint32_t) wf_min_u64(cap, r->cfg.max_nodes);
    free_nodes = wf_realloc(r->free_nodes, cap * sizeof *free_nodes);
    if (free_nodes == NULL) {
        return WEFT_ENOMEM;
    }
    r->free_nodes = free_nodes;
    idle = wf_realloc(r->idle, (cap / 64 + 1) * sizeof *idle);
    if (idle == NULL) {
        return WEFT_ENOMEM;
    }
    r->idle = idle;
    return grow_records(r, cap);
}

uint64_t routing_share(uint64_t rate, uint32_t told, uint32_t own)
{
    /* Those that this broker promised are told of later. */
    const uint32_t n = told > own ? told : own;

    rate = rate != 0 ? rate : RATE_GUESS;
    return n == 0 ? rate : rate / ((uint64_t) n + 1);
}

/* After whatever changes one of these. */
static void note_idle(struct routing *r, uint32_t node)
{
    const struct rnode *n = &r->nodes[node];
    const uint64_t bit = UINT64_C(1) << node % 64;

    if (n->open && n->jobs < n->slots) {
        r->idle[node / 64] |= bit;
    } else {
        r->idle[node / 64] &= ~bit;
    }
}

/* Count its slots, and those that are taken: out (-1) before something of it changes, in
 * (1) after that. */
static void tally(struct routing *r, uint32_t node, int by)
{
    const struct rnode *n = &r->nodes[node];

    if (n->open) {
        r->slots += (uint64_t) by * n->slots;
        r->taken += (uint64_t) by * wf_min_u64(n->jobs, n->slots);
    }
}

static void note_load(struct routing *r, uint32_t node)
{
    const struct load *load = &r->rest[node].load;
    const struct route_load view = load_view(load);
    struct rnode *n = &r->nodes[node];

    tally(r, node, -1);
    n->jobs = (uint32_t) wf_min_u64(view.jobs, UINT32_MAX);
    tally(r, node, 1);
    n->wait_us = score_wait(view.jobs, view.work_us, n->slots, n->speed_pm);
    n->crowd = crowd_of(&r->rest[node].crowd, n->wait_us);
    n->reported_us = load->reported_us;
    note_idle(r, node);
}

/* After a report, which came so long after the one before. */
static void note_crowd(struct routing *r, uint32_t node, uint64_t past_us)
{
    const struct rnode *n = &r->nodes[node];
    struct rrest *rest = &r->rest[node];
    const struct route_load view = load_view(&rest->load);
    const struct crowd_report report = {
        .wait_us = score_wait(view.jobs, view.work_us, n->slots, n->speed_pm),
        .jobs = rest->load.jobs,
        .work_us = rest->load.work_us,
        .past_us = past_us};

    crowd_report(&rest->crowd, &report);
}

static void note_links(struct routing *r, uint32_t node)
{
    const struct rrest *rest = &r->rest[node];

    r->nodes[node].down_share =
        wf_max_u64(1, routing_share(rest->down, rest->down_told, rest->down_own));
}

int routing_add(struct routing *r, uint32_t *ret_node)
{
    struct rnode *n;
    struct rrest *rest;
    uint32_t id;

    if (r->nfree != 0) {
        id = r->free_nodes[--r->nfree];
    } else {
        if (r->nnodes >= r->cfg.max_nodes) {
            return WEFT_EFULL;
        }
        if (r->nnodes == r->cap_nodes && grow_nodes(r) != 0) {
            return WEFT_ENOMEM;
        }
        id = r->nnodes++;
    }
    n = &r->nodes[id];
    rest = &r->rest[id];
    memset(n, 0, sizeof *n);
    memset(rest, 0, sizeof *rest);
    load_init(&rest->load);
    n->slots = 1;
    n->speed_pm = 1000;
    n->used = 1;
    rest->site_next = rest->site_prev = id;
    note_load(r, id);
    note_links(r, id);
    *ret_node = id;
    return 0;
}

/* A node that is alone has a ring of its own. */
static void leave_site(struct routing *r, uint32_t node)
{
    struct rnode *n = &r->nodes[node];
    struct rrest *rest = &r->rest[node];

    if (n->site < r->nsites && r->site_heads[n->site] == node) {
        r->site_heads[n->site] = rest->site_next != node ? rest->site_next : ROUTE_NONE;
    }
    r->rest[rest->site_prev].site_next = rest->site_next;
    r->rest[rest->site_next].site_prev = rest->site_prev;
    rest->site_next = rest->site_prev = node;
    n->site = 0;
}

/* Without memory for its ring the site still counts, only its nodes are found less. */
static int need_sites(struct routing *r, uint32_t site)
{
    uint32_t *heads = r->site_heads;
    uint32_t n = r->nsites;

    if (site < n) {
        return 0;
    }
    n = (uint32_t) wf_max_u64((uint64_t) site + 1, (uint64_t) n * 2);
    heads = site < ROUTE_SITES_MAX ? wf_realloc(heads, n * sizeof *heads) : NULL;
    if (heads == NULL) {
        return WEFT_ENOMEM;
    }
    for (uint32_t i = r->nsites; i < n; i++) {
        heads[i] = ROUTE_NONE;
    }
    r->site_heads = heads;
    r->nsites = n;
    return 0;
}

static void join_site(struct routing *r, uint32_t node, uint32_t site)
{
    struct rrest *rest = &r->rest[node];
    uint32_t head;

    r->nodes[node].site = site;
    if (site == 0 || need_sites(r, site) != 0) {
        return;
    }
    head = r->site_heads[site];
    r->site_heads[site] = node;
    if (head != ROUTE_NONE) {
        rest->site_next = head;
        rest->site_prev = r->rest[head].site_prev;
        r->rest[rest->site_prev].site_next = node;
        r->rest[head].site_prev = node;
    }
}

void routing_remove(struct routing *r, uint32_t node)
{
    struct rnode *n = &r->nodes[node];
    struct rrest *rest = &r->rest[node];

    while (rest->nplaces != 0) {
        routing_withdraw(r, node, place_at(rest, rest->nplaces - 1)->capability);
    }
    leave_site(r, node);
    pairs_forget(r->pairs, node);
    around_forget(r, node);
    wf_free(rest->more);
    rest->more = NULL;
    rest->cap_more = 0;
    tally(r, node, -1);
    n->used = n->open = 0;
    note_idle(r, node);
    r->free_nodes[r->nfree++] = node;
}

void routing_describe(struct routing *r, uint32_t node, const struct route_about *about)
{
    struct rnode *n = &r->nodes[node];

    if (n->site != about->site) {
        leave_site(r, node);
        join_site(r, node, about->site);
    }
    n->class_ = about->class_;
    n->tier = about->tier & 15;
    n->spot = about->spot != 0;
    n->whole = about->whole != 0;
    tally(r, node, -1);
    n->slots = (uint32_t) wf_max_u64(1, about->slots);
    tally(r, node, 1);
    n->speed_pm = about->speed_pm != 0 ? about->speed_pm : 1000;
    n->price_pusd_s = about->price_pusd_s;
    offers_reweigh(r, node);
    note_load(r, node);
}

void routing_measured(struct routing *r, uint32_t node, const struct route_links *links)
{
    struct rnode *n = &r->nodes[node];
    struct rrest *rest = &r->rest[node];

    /* A distance that hardly changed leaves the order of the near ones as it is. */
    if (links->rtt_us / 1000 != n->rtt_us / 1000) {
        for (uint32_t i = 0; i < rest->nplaces; i++) {
            r->caps[place_at(rest, i)->capability].near_stale = 1;
        }
    }
    n->rtt_us = links->rtt_us;
    n->dev_us = links->dev_us;
    rest->up = links->up;
    rest->down = links->down;
    memcpy(n->to_broker, links->to_broker, sizeof n->to_broker);
    note_links(r, node);
}

void routing_pair(struct routing *r, uint32_t holder, uint32_t getter, uint32_t rtt_us,
                  uint64_t rate, uint64_t now_us)
{
    pairs_set(r->pairs, holder, getter, rtt_us, rate, now_us);
}

void routing_open(struct routing *r, uint32_t node, int open)
{
    tally(r, node, -1);
    r->nodes[node].open = open != 0;
    tally(r, node, 1);
    note_idle(r, node);
}

static struct distance_end end_of(const struct rnode *n)
{
    return (struct distance_end){n->to_broker, n->site, 0};
}

struct distance routing_distance(const struct routing *r, uint32_t a, uint32_t b,
                                 uint64_t now_us)
{
    const struct distance_end x = end_of(&r->nodes[a]), y = end_of(&r->nodes[b]);

    return distance_between(&x, &y, r->vector, pairs_rtt_us(r->pairs, a, b, now_us));
}

uint32_t routing_guess_us(const struct routing *r, uint32_t a, uint32_t b)
{
    const struct distance_end x = end_of(&r->nodes[a]), y = end_of(&r->nodes[b]);

    return distance_guess_us(&x, &y, r->vector);
}

/* -- load -----------------------------------------------------------------------------
 */

void routing_report(struct routing *r, uint32_t node, const struct route_report *report,
                    uint64_t now_us)
{
    struct rrest *n = &r->rest[node];
    const struct load_report l = {.jobs = report->jobs,
                                  .work_us = report->work_us,
                                  .arrived = report->arrived,
                                  .own_jobs = report->own_jobs,
                                  .own_work_us = report->own_work_us};
    const uint64_t before_us = n->load.reported_us != 0 ? n->load.reported_us : now_us;

    load_report(&n->load, &l, r->cfg.brokers, now_us);
    note_crowd(r, node, now_us - wf_min_u64(now_us, before_us));
    n->up_told = (uint32_t) wf_min_u64(report->up_flows, FLOWS_MAX);
    n->down_told = (uint32_t) wf_min_u64(report->down_flows, FLOWS_MAX);
    r->nodes[node].yielding = (uint8_t) wf_min_u64(report->yielding, UINT8_MAX);
    note_load(r, node);
    note_links(r, node);
}

void routing_sent(struct routing *r, uint32_t node, uint32_t capability, uint64_t work_us)
{
    struct entry *e = routing_entry(r, node, capability);

    load_sent(&r->rest[node].load, work_us);
    note_load(r, node);
    if (e != NULL) {
        e->assigned++;
    }
}

void routing_ended(struct routing *r, uint32_t node, uint32_t capability,
                   uint64_t work_us, int covered)
{
    struct entry *e = routing_entry(r, node, capability);

    load_ended(&r->rest[node].load, work_us, covered);
    note_load(r, node);
    if (e != NULL && e->assigned != 0) {
        e->assigned--;
    }
}

void routing_sent_due(struct routing *r, uint32_t node)
{
    struct rnode *n = &r->nodes[node];

    if (n->jobs > n->slots && n->yielding != 0) {
        n->yielding--;
    }
}

static void add_flows(uint32_t *flows, int by)
{
    *flows = by < 0 ? *flows - (uint32_t) wf_min_u64(*flows, (uint64_t) -by)
                    : (uint32_t) wf_min_u64(*flows + (uint64_t) by, FLOWS_MAX);
}

void routing_flow(struct routing *r, uint32_t holder, uint32_t getter, int by)
{
    if (WF_PLANT(NO_FLOWS)) {
        return;
    }
    add_flows(&r->rest[holder].up_own, by);
    add_flows(&r->rest[getter].down_own, by);
    note_links(r, getter);
}

struct route_load routing_load(const struct routing *r, uint32_t node)
{
    return load_view(&r->rest[node].load);
}

int routing_is_open(const struct routing *r, uint32_t node)
{
    return r->nodes[node].open;
}

uint32_t routing_assigned(const struct routing *r, uint32_t node, uint32_t capability)
{
    const struct entry *e = routing_entry(r, node, capability);

    return e != NULL ? e->assigned : 0;
}

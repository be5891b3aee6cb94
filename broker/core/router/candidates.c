/* The candidates of a decision: those that hold its data, near ones, nodes near the data,
 * and the rest at random by capacity, which is what keeps many brokers from choosing the
 * same one. */
#include "broker/core/router/router_int.h"

#include <string.h>

#define REDRAWS        3u /* of a node at random, while it is busy */
#define HOLDERS_LOOKED 4u
#define TRIES_MAX      12u /* for one node at random */
#define DRAWS          48u /* made ahead at most, two of each number */

static int is_in(const struct picking *p, uint32_t node)
{
    unsigned i = 0;

    while (i < p->n && p->nodes[i] != node) {
        i++;
    }
    return i < p->n;
}

/* Its records are on the way to the cache when it is scored. */
static void add(struct picking *p, uint32_t node, struct entry *e)
{
    const struct rnode *n = &p->r->nodes[node];
    const uint64_t bit = UINT64_C(1) << node % 64;
    uint64_t *maybe = &p->maybe[node % PICK_MAYBE / 64];

    if (p->n == ROUTE_ROWS_MAX || ((*maybe & bit) != 0 && is_in(p, node))) {
        return;
    }
    *maybe |= bit;
    p->nodes[p->n] = node;
    p->v[p->n++] = e;
    __builtin_prefetch(e);
    __builtin_prefetch(n);
    if (p->job->ninputs != 0) {
        __builtin_prefetch(n->to_broker);
    }
}

static void add_node(struct picking *p, uint32_t node)
{
    struct entry *e = routing_entry(p->r, node, p->job->capability);

    if (e != NULL) {
        add(p, node, e);
    }
}

static void add_all(struct picking *p)
{
    for (uint32_t i = 0; i < p->cap->n; i++) {
        add(p, p->cap->v[i].node, &p->cap->v[i]);
    }
}

/* Of each input in turn, so that a job of many inputs sees holders of all of them. */
static void add_holders(struct picking *p)
{
    unsigned added = 0;

    for (unsigned k = 0; k < ROUTE_HOLDERS_MAX && added < HOLDERS_LOOKED * 2; k++) {
        for (unsigned i = 0; i < p->job->ninputs; i++) {
            const struct route_input *in = &p->job->inputs[i];

            if (k < in->nholders) {
                unsigned before = p->n;

                add_node(p, in->holders[k].node);
                added += p->n - before;
            }
        }
    }
}

/* Nearly always it stands where it stood. */
static void add_near_at(struct picking *p, uint32_t i)
{
    const struct rcap *c = p->cap;
    const uint32_t node = c->near[i], at = c->at[i];

    if (at < c->n && c->chances[at].node == node) {
        add(p, node, &c->v[at]);
    } else {
        add_node(p, node);
    }
}

/* Near to the broker, which is near to who asked: idle ones first. */
static void add_near(struct picking *p, unsigned want)
{
    const struct rcap *c = p->cap;
    const uint32_t looks = c->nnear < NEAR_LOOKS ? c->nnear : NEAR_LOOKS;
    unsigned end = p->n + want, nidle = 0;
    uint32_t idle[NEAR_LOOKS];

    for (uint32_t i = 0; i < looks; i++) {
        idle[nidle] = i;
        nidle += (unsigned) routing_is_idle(p->r, c->near[i]);
    }
    for (unsigned i = 0; i < nidle && p->n < end; i++) {
        add_near_at(p, idle[i]);
    }
    for (uint32_t i = 0; i < c->nnear && i < want && p->n < end; i++) {
        add_near_at(p, i);
    }
}

/* The input that takes most to move is the one to be near to. */
static uint32_t holder_of_largest(const struct route_job *job)
{
    const struct route_input *largest = NULL;

    for (unsigned i = 0; i < job->ninputs; i++) {
        const struct route_input *in = &job->inputs[i];

        if (in->nholders != 0 && (largest == NULL || in->bytes > largest->bytes)) {
            largest = in;
        }
    }
    return largest != NULL ? largest->holders[0].node : ROUTE_NONE;
}

/* Whether these offer it is asked soon: where that stands is found out in two steps, of
 * which each waits for memory. */
static unsigned prefetch_holders(const struct picking *p)
{
    const uint64_t bit = offer_bit(p->job->capability);
    unsigned n = 0;

    for (unsigned i = 0; i < p->job->ninputs; i++) {
        for (unsigned k = 0; k < p->job->inputs[i].nholders; k++) {
            const struct rrest *h = &p->r->rest[p->job->inputs[i].holders[k].node];

            if ((h->offers & bit) != 0) {
                n++;
                __builtin_prefetch(h->places);
            }
        }
    }
    return n;
}

static unsigned prefetch_around(const struct picking *p, const struct around *x)
{
    const uint64_t bit = offer_bit(p->job->capability);
    unsigned n = 0;

    for (uint32_t i = 0; i < x->n; i++) {
        if ((x->offers[i] & bit) != 0) {
            n++;
            __builtin_prefetch(&p->r->rest[x->v[i]]);
        }
    }
    return n;
}

static void add_around(struct picking *p, unsigned want, const struct around *x)
{
    const uint64_t bit = offer_bit(p->job->capability);
    unsigned end = p->n + want;

    for (uint32_t i = 0; i < x->n; i++) {
        if ((x->offers[i] & bit) != 0) {
            __builtin_prefetch(p->r->rest[x->v[i]].places);
        }
    }
    for (uint32_t i = 0; i < x->n && p->n < end; i++) {
        if ((x->offers[i] & bit) != 0) {
            add_node(p, x->v[i]);
        }
    }
}

/* By capacity: one at random is taken with the probability of its share of the largest
 * weight, else another is drawn.  Place and luck are the whole and the rest of one
 * product; a byte of the weight tells most of those without luck before their record is
 * looked at. */
static struct lucky draw(const struct rcap *c, uint32_t x)
{
    const uint64_t product = (uint64_t) x * c->n;

    return (struct lucky){(uint32_t) (product >> 32), (uint32_t) product};
}

static unsigned may_be_lucky(const struct rcap *c, struct lucky l)
{
    return l.part >> 24 <= c->luck[l.at];
}

static unsigned is_lucky(const struct rcap *c, struct lucky l)
{
    return l.part < (uint64_t) c->chances[l.at].weight << (24 - c->luck_shift);
}

static void draw_ahead(struct picking *p)
{
    const struct rcap *c = p->cap;
    struct wf_rng rng = p->r->rng;
    unsigned n = 0;

    for (unsigned i = 0; i < DRAWS && n < PICK_LUCKY; i++) {
        const uint64_t x = wf_rng_next(&rng);
        const struct lucky a = draw(c, (uint32_t) x), b = draw(c, (uint32_t) (x >> 32));

        p->lucky[n] = a;
        n += may_be_lucky(c, a);
        p->lucky[n] = b;
        n += may_be_lucky(c, b);
    }
    p->r->rng = rng;
    p->nlucky = n;
    for (unsigned i = 0; i < n; i++) {
        __builtin_prefetch(&c->chances[p->lucky[i].at]);
    }
}

/* Of so many drawn ahead the first that are idle, and each that follows on REDRAWS - 1
 * busy ones.  Without a branch, as nobody can predict which those are. */
static unsigned choose_lucky(struct picking *p, unsigned want, uint32_t *ret)
{
    const struct rcap *c = p->cap;
    unsigned n = 0, busy = 0;

    for (unsigned i = 0; i < p->nlucky && n < want; i++) {
        const uint32_t at = p->lucky[i].at;
        const unsigned lucky = is_lucky(c, p->lucky[i]);
        const unsigned idle = (unsigned) routing_is_idle(p->r, c->chances[at].node);
        const unsigned taken = lucky & (idle | (busy == REDRAWS - 1));

        ret[n] = at;
        n += taken;
        busy = (busy + lucky) & (taken - 1);
    }
    return n;
}

static void add_random(struct picking *p, unsigned want)
{
    const struct rcap *c = p->cap;
    uint32_t at[ROUTE_ROWS_MAX];
    unsigned n = choose_lucky(p, want, at);

    /* Those that were drawn did not suffice: others, busy or not. */
    for (unsigned k = 0; n < want && k < TRIES_MAX * want; k++) {
        const struct lucky l = draw(c, (uint32_t) wf_rng_next(&p->r->rng));

        at[n] = l.at;
        n += may_be_lucky(c, l) & is_lucky(c, l);
    }
    for (unsigned i = 0; i < n; i++) {
        add(p, c->chances[at[i]].node, &c->v[at[i]]);
    }
}

/* What picking will look at is far apart in memory: let it come meanwhile. */
static void prefetch(struct picking *p)
{
    if (p->holder != ROUTE_NONE) {
        around_prefetch(p->r, p->holder);
    }
    for (unsigned i = 0; p->job->ninputs != 0 && i < p->job->inputs[0].nholders; i++) {
        const uint32_t node = p->job->inputs[0].holders[i].node;

        __builtin_prefetch(&p->r->rest[node]);
        __builtin_prefetch(&p->r->nodes[node]);
        __builtin_prefetch(p->r->nodes[node].to_broker);
    }
    draw_ahead(p);
}

void picking_begin(struct picking *p, struct routing *r, const struct route_job *job,
                   uint64_t now_us)
{
    p->r = r;
    p->job = job;
    p->now_us = now_us;
    p->cap = &r->caps[job->capability];
    p->n = p->nlucky = 0;
    memset(p->maybe, 0, sizeof p->maybe);
    if (p->cap->n > r->cfg.sample) {
        near_refresh(r, p->cap, now_us);
        p->holder = holder_of_largest(job);
        prefetch(p);
    }
}

/* Those at random come before those that take longer to find, in as many places as these
 * will leave. */
static void pick_of_many(struct picking *p, unsigned sample)
{
    const struct around *around = NULL;
    unsigned others = 0;

    if (p->job->sure != ROUTE_NONE) {
        add_node(p, p->job->sure);
    }
    add_near(p, sample / 4);
    others = (unsigned) wf_min_u64(prefetch_holders(p), HOLDERS_LOOKED * 2);
    if (p->holder != ROUTE_NONE) {
        around = around_of(p->r, p->holder, p->now_us);
        others += (unsigned) wf_min_u64(prefetch_around(p, around), sample / 4);
    }
    if (p->n + others < sample) {
        add_random(p, sample - p->n - others);
    }
    add_holders(p);
    if (around != NULL) {
        add_around(p, sample / 4, around);
    }
}

unsigned picking_end(struct picking *p)
{
    if (p->cap->n <= p->r->cfg.sample) {
        add_all(p);
    } else {
        pick_of_many(p, p->r->cfg.sample);
    }
    return p->n;
}

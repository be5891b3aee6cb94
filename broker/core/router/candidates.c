/* The candidates of a decision: those that hold its data, near ones, nodes near the data,
 * and the rest at random by capacity, which is what keeps many brokers from choosing the
 * same one. */
#include "broker/core/router/router_int.h"

#include <string.h>

#define REDRAWS        3u /* of a node at random, while it is busy */
#define HOLDERS_LOOKED 4u

static int is_in(const struct picking *p, uint32_t node)
{
    unsigned i = 0;

    while (i < p->n && p->nodes[i] != node) {
        i++;
    }
    return i < p->n;
}

/* What is scored of it is on the way to the cache then. */
static void prefetch_one(const struct picking *p, uint32_t node, const struct entry *e)
{
    const struct rnode *n = &p->r->nodes[node];

    __builtin_prefetch(e);
    __builtin_prefetch(n);
    if (p->job->ninputs != 0) {
        __builtin_prefetch(n->to_broker);
    }
}

static void add(struct picking *p, uint32_t node, struct entry *e)
{
    const uint64_t bit = UINT64_C(1) << node % 64;
    uint64_t *maybe = &p->maybe[node % PICK_MAYBE / 64];

    if (p->n == ROUTE_ROWS_MAX || ((*maybe & bit) != 0 && is_in(p, node))) {
        return;
    }
    *maybe |= bit;
    p->nodes[p->n] = node;
    p->v[p->n++] = e;
}

static void add_node(struct picking *p, uint32_t node)
{
    struct entry *e = routing_entry(p->r, node, p->job->capability);

    if (e != NULL) {
        prefetch_one(p, node, e);
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
    for (unsigned i = 0; i < p->job->ninputs; i++) {
        for (unsigned k = 0; k < p->job->inputs[i].nsites; k++) {
            add_node(p, p->job->inputs[i].sites[k].node);
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

/* How many of these offer it, most likely. */
static unsigned count_holders(const struct picking *p)
{
    const uint64_t bit = offer_bit(p->job->capability);
    unsigned n = 0;

    for (unsigned i = 0; i < p->job->ninputs; i++) {
        for (unsigned k = 0; k < p->job->inputs[i].nholders; k++) {
            const uint32_t node = p->job->inputs[i].holders[k].node;

            n += (p->r->rest[node].offers & bit) != 0;
        }
    }
    return n;
}

/* The same of those around, of which so many are looked at; their places are sent for.
 * Nobody can predict which they are. */
static unsigned find_around(struct picking *p, const struct around *x, unsigned want)
{
    const uint64_t bit = offer_bit(p->job->capability);
    unsigned n = 0;

    for (uint32_t i = 0; i < x->n; i++) {
        p->around[n] = x->v[i];
        n += (x->offers[i] & bit) != 0;
    }
    p->naround = n;
    n = n < want ? n : want;
    for (unsigned i = 0; i < n; i++) {
        __builtin_prefetch(p->r->rest[p->around[i]].few);
        __builtin_prefetch(&p->r->rest[p->around[i]].offers);
    }
    return n;
}

/* From the deck of the capability, into which nodes come by capacity: the first that are
 * idle, and each that follows on REDRAWS - 1 busy ones.  Without a branch, as nobody can
 * predict which those are. */
static void deal(struct routing *r, struct rcap *c, unsigned want, struct hand *ret)
{
    unsigned n = 0, busy = 0;
    uint32_t left;

    if (c->ndeck < want * REDRAWS) {
        offers_shuffle(r, c);
    }
    left = c->ndeck;
    ret->left[0] = left;
    while (n < want && left != 0) {
        const struct card card = c->deck[--left];
        const unsigned idle = (unsigned) routing_is_idle(r, card.node);
        const unsigned taken = idle | (busy == REDRAWS - 1);

        ret->card[n] = card;
        n += taken;
        ret->left[n] = left;
        busy = (busy + 1) & (taken - 1);
    }
    ret->n = n;
}

/* So many, or all that there are, leave the deck. */
static void add_random(struct picking *p, unsigned want)
{
    const struct hand *h = &p->hand;
    const unsigned n = want < h->n ? want : h->n;

    for (unsigned i = 0; i < n; i++) {
        add(p, h->card[i].node, &p->cap->v[h->card[i].at]);
    }
    p->cap->ndeck = h->left[n];
}

/* As many as may be drawn: the near ones have their places. */
static unsigned most_random(const struct routing *r)
{
    return r->cfg.sample - r->cfg.sample / 4;
}

/* What picking will look at is far apart in memory: let it come meanwhile. */
static void prefetch(struct picking *p)
{
    if (p->holder != ROUTE_NONE) {
        around_prefetch(p->r, p->holder, 0);
    }
    for (unsigned i = 0; p->job->ninputs != 0 && i < p->job->inputs[0].nholders; i++) {
        const uint32_t node = p->job->inputs[0].holders[i].node;

        __builtin_prefetch(&p->r->rest[node].offers);
        __builtin_prefetch(p->r->nodes[node].to_broker);
        __builtin_prefetch(p->r->rest[node].few);
        __builtin_prefetch(&p->r->nodes[node]);
        pairs_prefetch(p->r->pairs, node);
    }
}

void picking_begin(struct picking *p, struct routing *r, const struct route_job *job,
                   uint64_t now_us)
{
    p->r = r;
    p->job = job;
    p->now_us = now_us;
    p->cap = &r->caps[job->capability];
    p->n = 0;
    p->naround = 0;
    memset(p->maybe, 0, sizeof p->maybe);
    if (p->cap->n > r->cfg.sample) {
        near_refresh(r, p->cap, now_us);
        p->holder = holder_of_largest(job);
        prefetch(p);
        deal(r, p->cap, most_random(r), &p->hand);
        for (unsigned i = 0; i < p->hand.n; i++) {
            prefetch_one(p, p->hand.card[i].node, &p->cap->v[p->hand.card[i].at]);
        }
    }
}

void picking_near(struct picking *p)
{
    if (p->cap->n > p->r->cfg.sample) {
        if (p->holder != ROUTE_NONE) {
            around_prefetch(p->r, p->holder, 1);
        }
        if (p->job->sure != ROUTE_NONE) {
            add_node(p, p->job->sure);
        }
        add_near(p, p->r->cfg.sample / 4);
    }
}

unsigned picking_random(struct picking *p)
{
    const unsigned sample = p->r->cfg.sample;
    unsigned others;

    if (p->cap->n <= sample) {
        add_all(p);
        return p->n;
    }
    others = (unsigned) wf_min_u64(count_holders(p), HOLDERS_LOOKED * 2);
    if (p->holder != ROUTE_NONE) {
        others += find_around(p, around_of(p->r, p->holder, p->now_us), sample / 4);
    }
    add_random(p, p->n + others < sample ? sample - p->n - others : 0);
    return p->n;
}

unsigned picking_data(struct picking *p)
{
    unsigned end;

    if (p->cap->n > p->r->cfg.sample) {
        add_holders(p);
    }
    end = p->n + p->r->cfg.sample / 4;
    for (unsigned i = 0; i < p->naround && p->n < end; i++) {
        add_node(p, p->around[i]);
    }
    return p->n;
}

void picking_ahead(struct routing *r, uint32_t capability)
{
    struct rcap *c = &r->caps[capability];
    struct hand h;

    if (c->n > r->cfg.sample) {
        deal(r, c, most_random(r), &h);
        for (unsigned i = 0; i < h.n; i++) {
            __builtin_prefetch(&c->v[h.card[i].at]);
            __builtin_prefetch(&r->nodes[h.card[i].node]);
            __builtin_prefetch(r->nodes[h.card[i].node].to_broker);
        }
    }
}

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

    __builtin_prefetch(n);
    __builtin_prefetch(n->to_broker);
    __builtin_prefetch(e);
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

static unsigned prefetch_around(const struct picking *p, const struct around *x)
{
    const uint64_t bit = offer_bit(p->job->capability);
    unsigned n = 0;

    for (uint32_t i = 0; i < x->n; i++) {
        if ((x->offers[i] & bit) != 0) {
            n++;
            __builtin_prefetch(p->r->rest[x->v[i]].few);
            __builtin_prefetch(&p->r->rest[x->v[i]].offers);
        }
    }
    return n;
}

static void add_around(struct picking *p, unsigned want, const struct around *x)
{
    const uint64_t bit = offer_bit(p->job->capability);
    unsigned end = p->n + want;

    for (uint32_t i = 0; i < x->n && p->n < end; i++) {
        if ((x->offers[i] & bit) != 0) {
            add_node(p, x->v[i]);
        }
    }
}

/* From the deck of the capability, into which nodes come by capacity: the first that are
 * idle, and each that follows on REDRAWS - 1 busy ones.  Without a branch, as nobody can
 * predict which those are. */
static void deal(struct picking *p, unsigned want)
{
    struct rcap *c = p->cap;
    unsigned n = 0, busy = 0;

    while (n < want) {
        const struct card *card;
        unsigned taken;

        if (c->ndeck == 0) {
            offers_shuffle(p->r, c);
        }
        card = &c->deck[--c->ndeck];
        taken = (unsigned) routing_is_idle(p->r, card->node) | (busy == REDRAWS - 1);
        p->dealt[n] = *card;
        p->left[n] = c->ndeck;
        n += taken;
        busy = (busy + 1) & (taken - 1);
    }
    p->ndealt = n;
    for (unsigned i = 0; i < n; i++) {
        prefetch_one(p, p->dealt[i].node, &c->v[p->dealt[i].at]);
    }
}

/* As many as there is room for; the others go back. */
static void add_random(struct picking *p, unsigned want)
{
    struct rcap *c = p->cap;
    const unsigned n = want < p->ndealt ? want : p->ndealt;

    for (unsigned i = 0; i < n; i++) {
        add(p, p->dealt[i].node, &c->v[p->dealt[i].at]);
    }
    if (n != 0 && n < p->ndealt && c->ndeck < p->left[n - 1]) {
        c->ndeck = p->left[n - 1];
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

        __builtin_prefetch(&p->r->rest[node].offers);
        __builtin_prefetch(p->r->nodes[node].to_broker);
        __builtin_prefetch(p->r->rest[node].few);
        __builtin_prefetch(&p->r->nodes[node]);
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
    memset(p->maybe, 0, sizeof p->maybe);
    if (p->cap->n > r->cfg.sample) {
        near_refresh(r, p->cap, now_us);
        p->holder = holder_of_largest(job);
        prefetch(p);
        deal(p, r->cfg.sample - r->cfg.sample / 4);
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
    others = (unsigned) wf_min_u64(count_holders(p), HOLDERS_LOOKED * 2);
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

/* The candidates of a decision: those that hold its data, near ones, nodes near the data,
 * and the rest at random by capacity, which is what keeps many brokers from choosing the
 * same one. */
#include "broker/core/router/router_int.h"

#define REDRAWS        3u /* of a node at random, while it is busy */
#define HOLDERS_LOOKED 4u
#define TRIES_MAX      12u /* for one node at random */
#define DRAWS          24u /* that are expected for all of them */

struct picker {
    struct routing *r;
    const struct route_job *job;
    struct rcap *cap;
    struct entry **v;
    unsigned n;
    uint64_t maybe; /* bit k: some candidate's number is k modulo 64 */
    uint32_t nodes[ROUTE_ROWS_MAX];
};

static int is_in(const struct picker *p, uint32_t node)
{
    unsigned i = 0;

    while (i < p->n && p->nodes[i] != node) {
        i++;
    }
    return i < p->n;
}

/* Its records are on the way to the cache when it is scored. */
static void add(struct picker *p, uint32_t node, struct entry *e)
{
    const struct rnode *n = &p->r->nodes[node];
    const uint64_t bit = UINT64_C(1) << node % 64;

    if (p->n == ROUTE_ROWS_MAX || ((p->maybe & bit) != 0 && is_in(p, node))) {
        return;
    }
    p->maybe |= bit;
    p->nodes[p->n] = node;
    p->v[p->n++] = e;
    __builtin_prefetch(e);
    __builtin_prefetch(&n->load);
    __builtin_prefetch(&n->up);
    if (p->job->ninputs == 0) {
        return;
    }
    __builtin_prefetch(n->to_broker);
    for (unsigned i = 0; i < p->job->inputs[0].nholders; i++) {
        pairs_prefetch(p->r->pairs, p->job->inputs[0].holders[i].node, node);
    }
}

static void add_node(struct picker *p, uint32_t node)
{
    struct entry *e = routing_entry(p->r, node, p->job->capability);

    if (e != NULL) {
        add(p, node, e);
    }
}

static void add_all(struct picker *p)
{
    for (uint32_t i = 0; i < p->cap->n; i++) {
        add(p, p->cap->v[i].node, &p->cap->v[i]);
    }
}

/* Of each input in turn, so that a job of many inputs sees holders of all of them. */
static void add_holders(struct picker *p)
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
static void add_near_at(struct picker *p, uint32_t i)
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
static void add_near(struct picker *p, unsigned want)
{
    unsigned end = p->n + want;

    for (uint32_t i = 0; i < p->cap->nnear && i < NEAR_LOOKS && p->n < end; i++) {
        if (routing_is_idle(p->r, p->cap->near[i])) {
            add_near_at(p, i);
        }
    }
    for (uint32_t i = 0; i < p->cap->nnear && i < want && p->n < end; i++) {
        add_near_at(p, i);
    }
}

/* The input that takes most to move is the one to be near to. */
static uint32_t holder_of_largest(const struct picker *p)
{
    const struct route_input *largest = NULL;

    for (unsigned i = 0; i < p->job->ninputs; i++) {
        const struct route_input *in = &p->job->inputs[i];

        if (in->nholders != 0 && (largest == NULL || in->bytes > largest->bytes)) {
            largest = in;
        }
    }
    return largest != NULL ? largest->holders[0].node : ROUTE_NONE;
}

static void add_around(struct picker *p, unsigned want, uint32_t holder, uint64_t now_us)
{
    const uint64_t bit = offer_bit(p->job->capability);
    const struct around *x = around_of(p->r, holder, now_us);
    unsigned end = p->n + want;

    for (uint32_t i = 0; i < x->n; i++) {
        if ((x->offers[i] & bit) != 0) {
            __builtin_prefetch(&p->r->nodes[x->v[i]].places);
        }
    }
    for (uint32_t i = 0; i < x->n && p->n < end; i++) {
        if ((x->offers[i] & bit) != 0) {
            add_node(p, x->v[i]);
        }
    }
}

static uint32_t draw(const struct rcap *c, uint64_t x)
{
    return (uint32_t) (((x & UINT32_MAX) * c->n) >> 32);
}

static int has_luck(const struct rcap *c, uint64_t x, uint32_t at)
{
    return ((x >> 32) * c->max_weight) >> 32 < c->chances[at].weight;
}

/* The next draws are known: the nodes that are looked at come together. */
static void prefetch_draws(const struct picker *p)
{
    const struct rcap *c = p->cap;
    struct wf_rng rng = p->r->rng;

    for (unsigned i = 0; i < DRAWS; i++) {
        const uint64_t x = wf_rng_next(&rng);
        const uint32_t at = draw(c, x);

        if (has_luck(c, x, at)) {
            const struct rnode *n = &p->r->nodes[c->chances[at].node];

            __builtin_prefetch(&n->load);
            __builtin_prefetch(&n->up);
        }
    }
}

/* By capacity: one at random is taken with the probability of its share of the largest
 * weight, else another is drawn. */
static void add_random(struct picker *p, unsigned want)
{
    const struct rcap *c = p->cap;

    for (unsigned i = 0; i < want; i++) {
        uint32_t at = 0;
        unsigned busy = 0;

        for (unsigned k = 0; k < TRIES_MAX; k++) {
            uint64_t x = wf_rng_next(&p->r->rng);

            at = draw(c, x);
            if (has_luck(c, x, at) &&
                (++busy == REDRAWS || routing_is_idle(p->r, c->chances[at].node))) {
                break;
            }
        }
        add(p, c->chances[at].node, &c->v[at]);
    }
}

/* What picking will look at is far apart in memory: let it come meanwhile. */
static void prefetch(const struct picker *p, uint32_t holder)
{
    struct wf_rng rng = p->r->rng;

    if (holder != ROUTE_NONE) {
        around_prefetch(p->r, holder);
    }
    for (unsigned i = 0; p->job->ninputs != 0 && i < p->job->inputs[0].nholders; i++) {
        const struct rnode *n = &p->r->nodes[p->job->inputs[0].holders[i].node];

        __builtin_prefetch(&n->load);
        __builtin_prefetch(&n->up);
        __builtin_prefetch(n->to_broker);
    }
    for (unsigned i = 0; i < DRAWS; i++) {
        __builtin_prefetch(&p->cap->chances[draw(p->cap, wf_rng_next(&rng))]);
    }
}

unsigned candidates_pick(struct routing *r, const struct route_job *job, uint64_t now_us,
                         struct entry **ret)
{
    struct picker p;
    const unsigned sample = r->cfg.sample;
    uint32_t holder;

    p.r = r;
    p.job = job;
    p.cap = &r->caps[job->capability];
    p.v = ret;
    p.n = 0;
    p.maybe = 0;
    if (p.cap->n <= sample) {
        add_all(&p);
        return p.n;
    }
    near_refresh(r, p.cap, now_us);
    if (job->sure != ROUTE_NONE) {
        add_node(&p, job->sure);
    }
    holder = holder_of_largest(&p);
    prefetch(&p, holder);
    add_holders(&p);
    add_near(&p, sample / 4);
    if (holder != ROUTE_NONE) {
        add_around(&p, sample / 4, holder, now_us);
    }
    if (p.n < sample) {
        prefetch_draws(&p);
        add_random(&p, sample - p.n);
    }
    return p.n;
}

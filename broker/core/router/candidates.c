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
    const struct around *around; /* of the input that takes most to move, or NULL */
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

/* Its record is on the way to the cache when it is scored. */
static void add_entry(struct picker *p, struct entry *e)
{
    const struct rnode *n = &p->r->nodes[e->node];
    const uint64_t bit = UINT64_C(1) << e->node % 64;

    if (p->n == ROUTE_ROWS_MAX || ((p->maybe & bit) != 0 && is_in(p, e->node))) {
        return;
    }
    p->maybe |= bit;
    p->nodes[p->n] = e->node;
    p->v[p->n++] = e;
    __builtin_prefetch(&n->load);
    __builtin_prefetch(&n->up);
    if (p->job->ninputs != 0) {
        __builtin_prefetch(n->to_broker);
    }
}

static void add_node(struct picker *p, uint32_t node)
{
    struct entry *e = routing_entry(p->r, node, p->job->capability);

    if (e != NULL) {
        add_entry(p, e);
    }
}

static void add_all(struct picker *p)
{
    for (uint32_t i = 0; i < p->cap->n; i++) {
        add_entry(p, &p->cap->v[i]);
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

static int is_idle(const struct routing *r, uint32_t node)
{
    const struct rnode *n = &r->nodes[node];

    return n->open && load_view(&n->load).jobs < n->slots;
}

/* Near to the broker, which is near to who asked: idle ones first. */
static void add_near(struct picker *p, unsigned want)
{
    unsigned end = p->n + want;

    for (uint32_t i = 0; i < p->cap->nnear && i < NEAR_LOOKS && p->n < end; i++) {
        if (is_idle(p->r, p->cap->near[i])) {
            add_node(p, p->cap->near[i]);
        }
    }
    for (uint32_t i = 0; i < p->cap->nnear && i < want && p->n < end; i++) {
        add_node(p, p->cap->near[i]);
    }
}

/* The input that takes most to move is the one to be near to. */
static const struct around *around_largest(const struct picker *p, uint64_t now_us)
{
    const struct route_input *largest = NULL;

    for (unsigned i = 0; i < p->job->ninputs; i++) {
        const struct route_input *in = &p->job->inputs[i];

        if (in->nholders != 0 && (largest == NULL || in->bytes > largest->bytes)) {
            largest = in;
        }
    }
    return largest != NULL ? around_of(p->r, largest->holders[0].node, now_us) : NULL;
}

static void add_around(struct picker *p, unsigned want)
{
    unsigned end = p->n + want;

    for (uint32_t i = 0; p->around != NULL && i < p->around->n && p->n < end; i++) {
        add_node(p, p->around->v[i]);
    }
}

static struct entry *draw(const struct rcap *c, uint64_t x)
{
    return &c->v[(uint32_t) (((x & UINT32_MAX) * c->n) >> 32)];
}

/* By capacity: one at random is taken with the probability of its share of the largest
 * weight, else another is drawn. */
static void add_random(struct picker *p, unsigned want)
{
    const struct rcap *c = p->cap;

    for (unsigned i = 0; i < want; i++) {
        struct entry *e = NULL;
        unsigned busy = 0;

        for (unsigned k = 0; k < TRIES_MAX; k++) {
            uint64_t x = wf_rng_next(&p->r->rng);

            e = draw(c, x);
            if (((x >> 32) * c->max_weight) >> 32 < e->weight &&
                (++busy == REDRAWS || is_idle(p->r, e->node))) {
                break;
            }
        }
        add_entry(p, e);
    }
}

/* What picking will look at is far apart in memory: let it come while the holders and
 * the near ones are looked at. */
static void prefetch(const struct picker *p)
{
    struct wf_rng rng = p->r->rng;

    for (uint32_t i = 0; p->around != NULL && i < p->around->n; i++) {
        __builtin_prefetch(&p->r->nodes[p->around->v[i]].offers);
    }
    for (unsigned i = 0; i < DRAWS; i++) {
        __builtin_prefetch(draw(p->cap, wf_rng_next(&rng)));
    }
}

unsigned candidates_pick(struct routing *r, const struct route_job *job, uint64_t now_us,
                         struct entry **ret)
{
    struct picker p;
    const unsigned sample = r->cfg.sample;

    p.r = r;
    p.job = job;
    p.cap = &r->caps[job->capability];
    p.around = NULL;
    p.v = ret;
    p.n = 0;
    p.maybe = 0;
    if (p.cap->n <= sample) {
        add_all(&p);
        return p.n;
    }
    if (job->sure != ROUTE_NONE) {
        add_node(&p, job->sure);
    }
    p.around = around_largest(&p, now_us);
    prefetch(&p);
    add_holders(&p);
    add_near(&p, sample / 4);
    add_around(&p, sample / 4);
    if (p.n < sample) {
        add_random(&p, sample - p.n);
    }
    return p.n;
}

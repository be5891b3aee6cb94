/* The candidates of a decision: those that hold its data, near ones, nodes near the data,
 * and the rest at random by capacity, which is what keeps many brokers from choosing the
 * same one. */
#include "broker/core/router/router_int.h"

#define HOLDERS_LOOKED 4u
#define TRIES_MAX      12u /* for one node at random */

struct picker {
    struct routing *r;
    const struct route_job *job;
    struct rcap *cap;
    struct entry **v;
    unsigned n;
};

static void add_entry(struct picker *p, struct entry *e)
{
    struct rnode *n = &p->r->nodes[e->node];

    if (p->n < ROUTE_ROWS_MAX && n->seen != p->r->decision) {
        n->seen = p->r->decision;
        p->v[p->n++] = e;
        __builtin_prefetch(&n->up);
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
static void add_around(struct picker *p, unsigned want, uint64_t now_us)
{
    const struct route_input *largest = NULL;
    const struct around *x;
    unsigned end = p->n + want;

    for (unsigned i = 0; i < p->job->ninputs; i++) {
        const struct route_input *in = &p->job->inputs[i];

        if (in->nholders != 0 && (largest == NULL || in->bytes > largest->bytes)) {
            largest = in;
        }
    }
    if (largest == NULL) {
        return;
    }
    x = around_of(p->r, largest->holders[0].node, now_us);
    for (uint32_t i = 0; i < x->n && p->n < end; i++) {
        add_node(p, x->v[i]);
    }
}

/* By capacity: one at random is taken with the probability of its share of the largest
 * weight, else another is drawn. */
static void add_random(struct picker *p, unsigned want)
{
    const struct rcap *c = p->cap;

    for (unsigned i = 0; i < want; i++) {
        struct entry *e = NULL;

        for (unsigned k = 0; k < TRIES_MAX; k++) {
            uint64_t x = wf_rng_next(&p->r->rng);

            e = &c->v[(uint32_t) (((x & UINT32_MAX) * c->n) >> 32)];
            if (((x >> 32) * c->max_weight) >> 32 < e->weight) {
                break;
            }
        }
        add_entry(p, e);
    }
}

unsigned candidates_pick(struct routing *r, const struct route_job *job, uint64_t now_us,
                         struct entry **ret)
{
    struct picker p = {.r = r, .job = job, .cap = &r->caps[job->capability], .v = ret};
    const unsigned sample = r->cfg.sample;

    r->decision++;
    if (p.cap->n <= sample) {
        add_all(&p);
        return p.n;
    }
    if (job->sure != ROUTE_NONE) {
        add_node(&p, job->sure);
    }
    add_holders(&p);
    add_near(&p, sample / 4);
    add_around(&p, sample / 4, now_us);
    if (p.n < sample) {
        add_random(&p, sample - p.n);
    }
    return p.n;
}

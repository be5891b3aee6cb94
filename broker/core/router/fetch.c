/* X: how long a node would fetch what it lacks of a job's inputs, and what that costs. */
#include "broker/core/router/router_int.h"

#define WINDOW_BYTES UINT64_C(8000000) /* of one flow under way */
#define RATE_GUESS   UINT64_C(50000000)
#define SECOND_US    UINT64_C(1000000)

/* What is fetched from one holder. */
struct part {
    uint32_t holder;
    uint64_t bytes, rate, rtt_us;
};

/* Those that this broker promised are told of later. */
static uint32_t flows(uint32_t told, uint32_t own)
{
    return told > own ? told : own;
}

/* A link shared with the flows on it already. */
static uint64_t share(uint64_t rate, uint32_t n)
{
    return (rate != 0 ? rate : RATE_GUESS) / ((uint64_t) n + 1);
}

static uint64_t rate_between(const struct routing *r, uint32_t from, uint32_t to,
                             uint64_t rtt_us, uint64_t now_us)
{
    const struct rnode *h = &r->nodes[from], *a = &r->nodes[to];
    uint64_t rate = wf_min_u64(share(h->up, flows(h->up_told, h->up_own)),
                               share(a->down, flows(a->down_told, a->down_own)));
    uint64_t pair = pairs_rate(r->pairs, from, to, now_us);

    rate = wf_min_u64(rate, score_mul_div(WINDOW_BYTES, SECOND_US, rtt_us + 1));
    /* What a pair did tells more of the way between than the ends do, if the links are as
     * free as then. */
    if (pair != 0) {
        rate = wf_min_u64(rate, pair);
    }
    return wf_max_u64(rate, 1);
}

static uint64_t time_of(const struct part *p)
{
    return wf_add_sat(p->rtt_us * 3 / 2, score_mul_div(p->bytes, SECOND_US, p->rate));
}

/* The holder from which it would come soonest. */
static int best_part(const struct routing *r, const struct route_input *in,
                     uint64_t missing, uint32_t node, uint64_t now_us, struct part *ret)
{
    uint64_t best_us = UINT64_MAX;

    for (unsigned i = 0; i < in->nholders; i++) {
        struct part p = {.holder = in->holders[i].node, .bytes = missing};
        uint64_t us;

        if (p.holder == node || in->holders[i].have < missing) {
            continue;
        }
        p.rtt_us = routing_distance(r, p.holder, node, now_us).rtt_us;
        p.rate = rate_between(r, p.holder, node, p.rtt_us, now_us);
        us = time_of(&p);
        if (us < best_us) {
            best_us = us;
            *ret = p;
        }
    }
    return best_us != UINT64_MAX;
}

static uint64_t missing_of(const struct route_input *in, uint32_t node)
{
    for (unsigned i = 0; i < in->nholders; i++) {
        if (in->holders[i].node == node) {
            return in->bytes - wf_min_u64(in->bytes, in->holders[i].have);
        }
    }
    return in->bytes;
}

/* What comes from the same holder comes over the same link. */
static void add_part(struct part *v, unsigned *n, const struct part *p)
{
    unsigned i = 0;

    while (i < *n && v[i].holder != p->holder) {
        i++;
    }
    if (i == *n) {
        v[(*n)++] = *p;
    } else {
        v[i].bytes = wf_add_sat(v[i].bytes, p->bytes);
    }
}

struct fetch_plan fetch_plan(const struct routing *r, const struct route_job *job,
                             uint32_t node, uint64_t now_us)
{
    const struct rnode *a = &r->nodes[node];
    struct fetch_plan plan = {.from = ROUTE_NONE};
    struct part parts[ROUTE_INPUTS_MAX], p;
    unsigned n = 0;
    uint64_t most = 0;

    for (unsigned i = 0; i < job->ninputs; i++) {
        uint64_t missing = missing_of(&job->inputs[i], node);

        if (missing == 0) {
            continue;
        }
        plan.bytes = wf_add_sat(plan.bytes, missing);
        if (best_part(r, &job->inputs[i], missing, node, now_us, &p)) {
            add_part(parts, &n, &p);
        }
    }
    /* All of it comes in over the one link of this node, whoever sends it. */
    plan.us = score_mul_div(plan.bytes, SECOND_US,
                            share(a->down, flows(a->down_told, a->down_own)));
    for (unsigned i = 0; i < n; i++) {
        const struct rnode *h = &r->nodes[parts[i].holder];
        uint64_t price = prices_egress(r->prices, h->site, h->tier, a->site, a->tier);

        plan.us = wf_max_u64(plan.us, time_of(&parts[i]));
        plan.pusd = wf_add_sat(plan.pusd, score_mul_div(parts[i].bytes, price, 1));
        if (parts[i].bytes > most) {
            most = parts[i].bytes;
            plan.from = parts[i].holder;
        }
    }
    return plan;
}

/* X: how long a node would fetch what it lacks of a job's inputs, and what that costs. */
#include "broker/core/router/router_int.h"

#define WINDOW_BYTES UINT64_C(8000000) /* of one flow under way */
#define RATE_GUESS   UINT64_C(50000000)
#define SECOND_US    UINT64_C(1000000)

/* What is fetched from one holder. */
struct part {
    uint32_t holder;
    uint64_t bytes, rate, rtt_us, us;
};

/* Those that this broker promised are told of later. */
static uint32_t flows(uint32_t told, uint32_t own)
{
    return told > own ? told : own;
}

/* A link shared with the flows on it already. */
static uint64_t share(uint64_t rate, uint32_t n)
{
    rate = rate != 0 ? rate : RATE_GUESS;
    return n == 0 ? rate : rate / ((uint64_t) n + 1);
}

void fetching_begin(struct fetching *f, const struct routing *r,
                    const struct route_job *job, uint64_t now_us)
{
    f->r = r;
    f->job = job;
    f->now_us = now_us;
    for (unsigned i = 0; i < job->ninputs; i++) {
        for (unsigned k = 0; k < job->inputs[i].nholders; k++) {
            const struct rnode *h = &r->nodes[job->inputs[i].holders[k].node];

            f->up[i][k] = share(h->up, flows(h->up_told, h->up_own));
        }
    }
}

/* At most `rate`, what a flow's window lets through, and what the pair did lately: that
 * tells more of the way between than the ends do, if the links are as free as then. */
static uint64_t rate_of(uint64_t rate, uint64_t rtt_us, uint64_t pair)
{
    uint64_t in_window;

    /* The division is for windows that bind. */
    if (__builtin_mul_overflow(rate, rtt_us + 1, &in_window) ||
        in_window > WINDOW_BYTES * SECOND_US) {
        rate = wf_min_u64(rate, WINDOW_BYTES * SECOND_US / (rtt_us + 1));
    }
    if (pair != 0) {
        rate = wf_min_u64(rate, pair);
    }
    return wf_max_u64(rate, 1);
}

static uint64_t time_of(const struct part *p)
{
    const uint64_t way_us = p->rtt_us * 3 / 2;
    const uint64_t bytes_us = score_mul_div(p->bytes, SECOND_US, p->rate);

#ifdef WEFT_PLANT_FETCH_SIGN
    return way_us - wf_min_u64(way_us, bytes_us);
#endif
    return wf_add_sat(way_us, bytes_us);
}

/* time_of(p) < us, without the division where that is possible. */
static int is_sooner(const struct part *p, uint64_t us)
{
    const uint64_t way_us = p->rtt_us * 3 / 2;
    uint64_t work, most;

    if (way_us >= us) {
        return 0;
    }
    if (__builtin_mul_overflow(p->bytes, SECOND_US, &work) ||
        __builtin_mul_overflow(us - way_us, p->rate, &most)) {
        return time_of(p) < us;
    }
    return work < most;
}

/* The holder from which it would come soonest; `down` is what this node's link gives. */
static int best_part(const struct fetching *f, unsigned input, uint64_t missing,
                     uint32_t node, uint64_t down, struct part *ret)
{
    const struct route_input *in = &f->job->inputs[input];
    int found = 0;

    for (unsigned i = 0; i < in->nholders; i++) {
        struct pair_seen seen;
        struct part p;

        p.holder = in->holders[i].node;
        if (p.holder == node || in->holders[i].have < missing) {
            continue;
        }
        seen = pairs_get(f->r->pairs, p.holder, node, f->now_us);
        p.bytes = missing;
        p.rtt_us =
            seen.rtt_us != 0 ? seen.rtt_us : routing_guess_us(f->r, p.holder, node);
        p.rate = rate_of(wf_min_u64(f->up[input][i], down), p.rtt_us, seen.rate);
        if (!found || is_sooner(&p, ret->us)) {
            found = 1;
            *ret = p;
            ret->us = time_of(&p);
        }
    }
    return found && ret->us != UINT64_MAX;
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
        v[i].us = time_of(&v[i]);
    }
}

static uint64_t price_of(const struct routing *r, const struct part *p,
                         const struct rnode *to)
{
    const struct rnode *h = &r->nodes[p->holder];
    const uint64_t price = prices_egress(r->prices, h->site, h->tier, to->site, to->tier);
    uint64_t pusd;

    return __builtin_mul_overflow(p->bytes, price, &pusd) ? UINT64_MAX : pusd;
}

struct fetch_plan fetch_plan(const struct fetching *f, uint32_t node)
{
    const struct rnode *a = &f->r->nodes[node];
    struct fetch_plan plan = {.from = ROUTE_NONE};
    struct part parts[ROUTE_INPUTS_MAX];
    uint64_t down, most = 0;
    unsigned n = 0;

    if (f->job->ninputs == 0) {
        return plan;
    }
    down = share(a->down, flows(a->down_told, a->down_own));
    for (unsigned i = 0; i < f->job->ninputs; i++) {
        uint64_t missing = missing_of(&f->job->inputs[i], node);
        struct part p;

        if (missing == 0) {
            continue;
        }
        plan.bytes = wf_add_sat(plan.bytes, missing);
        if (best_part(f, i, missing, node, down, &p)) {
            add_part(parts, &n, &p);
        }
    }
    for (unsigned i = 0; i < n; i++) {
        plan.us = wf_max_u64(plan.us, parts[i].us);
        plan.pusd = wf_add_sat(plan.pusd, price_of(f->r, &parts[i], a));
        if (parts[i].bytes > most) {
            most = parts[i].bytes;
            plan.from = parts[i].holder;
        }
    }
    /* All of it comes in over the one link of this node, whoever sends it; if one sends
     * all, that is counted. */
    if (plan.bytes != 0 && (most != plan.bytes || down == 0)) {
        plan.us = wf_max_u64(plan.us, score_mul_div(plan.bytes, SECOND_US, down));
    }
    return plan;
}

/* X: how long a node would fetch what it lacks of a job's inputs, and what that costs. */
#include "broker/core/router/router_int.h"

#define WINDOW_BYTES UINT64_C(8000000) /* of one flow under way */
#define SECOND_US    UINT64_C(1000000)

/* What is fetched from one holder. */
struct part {
    uint32_t holder;
    uint64_t bytes, rtt_us, us;
    uint64_t rate; /* of the slowest link */
};

void fetching_begin(struct fetching *f, const struct routing *r,
                    const struct route_job *job, uint64_t now_us)
{
    f->r = r;
    f->job = job;
    f->now_us = now_us;
    for (unsigned i = 0; i < job->ninputs; i++) {
        const struct route_input *in = &job->inputs[i];

        for (unsigned k = 0; k < in->nholders; k++) {
            const uint32_t node = in->holders[k].node;
            const struct rrest *h = &r->rest[node];
            struct fetch_from *from = &f->from[i][k];

            from->up = wf_max_u64(1, routing_share(h->up, h->up_told, h->up_own));
            from->up_us = score_mul_div(in->bytes, SECOND_US, from->up);
            from->pairs = pairs_with(r->pairs, node);
            from->to_broker = r->nodes[node].to_broker;
        }
    }
}

/* So long on the way, while the slowest link carries it; and no faster than what a flow
 * may have under way in each round trip. */
static uint64_t time_of(uint64_t bytes, uint64_t rtt_us, uint64_t link_us)
{
    const uint64_t way_us = rtt_us * 3 / 2;
    const uint64_t window_us = score_mul_div(bytes, rtt_us + 1, WINDOW_BYTES);
    const uint64_t bytes_us = wf_max_u64(link_us, window_us);

#ifdef WEFT_PLANT_FETCH_SIGN
    return way_us - wf_min_u64(way_us, bytes_us);
#endif
    return wf_add_sat(way_us, bytes_us);
}

static uint64_t guess_us(const struct fetching *f, const struct fetch_from *from,
                         uint32_t holder, uint32_t node)
{
    const struct routing *r = f->r;
    const struct rnode *h = &r->nodes[holder], *a = &r->nodes[node];
    const uint32_t u = distance_least(a->to_broker, from->to_broker, r->vector);

    return u == UINT16_MAX || (a->site != 0 && a->site == h->site)
               ? routing_guess_us(r, holder, node)
               : u * DISTANCE_UNIT_US;
}

/* The holder from which it would come soonest; `down` is what this node's link gives.
 * What a pair did lately tells more of the way between than the ends do, if the links are
 * as free as then. */
static int best_part(const struct fetching *f, unsigned input, uint64_t missing,
                     uint32_t node, uint64_t down, struct part *ret)
{
    const struct route_input *in = &f->job->inputs[input];
    const uint64_t down_us = score_mul_div(missing, SECOND_US, down);

    *ret = (struct part){.holder = ROUTE_NONE, .bytes = missing, .us = UINT64_MAX};
    for (unsigned i = 0; i < in->nholders; i++) {
        const struct fetch_from *from = &f->from[input][i];
        const uint32_t holder = in->holders[i].node;
        uint64_t rate = from->up, us = from->up_us, rtt_us;
        struct pair_seen seen = {0};

        if (holder == node || in->holders[i].have < missing) {
            continue;
        }
        if ((from->pairs >> node % 64 & 1) != 0) {
            seen = pairs_get(f->r->pairs, holder, node, f->now_us);
        }
        if (seen.rate != 0 || missing != in->bytes) {
            rate = seen.rate != 0 ? wf_min_u64(rate, seen.rate) : rate;
            us = score_mul_div(missing, SECOND_US, rate);
        }
        rtt_us = seen.rtt_us != 0 ? seen.rtt_us : guess_us(f, from, holder, node);
        us = time_of(missing, rtt_us, wf_max_u64(us, down_us));
        /* One choice a field: which holder it is nobody can predict. */
        ret->holder = us < ret->us ? holder : ret->holder;
        ret->rtt_us = us < ret->us ? rtt_us : ret->rtt_us;
        ret->rate = us < ret->us ? wf_min_u64(rate, down) : ret->rate;
        ret->us = wf_min_u64(us, ret->us);
    }
    return ret->us != UINT64_MAX;
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
        v[i].us = time_of(v[i].bytes, v[i].rtt_us,
                          score_mul_div(v[i].bytes, SECOND_US, v[i].rate));
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

/* One input, as nearly all jobs have that have any. */
static void plan_one(const struct fetching *f, uint32_t node, struct fetch_plan *ret)
{
    const struct rnode *a = &f->r->nodes[node];
    const uint64_t missing = missing_of(&f->job->inputs[0], node);
    struct part p;

    if (missing == 0) {
        return;
    }
    ret->bytes = missing;
    if (best_part(f, 0, missing, node, a->down_share, &p)) {
        ret->us = p.us;
        ret->pusd = price_of(f->r, &p, a);
        ret->from = p.holder;
    } else {
        /* It still comes in over the link of this node, from whoever will have it. */
        ret->us = score_mul_div(missing, SECOND_US, a->down_share);
    }
}

static void plan_several(const struct fetching *f, uint32_t node, struct fetch_plan *ret)
{
    const struct rnode *a = &f->r->nodes[node];
    struct part parts[ROUTE_INPUTS_MAX];
    uint64_t most = 0;
    unsigned n = 0;

    for (unsigned i = 0; i < f->job->ninputs; i++) {
        uint64_t missing = missing_of(&f->job->inputs[i], node);
        struct part p;

        if (missing == 0) {
            continue;
        }
        ret->bytes = wf_add_sat(ret->bytes, missing);
        if (best_part(f, i, missing, node, a->down_share, &p)) {
            add_part(parts, &n, &p);
        }
    }
    for (unsigned i = 0; i < n; i++) {
        ret->us = wf_max_u64(ret->us, parts[i].us);
        ret->pusd = wf_add_sat(ret->pusd, price_of(f->r, &parts[i], a));
        if (parts[i].bytes > most) {
            most = parts[i].bytes;
            ret->from = parts[i].holder;
        }
    }
    /* All of it comes in over the one link of this node, whoever sends it; if one sends
     * all, that is counted. */
    if (most != ret->bytes) {
        ret->us =
            wf_max_u64(ret->us, score_mul_div(ret->bytes, SECOND_US, a->down_share));
    }
}

void fetch_plan(const struct fetching *f, uint32_t node, struct fetch_plan *ret)
{
    *ret = (struct fetch_plan){.from = ROUTE_NONE};
    if (f->job->ninputs == 1) {
        plan_one(f, node, ret);
    } else if (f->job->ninputs != 0) {
        plan_several(f, node, ret);
    }
}

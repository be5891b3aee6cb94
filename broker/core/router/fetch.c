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
    f->simple = job->ninputs == 1 && job->inputs[0].bytes != 0;
    for (unsigned i = 0; i < job->ninputs; i++) {
        const struct route_input *in = &job->inputs[i];

        for (unsigned k = 0; k < in->nholders; k++) {
            const uint32_t node = in->holders[k].node;
            const struct rrest *h = &r->rest[node];
            struct fetch_from *from = &f->from[i][k];

            from->node = node;
            from->site = r->nodes[node].site;
            from->up = wf_max_u64(1, routing_share(h->up, h->up_told, h->up_own));
            from->up_us = score_mul_div(in->bytes, SECOND_US, from->up);
            from->pairs = pairs_with(r->pairs, node);
            from->to_broker = r->nodes[node].to_broker;
            f->simple &= in->holders[k].have >= in->bytes;
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
                         uint32_t node)
{
    const struct rnode *a = &f->r->nodes[node];
    const uint32_t u = distance_least(a->to_broker, from->to_broker, f->r->vector);

    return u == UINT16_MAX || (a->site == from->site && a->site != 0)
               ? routing_guess_us(f->r, from->node, node)
               : u * DISTANCE_UNIT_US;
}

/* From one holder.  What a pair did lately tells more of the way between than the ends
 * do, if the links are as free as then. */
static inline struct part part_of(const struct fetching *f, const struct fetch_from *from,
                                  uint64_t missing, int all, uint32_t node,
                                  uint64_t down_us)
{
    struct part p = {.holder = from->node, .bytes = missing, .rate = from->up};
    struct pair_seen seen = {0};

    p.us = from->up_us;
    if ((from->pairs >> node % 64 & 1) != 0) {
        seen = pairs_get(f->r->pairs, from->node, node, f->now_us);
    }
    if (seen.rate != 0 || !all) {
        p.rate = seen.rate != 0 ? wf_min_u64(p.rate, seen.rate) : p.rate;
        p.us = score_mul_div(missing, SECOND_US, p.rate);
    }
    p.rtt_us = seen.rtt_us != 0 ? seen.rtt_us : guess_us(f, from, node);
    p.us = time_of(missing, p.rtt_us, wf_max_u64(p.us, down_us));
    return p;
}

/* The holder from which it would come soonest; `down` is what this node's link gives. */
static int best_part(const struct fetching *f, unsigned input, uint64_t missing,
                     uint32_t node, uint64_t down, struct part *ret)
{
    const struct route_input *in = &f->job->inputs[input];
    const uint64_t down_us = score_mul_div(missing, SECOND_US, down);

    *ret = (struct part){.holder = ROUTE_NONE, .bytes = missing, .us = UINT64_MAX};
    for (unsigned i = 0; i < in->nholders; i++) {
        const struct fetch_from *from = &f->from[input][i];
        struct part p;

        if (from->node == node || in->holders[i].have < missing) {
            continue;
        }
        p = part_of(f, from, missing, missing == in->bytes, node, down_us);
        if (p.us < ret->us) {
            *ret = p;
        }
    }
    ret->rate = wf_min_u64(ret->rate, down);
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

static uint64_t price_of(const struct routing *r, uint32_t holder, uint64_t bytes,
                         const struct rnode *to)
{
    const struct rnode *h = &r->nodes[holder];
    const uint64_t price = prices_egress(r->prices, h->site, h->tier, to->site, to->tier);
    uint64_t pusd;

    return __builtin_mul_overflow(bytes, price, &pusd) ? UINT64_MAX : pusd;
}

/* One input that all holders have, as nearly all jobs have that have any: the same with
 * less to remember.  0: this node holds it. */
static int plan_simple(const struct fetching *f, uint32_t node, struct fetch_plan *ret)
{
    const struct rnode *a = &f->r->nodes[node];
    const struct route_input *in = &f->job->inputs[0];
    const uint64_t down_us = score_mul_div(in->bytes, SECOND_US, a->down_share);
    uint64_t least_us = UINT64_MAX;

    for (unsigned i = 0; i < in->nholders; i++) {
        const struct fetch_from *from = &f->from[0][i];
        uint64_t us;

        if (from->node == node) {
            return 0;
        }
        us = part_of(f, from, in->bytes, 1, node, down_us).us;
        /* A choice of each: which holder it is nobody can predict. */
        ret->from = us < least_us ? from->node : ret->from;
        least_us = wf_min_u64(us, least_us);
    }
    ret->bytes = in->bytes;
    if (ret->from == ROUTE_NONE) {
        /* It still comes in over the link of this node, from whoever will have it. */
        ret->us = down_us;
    } else {
        ret->us = least_us;
        ret->pusd = price_of(f->r, ret->from, in->bytes, a);
    }
    return 1;
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
        ret->pusd =
            wf_add_sat(ret->pusd, price_of(f->r, parts[i].holder, parts[i].bytes, a));
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
    if (f->job->ninputs != 0 && (!f->simple || !plan_simple(f, node, ret))) {
        *ret = (struct fetch_plan){.from = ROUTE_NONE};
        plan_several(f, node, ret);
    }
}

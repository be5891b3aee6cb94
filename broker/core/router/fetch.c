/* X: how long a node would fetch what it lacks of a job's inputs, and what that costs. */
#include "broker/core/router/router_int.h"

#include "common/plant.h"

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
    f->simple =
        job->ninputs == 1 && job->inputs[0].bytes != 0 && job->inputs[0].nsites == 0;
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

    if (WF_PLANT(FETCH_SIGN)) {
        return way_us - wf_min_u64(way_us, bytes_us);
    }
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
static struct part part_of(const struct fetching *f, const struct fetch_from *from,
                           uint64_t missing, int all, uint32_t node, uint64_t down_us)
{
    struct part p = {.holder = from->node, .bytes = missing, .rate = from->up};
    struct pair_seen seen = {0};

    p.us = from->up_us;
    if (pairs_may(&from->pairs, node)) {
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

/* `further`: where it may go on to, or else at the node itself. */
static uint64_t missing_of(const struct route_input *in, uint32_t node, int further)
{
    for (unsigned i = 0; i < in->nholders; i++) {
        if (in->holders[i].node == node) {
            return in->bytes - wf_min_u64(in->bytes, in->holders[i].have);
        }
    }
    for (unsigned i = 0; i < in->nsites; i++) {
        if (in->sites[i].node == node && (further || in->sites[i].way_us == 0)) {
            return in->bytes - wf_min_u64(in->bytes, in->sites[i].have);
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

static void plan_several(const struct fetching *f, uint32_t node, int further,
                         struct fetch_plan *ret)
{
    const struct rnode *a = &f->r->nodes[node];
    struct part parts[ROUTE_INPUTS_MAX];
    uint64_t most = 0;
    unsigned n = 0;

    for (unsigned i = 0; i < f->job->ninputs; i++) {
        uint64_t missing = missing_of(&f->job->inputs[i], node, further);
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

/* How far behind the node the site is that has some of it; 0: there is none. */
static uint32_t way_of(const struct route_job *job, uint32_t node)
{
    uint32_t way_us = 0;

    for (unsigned i = 0; i < job->ninputs; i++) {
        const struct route_input *in = &job->inputs[i];

        for (unsigned k = 0; k < in->nsites; k++) {
            if (in->sites[k].node == node && in->sites[k].way_us > way_us) {
                way_us = in->sites[k].way_us;
            }
        }
    }
    return way_us;
}

/* What is fetched to the node, or less further on: what takes less. */
void fetch_plan(const struct fetching *f, uint32_t node, struct fetch_plan *ret)
{
    struct fetch_plan there = {.from = ROUTE_NONE, .way_us = way_of(f->job, node)};

    *ret = (struct fetch_plan){.from = ROUTE_NONE};
    if (f->job->ninputs == 0) {
        return;
    }
    plan_several(f, node, 0, ret);
    if (there.way_us != 0) {
        plan_several(f, node, 1, &there);
        if (wf_add_sat(there.us, there.way_us) < ret->us) {
            *ret = there;
        }
    }
}

/* -- one input, which all holders have, as nearly all jobs have that have any -----------
 *
 * All nodes in turn for one holder: which of them is soonest nobody can predict, so that
 * what can be done without a branch is.
 */

struct plans {
    const struct fetching *f;
    const uint32_t *nodes;
    unsigned n;
    uint64_t down_us[ROUTE_ROWS_MAX], least_us[ROUTE_ROWS_MAX];
    uint32_t from[ROUTE_ROWS_MAX];
    uint32_t holds; /* bit i: nodes[i] is one of the holders */
};

_Static_assert(ROUTE_ROWS_MAX <= 32, "a bit each");

/* Those of which more is known than two ways to brokers. */
static void look_closer(struct plans *x, const struct fetch_from *from, uint32_t odd,
                        uint64_t *way_us, uint64_t *link_us)
{
    for (; odd != 0; odd &= odd - 1) {
        const unsigned i = (unsigned) __builtin_ctz(odd);
        const struct part p = part_of(x->f, from, x->f->job->inputs[0].bytes, 1,
                                      x->nodes[i], x->down_us[i]);

        way_us[i] = p.rtt_us;
        link_us[i] = score_mul_div(p.bytes, SECOND_US, p.rate);
        x->holds |= (uint32_t) (from->node == x->nodes[i]) << i;
    }
}

static void consider(struct plans *x, const struct fetch_from *from)
{
    const struct routing *r = x->f->r;
    const uint64_t bytes = x->f->job->inputs[0].bytes;
    uint64_t rtt_us[ROUTE_ROWS_MAX], link_us[ROUTE_ROWS_MAX];
    uint32_t odd = 0;

    for (unsigned i = 0; i < x->n; i++) {
        const struct rnode *a = &r->nodes[x->nodes[i]];
        const uint32_t u = distance_least(a->to_broker, from->to_broker, r->vector);

        rtt_us[i] = u * DISTANCE_UNIT_US;
        link_us[i] = from->up_us;
        odd |= ((u == UINT16_MAX) | (a->site == from->site) |
                pairs_may(&from->pairs, x->nodes[i]))
               << i;
    }
    look_closer(x, from, odd, rtt_us, link_us);
    for (unsigned i = 0; i < x->n; i++) {
        const uint64_t us =
            time_of(bytes, rtt_us[i], wf_max_u64(link_us[i], x->down_us[i]));
        const int sooner = us < x->least_us[i];

        x->from[i] = (uint32_t) routing_either(sooner, from->node, x->from[i]);
        x->least_us[i] = wf_min_u64(us, x->least_us[i]);
    }
}

static void plan_simple(const struct fetching *f, const uint32_t *nodes, unsigned n,
                        struct fetch_plan *ret)
{
    const struct route_input *in = &f->job->inputs[0];
    struct plans x; /* of its tables what is there is set below */

    x.f = f;
    x.nodes = nodes;
    x.n = n;
    x.holds = 0;
    for (unsigned i = 0; i < n; i++) {
        x.down_us[i] =
            score_mul_div(in->bytes, SECOND_US, f->r->nodes[nodes[i]].down_share);
        x.least_us[i] = UINT64_MAX;
        x.from[i] = ROUTE_NONE;
    }
    for (unsigned k = 0; k < in->nholders; k++) {
        consider(&x, &f->from[0][k]);
    }
    for (unsigned i = 0; i < n; i++) {
        const struct rnode *a = &f->r->nodes[nodes[i]];
        const int some = x.from[i] != ROUTE_NONE;

        /* From nobody, or from whom it would take longer than any time is, it still comes
         * in over the link of this node, some time. */
        ret[i].from = x.from[i];
        ret[i].bytes = in->bytes;
        ret[i].us = some ? x.least_us[i] : x.down_us[i];
        ret[i].pusd = some ? price_of(f->r, x.from[i], in->bytes, a) : 0;
        ret[i].way_us = 0;
    }
    for (; x.holds != 0; x.holds &= x.holds - 1) {
        ret[__builtin_ctz(x.holds)] = (struct fetch_plan){.from = ROUTE_NONE};
    }
}

void fetch_plan_all(const struct fetching *f, const uint32_t *nodes, unsigned n,
                    struct fetch_plan *ret)
{
    if (f->simple) {
        plan_simple(f, nodes, n, ret);
        return;
    }
    for (unsigned i = 0; i < n; i++) {
        fetch_plan(f, nodes[i], &ret[i]);
    }
}

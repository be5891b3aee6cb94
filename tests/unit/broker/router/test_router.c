/* The router in random worlds: its tables stay sound, the record of every decision
 * explains it, and nothing depends on more than the seed. */
#include "bed.h"

static struct route_decision d;

#define NODES 120u
#define CAPS  8u

struct model {
    struct bed b;
    struct wf_rng rng;
    uint8_t used[NODES], open[NODES];
    uint8_t offered[NODES][CAPS];
    uint32_t assigned[NODES][CAPS];
    uint64_t now_us;
};

static uint32_t below(struct model *m, uint64_t n)
{
    return (uint32_t) wf_rng_below(&m->rng, n);
}

static void come(struct model *m)
{
    const struct route_about about = {.site = below(m, 6),
                                      .class_ = below(m, 12),
                                      .tier = (uint8_t) below(m, 4),
                                      .spot = below(m, 4) == 0,
                                      .slots = 1 + below(m, 4),
                                      .speed_pm = 500 + below(m, 1000),
                                      .price_pusd_s = below(m, 1000000)};
    struct route_links links = {.rtt_us = below(m, 100000),
                                .dev_us = below(m, 1000),
                                .up = below(m, 100000000),
                                .down = below(m, 100000000)};
    uint32_t node;
    int rc = routing_add(m->b.r, &node);

    if (rc != 0) {
        return;
    }
    for (unsigned k = 0; k < 5; k++) {
        links.to_broker[k] = (uint16_t) below(m, 3000);
    }
    must(!m->used[node]);
    m->used[node] = m->open[node] = 1;
    memset(m->offered[node], 0, sizeof m->offered[node]);
    memset(m->assigned[node], 0, sizeof m->assigned[node]);
    routing_describe(m->b.r, node, &about);
    routing_measured(m->b.r, node, &links);
    routing_open(m->b.r, node, 1);
}

static void offers(struct model *m, uint32_t node, uint32_t cap)
{
    const struct route_offer offer = {.slots = 1 + below(m, 4),
                                      .queue = below(m, 4),
                                      .assigned = m->assigned[node][cap],
                                      .warm = (int) below(m, 2)};

    must(routing_offer(m->b.r, node, cap, &offer) == 0);
    m->offered[node][cap] = 1;
}

static void random_job(struct model *m, struct route_job *job, struct route_input *in)
{
    *job = bed_job();
    job->capability = below(m, CAPS);
    job->size = below(m, 1000000);
    job->goal = below(m, 5);
    job->left_us = below(m, 3) == 0 ? below(m, 3000000) : 0;
    job->max_pusd = below(m, 4) == 0 ? below(m, 1000000) : 0;
    job->avoid = below(m, 4) == 0 ? below(m, NODES) : ROUTE_NONE;
    job->inputs = in;
    job->ninputs = below(m, 4);
    for (unsigned i = 0; i < job->ninputs; i++) {
        in[i] = (struct route_input){.bytes = below(m, 50000000)};
        for (unsigned k = below(m, 4); k > 0; k--) {
            uint32_t node = below(m, NODES);

            if (m->used[node]) {
                in[i].holders[in[i].nholders++] = (struct route_holder){
                    node, below(m, 4) == 0 ? in[i].bytes / 2 : in[i].bytes};
            }
        }
    }
}

/* What was recorded gives the same winner, and the same second. */
static int explains(const struct route_decision *x, uint32_t avoid)
{
    int best = -1, second = -1;

    for (int i = 0; i < (int) x->nrows; i++) {
        const struct route_row *row = &x->rows[i];
        int better[2];

        if (score_total(&row->score, x->occupies) != row->score.total_us) {
            return 0;
        }
        for (int k = 0; k < 2; k++) {
            const int than = k == 0 ? best : second;
            const struct route_row *other = than < 0 ? NULL : &x->rows[than];

            better[k] =
                other == NULL || ((row->node == avoid) != (other->node == avoid)
                                      ? other->node == avoid
                                      : row->score.total_us < other->score.total_us);
        }
        if (row->filter != PLACE_PASSED) {
            continue;
        }
        if (better[0]) {
            second = best;
            best = i;
        } else if (better[1]) {
            second = i;
        }
    }
    return best == x->best && second == x->runner_up;
}

static int site_is_sound(const struct routing *r, uint32_t node)
{
    const struct rnode *n = &r->nodes[node];
    uint32_t at = node;

    do {
        if (r->nodes[at].site != n->site || !r->nodes[at].used ||
            r->rest[r->rest[at].site_next].site_prev != at) {
            return 0;
        }
        at = r->rest[at].site_next;
    } while (at != node);
    for (uint32_t i = 0; n->site != 0 && i < r->nnodes; i++) {
        if (r->nodes[i].used && r->nodes[i].site == n->site) {
            uint32_t k = node;

            while (k != i && r->rest[k].site_next != node) {
                k = r->rest[k].site_next;
            }
            if (k != i) {
                return 0;
            }
        }
    }
    return 1;
}

static int node_is_sound(const struct model *m, uint32_t node)
{
    const struct routing *r = m->b.r;
    const struct rnode *n = &r->nodes[node];
    struct rrest *rest = &r->rest[node];
    const struct route_load load = load_view(&rest->load);
    uint64_t bits = 0;
    uint32_t offered = 0;

    for (uint32_t i = 0; i < rest->nplaces; i++) {
        const struct rplace *p = place_at(rest, i);
        const struct rcap *c = &r->caps[p->capability];

        if (p->at >= c->n || c->v[p->at].node != node || c->chances[p->at].node != node ||
            !m->offered[node][p->capability] ||
            c->luck[p->at] != c->chances[p->at].weight >> c->luck_shift ||
            c->v[p->at].assigned != m->assigned[node][p->capability]) {
            return 0;
        }
        bits |= offer_bit(p->capability);
    }
    for (uint32_t cap = 0; cap < CAPS; cap++) {
        offered += m->offered[node][cap];
    }
    return offered == rest->nplaces && rest->offers == bits && n->open == m->open[node] &&
           n->jobs == load.jobs &&
           n->wait_us == score_wait(load.jobs, load.work_us, n->slots, n->speed_pm) &&
           n->reported_us == rest->load.reported_us &&
           n->down_share == routing_share(rest->down, rest->down_told, rest->down_own) &&
           routing_is_idle(r, node) == (n->open && load.jobs < n->slots) &&
           site_is_sound(r, node);
}

static int is_sound(const struct model *m)
{
    uint64_t slots = 0, taken = 0;
    uint32_t places = 0, entries = 0;

    for (uint32_t i = 0; i < m->b.r->nnodes; i++) {
        const struct rnode *n = &m->b.r->nodes[i];

        slots += n->open ? n->slots : 0;
        taken += n->open ? wf_min_u64(n->jobs, n->slots) : 0;
        if (m->b.r->nodes[i].used != m->used[i] || (m->used[i] && !node_is_sound(m, i))) {
            return 0;
        }
        places += m->b.r->rest[i].nplaces;
    }
    for (uint32_t cap = 0; cap < CAPS; cap++) {
        entries += m->b.r->caps[cap].n;
    }
    return places == entries && slots == m->b.r->slots && taken == m->b.r->taken;
}

/* Returns 0 when a record does not explain the decision. */
static int step(struct model *m, struct route_decision *ret)
{
    const uint32_t node = below(m, NODES), cap = below(m, CAPS);
    struct route_input in[ROUTE_INPUTS_MAX];
    const struct route_report report = {.jobs = below(m, 6),
                                        .work_us = below(m, 3000000),
                                        .arrived = m->now_us / 1000,
                                        .up_flows = below(m, 3)};
    const struct runtime_key key = {cap, 0, below(m, 12), below(m, 1000000)};
    struct route_job job;

    m->now_us += below(m, 20000);
    switch (m->used[node] ? below(m, 14) : 0) {
    case 0:
        come(m);
        return 1;
    case 1:
        if (below(m, 8) == 0) {
            routing_remove(m->b.r, node);
            m->used[node] = 0;
        }
        return 1;
    case 2:
    case 3:
    case 4:
        offers(m, node, cap);
        return 1;
    case 5:
        routing_withdraw(m->b.r, node, cap);
        m->offered[node][cap] = 0;
        m->assigned[node][cap] = 0;
        return 1;
    case 6:
        m->open[node] = below(m, 4) != 0;
        routing_open(m->b.r, node, m->open[node]);
        return 1;
    case 7:
        routing_report(m->b.r, node, &report, m->now_us);
        return 1;
    case 8:
        if (m->assigned[node][cap] != 0) {
            m->assigned[node][cap]--;
            routing_ended(m->b.r, node, cap, below(m, 1000000), (int) below(m, 2));
        }
        return 1;
    case 9:
        runtimes_add(m->b.runtimes, &key, below(m, 2000000), below(m, 9) == 0, m->now_us);
        return 1;
    case 10:
        routing_pair(m->b.r, node, below(m, NODES), below(m, 90000), below(m, 90000000),
                     m->now_us);
        return 1;
    default:
        random_job(m, &job, in);
        routing_decide(m->b.r, &job, m->now_us, ret);
        if (ret->best >= 0) {
            const struct route_row *row = &ret->rows[ret->best];

            routing_sent(m->b.r, row->node, job.capability, row->score.run_us);
            m->assigned[row->node][job.capability]++;
        }
        return explains(ret, job.avoid);
    }
}

static void model_new(struct model *m, uint64_t seed)
{
    *m = (struct model){.rng = {seed}, .now_us = S};
    bed_new(&m->b, NODES, 5, seed);
}

static void random_worlds(void)
{
    unsigned sound = 0, explained = 0, placed = 0;

    for (uint64_t seed = 1; seed <= 20; seed++) {
        static struct model m;

        model_new(&m, seed);
        for (unsigned i = 0; i < 4000; i++) {
            d.best = -1;
            explained += step(&m, &d) != 0;
            placed += d.best >= 0;
            if (i % 20 == 0) {
                sound += is_sound(&m) != 0;
            }
        }
        bed_free(&m.b);
    }
    is_int(sound, 20 * 200, "tables agree with each other after whatever happens");
    is_int(explained, 20 * 4000, "scored again, every record gives the same winner");
    ok(placed > 1000, "of many decisions (%u)", placed);
}

/* Every winner of a world, as one number. */
static uint64_t fate(uint64_t seed, uint64_t router_seed)
{
    static struct model m;
    uint64_t h = 0;

    model_new(&m, seed);
    m.b.r->rng.s = router_seed;
    for (unsigned i = 0; i < 4000; i++) {
        d.best = -1;
        (void) step(&m, &d);
        if (d.best >= 0) {
            h = (h ^ d.rows[d.best].node ^ d.rows[d.best].score.total_us << 8) *
                UINT64_C(0x100000001b3);
        }
    }
    bed_free(&m.b);
    return h;
}

int main(void)
{
    random_worlds();
    ok(fate(7, 1) == fate(7, 1), "the same seed gives the same decisions");
    ok(fate(7, 1) != fate(7, 2), "another one gives others");
    return done();
}

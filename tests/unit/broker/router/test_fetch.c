#include "bed.h"

/* Nodes of which nothing is measured but the RTT to one broker: 10 ms to a, 20 ms from it
 * to h and g, so 30 ms between a and each of them; 100 MB a second all. */
struct trio {
    struct bed b;
    uint32_t a, h, g;
    struct route_input in[2];
    struct route_job job;
};

static void trio_new(struct trio *t)
{
    bed_new(&t->b, 8, 1, 1);
    t->a = bed_node(&t->b, 1, 10 * MS, 0);
    t->h = bed_node(&t->b, 1, 20 * MS, 0);
    t->g = bed_node(&t->b, 1, 20 * MS, 0);
    t->job = bed_job();
    t->job.inputs = t->in;
    t->job.ninputs = 1;
    t->in[0] = (struct route_input){.bytes = MB, .nholders = 1, .holders = {{t->h, MB}}};
    t->in[1] = (struct route_input){.bytes = MB, .nholders = 1, .holders = {{t->g, MB}}};
}

static struct fetch_plan plan(struct trio *t, uint32_t node)
{
    struct fetching f;
    struct fetch_plan p;

    fetching_begin(&f, t->b.r, &t->job, S);
    fetch_plan(&f, node, &p);
    return p;
}

static void links(void)
{
    struct route_links wide = {.rtt_us = 20 * MS, .up = 1000 * MB, .down = 1000 * MB};
    struct trio t;

    trio_new(&t);
    /* One and a half round trips, and 1 MB at 100 MB a second. */
    is_int(plan(&t, t.a).us, 45 * MS + 10 * MS, "a lone fetch");
    is_int(plan(&t, t.a).bytes, MB, "all of it");
    is_int(plan(&t, t.a).from, t.h, "from who holds it");
    is_int(plan(&t, t.h).us, 0, "who holds it need not fetch");
    is_int(plan(&t, t.h).bytes, 0, "any of it");
    routing_flow(t.b.r, t.h, t.g, 1);
    is_int(plan(&t, t.a).us, 45 * MS + 20 * MS,
           "a transfer that was promised takes half");
    routing_flow(t.b.r, t.h, t.g, -1);
    is_int(plan(&t, t.a).us, 45 * MS + 10 * MS, "until it is over");
    t.in[0].bytes = t.in[0].holders[0].have = 100 * MB;
    is_int(plan(&t, t.a).us, 45 * MS + 1000 * MS, "a hundred times as much");
    wide.to_broker[0] = 200;
    routing_measured(t.b.r, t.h, &wide);
    wide.to_broker[0] = 100;
    routing_measured(t.b.r, t.a, &wide);
    /* 8 MB under way in each 30.001 ms. */
    is_int(plan(&t, t.a).us, 45 * MS + 100 * MB * 30001 / (8 * MB),
           "the window of a flow bounds what wide links do");
    routing_pair(t.b.r, t.h, t.a, 6 * MS, 50 * 1024 * 1024, S);
    is_int(plan(&t, t.a).us, 9 * MS + 100 * MB * S / (50 * 1024 * 1024),
           "what the pair did is believed");
    is_int(plan(&t, t.g).us, 60 * MS + 1000 * MS, "and says nothing of another pair");
    bed_free(&t.b);
}

static void holders(void)
{
    struct trio t;

    trio_new(&t);
    t.in[0].nholders = 2;
    t.in[0].holders[1] = (struct route_holder){t.g, MB};
    routing_flow(t.b.r, t.h, t.g, 1);
    is_int(plan(&t, t.a).from, t.g, "of two the one whose link is free");
    t.in[0].holders[1].have = MB - 1;
    is_int(plan(&t, t.a).from, t.h, "one that lacks some of it cannot give it");
    is_int(plan(&t, t.g).bytes, 1, "but need only fetch the rest");
    t.in[0].nholders = 0;
    is_int(plan(&t, t.a).from, ROUTE_NONE, "nobody has it");
    is_int(plan(&t, t.a).us, 10 * MS, "it still comes in over the link");
    t.in[0].bytes = 0;
    is_int(plan(&t, t.a).us, 0, "nothing takes no time");
    t.job.ninputs = 0;
    is_int(plan(&t, t.a).us, 0, "nor do no inputs");
    bed_free(&t.b);
}

static void several(void)
{
    struct trio t;

    trio_new(&t);
    t.job.ninputs = 2;
    is_int(plan(&t, t.a).bytes, 2 * MB, "two inputs");
    is_int(plan(&t, t.a).us, 55 * MS, "of two holders come side by side");
    t.in[0].bytes = t.in[0].holders[0].have = 10 * MB;
    t.in[1].bytes = t.in[1].holders[0].have = 20 * MB;
    is_int(plan(&t, t.a).us, 300 * MS, "but over the one link of who fetches");
    is_int(plan(&t, t.a).from, t.g, "most of it from one");
    t.in[1].holders[0].node = t.h;
    is_int(plan(&t, t.a).us, 45 * MS + 300 * MS, "of one holder they share its link");
    is_int(plan(&t, t.h).bytes, 0, "who has both lacks nothing");
    is_int(plan(&t, t.g).bytes, 30 * MB, "who has none lacks all");
    bed_free(&t.b);
}

/* A site that has it, or one that leads to such a site. */
static void sites(void)
{
    struct trio t;

    trio_new(&t);
    t.in[0].nsites = 1;
    t.in[0].sites[0] = (struct route_site){.node = t.a, .have = MB};
    is_int(plan(&t, t.a).bytes + plan(&t, t.a).us, 0,
           "a site that has it need not fetch");
    is_int(plan(&t, t.g).bytes, MB, "others must");
    t.in[0].sites[0].way_us = 50 * MS;
    is_int(plan(&t, t.a).way_us, 50 * MS, "one behind it that has it is so much further");
    is_int(plan(&t, t.a).us, 0, "where it need not be fetched either");
    t.in[0].sites[0].way_us = 60 * MS;
    is_int(plan(&t, t.a).us, 55 * MS, "unless that would be there sooner");
    is_int(plan(&t, t.a).way_us, 0, "and then it goes no further");
    t.job.ninputs = 2;
    is_int(plan(&t, t.a).us, 55 * MS, "of two inputs it has one: both, side by side");
    t.in[1].bytes = t.in[1].holders[0].have = 10 * MB;
    t.in[1].nsites = 1;
    t.in[1].sites[0] =
        (struct route_site){.node = t.a, .way_us = 60 * MS, .have = 9 * MB};
    is_int(plan(&t, t.a).bytes, MB, "of the larger one it lacks some");
    is_int(plan(&t, t.a).us, 55 * MS, "which it fetches from here");
    bed_free(&t.b);
}

static void money(void)
{
    struct trio t;

    trio_new(&t);
    t.job.ninputs = 2;
    is_int(plan(&t, t.a).pusd, 0, "without a price book it is free");
    must(prices_set_tiers(t.b.prices, WF_TIER_EDGE, WF_TIER_EDGE, 90) == 0);
    is_int(plan(&t, t.a).pusd, 180 * MB, "bytes of all inputs cost what they cost");
    is_int(plan(&t, t.h).pusd, 90 * MB, "those that are there do not");
    bed_free(&t.b);
}

/* The holder that is chosen is the one that is soonest when each is asked alone. */
static void chosen(void)
{
    struct wf_rng rng = {5};
    unsigned good = 0;

    for (unsigned i = 0; i < 300; i++) {
        struct route_input all;
        struct fetch_plan best, one;
        uint64_t least = UINT64_MAX;
        struct trio t;

        trio_new(&t);
        all = (struct route_input){.bytes = 1 + wf_rng_below(&rng, 1000 * MB)};
        for (unsigned k = 0; k < 4; k++) {
            uint32_t node =
                bed_node(&t.b, 1, (uint32_t) (1 + wf_rng_below(&rng, 300 * MS)), 0);

            t.b.r->rest[node].up = 1 + wf_rng_below(&rng, i % 3 == 0 ? 9 : 200 * MB);
            all.holders[all.nholders++] = (struct route_holder){node, all.bytes};
        }
        for (unsigned k = 0; k < 4; k++) {
            t.in[0] = all;
            t.in[0].nholders = 1;
            t.in[0].holders[0] = all.holders[k];
            one = plan(&t, t.a);
            least = wf_min_u64(least, one.us);
        }
        t.in[0] = all;
        best = plan(&t, t.a);
        good += best.us == least;
        bed_free(&t.b);
    }
    is_int(good, 300, "of four holders the soonest, whatever they are like");
}

/* Links so slow that no time is long enough; all at once, as the router asks, and alone.
 */
static void for_ever(void)
{
    const struct route_links slow = {.rtt_us = 20 * MS, .up = 1, .down = 1};
    struct fetch_plan all[2], one;
    struct fetching f;
    struct trio t;
    uint32_t nodes[2];

    trio_new(&t);
    must(prices_set_tiers(t.b.prices, WF_TIER_EDGE, WF_TIER_EDGE, 90) == 0);
    nodes[0] = t.a;
    nodes[1] = t.h;
    t.in[0].bytes = t.in[0].holders[0].have = UINT64_C(17) << 40;
    t.in[0].nholders = 2;
    t.in[0].holders[1] = (struct route_holder){t.g, t.in[0].bytes};
    routing_measured(t.b.r, t.a, &slow);
    routing_measured(t.b.r, t.h, &slow);
    routing_measured(t.b.r, t.g, &slow);
    fetching_begin(&f, t.b.r, &t.job, S);
    must(f.simple);
    fetch_plan_all(&f, nodes, 2, all);
    one = plan(&t, t.a);
    is_int(all[0].from, ROUTE_NONE, "from nobody it would come within any time");
    ok(all[0].us == UINT64_MAX && all[0].bytes == UINT64_C(17) << 40 && all[0].pusd == 0,
       "so it takes for ever, and costs nothing");
    ok(all[0].us == one.us && all[0].from == one.from && all[0].pusd == one.pusd,
       "as when it is asked alone");
    ok(all[1].us == 0 && all[1].bytes == 0, "who holds it need not fetch");
    bed_free(&t.b);
}

int main(void)
{
    links();
    holders();
    sites();
    several();
    money();
    chosen();
    for_ever();
    return done();
}

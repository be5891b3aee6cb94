/* What waits at one node, and whether it should move to another. */
#include "bed.h"

static int sooner(struct bed *b, const struct route_job *job,
                  const struct route_waiting *there, uint32_t here, uint64_t least_us)
{
    return routing_is_sooner(b->r, job, there, here, least_us, S);
}

static void alone(void)
{
    struct route_job job = bed_job();
    struct route_decision d;
    struct route_row row;
    uint32_t node;
    struct bed b;

    bed_new(&b, 8, 1, 1);
    node = bed_agent(&b, 1, 10 * MS);
    routing_sent(b.r, node, 1, 300 * MS);
    routing_decide(b.r, &job, S, &d);
    is_int(routing_score(b.r, &job, node, S, &row), 1, "a node alone is scored");
    is_int(row.score.total_us, d.rows[0].score.total_us, "as it is among others");
    is_int(row.score.wait_us, 300 * MS, "with all terms");
    is_int(row.filter, PLACE_PASSED, "and what a filter said");
    job.capability = 2;
    is_int(routing_score(b.r, &job, node, S, &row), 0, "if it offers the capability");
    bed_free(&b);
}

/* A job of half a second waits behind two others; elsewhere nobody is. */
static void moves(void)
{
    const struct route_job job = bed_job();
    struct route_waiting there = {.work_us = 500 * MS};
    uint32_t here;
    struct bed b;

    bed_new(&b, 8, 1, 1);
    there.node = bed_agent(&b, 1, 10 * MS);
    here = bed_agent(&b, 1, 10 * MS);
    routing_sent(b.r, there.node, 1, 500 * MS);
    ok(!sooner(&b, &job, &there, here, 0), "alone there it does not wait");
    routing_sent(b.r, there.node, 1, 500 * MS);
    routing_sent(b.r, there.node, 1, 500 * MS);
    ok(sooner(&b, &job, &there, here, 0), "behind others it would be done sooner");
    ok(sooner(&b, &job, &there, here, 1000 * MS), "by a second");
    ok(!sooner(&b, &job, &there, here, 1000 * MS + 1), "and not by more");
    routing_sent(b.r, here, 1, 500 * MS);
    ok(sooner(&b, &job, &there, here, 0), "behind one job rather than two");
    routing_sent(b.r, here, 1, 400 * MS);
    ok(!sooner(&b, &job, &there, here, 0), "but for a quarter of the time");
    routing_open(b.r, here, 0);
    ok(!sooner(&b, &job, &there, here, 0), "and not to one that is closed");
    bed_free(&b);
}

/* What was fetched there would have to be fetched again. */
static void fetches(void)
{
    struct route_input in = {.bytes = 80 * MB, .nholders = 1};
    struct route_job job = bed_job();
    struct route_waiting there = {.work_us = 500 * MS};
    uint32_t holder, here;
    struct bed b;

    bed_new(&b, 8, 1, 1);
    there.node = bed_agent(&b, 1, 10 * MS);
    here = bed_agent(&b, 1, 10 * MS);
    holder = bed_node(&b, 1, 10 * MS, 0);
    in.holders[0] = (struct route_holder){holder, in.bytes};
    job.inputs = &in;
    job.ninputs = 1;
    routing_sent(b.r, there.node, 1, 500 * MS);
    routing_sent(b.r, there.node, 1, 300 * MS);
    ok(sooner(&b, &job, &there, here, 0) == 0, "both would have to fetch it");
    in.bytes = in.holders[0].have = MB;
    ok(sooner(&b, &job, &there, here, 0), "little is fetched sooner than it waits");
    in.bytes = in.holders[0].have = 40 * MB;
    there.fetched = 1;
    ok(!sooner(&b, &job, &there, here, 0), "but what is there need not move");
    bed_free(&b);
}

int main(void)
{
    alone();
    moves();
    fetches();
    return done();
}

/* The router as a whole: what a decision sees, and what it records of it. */
#include "bed.h"

static struct route_decision d;

static const struct route_row *winner(void)
{
    return d.best >= 0 ? &d.rows[d.best] : NULL;
}

static uint32_t decide(struct bed *b, const struct route_job *job)
{
    routing_decide(b->r, job, S, &d);
    return winner() != NULL ? winner()->node : ROUTE_NONE;
}

/* -- filters --------------------------------------------------------------------------
 */

static unsigned refuse(void *arg, uint32_t node, void *ref, uint64_t *soft_us)
{
    const uint32_t *only = arg;

    *soft_us += 5 * MS;
    if ((uintptr_t) ref != node + 1) {
        return PLACE_NEEDS;
    }
    return node == *only ? PLACE_PASSED : PLACE_RESIDENCY;
}

static void filters(void)
{
    struct route_job job = bed_job();
    struct route_offer offer = {.slots = 1, .queue = 0, .warm = 1};
    uint32_t near, far, only;
    struct bed b;

    bed_new(&b, 8, 1, 1);
    near = bed_agent(&b, 1, 1 * MS);
    far = bed_agent(&b, 1, 50 * MS);
    is_int(decide(&b, &job), near, "the near one");
    is_int(d.passed, 2, "both would do");
    is_int(d.rows[d.runner_up].node, far, "the other comes second");

    only = far;
    job.filter = refuse;
    job.arg = &only;
    is_int(decide(&b, &job), far, "a filter of the caller's refuses the near one");
    is_int(bed_row(&d, near)->filter, PLACE_RESIDENCY, "the record says why");
    is_int(d.passed, 1, "one is left");
    is_int(d.runner_up, -1, "and nobody comes second");
    is_int(bed_row(&d, far)->score.soft_us, 5 * MS, "what is not as wished counts");
    job.filter = NULL;

    routing_open(b.r, near, 0);
    is_int(decide(&b, &job), far, "one that is closed gets nothing");
    is_int(bed_row(&d, near)->filter, PLACE_OFFLINE, "as the record says");
    routing_open(b.r, near, 1);

    must(routing_offer(b.r, near, 1, &offer) == 0);
    routing_sent(b.r, near, 1, 1);
    is_int(decide(&b, &job), far, "nor one whose slots and queue are full");
    is_int(bed_row(&d, near)->filter, PLACE_FULL, "as the record says");
    routing_ended(b.r, near, 1, 1, 0);
    is_int(decide(&b, &job), near, "until a job ended");

    b.r->nodes[near].price_pusd_s = 1000;
    job.max_pusd = 499;
    is_int(decide(&b, &job), far, "nor one that costs more than is paid");
    is_int(bed_row(&d, near)->filter, PLACE_COST, "as the record says");
    is_int(bed_row(&d, near)->cost_pusd, 500, "half a second that nobody knows better");
    job.max_pusd = 500;
    is_int(decide(&b, &job), near, "what is paid just suffices");
    routing_open(b.r, near, 0);
    routing_open(b.r, far, 0);
    is_int(decide(&b, &job), ROUTE_NONE, "nobody is left");
    is_int(d.nrows, 2, "but all are in the record");
    bed_free(&b);
}

static void deadlines(void)
{
    const struct runtime_key key = {.capability = 1};
    struct route_job job = bed_job();
    uint32_t node;
    struct bed b;

    bed_new(&b, 8, 1, 1);
    node = bed_agent(&b, 1, 10 * MS);
    job.left_us = 9 * MS;
    is_int(decide(&b, &job), ROUTE_NONE, "what is due before it can be there is late");
    is_int(bed_row(&d, node)->filter, PLACE_DEADLINE, "as the record says");
    job.left_us = 11 * MS;
    is_int(decide(&b, &job), node, "of a run that is not known nobody says that");
    for (unsigned i = 0; i < 100; i++) {
        runtimes_add(b.runtimes, &key, i < 90 ? 100 * MS : 1000 * MS, 0, S);
    }
    is_int(decide(&b, &job), ROUTE_NONE, "of one that takes longer they do");
    job.left_us = 500 * MS;
    is_int(decide(&b, &job), ROUTE_NONE, "also when it is so only at times");
    job.late_pm = 500;
    is_int(decide(&b, &job), node, "unless half of the runs are enough");
    job.late_pm = ROUTE_SURE_PM;
    job.left_us = 1500 * MS;
    is_int(decide(&b, &job), node, "with time for the slow ones it is taken");
    job.client_rtt_us = 9000 * MS;
    is_int(decide(&b, &job), node, "however far away the client is: it is due here");
    job.client_rtt_us = 0;
    routing_sent(b.r, node, 1, 1000 * MS);
    is_int(decide(&b, &job), ROUTE_NONE, "but not behind another");
    bed_free(&b);
}

/* What is hardly known by itself is known by its like. */
static void likes(void)
{
    struct runtime_key key = {.capability = 1};
    struct route_job job = bed_job();
    uint32_t node;
    struct bed b;

    bed_new(&b, 8, 1, 1);
    node = bed_agent(&b, 1, 10 * MS);
    job.version = 2;
    job.left_us = 500 * MS;
    for (unsigned i = 0; i < 100; i++) {
        runtimes_add(b.runtimes, &key, 1000 * MS, 0, S);
    }
    is_int(decide(&b, &job), ROUTE_NONE, "a version that never ran is late like others");
    key.version = 2;
    runtimes_add(b.runtimes, &key, 1000 * MS, 0, S);
    is_int(decide(&b, &job), ROUTE_NONE, "as is one that ran once");
    job.left_us = 1500 * MS;
    is_int(decide(&b, &job), node, "or in time");
    bed_free(&b);
}

/* Of runs that take 100 ms one in ten takes 1000: what may be late goes where it is least
 * so, and before that where it is not at all. */
static void risks(void)
{
    const struct runtime_key key = {.capability = 1};
    struct route_job job = bed_job();
    uint32_t near, far, slow;
    struct bed b;

    bed_new(&b, 8, 1, 1);
    slow = bed_agent(&b, 1, 1 * MS);
    near = bed_agent(&b, 1, 10 * MS);
    far = bed_agent(&b, 1, 40 * MS);
    b.r->nodes[slow].speed_pm = 500;
    for (unsigned i = 0; i < 100; i++) {
        runtimes_add(b.runtimes, &key, i % 10 != 0 ? 100 * MS : 1000 * MS, 0, S);
    }
    job.left_us = 500 * MS;
    is_int(decide(&b, &job), ROUTE_NONE, "nobody is sure");
    job.try_pm = 500;
    is_int(decide(&b, &job), near, "half of the runs are enough for a try");
    is_int(d.rows[d.runner_up].node, far, "which is a little later elsewhere");
    ok(winner()->late_us > job.left_us && winner()->score.risk_us >= 100 * S &&
           winner()->score.risk_us < 200 * S,
       "the record tells the risk: of a thousand seconds one in ten or more");
    job.left_us = 140 * MS;
    b.r->nodes[far].price_pusd_s = 1000000;
    b.r->nodes[far].speed_pm = 1500;
    b.r->nodes[near].speed_pm = 900;
    is_int(decide(&b, &job), far, "what is less likely late wins, whatever it costs");
    job.left_us = 500 * MS;
    b.r->nodes[far].speed_pm = 3000;
    is_int(decide(&b, &job), far, "and what is sure");
    ok(winner()->score.risk_us < 10 * S, "has hardly any risk");
    job.left_us = 80 * MS;
    is_int(decide(&b, &job), far, "some time is enough for one");
    job.left_us = 30 * MS;
    is_int(decide(&b, &job), ROUTE_NONE, "and too little for all");
    bed_free(&b);
}

/* What is due does not wait where something makes way for it, as reports tell. */
static void yields(void)
{
    const struct runtime_key key = {.capability = 1};
    struct route_report report = {.jobs = 2, .work_us = 2 * S};
    struct route_job job = bed_job();
    uint32_t node;
    struct bed b;

    bed_new(&b, 8, 1, 1);
    node = bed_agent(&b, 1, 10 * MS);
    for (unsigned i = 0; i < 100; i++) {
        runtimes_add(b.runtimes, &key, 100 * MS, 0, S);
    }
    job.left_us = 200 * MS;
    routing_report(b.r, node, &report, S);
    is_int(decide(&b, &job), ROUTE_NONE, "behind two others it is late");
    report.yielding = 1;
    routing_report(b.r, node, &report, S);
    is_int(decide(&b, &job), node, "unless one of them makes way");
    ok(winner()->score.wait_us >= 2 * S, "which costs as much as they are kept waiting");
    job.left_us = 115 * MS;
    is_int(decide(&b, &job), ROUTE_NONE, "and takes its time");
    job.left_us = 200 * MS;
    job.priority = WF_WAY_PRIORITY - 1;
    is_int(decide(&b, &job), ROUTE_NONE, "for a lower priority none does");
    job.priority = WF_WAY_PRIORITY;
    routing_sent(b.r, node, 1, 100 * MS);
    is_int(decide(&b, &job), node, "whatever else is sent there");
    routing_sent(b.r, node, 1, 100 * MS);
    routing_sent_due(b.r, node);
    is_int(decide(&b, &job), ROUTE_NONE, "but one slot is promised once");
    bed_free(&b);
}

/* Where it failed last comes after all others, but before nobody. */
static void avoids(void)
{
    struct route_job job = bed_job();
    uint32_t near, far;
    struct bed b;

    bed_new(&b, 8, 1, 1);
    near = bed_agent(&b, 1, 1 * MS);
    far = bed_agent(&b, 1, 90 * MS);
    job.avoid = near;
    is_int(decide(&b, &job), far, "not where it failed last");
    routing_open(b.r, far, 0);
    is_int(decide(&b, &job), near, "if there is another");
    bed_free(&b);
}

static void further(void)
{
    struct route_job job = bed_job();
    unsigned found = 0;
    struct bed b;

    bed_new(&b, 400, 1, 1);
    for (unsigned i = 0; i < 400; i++) {
        bed_agent(&b, 1, 1000 + i);
    }
    job.filter = refuse;
    for (uint32_t only = 0; only < 400; only += 7) {
        job.arg = &only;
        found += decide(&b, &job) == only && d.passed == 1 && d.nrows <= ROUTE_SAMPLE;
    }
    is_int(found, 58, "one of 400 that may have it is found each time");
    job.filter = NULL;
    bed_free(&b);
}

/* -- load and links -------------------------------------------------------------------
 */

static void load(void)
{
    const struct route_report report = {.jobs = 4, .work_us = 8 * S};
    const struct route_job job = bed_job();
    uint32_t near, far;
    struct bed b;

    bed_new(&b, 8, 1, 1);
    near = bed_agent(&b, 1, 1 * MS);
    far = bed_agent(&b, 1, 30 * MS);
    for (unsigned i = 0; i < 2; i++) {
        is_int(decide(&b, &job), i == 0 ? near : far, "jobs go where it is quiet");
        routing_sent(b.r, winner()->node, 1, winner()->score.run_us);
    }
    is_int(bed_row(&d, near)->ahead, 1, "one is ahead there");
    is_int(bed_row(&d, near)->score.wait_us, 500 * MS, "and is waited for");
    is_int(routing_assigned(b.r, near, 1), 1, "it is assigned");
    is_int(decide(&b, &job), near, "when both have one, the near one again");
    routing_report(b.r, near, &report, S / 2);
    is_int(decide(&b, &job), far, "a report tells of four");
    is_int(bed_row(&d, near)->score.wait_us, 8 * S, "that take eight seconds");
    is_int(bed_row(&d, near)->report_ms, 500, "half a second ago");
    routing_ended(b.r, near, 1, 2 * S, 1);
    decide(&b, &job);
    is_int(bed_row(&d, near)->score.wait_us, 6 * S, "one of them ended");
    routing_ended(b.r, near, 1, 2 * S, 1);
    is_int(routing_assigned(b.r, near, 1), 0, "more ends than jobs leave none assigned");
    bed_free(&b);
}

/* A holder that is busy against one beside it: promised transfers decide. */
static void data(void)
{
    struct route_input in = {.bytes = 20 * MB, .nholders = 1};
    struct route_job job = bed_job();
    uint32_t holder, plain;
    uint64_t alone_us;
    struct bed b;

    bed_new(&b, 8, 1, 1);
    holder = bed_agent(&b, 1, 20 * MS);
    plain = bed_agent(&b, 1, 10 * MS);
    job.inputs = &in;
    job.ninputs = 1;
    in.holders[0] = (struct route_holder){holder, in.bytes};
    is_int(decide(&b, &job), holder, "a job goes where its data is");
    is_int(bed_row(&d, holder)->fetch_bytes, 0, "which need not move");
    is_int(bed_row(&d, plain)->fetch_bytes, 20 * MB, "but would have to");
    is_int(bed_row(&d, plain)->from, holder, "from there");
    alone_us = bed_row(&d, plain)->score.fetch_us;
    is_int(alone_us, 45 * MS + 200 * MS, "in that time");
    routing_sent(b.r, holder, 1, 300 * MS);
    is_int(decide(&b, &job), plain, "rather moves than waits longer");
    routing_flow(b.r, holder, plain, 3);
    is_int(decide(&b, &job), holder, "but not over a link that is promised to three");
    is_int(bed_row(&d, plain)->score.fetch_us, 45 * MS + 800 * MS, "and is shared");
    routing_flow(b.r, holder, plain, -3);
    decide(&b, &job);
    is_int(bed_row(&d, plain)->score.fetch_us, alone_us, "until they are over");
    routing_report(b.r, plain, &(struct route_report){.down_flows = 1}, S);
    decide(&b, &job);
    is_int(bed_row(&d, plain)->score.fetch_us, 45 * MS + 400 * MS, "a report tells more");
    bed_free(&b);
}

static void cold(void)
{
    const struct route_offer offer = {.slots = 1, .queue = 9};
    const struct route_job job = bed_job();
    uint32_t near, far;
    struct bed b;

    bed_new(&b, 8, 1, 1);
    near = bed_agent(&b, 1, 1 * MS);
    far = bed_agent(&b, 1, 50 * MS);
    must(routing_offer(b.r, near, 1, &offer) == 0);
    is_int(decide(&b, &job), near, "a cold start of which nothing is known");
    for (unsigned i = 0; i < 9; i++) {
        runtimes_warm_add(b.runtimes, 1, 0, 300 * MS, S);
    }
    is_int(decide(&b, &job), far, "a warm one is better than one that must start");
    is_int(bed_row(&d, near)->score.warm_us, 300 * MS, "as the record says");
    bed_free(&b);
}

int main(void)
{
    filters();
    deadlines();
    likes();
    risks();
    yields();
    avoids();
    further();
    load();
    data();
    cold();
    return done();
}

/* What one decision of the router takes among 10^5 nodes.
 *
 *     bench-decide [--quick] [--fixed N]
 *
 * 32 capabilities, 8 of them a node, 64 sites, 4 node classes, 16 brokers; jobs with up
 * to 3 holders of their input: the set-up of the study's own bench.  Reports, prices, run
 * times by size, and measured pairs are filled in.  Jobs are sent where they were decided
 * to go and end later, beside the clock.  Prints one JSON object; exit status 1 when
 * something was allocated, or when the record of a decision gives another winner.
 * --fixed decides N times and prints nothing: for profilers.
 */
#include "broker/core/router/router_int.h"
#include "common/err.h"
#include "common/mem.h"
#include "proto/words.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NODES        100000u
#define CAPABILITIES 32u
#define OFFERS       8u /* drawn for each node; equal ones are one */
#define SITES        64u
#define CLASSES      4u
#define BROKERS      16u
#define JOBS         4096u
#define HOLDERS      3u
#define PAIRS        60000u
#define RUNS         40u /* learned of each capability and class */
#define DECISIONS    200000u
#define SCANS        100u
#define QUEUE        64u
#define STEP_US      50u /* between two decisions */
#define ROUNDS       3u

struct sent {
    uint32_t node, capability;
    uint64_t work_us;
};

static struct routing *router;
static struct prices *prices;
static struct runtimes *runtimes;
static struct wf_rng rng = {1};
static struct route_job jobs[JOBS];
static struct route_input inputs[JOBS];
static struct sent under_way[JOBS];
static uint32_t took_ns[DECISIONS];
static uint64_t now_us = 1000000;

static uint64_t below(uint64_t n)
{
    return wf_rng_below(&rng, n);
}

static void need(int rc)
{
    if (rc != 0) {
        (void) fprintf(stderr, "bench-decide: %s\n", wf_err_sentence(rc));
        exit(2);
    }
}

static uint64_t clock_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t) ts.tv_sec * 1000000000u + (uint64_t) ts.tv_nsec;
}

/* -- the world ------------------------------------------------------------------------
 */

static void add_node(void)
{
    const struct route_about about = {.site = 1 + (uint32_t) below(SITES),
                                      .class_ = 1 + (uint32_t) below(CLASSES),
                                      .tier = (uint8_t) (1 + below(3)),
                                      .spot = below(10) == 0,
                                      .slots = 1 + (uint32_t) below(8),
                                      .speed_pm = 500 + (uint32_t) below(1500),
                                      .price_pusd_s = below(100000000)};
    const struct route_offer offer = {.slots = about.slots, .queue = QUEUE, .warm = 1};
    const struct route_report report = {.jobs = (uint32_t) below(10),
                                        .work_us = below(5000000),
                                        .up_flows = (uint32_t) below(4)};
    struct route_links links = {.rtt_us = 1000 + (uint32_t) below(300000),
                                .dev_us = 500,
                                .up = 1000000 + below(100000000)};
    uint32_t node;

    links.down = links.up * 2;
    for (unsigned k = 0; k < BROKERS; k++) {
        links.to_broker[k] = (uint16_t) (10 + below(3000));
    }
    need(routing_add(router, &node));
    routing_describe(router, node, &about);
    routing_measured(router, node, &links);
    for (unsigned i = 0; i < OFFERS; i++) {
        need(routing_offer(router, node, (uint32_t) below(CAPABILITIES), &offer));
    }
    routing_report(router, node, &report, now_us);
    routing_open(router, node, 1);
}

static void learn(void)
{
    for (uint32_t k = 0; k < CAPABILITIES * CLASSES * RUNS; k++) {
        const uint64_t size = 1000 + below(20000000);
        const struct runtime_key key = {k % CAPABILITIES, 1,
                                        1 + k / CAPABILITIES % CLASSES, size};

        runtimes_add(runtimes, &key, 50000 + below(500000) + size / 10, 0, now_us);
    }
    for (unsigned c = 1; c <= CLASSES; c++) {
        need(prices_set_node(prices, c, PRICE_SPOT, below(100000000), PRICES_EVENT));
    }
    for (unsigned from = 1; from <= 3; from++) {
        for (unsigned to = 1; to <= 3; to++) {
            need(prices_set_tiers(prices, from, to, from == to ? 0 : 90));
        }
    }
}

static void draw_jobs(void)
{
    for (unsigned i = 0; i < JOBS; i++) {
        const uint64_t bytes = 1000 + below(20000000);

        jobs[i] = (struct route_job){.capability = (uint32_t) below(CAPABILITIES),
                                     .version = 1,
                                     .size = bytes,
                                     .goal = WF_GOAL_BALANCED,
                                     .client_rtt_us = 1000 + below(300000),
                                     .avoid = ROUTE_NONE,
                                     .sure = ROUTE_NONE,
                                     .inputs = &inputs[i]};
        inputs[i].bytes = bytes;
        if (i % 5 != 0) {
            jobs[i].ninputs = 1;
            inputs[i].nholders = 1 + (unsigned) below(HOLDERS);
        }
        for (unsigned h = 0; h < inputs[i].nholders; h++) {
            inputs[i].holders[h] = (struct route_holder){(uint32_t) below(NODES), bytes};
        }
    }
}

/* Half of the pairs are with nodes that hold data, as transfers measure them. */
static void measure_pairs(void)
{
    for (unsigned i = 0; i < PAIRS; i++) {
        const struct route_input *in = &inputs[below(JOBS)];
        uint32_t from = i % 2 == 0 && in->nholders != 0 ? in->holders[0].node
                                                        : (uint32_t) below(NODES);

        routing_pair(router, from, (uint32_t) below(NODES),
                     1000 + (uint32_t) below(300000), 1000000 + below(10000000), now_us);
    }
}

static void make_world(void)
{
    const struct routing_config cfg = {
        .max_nodes = NODES, .max_capabilities = CAPABILITIES, .brokers = BROKERS};

    prices = prices_new();
    need(prices == NULL ? WEFT_ENOMEM : 0);
    need(runtimes_new(65536, 1, &runtimes));
    need(routing_new(&cfg, prices, runtimes, &router));
    for (unsigned i = 0; i < NODES; i++) {
        add_node();
    }
    learn();
    draw_jobs();
    measure_pairs();
}

/* -- deciding -------------------------------------------------------------------------
 */

/* The winner of a record, from its terms alone; -1: none. */
static int winner_of(const struct route_decision *d)
{
    uint64_t least = UINT64_MAX;
    int best = -1;

    for (unsigned i = 0; i < d->nrows; i++) {
        const uint64_t total = score_total(&d->rows[i].score, d->occupies);

        if (d->rows[i].filter == PLACE_PASSED && (best < 0 || total < least)) {
            least = total;
            best = (int) i;
        }
    }
    return best;
}

/* It goes where it was decided to, and the one before it in its place ends. */
static void send(unsigned at, const struct route_job *job, const struct route_decision *d)
{
    struct sent *s = &under_way[at];

    if (s->work_us != 0) {
        routing_ended(router, s->node, s->capability, s->work_us, 0);
        s->work_us = 0;
    }
    if (d->best >= 0) {
        *s = (struct sent){d->rows[d->best].node, job->capability,
                           routing_work(router, d->rows[d->best].node, job)};
        routing_sent(router, s->node, s->capability, s->work_us);
    }
}

static int by_ns(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *) a, y = *(const uint32_t *) b;

    return (x > y) - (x < y);
}

static uint64_t clock_cost_ns(void)
{
    for (unsigned i = 0; i < JOBS; i++) {
        const uint64_t from = clock_ns();

        took_ns[i] = (uint32_t) (clock_ns() - from);
    }
    qsort(took_ns, JOBS, sizeof took_ns[0], by_ns);
    return took_ns[JOBS / 2];
}

/* Every node that offers it, scored as a candidate is. */
static uint64_t scan_ns(unsigned *ret_nodes)
{
    static struct route_decision d;
    uint64_t from, least = UINT64_MAX;

    *ret_nodes = 0;
    from = clock_ns();
    for (unsigned k = 0; k < SCANS; k++) {
        least = wf_min_u64(least, decide_scan(router, &jobs[k], now_us, &d));
        *ret_nodes += router->caps[jobs[k].capability].n;
    }
    *ret_nodes /= SCANS;
    return least == 0 ? 0 : (clock_ns() - from) / SCANS;
}

struct figures {
    uint64_t p50, p90, p99, sum, same;
    unsigned long allocations;
};

static void run(unsigned n, uint64_t clock_cost, struct figures *f)
{
    static struct route_decision d;

    *f = (struct figures){0};
    for (unsigned i = 0; i < n; i++) {
        struct route_job job = jobs[i % JOBS];
        struct route_input input = inputs[i % JOBS];
        uint64_t from;

        /* Whoever asks has just written down what the job is. */
        job.inputs = &input;
        now_us += STEP_US;
        (void) wf_mem_fail_after(0);
        from = clock_ns();
        routing_decide(router, &job, now_us, &d);
        took_ns[i] = (uint32_t) wf_min_u64(clock_ns() - from, UINT32_MAX);
        took_ns[i] -= (uint32_t) wf_min_u64(took_ns[i], clock_cost);
        f->allocations += wf_mem_fail_after(-1);
        f->sum += took_ns[i];
        f->same += winner_of(&d) == d.best;
        send(i % JOBS, &job, &d);
    }
    qsort(took_ns, n, sizeof took_ns[0], by_ns);
    f->p50 = took_ns[n / 2];
    f->p90 = took_ns[n / 10 * 9];
    f->p99 = took_ns[n / 100 * 99];
}

/* The best of a few rounds by its median: others use this machine, too. */
static int report(unsigned n)
{
    const uint64_t clock_cost = clock_cost_ns();
    struct figures f, best = {.p50 = UINT64_MAX};
    unsigned long allocations = 0;
    uint64_t same = 0, scan;
    unsigned scanned;

    run(JOBS, clock_cost, &f); /* what is found once is found */
    for (unsigned i = 0; i < ROUNDS; i++) {
        run(n, clock_cost, &f);
        best = f.p50 < best.p50 ? f : best;
        allocations += f.allocations;
        same += f.same;
    }
    scan = scan_ns(&scanned);
    printf("{\"bench\":\"decide\",\"nodes\":%u,\"candidates\":%u,\"brokers\":%u,"
           "\"decisions\":%u,\"p50_ns\":%" PRIu64 ",\"p90_ns\":%" PRIu64
           ",\"p99_ns\":%" PRIu64 ",\"mean_ns\":%" PRIu64 ",\"clock_ns\":%" PRIu64
           ",\"allocations\":%lu,\"rescored\":%.6f,\"scan_nodes\":%u,\"scan_ns\":%" PRIu64
           ",\"table_bytes\":%zu,\"runtimes_bytes\":%zu}\n",
           NODES, router->cfg.sample, BROKERS, n, best.p50, best.p90, best.p99,
           best.sum / n, clock_cost, allocations, (double) same / ((double) n * ROUNDS),
           scanned, scan, routing_bytes(router), runtimes_bytes(runtimes));
    return allocations != 0 || same != (uint64_t) n * ROUNDS;
}

static int fixed(unsigned n)
{
    static struct route_decision d;

    for (unsigned i = 0; i < n; i++) {
        routing_decide(router, &jobs[i % JOBS], now_us, &d);
    }
    return d.nrows == 0;
}

int main(int argc, char **argv)
{
    int rc;

    make_world();
    if (argc == 3 && strcmp(argv[1], "--fixed") == 0) {
        rc = fixed((unsigned) strtoul(argv[2], NULL, 10));
    } else if (argc == 1 || (argc == 2 && strcmp(argv[1], "--quick") == 0)) {
        rc = report(argc == 2 ? DECISIONS / 10 : DECISIONS);
    } else {
        (void) fprintf(stderr, "usage: bench-decide [--quick] [--fixed N]\n");
        rc = 2;
    }
    routing_free(router);
    runtimes_free(runtimes);
    prices_free(prices);
    return rc;
}

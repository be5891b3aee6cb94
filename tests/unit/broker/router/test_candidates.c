#include "bed.h"

#include <string.h>

#define NODES 200u

static unsigned pick(struct bed *b, const struct route_job *job, struct entry **ret)
{
    struct picking p;
    unsigned n;

    picking_begin(&p, b->r, job, S);
    picking_near(&p);
    (void) picking_random(&p);
    n = picking_data(&p);
    memcpy(ret, p.v, n * sizeof *ret);
    for (unsigned i = 0; i < n; i++) {
        for (unsigned k = 0; k < i; k++) {
            if (ret[k]->node == ret[i]->node) {
                return 0;
            }
        }
    }
    return n;
}

static int has(struct entry *const *v, unsigned n, uint32_t node)
{
    for (unsigned i = 0; i < n; i++) {
        if (v[i]->node == node) {
            return 1;
        }
    }
    return 0;
}

static void few(void)
{
    const struct route_job job = bed_job();
    struct entry *v[ROUTE_ROWS_MAX];
    struct bed b;

    bed_new(&b, NODES, 1, 1);
    is_int(pick(&b, &job, v), 0, "nobody offers it");
    for (unsigned i = 0; i < ROUTE_SAMPLE; i++) {
        bed_agent(&b, 1, 1000);
    }
    is_int(pick(&b, &job, v), ROUTE_SAMPLE, "all of a few are candidates, each once");
    bed_free(&b);
}

static void many(void)
{
    struct route_input in[2] = {0};
    struct route_job job = bed_job();
    struct entry *v[ROUTE_ROWS_MAX];
    uint32_t holder, mate, idle, plain;
    unsigned n, most = 0, good = 0;
    struct bed b;

    bed_new(&b, NODES + 20, 1, 1);
    for (unsigned i = 0; i < NODES; i++) {
        const struct route_report busy = {.jobs = 1, .work_us = S};
        uint32_t node = bed_agent(&b, 1, 10000 + i * 10);

        routing_report(b.r, node, &busy, S);
    }
    idle = 14;
    routing_report(b.r, idle, &(struct route_report){0}, S);
    holder = bed_node(&b, 1, 250000, 7);
    bed_offer(&b, holder, 1);
    mate = bed_node(&b, 1, 260000, 7);
    bed_offer(&b, mate, 1);
    plain = bed_node(&b, 1, 255000, 7);

    n = pick(&b, &job, v);
    ok(n > ROUTE_SAMPLE / 2 && n <= ROUTE_SAMPLE, "some of many, each once (%u)", n);
    ok(has(v, n, idle), "of the near ones one that is idle, if it is not the nearest");
    ok(has(v, n, 0), "and the nearest, busy or not");

    job.inputs = in;
    job.ninputs = 1;
    in[0] = (struct route_input){
        .bytes = MB, .nholders = 2, .holders = {{holder, MB}, {plain, MB}}};
    for (unsigned i = 0; i < 50; i++) {
        n = pick(&b, &job, v);
        good += has(v, n, holder) && has(v, n, mate) && !has(v, n, plain);
    }
    is_int(good, 50, "who holds the input and who is near to it, always");

    job.sure = 150;
    job.ninputs = 2;
    in[1] = (struct route_input){.bytes = 1, .nholders = ROUTE_HOLDERS_MAX};
    for (unsigned k = 0; k < ROUTE_HOLDERS_MAX; k++) {
        in[1].holders[k] = (struct route_holder){160 + k, 1};
    }
    good = 0;
    for (unsigned i = 0; i < 50; i++) {
        n = pick(&b, &job, v);
        most = n > most ? n : most;
        good += has(v, n, 150) && has(v, n, holder) && has(v, n, 160);
    }
    is_int(good, 50, "one that is asked for, and holders of every input");
    ok(most <= ROUTE_ROWS_MAX, "never more than there is room for (%u)", most);
    bed_free(&b);
}

/* Half of the nodes have eight times the slots: they are drawn eight times as often. */
static void by_capacity(void)
{
    const struct route_job job = bed_job();
    struct entry *v[ROUTE_ROWS_MAX];
    unsigned large = 0, small = 0;
    struct bed b;

    bed_new(&b, 2000, 1, 1);
    for (unsigned i = 0; i < 2000; i++) {
        bed_agent(&b, i % 2 == 0 ? 8 : 1, 1000);
    }
    for (unsigned i = 0; i < 4000; i++) {
        unsigned n = pick(&b, &job, v);

        /* But for the near ones, which are the same each time. */
        for (unsigned k = ROUTE_SAMPLE / 4; k < n; k++) {
            large += v[k]->slots == 8;
            small += v[k]->slots == 1;
        }
    }
    ok(large > small * 7 && large < small * 9, "%u large ones, %u small ones", large,
       small);
    bed_free(&b);
}

int main(void)
{
    few();
    many();
    by_capacity();
    return done();
}

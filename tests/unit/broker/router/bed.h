/* bed.h - a router with its price book and run times, and nodes to put into it */
#ifndef TESTS_UNIT_BROKER_ROUTER_BED_H
#define TESTS_UNIT_BROKER_ROUTER_BED_H

#include "broker/core/router/router_int.h"
#include "proto/words.h"
#include "tests/lib/tap.h"

#define MS UINT64_C(1000)
#define S  UINT64_C(1000000)
#define MB UINT64_C(1000000)

struct bed {
    struct routing *r;
    struct prices *prices;
    struct runtimes *runtimes;
};

__attribute__((unused)) static void bed_new(struct bed *b, uint32_t nodes,
                                            uint32_t brokers, uint64_t seed)
{
    const struct routing_config cfg = {
        .max_nodes = nodes, .max_capabilities = 8, .brokers = brokers, .seed = seed};

    b->prices = prices_new();
    must(b->prices != NULL);
    must(runtimes_new(256, seed, &b->runtimes) == 0);
    must(routing_new(&cfg, b->prices, b->runtimes, &b->r) == 0);
}

__attribute__((unused)) static void bed_free(struct bed *b)
{
    routing_free(b->r);
    runtimes_free(b->runtimes);
    prices_free(b->prices);
}

/* An open node of so many slots, so far from the broker, at a site (0: none); its links
 * carry 100 MB a second. */
__attribute__((unused)) static uint32_t bed_node(struct bed *b, uint32_t slots,
                                                 uint32_t rtt_us, uint32_t site)
{
    const struct route_about about = {
        .site = site, .tier = WF_TIER_EDGE, .slots = slots, .speed_pm = 1000};
    const struct route_links links = {.rtt_us = rtt_us,
                                      .up = 100 * MB,
                                      .down = 100 * MB,
                                      .to_broker = {distance_entry(rtt_us)}};
    uint32_t node;

    must(routing_add(b->r, &node) == 0);
    routing_describe(b->r, node, &about);
    routing_measured(b->r, node, &links);
    routing_open(b->r, node, 1);
    return node;
}

__attribute__((unused)) static void bed_offer(struct bed *b, uint32_t node,
                                              uint32_t capability)
{
    const struct route_offer offer = {.slots = b->r->nodes[node].slots,
                                      .queue = 1000,
                                      .warm = 1,
                                      .ref = (void *) (uintptr_t) (node + 1)};

    must(routing_offer(b->r, node, capability, &offer) == 0);
}

/* The same, offering capability 1. */
__attribute__((unused)) static uint32_t bed_agent(struct bed *b, uint32_t slots,
                                                  uint32_t rtt_us)
{
    const uint32_t node = bed_node(b, slots, rtt_us, 0);

    bed_offer(b, node, 1);
    return node;
}

__attribute__((unused)) static struct route_job bed_job(void)
{
    return (struct route_job){.capability = 1,
                              .goal = WF_GOAL_BALANCED,
                              .priority = WF_WAY_PRIORITY,
                              .late_pm = ROUTE_SURE_PM,
                              .avoid = ROUTE_NONE,
                              .sure = ROUTE_NONE};
}

/* The row of a node, or NULL. */
__attribute__((unused)) static const struct route_row *bed_row(
    const struct route_decision *d, uint32_t node)
{
    for (unsigned i = 0; i < d->nrows; i++) {
        if (d->rows[i].node == node) {
            return &d->rows[i];
        }
    }
    return NULL;
}

#endif

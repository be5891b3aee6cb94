/* hop.h - how far the agents of a site typically are from its broker
 *
 * The median of their round trips: what a job that comes to the site has before it once
 * more.  Counted in steps of at most an eighth, so that it is told when it changed and
 * not with every sample.  Microseconds; zeroed memory has no agents.
 */
#ifndef BROKER_CORE_MESH_HOP_H
#define BROKER_CORE_MESH_HOP_H

#include "common/defs.h"

#define HOP_STEPS   8u  /* in a doubling */
#define HOP_DOUBLES 24u /* beyond that all are alike: 2^24 us */

struct hops {
    uint32_t n;
    uint32_t of[HOP_DOUBLES * HOP_STEPS];
};

/* An agent's round trip; 0 (not known) does not count. */
void hops_add(struct hops *h, uint32_t rtt_us);

/* 0: none is known. */
uint32_t hops_median(const struct hops *h);

#endif

/* site.h - what a made-up broker says of its site
 *
 * A site of some agents and capabilities with neighbours; its figures walk by chance.
 * Two bodies: all of it, or the figures alone.
 */
#ifndef TESTS_SIM_GOSSIP_SITE_H
#define TESTS_SIM_GOSSIP_SITE_H

#include "common/rng.h"
#include "proto/msg.h"

struct site {
    unsigned number, neighbours;
    uint64_t agents, slots, free, queued, live, wait_us;
};

void site_init(struct site *s, unsigned number, unsigned neighbours, struct wf_rng *rng);
void site_change(struct site *s, struct wf_rng *rng);

/* Append the encoded site_fact. */
void site_encode(const struct site *s, int whole, struct wf_buf *out);

#endif

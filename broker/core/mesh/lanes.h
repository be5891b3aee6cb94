/* lanes.h - bulk lanes to the neighbours that this broker dials
 *
 *     closed --a ticket--> opening --up--> up --no ticket left--> closed
 *       ^                     |             |
 *       +------ later --------+--- broke ---+
 *
 * What a fetcher of one site gets from a holder of another passes over the relays of both
 * brokers (relay.h), and so over a lane between them.  Who dialled the link dials the
 * lane as well: the other side may not be able to.  It is there while transfers are.  Its
 * peer number is that of the link, with the bit MESH_DIALLED.  docs/spec/5-mesh.md, 5.7.
 */
#ifndef BROKER_CORE_MESH_LANES_H
#define BROKER_CORE_MESH_LANES_H

#include "common/backoff.h"
#include "proto/effects.h"

struct core;

enum dial_lane_state { DIAL_LANE_CLOSED, DIAL_LANE_OPENING, DIAL_LANE_UP };

struct dial_lane {
    unsigned state;    /* enum dial_lane_state */
    uint64_t retry_us; /* it is not opened before */
    uint64_t look_us;  /* when its tickets are looked at again */
    struct wf_backoff pause;
};

void dial_lane_init(struct dial_lane *l);

/* News of the lane of that peer: it is up; it broke, or could not be opened. */
void mesh_lane_up(struct core *c, uint32_t peer, struct wf_effects *out);
void mesh_lane_down(struct core *c, uint32_t peer);

/* Once a step, and when it is due. */
void mesh_lanes_step(struct core *c, struct wf_effects *out);
uint64_t mesh_lanes_due_us(const struct core *c);

#endif

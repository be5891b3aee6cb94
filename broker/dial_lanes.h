/* dial_lanes.h - bulk lanes to neighbours that this broker dials
 *
 * One for each link (dials.h), under the same peer number, opened and closed as the core
 * says; what comes is told as BROKER_LANE_* events, as of lanes that others opened
 * (bulk.h).  Each opening ends in one BROKER_LANE_DOWN, unless the core closes it.
 */
#ifndef BROKER_DIAL_LANES_H
#define BROKER_DIAL_LANES_H

#include "broker/bulk.h"
#include "broker/dials.h"

struct dial_lanes;

/* `dials` (borrowed) knows where the neighbours are; `keys` are copied.  WEFT_ENOMEM. */
int dial_lanes_new(struct wf_loop *loop, void *zmq, const struct keys *keys,
                   const struct dials *dials, bulk_event_fn *fn, void *arg,
                   struct dial_lanes **ret_lanes);

/* NULL is allowed. */
void dial_lanes_free(struct dial_lanes *l);

/* At that port of the host that the neighbour was dialled at last. */
void dial_lanes_open(struct dial_lanes *l, uint32_t peer, unsigned port);
void dial_lanes_close(struct dial_lanes *l, uint32_t peer);
void dial_lanes_send(struct dial_lanes *l, uint32_t peer, const uint8_t *p, size_t len);

/* Hand on what can go, and tell of those that broke while the core was at work. */
void dial_lanes_flush(struct dial_lanes *l);

#endif

/* coords.h - network coordinates: a guess of the RTT between nodes that never met
 *
 * A point in four dimensions and a height above them, for the access link that every path
 * of a node crosses.  The distance of two nodes is that of their points plus both
 * heights. Each sample moves the node along the line to the peer by a part of the error,
 * weighted by how sure both are: a network of springs that comes to rest where errors are
 * small. Sources: Dabek, Cox, Kaashoek, Morris, "Vivaldi: a decentralized network
 * coordinate system", SIGCOMM 2004 (the rule, sections 3.3 and 5.4); Ledlie, Gardner,
 * Seltzer, "Network coordinates in the wild", NSDI 2007 (gravity, so that the whole does
 * not drift; its latency filter is common/rtt.h: give what that says, not raw samples).
 *
 * Used where there are fewer than three brokers, and only with peers picked at random:
 * probing none but near ones makes it worse with time.
 *
 * Whole microseconds; the error is relative, in 1/65536.  No floats: the same samples
 * give the same coordinates on every machine.  What comes from peers is checked by
 * wf_coords_valid(), every step and every value is bounded.
 */
#ifndef COMMON_COORDS_H
#define COMMON_COORDS_H

#include "common/rng.h"

#define WF_COORDS_DIMS      4u
#define WF_COORDS_ONE       65536u                  /* an error of 100 % */
#define WF_COORDS_ERROR_MAX (3 * WF_COORDS_ONE / 2) /* of a node that knows nothing */
#define WF_COORDS_MAX_US    10000000                /* bound of each value */

struct wf_coords {
    int32_t at_us[WF_COORDS_DIMS];
    int32_t height_us;
    uint32_t error; /* 1/65536 */
};

/* In the middle of everything, and not sure of it. */
void wf_coords_init(struct wf_coords *c);

/* 1 when a peer may say so. */
int wf_coords_valid(const struct wf_coords *c);

/* The expected RTT, at least 1 us. */
uint32_t wf_coords_rtt_us(const struct wf_coords *a, const struct wf_coords *b);

/* The RTT to a peer was measured.  1 when it counts; 0 when the sample or the peer's
 * coordinates were refused, which change nothing.  The generator gives a direction to
 * nodes at the same place. */
int wf_coords_update(struct wf_coords *c, const struct wf_coords *peer, uint64_t rtt_us,
                     struct wf_rng *rng);

#endif

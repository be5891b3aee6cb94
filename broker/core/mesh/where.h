/* where.h - where a broker is, in network coordinates (common/coords.h)
 *
 * Each round trip to a neighbour that was measured moves ours by what that one says of
 * its own.  They are told with the links (docs/spec/9-gossip.md, 9.10), so that the round
 * trip can be guessed where nobody measured it: for people, and in placement, where what
 * was measured comes first.  A peer's word is checked and bounded.
 */
#ifndef BROKER_CORE_MESH_WHERE_H
#define BROKER_CORE_MESH_WHERE_H

#include "common/coords.h"
#include "proto/msg.h"

#define WHERE_BYTES 24u /* six numbers of 32 bits: point, height, error */

struct core;

struct where {
    struct wf_coords at, told;
    struct wf_rng rng;
    uint64_t moved_us; /* when a move was news last */
};

void where_init(struct where *w, uint64_t seed);

/* Take the samples that are new.  1 when others should be told. */
int where_look(struct core *c);

/* For a fact; `room` is borrowed by it. */
struct wf_slice where_tell(struct where *w, uint8_t room[WHERE_BYTES]);

/* From here to who said that of its links; 0: it, or we, cannot tell yet. */
uint64_t where_rtt_us(const struct where *w, const struct wf_site_fact *links);

/* From here to the broker with that key, and between two others; 0: as above. */
uint64_t where_to_us(const struct core *c, const struct wf_key *key);
uint64_t where_between_us(const struct core *c, const struct wf_key *a,
                          const struct wf_key *b);

#endif

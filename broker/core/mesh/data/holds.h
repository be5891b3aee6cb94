/* holds.h - which large blobs are at a site, as a filter that all brokers are told
 *
 * Every so often the catalogue is walked for blobs of HOLDS_LEAST bytes and more that an
 * agent here has whole; the largest ones go into a filter (common/bloom.h) of at most
 * WF_HOLDS_MAX bytes, which is said as a fact.  How often that is follows from what all
 * sites together may say: HOLDS_RATE bytes a second, as if theirs were as large as ours.
 *
 * A site that may have a blob counts as a holder when a job is placed: a neighbour, or
 * one that a neighbour leads to (beyond.h).  When that was wrong, or is so no more, the
 * job is there without its data, and its broker asks ours: that costs time, and nothing
 * else.  docs/spec/9-gossip.md, 9.8.
 */
#ifndef BROKER_CORE_MESH_DATA_HOLDS_H
#define BROKER_CORE_MESH_DATA_HOLDS_H

#include "common/buf.h"
#include "proto/msg.h"

#define HOLDS_LEAST_BITS 20u /* of the size: 1 MiB */
#define HOLDS_RATE       4096u

struct agent;
struct core;

/* What we say. */
struct holds {
    unsigned phase;       /* enum holds_phase */
    uint64_t due_us;      /* when the next walk begins */
    size_t at;            /* how far the present one is */
    unsigned least_bits;  /* of the sizes that count */
    uint32_t of_bits[64]; /* blobs, by the bits of their size */
    size_t n, bytes;      /* in the filter; its size */
    uint8_t bits[WF_HOLDS_MAX];
};

/* A step of the walk.  1 when what is to be said is in *ret_fact, which borrows; without
 * bits there is nothing here. */
int holds_look(struct core *c, struct wf_holds_fact *ret_fact);

/* What another site says. */
struct site_holds {
    struct wf_buf bits;
    uint64_t least; /* bytes of a blob that may be in it */
    unsigned hashes;
};

/* Take over what is known to be said by the broker with that key. */
void holds_learn(const struct core *c, const struct wf_key *key, struct site_holds *to);

/* May it have a blob of that size? */
int holds_may(const struct site_holds *h, const struct wf_digest *digest, uint64_t size);

#endif

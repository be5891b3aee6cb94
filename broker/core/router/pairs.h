/* pairs.h - what was measured between two nodes, for ten minutes
 *
 * Every transfer measures a pair, and what was measured beats what is estimated.  The RTT
 * belongs to the pair, a rate to one direction of it.  The newest sample wins.  A table
 * of fixed size in sets of four: a pair has one set, found by its hash, and when that is
 * full the entry there that was touched longest ago makes way.  Nothing is allocated
 * after pairs_new(); asking costs a cache line, and three when the pair was measured.
 *
 * Nodes are the router's numbers; rates are bytes a second; times are those of the
 * caller's monotonic clock, kept in whole seconds.  Pure; not thread-safe.
 */
#ifndef BROKER_CORE_ROUTER_PAIRS_H
#define BROKER_CORE_ROUTER_PAIRS_H

#include "common/defs.h"

#define PAIRS_TTL_S 600u

struct pairs;

/* Room for about `cap` pairs, 58 bytes each.  NULL: out of memory. */
struct pairs *pairs_new(uint32_t cap);
void pairs_free(struct pairs *p);

/* A sample: the RTT, and the rate of bytes that went from -> to; 0: not measured, what
 * was known of it stays.  A node and itself are no pair: ignored. */
void pairs_set(struct pairs *p, uint32_t from, uint32_t to, uint32_t rtt_us,
               uint64_t rate, uint64_t now_us);

/* 0: not measured in the last ten minutes. */
struct pair_seen {
    uint32_t rtt_us;
    uint64_t rate; /* from -> to */
};

struct pair_seen pairs_get(const struct pairs *p, uint32_t from, uint32_t to,
                           uint64_t now_us);

/* Whom a node was measured with lately: bit k, perhaps some whose number is k modulo 256.
 * Tells of nearly all pairs that were never measured that they were not. */
#define PAIRS_WORDS 4u
struct pair_company {
    uint64_t bits[PAIRS_WORDS];
};

struct pair_company pairs_with(const struct pairs *p, uint32_t node);

static inline unsigned pairs_may(const struct pair_company *c, uint32_t node)
{
    return (unsigned) (c->bits[node / 64 % PAIRS_WORDS] >> node % 64 & 1);
}

/* It will be asked for soon. */
void pairs_prefetch(const struct pairs *p, uint32_t node);

/* The same, one of them. */
uint32_t pairs_rtt_us(const struct pairs *p, uint32_t a, uint32_t b, uint64_t now_us);
uint64_t pairs_rate(const struct pairs *p, uint32_t from, uint32_t to, uint64_t now_us);

/* A node's number is to be used again: drop all its pairs.  Goes through the table. */
void pairs_forget(struct pairs *p, uint32_t node);

size_t pairs_bytes(const struct pairs *p);

#endif

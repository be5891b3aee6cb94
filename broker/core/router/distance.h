/* distance.h - how far two nodes are from each other that never measured it
 *
 * Each node tells its RTT to every broker it can reach.  For two of them, over the
 * brokers k that both know,
 *
 *     U = min r_a[k] + r_h[k]        Lo = max |r_a[k] - r_h[k]|
 *
 * bound the RTT between them, as far as triangles hold.  U is the better guess of its
 * size.  For ranking near ones sqrt(U x Lo) is better: two nodes beside a broker and two
 * that are equally far from it have the same U, but not the same Lo.  When a node only
 * knows its nearest brokers, the rest of its vector is filled in over the RTTs between
 * brokers, Lo says less, and U^3/4 x Lo^1/4 ranks better.  The family is IDMaps (Francis
 * et al., ToN 2001) and Netvigator (Sharma et al., ToN 2006); the figures of this form
 * are printed by weft-links.
 *
 * Vectors hold 0.1 ms; 0: not known.  A rank is the fourth power of a distance in 0.1 ms,
 * so that comparing needs no root.  Pure, no allocation; a few tens of nanoseconds.
 */
#ifndef BROKER_CORE_ROUTER_DISTANCE_H
#define BROKER_CORE_ROUTER_DISTANCE_H

#include "common/defs.h"

#define DISTANCE_BROKERS_MAX 32u
#define DISTANCE_UNIT_US     100u
#define DISTANCE_SITE_US     500u    /* at most, within a site */
#define DISTANCE_FAR_US      150000u /* of two nodes of which nothing is known */

/* What said so, best last. */
enum distance_source { DISTANCE_NONE, DISTANCE_VECTOR, DISTANCE_SITE, DISTANCE_MEASURED };

/* One end of a pair.  The vector is borrowed, and has as many entries as the other's. */
struct distance_end {
    const uint16_t *to_broker;
    uint32_t site; /* a number of the caller's; 0: none */
    uint8_t few;   /* only its nearest brokers were measured, the rest is filled in */
};

struct distance {
    uint32_t rtt_us; /* size */
    uint64_t rank;   /* compare with other ranks only */
    unsigned source; /* enum distance_source */
};

/* An RTT as an entry of a vector: rounded, at least 1, at most 65535; 0 stays 0. */
uint16_t distance_entry(uint64_t rtt_us);

/* U and Lo over the first n entries, in 0.1 ms; returns how many brokers both know.  With
 * none, both are 0. */
unsigned distance_bounds(const uint16_t *a, const uint16_t *h, unsigned n,
                         uint32_t *ret_u, uint32_t *ret_lo);

/* Size and rank.  `measured_us` is of this very pair, 0: it was not measured. */
struct distance distance_between(const struct distance_end *a,
                                 const struct distance_end *h, unsigned n,
                                 uint32_t measured_us);

/* U over n entries, which eight divide, in 0.1 ms; UINT16_MAX: it is that, or more, or
 * there is none. */
uint32_t distance_least(const uint16_t *a, const uint16_t *h, unsigned n);

/* Its size alone, when it was not measured. */
uint32_t distance_guess_us(const struct distance_end *a, const struct distance_end *h,
                           unsigned n);

/* The root of a rank, in microseconds. */
uint32_t distance_rank_us(uint64_t rank);

/* Complete a vector: what is not known becomes the shortest way over a broker that is,
 * by `between`, n rows of n entries.  Returns how many were measured.  To be called when
 * a vector comes, not when two are compared. */
unsigned distance_fill(uint16_t *to_broker, const uint16_t *between, unsigned n);

#endif

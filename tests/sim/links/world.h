/* world.h - what nodes of a measured network would know, and how well they would guess
 *
 * Brokers stand where an operator would put them (greedy: each next one where it brings
 * the nodes nearest to a broker on the whole); every node pings them, each ping a random
 * slice of time, through the filter of common/rtt.h.  What the router's code makes of
 * that is compared with the truth, the median matrix.
 */
#ifndef TESTS_SIM_LINKS_WORLD_H
#define TESTS_SIM_LINKS_WORLD_H

#include "broker/core/router/distance.h"
#include "common/coords.h"
#include "tests/sim/links/matrix.h"

struct world {
    const struct matrix *truth, *slices; /* borrowed */
    struct wf_rng rng;
    unsigned n, nbrokers;
    unsigned broker[DISTANCE_BROKERS_MAX];
    uint8_t *is_broker;                    /* owned, as all below */
    uint16_t (*vec)[DISTANCE_BROKERS_MAX]; /* of each node */
    uint16_t between[DISTANCE_BROKERS_MAX * DISTANCE_BROKERS_MAX];
    struct wf_coords *coords;
    int few; /* the vectors were cut to the nearest brokers, and filled in */
};

/* How a world guesses. */
enum guess {
    GUESS_VECTOR, /* size and rank of distance.h */
    GUESS_RANK,   /* the rank as a size */
    GUESS_COORDS
};

/* Sizes of all pairs against the truth; parts of one. */
struct accuracy {
    double median, p90;
};

/* The nearest of some agents, the best few by guess pinged once. */
struct choice {
    double mean_ms, p90_ms; /* more than to the really nearest */
};

/* Exits when out of memory. */
void world_new(struct world *w, const struct matrix *truth, const struct matrix *slices,
               unsigned nbrokers, unsigned pings, uint64_t seed);
void world_free(struct world *w);

/* Keep of each vector the nearest brokers only, as measured when it matters, and fill in
 * the rest. */
void world_cut(struct world *w, unsigned nearest);

/* So many rounds of coordinates: each node pings one other at random. */
void world_rounds(struct world *w, unsigned rounds);

struct accuracy world_accuracy(const struct world *w, enum guess by);
struct choice world_choice(struct world *w, enum guess by, unsigned agents, unsigned best,
                           unsigned trials);

#endif

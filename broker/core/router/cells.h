/* cells.h - a bounded table of what is known of run times, one cell a key
 *
 * A cell has a decayed mean and deviation, and a sketch of the distribution, which stands
 * in an array of its own, so that looking for means touches few cache lines.  Cells stand
 * in the order in which they were made; where one is taken out the last moves, so a
 * pointer is good until the next cells_need() or cells_remove().  When the table is full
 * the one of a few, drawn at random, that was used longest ago makes room.
 *
 * Everything is allocated at once, and untouched until it is used: max * about 500 bytes.
 * Pure; not thread-safe.
 */
#ifndef BROKER_CORE_ROUTER_CELLS_H
#define BROKER_CORE_ROUTER_CELLS_H

#include "broker/core/router/sketch.h"
#include "common/rng.h"

#define CELL_WINDOW   32u /* samples that make the mean, about */
#define CELL_STREAK   12u /* samples on one side of the median: the world changed */
#define CELL_MEAN_MAX ((UINT64_C(1) << 48) - 1)

enum cell_kind {
    CELL_CAPABILITY,
    CELL_KEY,  /* capability, version, class; version 0: any of them */
    CELL_WARM, /* capability, class: what a cold start takes more */
    CELL_WARM_ANY,
    CELL_CAPABILITY_OCTAVE, /* of sizes */
    CELL_OCTAVE,            /* of sizes of a key */
    CELL_QUARTER,
    CELL_DECLARED,
    CELL_KINDS
};

/* What a kind does not tell apart is 0. */
struct cell_key {
    uint32_t capability, version, class_;
    uint16_t bucket;
    uint16_t kind; /* enum cell_kind */
};

/* How a run is predicted: without its size, by its octave, by its quarter of one. */
enum cell_way { WAY_PLAIN, WAY_OCTAVE, WAY_QUARTER, WAY_COUNT };

struct cell {
    struct cell_key key;
    uint64_t mean_x16, dev_x16; /* microseconds in sixteenths */
    uint64_t streak_x16;        /* the sum of those in the streak */
    uint32_t n;                 /* samples; those that were forgotten do not count */
    uint16_t weight;          /* samples that the mean stands for; at most CELL_WINDOW */
    uint8_t streak, above;    /* samples in a row on one side of the median; which */
    uint16_t miss[WAY_COUNT]; /* of each way: decayed |log2 of the factor|, in 1/256 */
    uint64_t used_us, aged_us;
};

struct cells {
    struct cell *cell;     /* owned, as all that follow */
    struct sketch *sketch; /* of the cell of the same place */
    uint32_t *capability;  /* the same: all cells of one are looked for in here */
    uint32_t *index;       /* of places + 1, open addressing; 0: free */
    uint32_t n, max, mask;
    uint64_t seed;
    struct wf_rng rng;
};

/* WEFT_ENOMEM.  `max`: 1 to 2^20. */
int cells_init(struct cells *t, size_t max, uint64_t seed);
void cells_fini(struct cells *t);

/* NULL: there is none. */
struct cell *cells_find(const struct cells *t, const struct cell_key *key);

/* It will be looked for soon: first the index, where it begins to look, then the cell
 * that stands there. */
uint32_t cells_seek(const struct cells *t, const struct cell_key *key);
void cells_prefetch(const struct cells *t, uint32_t at);

/* The first cell of a capability from place `*at` on, which moves behind it; NULL: there
 * is none. */
struct cell *cells_next(const struct cells *t, uint32_t capability, uint32_t *at);

/* Find or make; never NULL. */
struct cell *cells_need(struct cells *t, const struct cell_key *key, uint64_t now_us);

void cells_remove(struct cells *t, struct cell *c);

static inline struct sketch *cells_sketch(const struct cells *t, const struct cell *c)
{
    return &t->sketch[c - t->cell];
}

/* One more sample. */
void cells_add(struct cells *t, struct cell *c, uint64_t us, uint64_t now_us);

/* Forget half of it; it may be removed when no sample is left. */
void cells_halve(struct cells *t, struct cell *c);

#endif

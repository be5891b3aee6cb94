/* shelf.h - the blob store of a device: what it has of each good
 *
 * As agent/data is to the core: answers come later, in order, and not at all when the
 * process ends first.  Chunks that were written survive it; a power cut may take those of
 * what was not whole.  A store may be short of room, and one that rots sends wrong bytes.
 */
#ifndef TESTS_SIM_DATA_SHELF_H
#define TESTS_SIM_DATA_SHELF_H

#include "proto/effects.h"
#include "tests/sim/clock.h"
#include "tests/sim/data/goods.h"

struct device;
struct run;
struct sim;

/* Over all worlds. */
struct shelf_counts {
    uint64_t written, wrong; /* chunks; those that were not what they should be */
    uint64_t fed;            /* runs that began with an input */
};

struct shelf {
    int on;
    int keeper;          /* has all goods, for good */
    int rotten;          /* sends wrong bytes at times, until the world heals */
    uint8_t have[GOODS]; /* a bit for each chunk */
    uint8_t begun[GOODS], leaves[GOODS], held[GOODS], pinned[GOODS];
    uint64_t free_us; /* when what was asked is done */
};

/* What it has at the beginning of the world. */
void shelf_draw(struct sim *s, struct device *d, int keeper);

/* The process begins: tell its core all there is.  It ends; the power goes. */
void shelf_list(struct sim *s, struct device *d);
void shelf_end(struct shelf *f);
void shelf_power_cut(struct shelf *f, struct clock *c);

/* Carry out an effect about blobs; 0: it is none. */
int shelf_effect(struct sim *s, struct device *d, const struct wf_effect *x);

/* EV_SHELF: what was asked for is done. */
void shelf_take(struct sim *s, struct device *d, const struct event *e);

/* Something makes room, when it may. */
void shelf_evict(struct sim *s, struct device *d);

/* A run begins: are its inputs those of its job, and there? */
void shelf_check_run(struct sim *s, const struct device *d, const struct run *r,
                     unsigned good);

#endif

/* beyond.h - which data is at sites that are further away than the neighbours
 *
 * Work goes from neighbour to neighbour.  So a neighbour that leads to a site which has
 * the data of a job, and may run it, counts as its holder when the job is placed here, as
 * far away as that site is; the neighbour decides in the same way what it does with it.
 * Of the sites that tell what they hold (holds.h) the nearest are looked at, every few
 * seconds: by links, then by the guess of coordinates.  The way there is what brokers
 * measured of their links; of a link that nobody measured coordinates tell (where.h).
 * What neither tells is not counted.  docs/spec/9-gossip.md, 9.8.
 */
#ifndef BROKER_CORE_MESH_BEYOND_H
#define BROKER_CORE_MESH_BEYOND_H

#include "broker/core/mesh/data/holds.h"

#define BEYOND_MAX 32u

struct job;

struct far_site {
    struct wf_key key;
    const struct agent *via; /* the neighbour that leads there, */
    uint32_t way_us;         /* the round trip from it, */
    unsigned hops;           /* links from here */
    struct site_holds holds;
};

struct beyond {
    struct far_site v[BEYOND_MAX]; /* the nearest first */
    unsigned n;
    uint64_t due_us; /* when it is looked at again */
};

void beyond_init(struct beyond *b);
void beyond_fini(struct beyond *b);

/* Once a step. */
void beyond_step(struct core *c);

/* May the job get there, and run at its own agents, by what it said last? */
int beyond_may_run(const struct core *c, const struct far_site *x, const struct job *j);

#endif

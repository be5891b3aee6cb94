/* make.h - write a scenario: the set-up of placement.md 5.1, and variations of it
 *
 * 60 % of the agents are edge (1 slot, slow, thin link), 25 % on-prem, 15 % cloud (fast,
 * dear, $ for what leaves).  Eight kinds of jobs of 0.05 to 3 seconds, the two heaviest
 * not for the edge; four of five need data, which a third of the agents hold.  The world
 * (where nodes stand, who holds what) comes from one seed, the jobs from another.
 */
#ifndef TESTS_SIM_PLACE_MAKE_MAKE_H
#define TESTS_SIM_PLACE_MAKE_MAKE_H

#include "tests/sim/place/make/matrix.h"

#include <stdio.h>

struct make_options {
    const char *out;    /* folder, made if need be */
    const char *rtt;    /* file of a matrix; NULL: one is made up */
    const char *class_; /* of jobs; NULL: each in turn */
    double load;        /* work that comes, of what can be done */
    double seconds;
    uint64_t seed, world;
    uint64_t brokers, agents, clients;
    uint64_t inputs;    /* of a job with data, at most */
    uint64_t deadlines; /* % of jobs that have one: generous, tight or hopeless */
    int gpu;            /* a few agents also do long jobs with inputs of gigabytes */
    int equal;          /* all agents are on-prem, and no job needs data */
};

#define MAKE_DEFAULTS                                                                    \
    {                                                                                    \
        .class_ = "balanced", .load = 0.7, .seconds = 70, .seed = 1, .world = 1,         \
        .brokers = 5, .agents = 200, .clients = 60, .inputs = 1                          \
    }

struct made_node {
    uint32_t place;
    unsigned tier; /* 0 edge, 1 on-prem, 2 cloud */
    int gpu;
};

struct made_blob {
    uint64_t bytes;
    int gpu; /* for those jobs */
};

/* What stands where; brokers, then agents, then clients. */
struct made {
    const struct make_options *opt;
    struct matrix matrix;
    struct made_node *nodes; /* owned */
    uint32_t nnodes;
    uint32_t nblobs, ngpu_blobs; /* those for gpu jobs come after the others */
    struct wf_rng rng;           /* of the world */
};

/* Write all files.  WEFT_EINVAL: more nodes than places; WEFT_EIO; WEFT_ENOMEM, and what
 * matrix_read() returns. */
int make_scenario(const struct make_options *opt, struct wf_err *err);

/* jobs.c.  WEFT_ENOMEM. */
int make_jobs(struct made *m, FILE *f);

/* Work that its agents can do in a second; of those with a GPU alone. */
double make_capacity(const struct made *m, int gpu);

struct made_tier {
    const char *name;
    unsigned slots;
    double speed, usd_slot_h;
    unsigned up_mbps, down_mbps;
    double blob_median; /* bytes */
    uint32_t holders;   /* at most so many of its agents hold data */
};

extern const struct made_tier make_tiers[3];

#define MAKE_KINDS 8u /* of jobs: k0@1 to k7@1 */
#define MAKE_HEAVY 6u /* from this one on not for the edge */

#endif

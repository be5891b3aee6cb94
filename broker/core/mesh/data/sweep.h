/* sweep.h - lists of other brokers' datasets that are not used any more
 *
 * What was copied here (imports.h) stays as long as a job refers to it, and for a while
 * after it was named last.  Every minute, or when there is no room for one more, the jobs
 * are walked that have inputs, some in each step: what a live one refers to is in use.
 * Then copies go that were not used for SWEEP_KEEP_US, or, when room is wanted, those
 * that were not used for longest.  What is staged or pinned here stays.  The bytes stay
 * where they are, as any that nobody needs, until room is needed for others.
 *
 * Brokers that share a store see one another's copies and not one another's jobs: there
 * nothing goes.
 */
#ifndef BROKER_CORE_MESH_DATA_SWEEP_H
#define BROKER_CORE_MESH_DATA_SWEEP_H

#include "proto/effects.h"

#define SWEEP_KEEP_US (UINT64_C(3600) * 1000000)
#define SWEEP_SHARE   8u /* of all copies, that go when room is wanted: one of so many */

struct core;

struct sweep {
    int walking, wanted;
    uint64_t began_us; /* when the present or last walk did */
    uint64_t files;    /* that room is wanted for: of several, the least */
    uint64_t
        barren_us; /* when no room could be made; 0: it never was so; for this many */
    uint64_t barren_files;
};

/* A copy of so many files more is wanted, and there is no room: 1 when some may be made
 * soon.  For what would not fit with all copies gone nothing goes. */
int sweep_want(struct core *c, uint64_t files);

/* Once a step. */
void sweep_step(struct core *c, struct wf_effects *out);

/* 1 while one goes on. */
int sweep_due(const struct core *c);

#endif

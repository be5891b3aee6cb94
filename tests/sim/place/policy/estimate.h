/* estimate.h - how long a job would take at an agent, as the study's policies reckon it
 *
 * placement.md 2.1 with class means and exact distances, in seconds.  `exact` takes the
 * world as it is instead of what was reported; so does every policy when reports are
 * never stale.
 */
#ifndef TESTS_SIM_PLACE_POLICY_ESTIMATE_H
#define TESTS_SIM_PLACE_POLICY_ESTIMATE_H

#include "tests/sim/place/world.h"

struct estimate_load {
    double wait_s; /* until a slot is free */
    double jobs;   /* ahead, for each slot */
};

struct estimate_load estimate_load(const struct world *w, uint32_t broker,
                                   uint32_t agent);

/* Until all inputs are there. */
double estimate_fetch_s(const struct world *w, const struct job *j, uint32_t agent);

/* Run time there by the mean of the capability. */
double estimate_run_s(const struct world *w, const struct job *j, uint32_t agent);

/* 1 when no agent could end a job that runs so long in time, if it were sent now by one
 * who knows the state of everything. */
int estimate_late(const struct world *w, const struct job *j, double run_ns);

#endif

/* policy.h - where a job goes: what a policy is told, and what it answers
 *
 * A policy decides for each broker with what that broker knows: reports at most as old as
 * --stale-ms, what it sent itself, measured round trips and rates, who holds what.  The
 * world's own state is for `exact` ones alone.
 */
#ifndef TESTS_SIM_PLACE_POLICY_POLICY_H
#define TESTS_SIM_PLACE_POLICY_POLICY_H

#include "tests/sim/place/world.h"

#define POLICY_REFUSE UINT32_MAX       /* it cannot be done in time: told at once */
#define POLICY_LATER  (UINT32_MAX - 1) /* it stays with the broker; world_send() later */

struct policy {
    const char *name;
    int eager; /* agents also report when their load changed, not by the clock alone */
    int exact; /* knows the state as it is, with all that is under way */
    int own;   /* counts what it sent itself until a report covers it */
    /* NULL: nothing to set up. */
    int (*start)(struct world *w, void **ret_self);
    void (*stop)(void *self);
    /* The agent for a job at its home broker, of those that offer its capability, of
     * which there is at least one.  Sets the work that it expects. */
    uint32_t (*choose)(struct world *w, void *self, struct job *j);
    /* The rest may be NULL.  A report came; a job was sent, has its inputs, and ended, as
     * its broker hears; every 100 ms. */
    void (*reported)(struct world *w, void *self, uint32_t agent);
    void (*sent)(struct world *w, void *self, struct job *j);
    void (*fetched)(struct world *w, void *self, struct job *j);
    void (*ended)(struct world *w, void *self, struct job *j);
    void (*tick)(struct world *w, void *self);
    /* A job that was asked back is at its broker again. */
    void (*back)(struct world *w, void *self, struct job *j);
    /* A transfer ended: who measured it tells all brokers. */
    void (*moved)(struct world *w, void *self, const struct flow *f);
};

/* NULL when there is none of that name. */
const struct policy *policy_find(const char *name);

/* NULL after the last one. */
const struct policy *policy_at(size_t i);

extern const struct policy policy_random, policy_nearest, policy_data_local;
extern const struct policy policy_least_loaded, policy_least_loaded_own;
extern const struct policy policy_p2c, policy_p2c_own;
extern const struct policy policy_ect, policy_ect_all, policy_oracle;
extern const struct policy policy_weft;

#endif

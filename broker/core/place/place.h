/* place.h - choose the agent for a job
 *
 * The router decides among numbers; here the job is put to it, with the filters that need
 * to know more of job and agent than it does, and the decision is kept for `weft why`.
 */
#ifndef BROKER_CORE_PLACE_H
#define BROKER_CORE_PLACE_H

#include "broker/core/core_int.h"

/* What placing a job looked at beside the job itself. */
struct place_ask {
    struct agent *sure;            /* looked at in any case; NULL: none */
    int admission;                 /* it is not accepted yet: be sure of its deadline */
    const struct wf_rows *without; /* label_row rows: as if these were away; NULL: none */
};

/* Decide, into `ret`.  The winner's offer, or NULL when none may have it now.  Changes
 * nothing but the generator. */
struct offer *place_choose(struct core *c, const struct job *j,
                           const struct place_ask *ask, struct decision *ret);

/* A job that waits at one agent would be done clearly sooner at another, which may have
 * it: see routing_is_sooner(). */
int place_is_sooner(const struct core *c, const struct job *j, const struct agent *there,
                    const struct agent *here, uint64_t least_us);

/* Is it one of those that "node=NAME" or "site=SITE" of a plan take away? */
int place_is_meant(struct wf_slice away, const struct agent *a);

/* It can go nowhere, because it would be late wherever it could: 1, and how long it would
 * take at the best of these, microseconds. */
int place_is_late(const struct decision *d, uint64_t *ret_best_us);

/* How many sites said lately that they cannot run it, of those that are remembered: of
 * WF_TRIES_MAX attempts. */
unsigned place_refusals(const struct core *c, const struct job *j);

/* This site said that none of its agents may run the job, and is not asked again now. */
int place_refused(const struct core *c, const struct job *j, const struct agent *a);

/* The first filter that refuses this offer for the job, or PLACE_PASSED. */
unsigned place_filter(const struct core *c, const struct job *j, const struct offer *o);

#endif

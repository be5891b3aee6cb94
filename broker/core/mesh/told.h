/* told.h - where other sites and their agents are, as far as gossip tells
 *
 * A job that needs site=lyon, or a tier, goes to no neighbour that cannot lead it there.
 * It may where the neighbour says that this is its own site, and where a further broker
 * or an agent that is not here has what is needed: keys are told with their site and
 * tier, but not where they are.  Of what gossip does not tell (cpus, labels) the broker
 * there decides, and what is not known is no reason to keep a job.
 */
#ifndef BROKER_CORE_MESH_TOLD_H
#define BROKER_CORE_MESH_TOLD_H

#include "broker/core/place/need.h"

struct agent;
struct core;

#define TOLD_US   UINT64_C(1000000) /* that long an answer stands */
#define TOLD_KEYS 4096u             /* that many are looked at; further ones may do */

/* The last answer for a neighbour. */
struct told {
    char need[WF_LABEL_MAX + 1];
    uint64_t until_us;
    int may;
};

/* May a job with that need find what it needs by way of this neighbour?  `text` is the
 * need as it was written. */
int told_may_meet(const struct core *c, struct agent *neighbour, const struct need *need,
                  struct wf_slice text);

#endif

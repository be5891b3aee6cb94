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

/* 1: no agent that was enrolled here, or came here, is where these needs (label_row) say
 * by site and tier, and this broker tells of such an agent, or is itself at that site.  0
 * else, and when they say nothing of site or tier.
 *
 * Who asks there is not sent on for ever: a broker that told of an agent knows it, and
 * one at whose site that is sends on only to one that told of an agent. */
int told_where(const struct core *c, struct wf_rows needs, struct wf_key *ret_broker);

#endif

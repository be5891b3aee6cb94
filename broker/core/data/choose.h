/* choose.h - to which agent a stage goes next
 *
 * One that may have the bytes, has room, meets the needs and was not tried yet; of these
 * where the capability is offered before others, then where most of it is, then the
 * nearest.  A neighbour is none: it keeps no data, and its agents are its own.
 */
#ifndef BROKER_CORE_DATA_CHOOSE_H
#define BROKER_CORE_DATA_CHOOSE_H

#include "broker/core/data/stages.h"
#include "broker/core/peers/agents.h"

/* Why no agent will do, counted. */
struct lack {
    unsigned known, elsewhere, outside, full, away;
    const struct agent *waited; /* the first of those that are away; borrowed */
};

/* NULL: none. */
struct agent *stage_choose(const struct agents *agents, const struct stage *g,
                           struct lack *ret_lack);

/* 1 when it would do. */
int stage_fits(const struct stage *g, const struct agent *a);

/* The reason for the submitter, when none is away. */
const char *stage_lacks(const struct stage *g, const struct lack *lack);

#endif

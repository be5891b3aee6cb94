/* rogue.h - somebody with a valid key and bad intentions
 *
 * As an agent: results, refusals and output for others' attempts, for attempts that never
 * were and for its own; offers of anything; assignments taken and forgotten.  As a
 * client: others' jobs watched, cancelled, submitted again.  Both: every message there
 * is with random content, frames that are no frames, what others said before, forged
 * round trips.  It cheats: it reads ids and attempts from the broker's memory.
 */
#ifndef TESTS_SIM_ROGUE_H
#define TESTS_SIM_ROGUE_H

#include "proto/link.h"
#include "tests/sim/actor.h"

struct rogue {
    struct actor a;
    struct wf_link link;
    struct wf_id held; /* an assignment it got */
    uint32_t held_attempt;
};

extern const struct actor_ops rogue_ops;

#endif

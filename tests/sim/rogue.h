/* rogue.h - somebody with a valid key and bad intentions
 *
 * As an agent: results, refusals and output for others' attempts, for attempts that never
 * were and for its own; offers of anything; assignments taken and forgotten.  As a
 * client: others' jobs watched, cancelled, submitted again.  As a broker: what an agent
 * does, work of its own without end, forged facts, others' guests stopped.  All: every
 * message there is with random content, frames that are no frames, what others said
 * before, forged round trips.  It cheats: it reads ids and attempts from the broker's
 * memory.
 */
#ifndef TESTS_SIM_ROGUE_H
#define TESTS_SIM_ROGUE_H

#include "broker/core/mesh/gossip/sign.h"
#include "proto/link.h"
#include "tests/sim/actor.h"

struct rogue {
    struct actor a;
    struct wf_link link;
    struct wf_id held; /* an assignment it got */
    uint32_t held_attempt;
    /* Of a broker: what its facts are signed with, and their count. */
    uint8_t secret[SIGN_SECRET_SIZE];
    struct wf_key sign;
    uint64_t seq;
};

extern const struct actor_ops rogue_ops;

/* Of another world. */
void rogue_reset(struct rogue *r);

/* rogue_broker.c: its key, and one act of a hostile broker. */
void rogue_broker_start(struct rogue *r);
void rogue_broker_act(struct sim *s, struct rogue *r);

/* A job to meddle with; NULL: there is none. */
const struct job *rogue_victim(struct sim *s, const struct rogue *r);

#endif

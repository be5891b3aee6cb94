/* sm.h - state machines with a checked table of moves
 *
 * A machine is an array of states, indexed by its enum (at most 32), each with the set of
 * states that may follow.  A move that is not in the table is our own mistake and aborts;
 * ask wf_sm_allowed() first where the other side decides.
 */
#ifndef COMMON_SM_H
#define COMMON_SM_H

#include "common/defs.h"

#define WF_SM_TO(state) (UINT32_C(1) << (state))

struct wf_sm_state {
    const char *name;
    uint32_t allowed; /* WF_SM_TO() of each next state, or'ed */
};

/* 1 when both exist and the move is in the table. */
int wf_sm_allowed(const struct wf_sm_state *table, unsigned n, unsigned from,
                  unsigned to);

void wf_sm_move(const struct wf_sm_state *table, unsigned n, unsigned *state,
                unsigned to);

/* "?" for a state that does not exist.  Static. */
const char *wf_sm_name(const struct wf_sm_state *table, unsigned n, unsigned state);

#endif

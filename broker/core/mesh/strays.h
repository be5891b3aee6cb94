/* strays.h - attempts whose agent went to another broker without them
 *
 * An agent that is cut off may still have its attempts, and some jobs wait for it as long
 * as it takes.  It may also be well, at another broker, and not hold them: its process
 * was restarted, or it never got them.  It goes back once to say so, but it may be long
 * before it can: it has work where it is, or no way to here.  So who misses an agent for
 * two leases asks around for it (seek.h): its present broker passes the question on to
 * the agent itself, and what that does not hold counts as lost.  What it holds it brings
 * when it can; nothing else is concluded.  A broker that has such an agent still
 * connected, though it is gone, has noticed after one lease.  docs/spec/5-mesh.md, 5.10.
 */
#ifndef BROKER_CORE_MESH_STRAYS_H
#define BROKER_CORE_MESH_STRAYS_H

#include "proto/effects.h"
#include "proto/msg.h"

#define STRAYS_AGENTS 8u /* asked for at a time */

struct core;

struct strays {
    uint64_t due_us; /* 0: not yet known */
    size_t passed;   /* agents away that had their turn in this round */
};

/* What an agent said of attempts of ours: it does not hold these. */
void strays_lost(struct core *c, const struct wf_key *agent, struct wf_rows runs,
                 struct wf_effects *out);

/* Ask for those who have been away for long. */
void strays_step(struct core *c, struct wf_effects *out);
uint64_t strays_due_us(const struct core *c);

#endif

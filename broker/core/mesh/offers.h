/* offers.h - what neighbours offered before this broker was started
 *
 * The names and versions stand in the record of the neighbour's key and are written when
 * they changed, so that work for a site that cannot be reached is accepted after a
 * restart as it was before (docs/spec/5-mesh.md, 5.6).  A neighbour that offers nothing
 * at all, as one that has just started does, is not taken at its word.
 */
#ifndef BROKER_CORE_MESH_OFFERS_H
#define BROKER_CORE_MESH_OFFERS_H

#include "proto/effects.h"
#include "proto/msg.h"

struct agent;
struct core;

/* A neighbour told what it offers. */
void offers_heard(struct core *c, struct agent *a, const struct wf_agent_info *m,
                  struct wf_effects *out);

/* A neighbour as its record tells of it; what it offered is offered by one that is away.
 * WEFT_EPROTO, WEFT_ENOMEM. */
int offers_replay(struct core *c, struct agent *a, struct wf_slice record);

#endif

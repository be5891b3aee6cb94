/* dial.h - the neighbours that this broker dials
 *
 * A dialled link is the state machine of proto/link.h; its connection has a peer number
 * with the bit MESH_DIALLED, and a session like those that came in.  What is said on it
 * is neighbours.h, as for those.  docs/spec/5-mesh.md, 5.1.
 */
#ifndef BROKER_CORE_MESH_DIAL_H
#define BROKER_CORE_MESH_DIAL_H

#include "broker/core/mesh/lanes.h"
#include "proto/link.h"

#define MESH_DIALLED   0x80000000u
#define MESH_DIALS_MAX 16u

struct broker_event;
struct core;

/* A neighbour to be dialled, as the shell was told of it. */
struct mesh_dial {
    struct wf_key key;
    char name[WF_NAME_MAX + 1];
    unsigned nendpoints;
};

struct dial {
    struct wf_link link;
    struct wf_key key;
    char name[WF_NAME_MAX + 1];
    struct dial_lane lane;
    uint64_t rtt_seq;          /* of the last sample that was taken over */
    uint8_t sign[WF_KEY_SIZE]; /* what its facts are signed with, as it told */
    size_t nsign;
};

/* Dial a neighbour, known already or not, from now on; the next number is its own.  What
 * keeps it from being dialled is an event. */
void mesh_dial(struct core *c, const struct mesh_dial *d, struct wf_effects *out);

/* The dialled neighbour of a peer number; NULL: it is none of these. */
struct dial *mesh_dial_of(struct core *c, uint32_t peer);

/* News of a dialled connection: DIAL_UP, DIAL_DOWN, DIAL_REFUSED. */
void mesh_on_dial(struct core *c, const struct broker_event *ev, struct wf_effects *out);

/* A message of a dialled connection is first the link's; 1: it has been dealt with. */
int mesh_heard(struct core *c, const struct broker_event *ev, struct wf_effects *out);

/* News of its probes: PROBED, UNPROBED. */
void mesh_on_probe(struct core *c, const struct broker_event *ev);

/* For the shell, which probes: the link, NULL when there is none of that number; and 1
 * when its last sample was off what is known. */
const struct wf_link *mesh_dial_link(const struct core *c, uint32_t peer);
int mesh_dial_unsure(struct core *c, uint32_t peer);

/* The session of a dialled connection is gone. */
void mesh_session_gone(struct core *c, uint32_t peer, struct wf_effects *out);

/* What is due of the links. */
void mesh_tick_dials(struct core *c, struct wf_effects *out);

#endif

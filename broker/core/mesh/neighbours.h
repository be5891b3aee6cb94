/* neighbours.h - the brokers that this one has a link to
 *
 * To its neighbour a broker is an agent: it tells what its own agents offer, takes
 * assignments (guests.h), reports its load, tells after a reconnect what it holds, and
 * gives results until they are acknowledged.  Both sides of a link do so, whoever
 * dialled. Thus all that holds for agents holds between sites: leases, grace, fencing by
 * attempt, disconnect policies, claiming after a restart.
 * docs/spec/5-mesh.md.
 */
#ifndef BROKER_CORE_MESH_NEIGHBOURS_H
#define BROKER_CORE_MESH_NEIGHBOURS_H

#include "broker/core/mesh/asks.h"
#include "broker/core/mesh/atlas.h"
#include "broker/core/mesh/beyond.h"
#include "broker/core/mesh/data/holds.h"
#include "broker/core/mesh/data/imports.h"
#include "broker/core/mesh/data/sweep.h"
#include "broker/core/mesh/dial.h"
#include "broker/core/mesh/meter.h"
#include "broker/core/mesh/seek.h"
#include "broker/core/mesh/strays.h"
#include "broker/core/mesh/told.h"
#include "common/list.h"
#include "common/rng.h"
#include "proto/words.h"

struct agent;
struct core;
struct job;
struct session;
struct turn;

/* What was told to a neighbour; borrowed by its agent. */
struct neighbour {
    struct wf_list_node node; /* mesh.neighbours */
    struct agent *agent;
    uint64_t told_offers; /* hash of what it was offered; 0: nothing yet */
    uint64_t told_jobs;   /* of the last report */
    uint64_t reported_us; /* when that was */
    uint64_t covered;     /* highest assign.seq of this session that was taken */
    uint64_t greeted_us;
    int owes;         /* outcomes of its guests that it did not hear in this session, */
    uint64_t owes_us; /* and when the next of them are told */
    struct wf_buf known;     /* what it offered, as its record says: offers.h */
    struct meter meter;      /* what the link to it is like */
    uint64_t where_us;       /* of the sample that moved us last: where.h */
    struct site_holds holds; /* which data is there, as its filter says */
    struct told told;        /* whether it leads to what a job needs */
    uint64_t offers;         /* hash of what it offers, and when that changed last: */
    uint64_t offers_us;      /* what it refused before it may take by now */
};

struct mesh {
    struct seeks seeks;
    struct strays strays;
    struct imports imports;
    struct sweep sweep; /* of their copies */
    struct mesh_ask asks[MESH_ASKS];
    uint64_t ask_number;
    struct wf_list_node neighbours; /* owned */
    struct wf_list_node over;       /* guest.over: to be dropped when that may be */
    struct dial dials[MESH_DIALS_MAX];
    unsigned ndials;
    int offers_changed; /* what agents offer may be other than what was told */
    uint64_t offers_us; /* when that is looked at */
    uint64_t hops_us;   /* when how far agents are is looked at */
    uint64_t idle,
        idle_us; /* jobs that wait for other sites; when they are counted again */
    struct wf_ewma run_us; /* of what runs here */
    struct atlas_kept atlas;
    struct beyond beyond;
    struct wf_buf rows; /* scratch */
};

void mesh_init(struct mesh *m);
void mesh_fini(struct mesh *m);

/* It is the agent of a broker.  WEFT_ENOMEM. */
int mesh_neighbour(struct core *c, struct agent *a);

/* 1 for the roles that take assignments. */
static inline int role_runs(unsigned role)
{
    return role == WF_ROLE_AGENT || role == WF_ROLE_BROKER;
}

/* A session with a broker has opened. */
void mesh_greet(struct core *c, struct session *s, struct wf_effects *out);

/* Agents came, went or changed. */
static inline void mesh_offers_changed(struct mesh *m)
{
    m->offers_changed = 1;
}

/* cap_row rows of what may run here, or further on, for that neighbour (NULL: for nobody
 * in particular); they stand until the next call. */
void mesh_offers(struct core *c, const struct agent *to, struct wf_rows *ret_rows);

/* Once a step, and when it is due. */
void mesh_step(struct core *c, struct wf_effects *out);
uint64_t mesh_due_us(const struct core *c);

/* What a neighbour measured of the link: its `links`. */
void mesh_on_links(struct turn *t);

/* A message of so many bytes came over a bulk lane, perhaps a neighbour's. */
void mesh_came(struct core *c, uint32_t lane, uint64_t bytes);

/* What is known of the link to a neighbour; without samples yet, what its heartbeats say.
 */
void mesh_link_seen(const struct core *c, const struct agent *a,
                    struct link_seen *ret_link);

/* The round trip to a neighbour: as measured, else as coordinates have it; 0: not known.
 */
uint32_t mesh_rtt_us(const struct core *c, const struct agent *a, uint32_t *ret_dev_us);

/* The neighbour is asked to take no (or again some) new work: drain of a broker. */
void mesh_check(const struct core *c);

#endif

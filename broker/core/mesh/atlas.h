/* atlas.h - the brokers that are known here, and the fewest links to each
 *
 * Drawn from the neighbours and from what gossip brought (gossip.h), anew when that has
 * changed; the first place is this broker.  A way leads over links that are up here, then
 * over those that brokers told of.  What nothing leads to is cut off.  Who was revoked
 * has no place.  Bounded by ATLAS_MAX; everything is borrowed from the core and stands
 * until its next step.
 */
#ifndef BROKER_CORE_MESH_ATLAS_H
#define BROKER_CORE_MESH_ATLAS_H

#include "proto/msg.h"

#define ATLAS_MAX 2048u

struct agent;
struct core;
struct wf_map;

/* A broker; `from` leads back to us. */
struct place {
    struct wf_key key;             /* first: the map's */
    const struct agent *neighbour; /* NULL: it is none */
    int from;                      /* index of the one before it on the way; -1: no way */
    unsigned hops;
};

struct atlas {
    const struct core *c;
    struct place *v;       /* owned */
    struct wf_map *by_key; /* owned */
    unsigned n;
};

/* The one that is kept. */
struct atlas_kept {
    struct atlas atlas;
    uint64_t as_of;   /* a hash of what it was drawn from; 0: there is none */
    uint64_t changes; /* of keys, and of what brokers said of themselves, so far */
};

/* As things are now; NULL: no memory. */
const struct atlas *atlas_now(struct core *c);
void atlas_fini(struct atlas_kept *kept);

/* Something of a broker is news that it is drawn from. */
void atlas_changed(struct core *c);

/* NULL: it is not known. */
const struct place *atlas_find(const struct atlas *a, const struct wf_key *key);

/* 1 when something leads there, or it is this broker. */
int atlas_reaches(const struct atlas *a, const struct place *x);

/* Its name as it says itself, else as it was enrolled here, in `room` or borrowed; empty:
 * neither is known. */
struct wf_slice atlas_name(const struct atlas *a, const struct wf_key *key,
                           char room[WF_NAME_MAX + 1]);

/* The neighbour that leads there; itself when it is one. */
const struct place *atlas_first(const struct atlas *a, const struct place *x);

/* The site_fact of WF_FACT_SITE or WF_FACT_LOAD that it said, and how old that is: 1, or
 * 0 when there is none. */
int atlas_fact(const struct atlas *a, const struct wf_key *key, unsigned kind,
               struct wf_site_fact *ret_fact, uint64_t *ret_age_ms);

/* The same of what it said of its links. */
int atlas_links(const struct atlas *a, const struct wf_key *key,
                struct wf_site_fact *ret_fact, uint64_t *ret_age_ms);

/* How long nothing was heard of a neighbour itself; 0: never since it is known. */
uint64_t atlas_silence_ms(const struct atlas *a, const struct agent *neighbour);

#endif

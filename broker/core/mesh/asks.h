/* asks.h - questions that were passed on to a neighbour
 *
 * A query for a list of files, or a locate: the answer goes to who asked, under the
 * number that he gave it.  There are so many places for them; a later question takes the
 * place of the oldest one, whose asker is told to ask again.  docs/spec/5-mesh.md, 5.7.
 */
#ifndef BROKER_CORE_MESH_ASKS_H
#define BROKER_CORE_MESH_ASKS_H

#include "proto/effects.h"
#include "proto/msg.h"

struct core;

#define MESH_ASKS 256u

struct mesh_ask {
    uint64_t number, req; /* ours (0: the place is free), and of who asked */
    uint32_t to, peer;    /* peer 0: we asked, for import number `req` */
    struct wf_key key;    /* of who is to fetch */
    struct wf_id job;     /* of a locate: here; zero: none */
    int query;            /* for the files of a dataset, see folders.h */
};

/* A place, with its number and nothing else; who waited for an answer to what stood there
 * is told. */
struct mesh_ask *mesh_ask_take(struct core *c, struct wf_effects *out);

/* Who asked is told to do so again, and why; the place is free. */
void mesh_ask_again(struct core *c, struct mesh_ask *x, const char *why,
                    struct wf_effects *out);

#endif

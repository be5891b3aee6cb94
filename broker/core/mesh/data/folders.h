/* folders.h - inputs of guests that are folders: their files are listed at home
 *
 * A dataset is known by its name at its own broker alone, and another site may have one
 * of the same name.  So a guest's folder gets a name of its own here, the other one and
 * eight digits of its broker's key: "set@1/dir" becomes "set.0a1b2c3d@1/dir".  Who runs
 * the guest asks for the list under that name (`query`), page by page; each page is asked
 * of the broker that the guest came from, under the name that it has there, and nothing
 * is kept.  docs/spec/5-mesh.md, 5.7.
 */
#ifndef BROKER_CORE_MESH_DATA_FOLDERS_H
#define BROKER_CORE_MESH_DATA_FOLDERS_H

#include "proto/effects.h"
#include "proto/msg.h"

struct core;
struct session;
struct turn;

/* The inputs of a guest from the broker with that key, with their names here, in `store`.
 * WEFT_ENOCAP: a name is too long for that; WEFT_ENOMEM. */
int folders_rename(const struct wf_key *home, struct wf_rows inputs, struct wf_buf *store,
                   struct wf_rows *ret_inputs);

/* The query of this turn, by an agent or a neighbour, is for a folder of a guest that it
 * has: it is passed on, or refused until later.  0: it is not. */
int folders_ask(struct turn *t);

/* Answers to what was passed on: a page; a refusal (1: it was one). */
void on_dataset_info(struct turn *t);
int folders_refused(struct turn *t);

/* What that session was asked has no answer: who asks is to do so again. */
void folders_cut(struct core *c, const struct session *s, struct wf_effects *out);

#endif

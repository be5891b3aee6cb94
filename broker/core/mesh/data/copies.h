/* copies.h - who has the bytes of a dataset whose list alone is here
 *
 * What a copy (imports.h) lists is at agents of other sites.  When nobody here has it,
 * the dataset's home is asked, from broker to broker; the holders that it names come back
 * the same way, with tickets that each broker adopts (docs/spec/5-mesh.md, 5.7).
 */
#ifndef BROKER_CORE_MESH_DATA_COPIES_H
#define BROKER_CORE_MESH_DATA_COPIES_H

#include "proto/msg.h"

struct elsewhere;
struct job;
struct stage;
struct turn;

/* Ask the home of what is located, for `who` (its to, name and region), which a job
 * needs or a stage brings (NULL: neither).  1: it was asked,
 * the answer is passed on.  0: it is of no copy, nobody leads there, or the way is
 * through who asks: then that is said in *ret_at. */
int copies_ask(struct turn *t, const struct job *job, const struct stage *stage,
               const struct wf_locate *who, struct elsewhere *ret_at);

/* The same for a guest whose home has said where to ask.  0: it has not. */
int copies_ask_there(struct turn *t, struct job *job, const struct wf_locate *who);

/* A neighbour's locate that is for another broker is passed on, or answered with nothing.
 * 0: it is for this one. */
int copies_pass(struct turn *t);

#endif

/* debts.h - blobs that agents are to be told to drop once they are back
 *
 * Whoever is away when a dataset or a result is removed still has its blobs, and a pin of
 * each, when it comes again.  What it is to be told waits here until it has said what it
 * holds; blobs that something needs by then are left out.  Bounded in blobs over all;
 * kept in memory alone: a broker that was restarted meanwhile does not know of it.
 */
#ifndef BROKER_CORE_DATA_DEBTS_H
#define BROKER_CORE_DATA_DEBTS_H

#include "broker/core/data/catalogue.h"
#include "proto/effects.h"

#define DEBTS_MAX (1u << 20) /* blobs, each once for each agent */

struct debts {
    struct wf_list_node all; /* owned; one for each agent */
    size_t nblobs;
};

struct core;

void debts_init(struct debts *t);
void debts_fini(struct debts *t, struct catalogue *cat);

/* The agent, which has no session, is to drop this blob, which is held until then; it is
 * not told before `after_lsn` is durable.  WEFT_EFULL, WEFT_ENOMEM. */
int debts_add(struct debts *t, struct agent *a, struct blob *b, uint64_t after_lsn);

/* The agent is back and has begun to say what it holds; it is gone for good. */
void debts_back(struct core *c, const struct agent *a);
void debts_forget(struct core *c, const struct agent *a);

/* Tell some; 1 when there is more to tell for which nothing is waited. */
void debts_go_on(struct core *c, struct wf_effects *out);
int debts_due(const struct core *c);

#endif

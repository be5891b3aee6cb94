/* keeps.h - telling agents to pin, unpin or drop the blobs of a dataset
 *
 * One agent after the other, a few messages at a time, so that large datasets at many
 * agents flood neither a step nor a peer.  What is removed may go only when its removal
 * is on stable storage, and only where nothing else needs it by then.  An agent that is
 * not connected is passed over; what it is to drop it is told later (debts.h).
 */
#ifndef BROKER_CORE_DATA_KEEPS_H
#define BROKER_CORE_DATA_KEEPS_H

#include "broker/core/data/datasets.h"
#include "proto/effects.h"

struct keeps {
    struct wf_list_node all; /* owned, in order */
    size_t n;
};

struct core;

void keeps_init(struct keeps *k);
void keeps_fini(struct keeps *k, struct catalogue *cat);

/* At the node of that name (empty: at all that have some of it).  Returns at how many
 * agents; WEFT_EBUSY: too much of that is under way; WEFT_ENOMEM. */
int keeps_add(struct core *c, const struct dataset *d, struct wf_slice node,
              unsigned action, uint64_t after_lsn);

/* Go on. */
void keeps_go_on(struct core *c, struct wf_effects *out);

/* 1 when some of it waits for nothing but its turn. */
int keeps_due(const struct core *c);

#endif

/* lead.h - what is to be done at another broker: who asked is told at which
 *
 * A dataset is changed where it is at home, and that broker judges by the key that speaks
 * there who may: none does so on behalf of others, who would have to trust it with more
 * than reading (docs/spec/5-mesh.md, 5.8).  So who asks here is refused with the
 * addresses of the broker to ask, and his client goes there by itself.  An operator is
 * one only where he was enrolled: he is told the same in words.
 */
#ifndef BROKER_CORE_MESH_LEAD_H
#define BROKER_CORE_MESH_LEAD_H

#include "proto/msg.h"

struct turn;

/* Refuse: that is for the broker with that key.  `what` begins the sentence. */
void lead_to(struct turn *t, uint64_t req, const struct wf_key *broker, const char *what);

/* The node is not one of ours, but of another broker, or a broker itself: refused, 1.  0:
 * nothing is known of that. */
int lead_to_node(struct turn *t, uint64_t req, struct wf_slice node);

/* No agent that is known here is at such a site, or of such a tier, but another broker's
 * may be (told_where()): refused, 1. */
int lead_to_needs(struct turn *t, uint64_t req, struct wf_rows needs);

#endif

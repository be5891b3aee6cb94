/* prober.h - probes the link to the broker
 *
 * What comes of it (common/io/link_prober.h) goes to the core as NODE_PROBED and
 * NODE_UNPROBED.
 */
#ifndef AGENT_PROBER_H
#define AGENT_PROBER_H

#include "agent/core/event.h"
#include "agent/core/node.h"
#include "common/io/log.h"
#include "common/io/uplink.h"

struct prober;

/* Step the core with it. */
typedef void prober_event_fn(void *arg, struct node_event *ev);

/* `log` and `node` are borrowed.  WEFT_ENOMEM. */
int prober_new(struct wf_loop *l, const struct log_sink *log, const struct node *node,
               prober_event_fn *fn, void *arg, struct prober **ret_prober,
               struct wf_err *err);

/* NULL is allowed. */
void prober_free(struct prober *p);

/* Look at the link after a step: begin or end. */
void prober_look(struct prober *p, const struct uplink *uplink);

#endif

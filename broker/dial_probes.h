/* dial_probes.h - probes the links to the neighbours that this broker dials
 *
 * What comes of it (common/io/link_prober.h) goes to the core as BROKER_PROBED and
 * BROKER_UNPROBED.  A neighbour that dialled us probes us.
 */
#ifndef BROKER_DIAL_PROBES_H
#define BROKER_DIAL_PROBES_H

#include "broker/core/core.h"
#include "broker/dials.h"

struct dial_probes;

/* Step the core with it. */
typedef void dial_probes_event_fn(void *arg, struct broker_event *ev);

/* All but `fn` and `arg` are borrowed.  WEFT_ENOMEM. */
int dial_probes_new(struct wf_loop *l, const struct log_sink *log, struct core *core,
                    const struct dials *dials, dial_probes_event_fn *fn, void *arg,
                    struct dial_probes **ret_probes);

/* NULL is allowed. */
void dial_probes_free(struct dial_probes *p);

/* Look at the links after a step: begin or end. */
void dial_probes_look(struct dial_probes *p);

#endif

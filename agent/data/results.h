/* results.h - results that are too large for a message, into the blob store
 *
 * A file that a handler has made is added to the store and pinned there before the core
 * hears of the run's end, which then names the blob.  Where there is no room for it the
 * run has failed with WEFT_EFULL.
 */
#ifndef AGENT_DATA_RESULTS_H
#define AGENT_DATA_RESULTS_H

#include "agent/core/event.h"
#include "agent/data/desk.h"

struct results;

/* The desk is borrowed.  `on_event` gets NODE_RUN_DONE, borrowed; `on_stored` hears of
 * the blob before that.  WEFT_ENOMEM. */
int results_new(struct desk *desk, void (*on_event)(void *arg, struct node_event *ev),
                void (*on_stored)(void *arg, const struct wf_digest *digest), void *arg,
                struct results **ret_results, struct wf_err *err);

/* After the desk is gone.  NULL is allowed. */
void results_free(struct results *r);

/* Store the file of a run that ended so, and unlink it.  The run's NODE_RUN_DONE follows,
 * from inside when it cannot even be begun. */
void results_put(struct results *r, uint64_t run, const struct run_end *end,
                 const char *path);

#endif

/* future.h - a call with the callbacks and waiters of the SDK's user
 *
 * Futures are taken from and given back to their client, so that a stream of jobs
 * allocates nothing.  `pins` keeps one alive while its callbacks run; one that was freed
 * meanwhile goes when the last pin does.
 */
#ifndef CLIENT_FUTURE_H
#define CLIENT_FUTURE_H

#include "client/core/call.h"
#include "client/include/weft/data.h"
#include "client/include/weft/info.h"
#include "client/include/weft/job.h"

struct future_cb {
    weft_done_fn *fn; /* NULL: none */
    void *arg;
};

struct transfer;
struct result;

struct weft_future {
    struct wf_call call;
    struct weft_client *client;
    struct weft_future *next_spare;
    struct future_cb accepted, then;
    weft_output_fn *on_output;
    weft_state_fn *on_state;
    weft_event_fn *on_event;
    weft_progress_fn *on_progress;
    void *arg;                 /* of the last four */
    struct transfer *transfer; /* that it stands for, or that its job waits for */
    struct result *result;     /* owned; of a transfer */
    void *data;                /* owned; of weft_outcome_data() */
    unsigned pins, waiters;
    unsigned told; /* news that was told, or would have been: ACCEPTED, DONE */
    int freed;     /* by the user */
};

/* All with the client locked. */

/* NULL when out of memory. */
struct weft_future *future_take(struct weft_client *c);

/* Give back: forgets the call.  Not for one that is pinned. */
void future_give(struct weft_future *f);

/* Run the callbacks of all that has news; `msg` is the message that was stepped, or NULL.
 * Unlocks while they run. */
void future_dispatch(struct weft_client *c, const struct wf_msg *msg);

/* Wait.  0 when reached; WEFT_ETIMEOUT; WEFT_ESTATE inside a callback; else the future's
 * error.  UINT64_MAX: for ever. */
int future_wait(struct weft_future *f, enum weft_until until, uint64_t until_us);

#endif

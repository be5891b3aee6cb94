/* rlink.h - the runner process and the socket to it
 *
 * Starts weft-runner (posix_spawn: no copy of our page tables), sends it frames, hands
 * over what it says, and notices its end.  A link that went down stays down: make a new
 * one.  Queued frames are written by rlink_flush() or when the socket has room.
 */
#ifndef AGENT_EXEC_RLINK_H
#define AGENT_EXEC_RLINK_H

#include "agent/runner/wire.h"
#include "common/err.h"

#include <uv.h>

#define RLINK_OUT_MAX (8u << 20)

struct rlink;

struct rlink_callbacks {
    /* `*fd` is -1 or came with the frame; who keeps it sets it to -1. */
    void (*on_frame)(void *arg, const struct wire_msg *m, int *fd);
    /* The runner is gone and was reaped; called once, then nothing more. */
    void (*on_down)(void *arg);
};

/* `argv` is borrowed during the call.  0, WEFT_ENOMEM, WEFT_ESPAWN. */
int rlink_new(uv_loop_t *loop, const char *const *argv, const struct rlink_callbacks *cb,
              void *arg, struct rlink **ret_link, struct wf_err *err);

/* Close the socket, which ends the runner and all its runs; it may still be at that when
 * this returns.  No callback runs any more.  NULL is allowed. */
void rlink_free(struct rlink *l);

/* Queue a frame.  0, WEFT_ETOOBIG, WEFT_ENOMEM, WEFT_EBUSY (the queue is full). */
int rlink_put(struct rlink *l, const struct wire_msg *m);

void rlink_flush(struct rlink *l);

#endif

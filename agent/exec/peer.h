/* peer.h - the socket of one worker
 *
 * Reads frames and hands them over one by one; writes what was put into its buffer when
 * peer_flush() is called and as the socket takes it.  A peer that broke stays broken.
 */
#ifndef AGENT_EXEC_PEER_H
#define AGENT_EXEC_PEER_H

#include "common/buf.h"
#include "common/err.h"

#include <stdbool.h>
#include <uv.h>

struct peer;

struct peer_callbacks {
    /* One whole frame.  Anything but 0 breaks the peer with this code. */
    int (*on_frame)(void *arg, const uint8_t *frame, size_t len);
    /* A batch of frames was handed over, or the socket takes more: peer_flush() is due.
     */
    void (*on_batch)(void *arg);
    /* WEFT_ECLOSED: the worker closed its end; else what was wrong.  Called once. */
    void (*on_broken)(void *arg, int rc);
};

/* `fd` is taken on success.  0, WEFT_ENOMEM, WEFT_EIO. */
int peer_new(uv_loop_t *loop, int fd, const struct peer_callbacks *cb, void *arg,
             struct peer **ret_peer);

/* NULL is allowed.  No callback runs any more; memory goes in uv's close callback. */
void peer_free(struct peer *p);

/* Where to append frames. */
struct wf_buf *peer_out(struct peer *p);
void peer_flush(struct peer *p);

/* Hand over everything that is in the socket now, without on_batch or on_broken. */
void peer_drain(struct peer *p);

#endif

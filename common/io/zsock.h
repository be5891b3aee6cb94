/* zsock.h - a ZeroMQ socket as a source of events on the loop
 *
 * The descriptor of a ZeroMQ socket signals only that commands wait, and any call on the
 * socket may swallow the signal.  So the poll callback only notes that something came;
 * all reading is done in uv_check, after all poll callbacks, and in uv_prepare for what
 * was asked for before, with a budget of frames a turn.  A turn ends with a call that
 * found nothing to read, or with asking for ZMQ_EVENTS when there were calls after that
 * one; only then may the loop block, and an empty uv_idle keeps it from blocking while
 * there is more to do.  A socket on which nothing happened since is left alone: whoever
 * calls zmq functions on zsock_raw() by himself calls zsock_kick() after it.
 */
#ifndef COMMON_IO_ZSOCK_H
#define COMMON_IO_ZSOCK_H

#include "common/io/loop.h"

#include <zmq.h>

#define ZSOCK_FRAMES    12 /* frames of one message that are kept; the rest is dropped */
#define ZSOCK_MAX_FRAME ((size_t) (1 << 20) + (64 << 10))
#define ZSOCK_BUDGET    256

/* Zeros mean the defaults in brackets.  ZeroMQ's heartbeats are off, because a socket
 * that has them makes each wait of the I/O thread one with an end, which is dearer, and
 * wakes an idle peer: both ends of the bus have heartbeats of their own, with which they
 * notice a peer that vanished (proto/link.h, the broker's leases). */
struct zsock_opts {
    size_t max_frame;         /* ZMQ_MAXMSGSIZE [1 MiB + 64 KiB] */
    int hwm;                  /* messages each way and peer [256] */
    int heartbeat_ms;         /* [none] */
    int heartbeat_timeout_ms; /* [15000]; the peer is told 4/3 of it.  Also how long
                               * bytes may remain unacknowledged by TCP */
    int handshake_ms;         /* [5000] */
    int linger_ms;            /* [0]: what is unsent at the end is dropped */
    int sndbuf, rcvbuf;       /* kernel buffers in bytes [the system's] */
    int budget; /* frames read in one turn of the loop [256]: few, where they
                 * are large and other sockets must not wait */
};

struct zsock_cbs {
    /* One message came.  The frames are borrowed; `n` counts them all, but only the first
     * ZSOCK_FRAMES are there. */
    void (*on_frames)(void *arg, zmq_msg_t *frames, size_t n);

    /* The end of a turn in which something happened, before the loop may block: the time
     * to flush.  `drained` says that all that had come was read; it may also be called
     * before that, within the turn.  May be NULL. */
    void (*on_turn)(void *arg, bool drained);
};

struct zsock;

/* A context, with an I/O thread: one a process, and one for the bulk lane where bytes of
 * blobs pass, so that their encryption does not stand before small messages.  0 or
 * WEFT_ENOMEM. */
enum {
    ZCTX_COMPACT = 1, /* a received frame owns its memory alone, instead of pinning a
                       * receive buffer of 8 KiB: for brokers */
    ZCTX_BULK = 2     /* its threads let others go first (thread.h) */
};

int zctx_new(unsigned flags, void **ret_ctx);

/* End it; every socket was freed before.  Waits for lingering sockets.  NULLs *ctx. */
void zctx_free(void **ctx);

/* A socket of a ZMQ_* type with the options above set, on the loop.  `arg` goes to the
 * callbacks.  0, WEFT_EIO, WEFT_ENOMEM. */
int zsock_new(struct wf_loop *l, void *ctx, int type, const struct zsock_opts *opts,
              const struct zsock_cbs *cbs, void *arg, struct zsock **ret_sock,
              struct wf_err *err);

/* Close the socket at once.  `on_freed` (may be NULL) runs when uv let go of the last
 * handle: the place to free `arg`.  NULL is allowed. */
void zsock_free(struct zsock *z, void (*on_freed)(void *arg));

/* The socket, for options, bind and send; asked for anew each time, and followed by
 * zsock_kick() outside of the callbacks. */
void *zsock_raw(struct zsock *z);

/* Something was or will be done on the socket: have a turn before the loop blocks. */
void zsock_kick(struct zsock *z);

/* For a DEALER with more to send than ZeroMQ took: have a turn when it takes more.  A
 * ROUTER seems writable at all times: its owner tries again by a timer, since the signal
 * that one peer takes more may be swallowed by sending to another. */
void zsock_want_out(struct zsock *z, bool want);

/* Listen; "tcp://127.0.0.1:*" takes a free port.  WEFT_ECONF with the reason. */
int zsock_bind(struct zsock *z, const char *endpoint, struct wf_err *err);

/* Connect, once: a DEALER here does not reconnect.  WEFT_ECONF: not an endpoint. */
int zsock_connect(struct zsock *z, const char *endpoint, struct wf_err *err);

/* The endpoint of the last bind as it came out.  0, WEFT_ETOOBIG. */
int zsock_endpoint(struct zsock *z, char *dst, size_t cap);

#endif

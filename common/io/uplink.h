/* uplink.h - the client's side of the bus: one connection to one broker
 *
 *     DOWN --uplink_connect--> DIALLING --on_up--> UP
 *       ^                         |                 |
 *       +--- on_refused/on_down --+---- on_down ----+
 *
 * Each attempt uses a fresh DEALER, so that nothing queued for an earlier session can
 * reach a later one: a session starts with the HELLO that the owner sends in on_up.
 * ZeroMQ's own reconnecting is off.  Each uplink_connect() that returned 0 ends in
 * exactly one on_refused or on_down, unless the owner disconnects; when to dial again is
 * the owner's matter.  The callbacks may call every function here.
 *
 * Bytes, batches and header are those of router.h.  Works on a loop that a foreign poll
 * loop drives (loop.h): sending makes wf_loop_timeout_ms() 0.
 */
#ifndef COMMON_IO_UPLINK_H
#define COMMON_IO_UPLINK_H

#include "common/io/keys.h"
#include "common/io/udp.h"
#include "common/io/zsock.h"

#define UPLINK_PENDING_CAP ((size_t) 64 << 20)

/* Zeros mean the defaults in brackets. */
struct uplink_opts {
    struct zsock_opts sock;
    const struct keys *keys; /* own key pair; copied */
    size_t pending_cap;      /* bytes queued [64 MiB] */
    unsigned dial_ms;        /* time for name look-up, TCP and handshake [10000] */
};

struct uplink_cbs {
    void (*on_up)(void *arg);

    /* `why`: WEFT_EUNREACH nobody answers there, WEFT_EPROTO something answers but is not
     * a broker with this key (or it sent garbage), WEFT_ECLOSED an established
     * connection ended. */
    void (*on_down)(void *arg, int why);

    /* The broker does not know this key. */
    void (*on_refused)(void *arg);

    /* One or more whole messages; never empty; borrowed. */
    void (*on_frame)(void *arg, const uint8_t *bytes, size_t len);

    /* The end of a turn, before what was sent in it is flushed.  May be NULL. */
    void (*on_turn)(void *arg);

    /* ZeroMQ took some of what was queued; so many bytes still are.  May be NULL. */
    void (*on_room)(void *arg, size_t pending);
};

struct uplink_stats {
    uint64_t frames_in, bytes_in, frames_out, bytes_out;
    uint64_t dials, ups, refusals;
    uint64_t bad_frames;    /* each ended the connection */
    uint64_t dropped_bytes; /* queued when the connection ended */
    uint64_t pending_bytes; /* now */
};

struct uplink;

/* 0, WEFT_EINVAL, WEFT_ENOMEM. */
int uplink_new(struct wf_loop *l, void *ctx, const struct uplink_opts *opts,
               const struct uplink_cbs *cbs, void *arg, struct uplink **ret_uplink,
               struct wf_err *err);

/* Drop everything; no callback runs any more.  NULL is allowed. */
void uplink_free(struct uplink *u);

/* Dial; a connection there was is dropped first without a callback.  `server_key` is the
 * broker's public key, 32 bytes.  0, WEFT_ECONF (not an endpoint), WEFT_EIO, WEFT_ENOMEM.
 */
int uplink_connect(struct uplink *u, const char *endpoint, const uint8_t *server_key,
                   struct wf_err *err);

/* What was handed to ZeroMQ is still sent within linger_ms; nothing is reported. */
void uplink_disconnect(struct uplink *u);

bool uplink_is_up(const struct uplink *u);

/* The address that it is connected to.  0; WEFT_ENOENT: to none, or it is not known yet.
 */
int uplink_peer(const struct uplink *u, union udp_addr *ret_addr);

/* Queue messages; copied.  0; WEFT_EUNREACH: not up; WEFT_EFULL: the queue is at its cap,
 * nothing was added; WEFT_ETOOBIG: more than a frame may hold; WEFT_ENOMEM. */
int uplink_send(struct uplink *u, const void *bytes, size_t len);

/* Hand to ZeroMQ now what can go, instead of at the end of the turn. */
void uplink_flush(struct uplink *u);

/* Have a turn before the loop blocks.  uplink_send() does so by itself. */
void uplink_kick(struct uplink *u);

const struct uplink_stats *uplink_stats(struct uplink *u);

#endif

/* router.h - the broker's side of the bus: authenticated sessions over one ROUTER
 *
 * One TCP connection is one session.  The owner knows it by a handle: never 0, never
 * given twice while the first may still be remembered.  Routing ids never leave this
 * module.
 *
 *     on_peer(h, key)  ->  on_frame(h) ...  ->  on_gone(h)
 *
 * on_gone comes once for each on_peer, after all the peer's frames were handed over,
 * unless the owner closed the session itself: a closed handle is never heard of again.
 *
 * Bytes are self-delimiting encoded messages.  All messages for one peer in one turn of
 * the loop leave as one frame (up to `batch`), with a header of two bytes that router and
 * uplink add and check.  What a peer does not take stands in a queue of its own, capped
 * in bytes; a peer over the cap is cut.
 *
 * Peers are held to the protocol: CURVE with an accepted key, no routing id of their own,
 * one payload frame a message with the right header, no endless message, first message
 * soon after connecting.  Who does not keep to it is cut and counted.
 */
#ifndef COMMON_IO_ROUTER_H
#define COMMON_IO_ROUTER_H

#include "common/io/keys.h"
#include "common/io/zsock.h"

#define ROUTER_PENDING_CAP ((size_t) 8 << 20)

/* Zeros mean the defaults in brackets. */
struct router_opts {
    struct zsock_opts sock;
    const struct keys *keys; /* the broker's key pair; copied */
    const char *domain;      /* ZAP domain ["weft"] */
    size_t pending_cap;      /* bytes queued a peer [8 MiB] */
    size_t batch;            /* bytes of messages that share a frame [64 KiB] */
    size_t flood_cap;        /* bytes received without a whole message [16 MiB] */
    unsigned max_conns;      /* connections [the descriptor limit less 64]; of several
                              * routers in a process each gets its share */
    unsigned max_unready;    /* connections without a first message yet [1024] */
    unsigned unready_ms;     /* time for the first message [10000] */
};

struct router_cbs {
    /* A peer's first message came; its frame follows, unless the owner closes here.
     * `key` is its CURVE public key, 32 bytes, borrowed. */
    void (*on_peer)(void *arg, uint32_t handle, const uint8_t *key);

    /* One or more whole messages, without the header; never empty; borrowed. */
    void (*on_frame)(void *arg, uint32_t handle, const uint8_t *bytes, size_t len);
    void (*on_gone)(void *arg, uint32_t handle);

    /* The end of a turn, before what was sent in it is flushed.  May be NULL. */
    void (*on_turn)(void *arg);

    /* After the flush: ZeroMQ took some of what was queued for the peer; so many bytes
     * still are.  May be NULL. */
    void (*on_room)(void *arg, uint32_t handle, size_t pending);
};

struct router_stats {
    uint64_t frames_in, bytes_in, frames_out, bytes_out;
    uint64_t accepted;              /* TCP connections */
    uint64_t handshakes;            /* that got through CURVE */
    uint64_t refused;               /* that failed it or were denied by ZAP */
    uint64_t peers_seen;            /* sessions begun */
    uint64_t gone;                  /* sessions ended by the peer or the network */
    uint64_t stalls;                /* times a peer took no more for now */
    uint64_t slow_peers;            /* cut: over pending_cap */
    uint64_t floods;                /* cut: over flood_cap */
    uint64_t bad_ids;               /* cut: own routing id, or no key */
    uint64_t bad_frames;            /* cut: not one payload frame, or a wrong header */
    uint64_t crowded;               /* cut: over max_conns or max_unready */
    uint64_t silent;                /* cut: no first message in time */
    uint64_t no_memory;             /* cut: a table or buffer could not grow */
    uint64_t pending_bytes;         /* now: queued for all peers */
    uint32_t peers, conns, unready; /* now */
};

struct router;

/* 0, WEFT_EIO, WEFT_ENOMEM, WEFT_EINVAL.  The ZAP handler must be there before (zap_new).
 */
int router_new(struct wf_loop *l, void *ctx, const struct router_opts *opts,
               const struct router_cbs *cbs, void *arg, struct router **ret_router,
               struct wf_err *err);

/* Drop everything; no callback runs any more.  Flush first if it matters (and set
 * linger_ms).  NULL is allowed. */
void router_free(struct router *r);

/* Listen, also on several endpoints.  WEFT_ECONF with the reason. */
int router_bind(struct router *r, const char *endpoint, struct wf_err *err);
int router_endpoint(struct router *r, char *dst, size_t cap);

/* Queue messages for a peer; copied.  0; WEFT_ENOENT: no such session (any more);
 * WEFT_ETOOBIG: more than a frame may hold; WEFT_EFULL, WEFT_ENOMEM: the peer was cut,
 * on_gone follows. */
int router_send(struct router *r, uint32_t handle, const void *bytes, size_t len);

/* As router_send(), but the messages may wait up to ROUTER_LINGER_US for others to the
 * same peer: an acknowledgement alone is not worth a frame, a system call and two
 * wake-ups. */
#define ROUTER_LINGER_US 5000
int router_send_lazy(struct router *r, uint32_t handle, const void *bytes, size_t len);

/* Hand to ZeroMQ now what can go, instead of at the end of the turn. */
void router_flush(struct router *r);

/* Cut a session now: what is queued is lost, also what ZeroMQ has not sent yet. */
void router_close(struct router *r, uint32_t handle);

/* Send what is queued, ignore what comes, cut after a second unless the peer goes by
 * itself: so that a refusal is read. */
void router_close_after_flush(struct router *r, uint32_t handle);

/* "192.0.2.1:4711", or "" when it is not known. */
void router_address(struct router *r, uint32_t handle, char *dst, size_t cap);

/* Bytes queued for a peer; 0 for an unknown handle. */
size_t router_pending(const struct router *r, uint32_t handle);

/* Borrowed; brought up to date by this call. */
const struct router_stats *router_stats(struct router *r);

#endif

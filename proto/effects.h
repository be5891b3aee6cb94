/* effects.h - what a core asks its shell to do, in order
 *
 * A step fills the list; the shell carries it out front to back and clears it.  The order
 * is the contract: what follows a SYNC in time waits for DURABLE, which the core sees to.
 * Messages are encoded here, once, straight from the core's structs; `at` and `len`
 * locate their bytes in `bytes`.  When memory runs out `err` sticks: the shell then
 * closes every session, because resync repairs lost messages.
 */
#ifndef PROTO_EFFECTS_H
#define PROTO_EFFECTS_H

#include "proto/msg.h"

enum wf_effect_kind {
    WF_EFFECT_SEND,    /* bytes: one encoded message for `peer` */
    WF_EFFECT_CLOSE,   /* end the session of `peer` after what was sent to it */
    WF_EFFECT_TRACE,   /* obj: event name; bytes: its line; arg: enum wf_log_level */
    WF_EFFECT_APPEND,  /* peer: table; bytes: key, then value (none: delete); arg: lsn */
    WF_EFFECT_SYNC,    /* make all appended durable, then step DURABLE(arg) */
    WF_EFFECT_START,   /* agent: start the run `obj` */
    WF_EFFECT_KILL,    /* agent: end run number arg; peer: grace in ms */
    WF_EFFECT_CONNECT, /* link: dial endpoint number arg */
    WF_EFFECT_DISCONNECT, /* link: hang up */
    WF_EFFECT_TRY,        /* link: see whether endpoint number arg answers, beside the
                             session; then wf_link_tried() */
    WF_EFFECT_UNTRY,      /* link: that is not wanted any more */
    WF_EFFECT_EXIT,       /* agent: drained and asked to leave */

    /* Of pull and give; the structs are in proto/transfer/transfer.h. */
    WF_EFFECT_LANE_OPEN,   /* peer: number of the lane; bytes: struct wf_lane_to */
    WF_EFFECT_LANE_SEND,   /* peer: lane; bytes: one encoded message; arg: its type */
    WF_EFFECT_LANE_CLOSE,  /* peer: lane; nothing more is sent on it, nothing heard */
    WF_EFFECT_BLOB_BEGIN,  /* open or resume; bytes: struct wf_blob_ref, as in all of
                              these; answered by wf_pull_begun() */
    WF_EFFECT_BLOB_LEAVES, /* keep its checked leaves: bytes after the ref */
    WF_EFFECT_BLOB_WRITE, /* arg: chunk; peer: its coding (as of piece); after the ref the
                             coded chunk, which is not among the bytes: wf_blob_ref_of(),
                             wf_blob_take(); answered by wf_pull_written() */
    WF_EFFECT_BLOB_END,   /* arg 1: all is there; 0: it rests, as far as it is */
    WF_EFFECT_BLOB_READ,  /* bytes: struct wf_blob_read; answered by wf_give_read() */

    /* Of the agent's core; bytes: struct wf_digest. */
    WF_EFFECT_BLOB_KEEP, /* arg: enum wf_keep_action */
    WF_EFFECT_BLOB_HOLD, /* do not evict it; at most once until it is released or gone */
    WF_EFFECT_BLOB_RELEASE /* it may go again; not told of a blob that is gone */
};

struct wf_effect {
    enum wf_effect_kind kind;
    uint32_t peer;
    uint64_t arg;
    size_t at, len;
    void *obj; /* borrowed from the core until its next step */
    int lazy;  /* SEND: may wait a little for others to the same peer */
};

struct wf_effects {
    struct wf_effect *v;
    size_t n, cap;
    struct wf_buf bytes;
    size_t owned; /* effects whose `obj` is memory of their own: freed unless taken */
    int err;
};

void wf_effects_init(struct wf_effects *e);
void wf_effects_fini(struct wf_effects *e);
void wf_effects_clear(struct wf_effects *e);

/* Encode a message for a peer.  A message over its own limits is our mistake: WF_CHECK.
 */
void wf_effects_send(struct wf_effects *e, uint32_t peer, enum wf_type type,
                     const void *body);

/* The same for what nobody waits for, such as acknowledgements. */
void wf_effects_send_lazy(struct wf_effects *e, uint32_t peer, enum wf_type type,
                          const void *body);
void wf_effects_close(struct wf_effects *e, uint32_t peer);

/* A line for the log: `event` is static and names it, the rest is "key=value ...". */
void wf_effects_trace(struct wf_effects *e, unsigned level, const char *event,
                      const char *fmt, ...) WF_PRINTF(4, 5);

/* Append an effect of another kind with `len` bytes (may be none). */
void wf_effects_add(struct wf_effects *e, enum wf_effect_kind kind, uint32_t peer,
                    uint64_t arg, const void *p, size_t len, void *obj);

/* The bytes of an effect, NULL when it has none: borrowed until the list is cleared or
 * grows. */
static inline const uint8_t *wf_effect_bytes(const struct wf_effects *e,
                                             const struct wf_effect *x)
{
    return x->len != 0 ? e->bytes.p + x->at : NULL;
}

#endif

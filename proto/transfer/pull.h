/* pull.h - the fetching side: blobs in, from whoever has them
 *
 *   add --> (locate) --> found --begin--> BEGINNING --> LEAVES --> CHUNKS --> end
 *              ^  |                           |            |          |
 *              |  +-- nobody has it: later    +------------+----------+
 *              +--------- no holder is left: given back, located again
 *
 * Asks the broker who has what is wanted (`locate`, 256 blobs at a time), asks the
 * holders (`want`), gives verified leaves and coded chunks to the owner's store, and goes
 * on until all is there or the owner drops it: it never gives up by itself for want of a
 * holder.  A holder is asked over its own lane, or through the broker where that does not
 * open; cheaper ways first, costlier ones only when they help.  What one holder owes is
 * bounded by a window that grows with its rate times its round trip; what does not come
 * in time is asked elsewhere, and taken from whoever sends it first.  A holder that sent
 * wrong bytes is not asked for that blob again.
 *
 * docs/spec/7-data.md, 7.2, 7.4 and 7.5.  Used by agent and client.  Pure: times are
 * microseconds of one monotonic clock, all output is effects (transfer.h, effects.h),
 * also the `locate`, which is a WF_EFFECT_SEND to peer 0.  Everything is bounded by the
 * configuration.  An effect list that ran out of memory is made good for by itself: all
 * that was begun is begun again.  Ends and bad holders are polled.
 */
#ifndef PROTO_TRANSFER_PULL_H
#define PROTO_TRANSFER_PULL_H

#include "proto/transfer/transfer.h"
#include "proto/words.h"

struct wf_pull;

struct wf_pull_limits {
    uint64_t rate; /* bytes a second; 0: no limit */
    uint64_t day;  /* bytes a day; 0: no limit */
    int metered;   /* fetch only what is waited for */
};

/* Zero means the default, where one is named. */
struct wf_pull_config {
    char site[WF_NAME_MAX + 1]; /* our own: holders of the same one come first */
    uint64_t seed;              /* of jitter and hashes */
    size_t max_blobs;           /* wanted at once: 262144 */
    size_t max_active;   /* begun at once, of more than one chunk: 64; of those that
                            something waits for as many again */
    size_t max_small;    /* the same of one chunk: 1024 */
    size_t window_max;   /* bytes wanted of one holder: 7 MiB, and no more than that */
    size_t max_inflight; /* bytes wanted, assembled or being written, of all: 64 MiB */
    uint64_t open_ms;    /* longest wait for a direct lane: 3000 */
    int zstd;            /* chunks may come compressed, but from the own site */
    uint64_t day_used;   /* bytes of today's budget used before */
    struct wf_pull_limits limits;
};

/* 0, WEFT_ENOMEM.  *ret_pull is owned. */
int wf_pull_new(const struct wf_pull_config *cfg, struct wf_pull **ret_pull);
void wf_pull_free(struct wf_pull *p);

/* -- what is wanted ------------------------------------------------------------------ */

struct wf_pull_want {
    struct wf_digest digest;
    uint64_t size;
    uint64_t priority; /* higher first */
    int waits;         /* something waits for it: fetched over a metered link, too */
    struct wf_id job;  /* as what it is located: for an attempt of this job; */
    uint64_t fetch;    /* or by this order of the broker; 0: neither */
};

/* Want a blob.  Adding it again is no second fetch: the higher priority and a `waits`
 * stay, job and fetch are replaced.  So an owner with two reasons of which one is gone
 * adds it again for the other.  0; WEFT_EFULL; WEFT_ENOMEM; WEFT_ETOOBIG: no blob is so
 * large; WEFT_ECONFLICT: it is wanted already, with another size, or of size 0 and not
 * the empty one. */
int wf_pull_add(struct wf_pull *p, uint64_t now_us, const struct wf_pull_want *w,
                struct wf_effects *out);

/* Nobody wants it any more: no end is told.  What was verified stays in the store.
 * 0, WEFT_ENOENT. */
int wf_pull_drop(struct wf_pull *p, uint64_t now_us, const struct wf_digest *digest,
                 struct wf_effects *out);

void wf_pull_set_limits(struct wf_pull *p, uint64_t now_us,
                        const struct wf_pull_limits *limits, struct wf_effects *out);

/* -- what happened --------------------------------------------------------------------
 */

/* The control session began (up) or ended.  Without one nothing is located, but transfers
 * that have their tickets go on. */
void wf_pull_session(struct wf_pull *p, uint64_t now_us, int up, struct wf_effects *out);
void wf_pull_located(struct wf_pull *p, uint64_t now_us, const struct wf_located *m,
                     struct wf_effects *out);

/* News of a lane that WF_EFFECT_LANE_OPEN asked for: it is up; it could not be opened, or
 * broke.  After down the number is free.  News of a lane closed by LANE_CLOSE is harmless
 * as long as its number was not opened again. */
void wf_pull_lane_up(struct wf_pull *p, uint64_t now_us, uint32_t lane,
                     struct wf_effects *out);
void wf_pull_lane_down(struct wf_pull *p, uint64_t now_us, uint32_t lane,
                       struct wf_effects *out);

/* A piece or a nope from a lane.  Other messages are none of its business: counted. */
void wf_pull_msg(struct wf_pull *p, uint64_t now_us, uint32_t lane,
                 const struct wf_msg *msg, struct wf_effects *out);

/* Answers WF_EFFECT_BLOB_BEGIN.  code 0: begun or resumed; `map` has a bit for each chunk
 * that is there, lowest first (NULL: none), copied; `leaves` says that the checked leaves
 * are kept.  WEFT_EEXIST: all of it is there.  WEFT_EFULL: no room for it.  Another code:
 * it cannot be kept; the blob ends with it. */
void wf_pull_begun(struct wf_pull *p, uint64_t now_us, const struct wf_blob_ref *ref,
                   int code, const uint8_t *map, int leaves, struct wf_effects *out);

/* Answers WF_EFFECT_BLOB_WRITE.  code 0: verified and kept; WEFT_EPROTO: not what the
 * leaf says, or not decodable; WEFT_EBUSY: the store has too much to do, the chunk is
 * fetched again; WEFT_EFULL: no room; another code: the store failed.  The blob ends with
 * the last two. */
void wf_pull_written(struct wf_pull *p, uint64_t now_us, const struct wf_blob_ref *ref,
                     uint64_t chunk, int code, struct wf_effects *out);

/* When wf_pull_tick() wants to be called; UINT64_MAX: not before something happens.  All
 * calls above only take notice: what follows from them is decided by the tick, which is
 * due at once after them.  So the owner looks here after each batch of calls, and ticks.
 */
uint64_t wf_pull_due_us(const struct wf_pull *p);
void wf_pull_tick(struct wf_pull *p, uint64_t now_us, struct wf_effects *out);

/* -- what to tell ----------------------------------------------------------------------
 */

struct wf_pull_end {
    struct wf_digest digest;
    uint64_t size;
    int code;         /* 0: all of it is there; WEFT_EFULL, or what the store said */
    const char *text; /* static; empty when all went well */
    uint64_t moved;   /* bytes that came over a lane, coded, useless ones too */
    char from[WF_NAME_MAX + 1]; /* who gave most of it; empty: nobody */
};

/* Take the next end: 1, or 0 when there is none.  To be asked after every call. */
int wf_pull_next_end(struct wf_pull *p, struct wf_pull_end *ret_end);

/* A holder that sent bytes which are not the blob's: told once for each blob. */
struct wf_pull_bad {
    struct wf_digest digest;
    struct wf_key key;
    char name[WF_NAME_MAX + 1];
    uint64_t chunk; /* UINT64_MAX: its leaves */
};

/* As above.  What is not taken is forgotten beyond 64. */
int wf_pull_next_bad(struct wf_pull *p, struct wf_pull_bad *ret_bad);

struct wf_pull_progress {
    uint64_t done, total;       /* bytes verified and kept */
    uint64_t moved;             /* as in wf_pull_end */
    uint64_t left_ms;           /* expected; UINT64_MAX: not known */
    char from[WF_NAME_MAX + 1]; /* who gave most of it until now */
    const char *text;           /* what it waits for; empty: nothing.  Static */
    enum wf_stand stands;       /* the same for who cannot read, if it is an obstacle */
    uint64_t resume_us;         /* when that is over; 0: not known */
    const char *refusal;        /* the broker's words when it forbids; borrowed */
};

/* 0, WEFT_ENOENT. */
int wf_pull_progress(const struct wf_pull *p, const struct wf_digest *digest,
                     struct wf_pull_progress *ret_progress);

/* What transfers showed of the way from a holder to here, direct or through the broker,
 * as it is at present. */
struct wf_pull_peer {
    struct wf_key key;
    char name[WF_NAME_MAX + 1];
    uint64_t rtt_us; /* least, lately; 0: not known */
    uint64_t rate;   /* bytes a second, as in common/rate.h */
    uint64_t samples;
};

/* Take one whose rate is news: 1, or 0 when there is none. */
int wf_pull_next_peer(struct wf_pull *p, uint64_t now_us, struct wf_pull_peer *ret_peer);

/* What came in from all together, likewise; 0: not known. */
uint64_t wf_pull_down(const struct wf_pull *p, uint64_t now_us);

struct wf_pull_stats {
    uint64_t blobs;    /* wanted now */
    uint64_t active;   /* begun */
    uint64_t inflight; /* bytes wanted, assembled or being written */
    uint64_t rate;     /* bytes a second, lately */
    uint64_t day_used; /* of the budget */
    uint64_t moved;    /* bytes of pieces received */
    uint64_t kept;     /* bytes of chunks verified */
    uint64_t wasted;   /* bytes received twice, too late or wrong */
    uint64_t unwanted; /* pieces and other messages that nobody had asked for */
    uint64_t timeouts; /* wants that were not answered in time */
    uint64_t bad;      /* wrong chunks and leaves */
    uint64_t bad_lost; /* of those, not told for want of room */
    uint64_t lanes;    /* open or being opened */
    uint64_t holders;  /* known */
};

void wf_pull_stats(const struct wf_pull *p, struct wf_pull_stats *ret_stats);

#endif

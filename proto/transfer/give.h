/* give.h - the giving side: chunks out, to whoever shows a ticket
 *
 *   want --checked--> asked --turn--> reading --read--> pieces on the lane
 *     |                 |                |
 *     +-- nope          +-- lane closed, ticket over: dropped (nope when it can be told)
 *
 * The broker grants tickets, each to one key and for a list of blobs; a want that shows
 * one is served as far as it is covered.  Tickets take turns by bytes, so that a large
 * one does not hold up a small one; at most `max_reads` chunks are being read; a lane
 * that is not read by the other side stops its own wants alone, when the owner tells how
 * much is queued for it.  Silent peers cost nothing, strangers get a nope and are
 * counted.
 *
 * docs/spec/7-data.md, 7.4 and 7.5.  Used by agent and client.  Pure: times are
 * microseconds of one monotonic clock, all output is effects (transfer.h, effects.h).
 */
#ifndef PROTO_TRANSFER_GIVE_H
#define PROTO_TRANSFER_GIVE_H

#include "proto/transfer/transfer.h"

struct wf_give;

/* Zero means the default, where one is named. */
struct wf_give_config {
    uint64_t seed;       /* of hashes */
    size_t max_tickets;  /* 1024 */
    size_t max_digests;  /* under one ticket: 262144 */
    size_t max_covered;  /* under all tickets together: 1048576 */
    size_t max_wants;    /* waiting, of one ticket: 2048 */
    size_t max_reads;    /* chunks being read: 16 */
    size_t ticket_bytes; /* outstanding of one ticket: WF_TICKET_BYTES */
    size_t lane_bytes;   /* queued for a lane before its wants wait: 2 MiB */
    uint64_t rate;       /* bytes a second; 0: no limit */
    uint64_t day;        /* bytes a day; 0: no limit */
    uint64_t day_used;   /* of today's before */
};

/* 0, WEFT_ENOMEM.  *ret_give is owned. */
int wf_give_new(const struct wf_give_config *cfg, struct wf_give **ret_give);
void wf_give_free(struct wf_give *g);

void wf_give_set_limits(struct wf_give *g, uint64_t now_us, uint64_t rate, uint64_t day,
                        struct wf_effects *out);

/* -- tickets ---------------------------------------------------------------------------
 */

/* A grant of the broker: opens a ticket, adds to it and prolongs it, or ends it.  0;
 * WEFT_EFULL, WEFT_ENOMEM: what could be taken was, the rest will be refused;
 * WEFT_ECONFLICT: it is another key's ticket, and stays as it was; WEFT_EPERM: the blobs
 * must not be where the fetcher is. */
int wf_give_grant(struct wf_give *g, uint64_t now_us, const struct wf_grant *m,
                  struct wf_effects *out);

/* The control session ended: so did all tickets. */
void wf_give_end_all(struct wf_give *g, uint64_t now_us, struct wf_effects *out);

/* Whether some live ticket is for this key: its lane may be let in.  Linear in tickets.
 */
int wf_give_knows(const struct wf_give *g, const struct wf_key *key);

/* Tickets alive: as long as there are any, the broker's bulk lane should be open. */
size_t wf_give_tickets(const struct wf_give *g);

/* -- what happened ---------------------------------------------------------------------
 */

/* A want from a lane.  `key` is the lane's peer; NULL: the broker passes it on, and has
 * looked at the key. */
void wf_give_want(struct wf_give *g, uint64_t now_us, uint32_t lane,
                  const struct wf_key *key, const struct wf_want *m,
                  struct wf_effects *out);

/* How many bytes wait to be sent on a lane: to be told after sending, at the latest when
 * half of `lane_bytes` is left, and again when it is empty. */
void wf_give_room(struct wf_give *g, uint64_t now_us, uint32_t lane, uint64_t queued,
                  struct wf_effects *out);

/* The lane is gone: so is all that was wanted over it.  Tickets stay. */
void wf_give_lane_down(struct wf_give *g, uint64_t now_us, uint32_t lane,
                       struct wf_effects *out);

/* Answers WF_EFFECT_BLOB_READ.  code 0: `bytes` (borrowed for the call) are the chunk,
 * coded as `coding` says, or the leaves, or the map of the chunks that are there.  Else
 * it is told with a nope: WEFT_EPERM: its residency forbids; WEFT_ENOENT: not here;
 * WEFT_EBUSY: later. */
void wf_give_read(struct wf_give *g, uint64_t now_us, uint64_t tag, int code,
                  unsigned coding, const void *bytes, size_t len, struct wf_effects *out);

/* When wf_give_tick() wants to be called; UINT64_MAX: not before something happens. */
uint64_t wf_give_due_us(const struct wf_give *g);
void wf_give_tick(struct wf_give *g, uint64_t now_us, struct wf_effects *out);

struct wf_give_stats {
    uint64_t tickets, covered; /* alive; blobs under them */
    uint64_t waiting, reading; /* wants; reads */
    uint64_t given;            /* bytes of pieces sent */
    uint64_t chunks;           /* of those sent */
    uint64_t refused;          /* wants without a right, or of what does not exist */
    uint64_t busy;             /* wants beyond what a ticket may have outstanding */
    uint64_t failed;           /* reads that failed */
    uint64_t day_used;
};

void wf_give_stats(const struct wf_give *g, struct wf_give_stats *ret_stats);

#endif

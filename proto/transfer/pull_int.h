/* pull_int.h - what the files of pull share
 *
 *   pull.c         what is wanted, what happened, the order of a step
 *   pull_tell.c    ends and progress
 *   pull_locate.c  who has it: locate and located
 *   pull_holder.c  holders, the lanes to them, windows, rates, silence
 *   pull_link.c    what transfers show of links
 *   pull_ask.c     what is owed, counted in and out
 *   pull_plan.c    which chunk is asked of whom
 *   pull_sweep.c   what goes wrong without a word: tickets, slow holders, dead ends
 *   pull_piece.c   pieces, nopes, leaves, maps, the store's answers
 *
 * A blob is in `blobs` from add to end.  It waits in a heap of its lot (small or large,
 * waited for or not) to be located, then to be begun; `later` holds those that are
 * located again after a while.  A begun one is in `active`, and in `ready` while there is
 * something of it to ask for.  An ask is one chunk, or one piece of leaves, or the map,
 * wanted of one holder.
 */
#ifndef PROTO_TRANSFER_PULL_INT_H
#define PROTO_TRANSFER_PULL_INT_H

#include "common/backoff.h"
#include "common/heap.h"
#include "common/list.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/rate.h"
#include "proto/transfer/meter.h"
#include "proto/transfer/pull.h"

#define PULL_MS          UINT64_C(1000)
#define PULL_SECOND      UINT64_C(1000000)
#define PULL_SWEEP_US    (250 * PULL_MS) /* how often what is under way is looked at */
#define PULL_HOLDERS_MAX 256u
#define PULL_BAD_MAX     64u
#define PULL_BANS_MAX    16u /* holders of one blob that are not asked again */
#define PULL_LOCATES_MAX 4u  /* on their way */
#define PULL_WINDOW_MIN  (2 * WF_CHUNK_MIN)
#define PULL_ASKS_MAX    1024u /* of one holder */
#define PULL_WANT_COST   128u  /* of a want, besides its bytes */
#define PULL_SILENT_MAX  3u /* unanswered wants before a holder is dropped for a blob */

enum pull_lane_state { PULL_LANE_CLOSED, PULL_LANE_OPENING, PULL_LANE_UP };

struct pull_holder {
    struct wf_list_node in_holders;
    struct wf_key key;
    char name[WF_NAME_MAX + 1];
    char endpoint[WF_ENDPOINT_MAX + 1];
    int local;         /* at our own site */
    unsigned refs;     /* places and asks that point here */
    uint32_t lane;     /* its direct lane; 0: none */
    uint64_t retry_us; /* no direct lane is opened before */
    struct wf_backoff direct;

    uint32_t via;                 /* lane that the figures below are about */
    uint64_t rtt_us;              /* least, lately; 0: not known */
    uint64_t rate;                /* bytes a second; 0: not known */
    uint64_t window;              /* bytes that it may owe */
    uint64_t owed;                /* bytes */
    unsigned nasks;               /* of which it owes the bytes */
    uint64_t sample_us;           /* when the present sample of the rate began */
    uint64_t sample;              /* bytes in it */
    int limited;                  /* the window was full in it */
    uint64_t long_bytes, long_us; /* that came while it owed something, until they are
                                     enough to tell a rate */
    uint64_t mark_us;             /* up to when that is counted */
    struct wf_rate down;          /* by the present way */
    uint64_t nsamples;            /* of that */
    int news;                     /* wf_pull_next_peer() is to tell of it */
    uint64_t heard_us;            /* last piece or nope */
    uint64_t rest_us;             /* it is not asked before */
    unsigned silent;              /* times in a row that it did not answer in time */
    unsigned bad;                 /* blobs that it sent wrong bytes of */
    struct wf_backoff rest;
    struct wf_list_node asks;
};

struct pull_lane {
    enum pull_lane_state state;
    struct pull_holder *holder; /* NULL: the broker's */
    uint64_t since_us;          /* of the state */
    uint64_t used_us;           /* last ask or piece */
    uint64_t retry_us;          /* the broker's: not opened before */
    struct wf_backoff backoff;
};

/* A blob at a holder. */
struct pull_place {
    struct pull_holder *holder; /* NULL: free */
    uint64_t ticket;
    uint64_t until_us;
    uint64_t moved; /* bytes */
    uint8_t *map;   /* owned; chunks that are there; NULL: all, or not known yet */
    int whole;
    int dry;         /* a part without anything that is missing here */
    unsigned silent; /* wants of it that were not answered in time */
    unsigned asks;
};

enum pull_ask_state {
    PULL_ASKED,
    PULL_LATE,   /* not in time: asked elsewhere, too, but taken when it comes */
    PULL_WRITING /* given to the store */
};

struct pull_ask {
    struct wf_list_node in_holder, in_blob;
    struct pull_holder *holder;
    struct pull_blob *blob;
    enum pull_ask_state state;
    unsigned kind;
    uint64_t ticket;
    uint64_t chunk; /* or the first leaf */
    uint32_t lane;
    int twice; /* asked of two holders; this one, or another as well */
    int probe; /* the holder owed nothing else when it was asked */
    uint64_t at_us, due_us;
    uint64_t bytes;      /* as counted in windows */
    uint64_t got, total; /* coded bytes */
    unsigned coding;
    uint8_t *buf; /* owned; NULL: nothing, or all in one piece */
};

enum pull_phase { PULL_IDLE, PULL_BEGINNING, PULL_LEAVES, PULL_CHUNKS, PULL_ENDED };

enum pull_search {
    PULL_SEARCH_NONE,
    PULL_SEARCH_LISTED, /* in the heap of its lot */
    PULL_SEARCH_ASKED,  /* in the list of a locate */
    PULL_SEARCH_LATER,  /* in p->later */
    PULL_SEARCH_PARKED  /* the link is metered and nothing waits for it */
};

struct pull_blob {
    struct wf_blob_ref ref;
    struct wf_id job;
    uint64_t fetch;
    uint64_t priority;
    int waits;
    enum pull_phase phase;
    enum pull_search search;
    struct wf_heap_node in_search; /* of its lot's `search`, or p->later */
    struct wf_heap_node in_found;
    struct wf_list_node in_list; /* active, or ended */
    struct wf_list_node in_ready;
    struct wf_list_node in_locate;
    struct wf_list_node asks;

    uint64_t nchunks;
    uint64_t done;   /* bytes kept */
    uint64_t ndone;  /* chunks kept */
    uint64_t nbusy;  /* chunks asked for or being written */
    uint64_t cursor; /* no chunk before it is to be asked for */
    uint64_t moved;
    uint8_t *have, *busy; /* owned bitmaps, while begun */

    struct wf_digest *leaves;      /* owned, while they are fetched */
    uint8_t *leaf_here;            /* a byte for each piece: 1 asked, 2 here */
    uint64_t leaf_hashed;          /* pieces in `hash` */
    struct pull_holder *leaf_from; /* NULL: not chosen; has a place */
    struct wf_blob_hash *hash;

    struct pull_place *places; /* owned */
    unsigned nplaces;
    struct wf_key *bans; /* owned; PULL_BANS_MAX of them */
    unsigned nbans;
    unsigned searches; /* since anything came of it */
    int nowhere, forbidden, renew;
    uint64_t from_moved;
    char from[WF_NAME_MAX + 1];
    int code; /* of its end */
    const char *text;
};

/* Blobs that share places at the table. */
struct pull_lot {
    struct wf_heap search, found;
    size_t active, max_active;
};

struct pull_locate {
    uint64_t req; /* 0: free */
    uint64_t due_us;
    struct wf_list_node blobs;
};

struct wf_pull {
    struct wf_pull_config cfg;
    struct wf_rng rng;
    struct wf_map *blobs;
    struct pull_lot lots[4]; /* +1: something waits for it; +2: more than one chunk */
    struct wf_heap later;
    struct wf_list_node active, ready, ended;
    struct pull_locate locates[PULL_LOCATES_MAX];
    struct wf_list_node holders;
    unsigned nholders;
    struct pull_lane lanes[WF_PULL_LANES];
    struct wf_meter meter;
    struct wf_pull_bad bad[PULL_BAD_MAX];
    size_t bad_at, nbad;
    uint64_t last_req, last_id;
    uint64_t inflight, leaf_bytes, map_bytes;
    uint64_t sweep_us;                  /* when to sweep next */
    uint64_t hold_us;                   /* the store is busy: nothing is asked before */
    uint64_t rate_us, rate_bytes, rate; /* of all together */
    struct wf_rate down;                /* the same, of longer times */
    unsigned npeers;                    /* holders with news */
    uint64_t due_us;
    int up;                        /* there is a control session */
    int lost;                      /* effects were: begin everything again */
    int starved;                   /* a blob is in no heap, for want of memory */
    char refusal[WF_TEXT_MAX + 1]; /* what the broker said last when it forbade */
    struct wf_pull_stats stats;
};

/* -- pull.c: blobs ------------------------------------------------------------------- */

struct pull_blob *wf_pull_blob(const struct wf_pull *p, const struct wf_digest *digest);
struct pull_lot *wf_pull_lot(struct wf_pull *p, const struct pull_blob *b);
uint64_t wf_pull_rank(const struct pull_blob *b);

/* Give back what a begun blob has in memory; it is idle then, without BLOB_END. */
void wf_pull_unbegin(struct wf_pull *p, struct pull_blob *b);

/* It ends with this code: told by wf_pull_next_end(). */
void wf_pull_finish(struct wf_pull *p, struct pull_blob *b, int code, const char *text,
                    struct wf_effects *out);

/* -- pull_locate.c ------------------------------------------------------------------- */

/* It has a place, or needs none: it waits to be begun. */
void wf_pull_found(struct wf_pull *p, struct pull_blob *b);

/* Have it located: as soon as may be, or after its back-off. */
void wf_pull_search(struct wf_pull *p, struct pull_blob *b);
void wf_pull_search_later(struct wf_pull *p, uint64_t now_us, struct pull_blob *b);

/* Take it out of whatever it waits in to be located. */
void wf_pull_search_end(struct wf_pull *p, struct pull_blob *b);

/* Send what may be sent, give up what was not answered. */
void wf_pull_locate_step(struct wf_pull *p, uint64_t now_us, struct wf_effects *out);
uint64_t wf_pull_locate_due(const struct wf_pull *p);
void wf_pull_locate_answer(struct wf_pull *p, uint64_t now_us,
                           const struct wf_located *m);

/* -- pull_holder.c ------------------------------------------------------------------- */

/* The holder that a row tells of, new or known; NULL: no room. */
struct pull_holder *wf_pull_holder(struct wf_pull *p, const struct wf_holder_row *row);

struct pull_place *wf_pull_place(struct pull_blob *b, const struct pull_holder *h);
void wf_pull_place_free(struct wf_pull *p, struct pull_blob *b, struct pull_place *at);

/* The lane to ask it over now, opened when it is not; -1: none yet. */
int wf_pull_lane_to(struct wf_pull *p, uint64_t now_us, struct pull_holder *h,
                    struct wf_effects *out);

/* How costly the way to it is: 0 own site, 1 direct, 2 through the broker; more when it
 * is known for wrong bytes. */
unsigned wf_pull_cost(const struct wf_pull *p, uint64_t now_us,
                      const struct pull_holder *h);

/* Whether it may owe `bytes` more. */
int wf_pull_has_room(const struct wf_pull *p, struct pull_holder *h, uint64_t bytes);

/* Expected time until it has sent all that it owes and `bytes` more. */
uint64_t wf_pull_eta_us(const struct pull_holder *h, uint64_t bytes);

/* It was asked; `len` bytes came of the `total`, coded as they are, that answer it. */
void wf_pull_asked(struct wf_pull *p, uint64_t now_us, struct pull_ask *a);
void wf_pull_heard(struct wf_pull *p, uint64_t now_us, struct pull_ask *a, uint64_t len,
                   uint64_t total);

/* It shall not be asked for a while, and then carefully. */
void wf_pull_rest(struct wf_pull *p, uint64_t now_us, struct pull_holder *h,
                  uint64_t at_least_ms);

void wf_pull_holders_sweep(struct wf_pull *p, uint64_t now_us, struct wf_effects *out);
void wf_pull_lanes_sweep(struct wf_pull *p, uint64_t now_us, struct wf_effects *out);

/* Forget a lane, and what was asked over it. */
void wf_pull_lane_lost(struct wf_pull *p, uint64_t now_us, uint32_t lane);
void wf_pull_lane_close(struct wf_pull *p, uint64_t now_us, uint32_t lane,
                        struct wf_effects *out);

/* -- pull_link.c --------------------------------------------------------------------- */

/* So much came of a holder, in so much time that it owed something. */
void wf_pull_sampled(struct wf_pull *p, uint64_t now_us, struct pull_holder *h,
                     uint64_t bytes, uint64_t took_us);

/* -- pull_ask.c --------------------------------------------------------------------- */

struct pull_ask *wf_pull_ask_new(struct wf_pull *p, uint64_t now_us, struct pull_blob *b,
                                 struct pull_place *at, unsigned kind, uint64_t chunk,
                                 uint64_t bytes, uint32_t lane);
void wf_pull_ask_free(struct wf_pull *p, struct pull_ask *a);

/* It was not answered in time. */
void wf_pull_ask_late(struct wf_pull *p, struct pull_ask *a);

/* It is answered after all. */
void wf_pull_ask_revive(struct wf_pull *p, uint64_t now_us, struct pull_ask *a);

/* It was answered in full and is with the store now. */
void wf_pull_ask_writing(struct wf_pull *p, struct pull_ask *a);

/* Put it into, or out of, the list of those with something to ask for. */
void wf_pull_ready(struct wf_pull *p, struct pull_blob *b);

/* -- pull_plan.c, pull_sweep.c ------------------------------------------------------- */

/* Whether a place may be asked now; a part only for what its map has, or for leaves. */
int wf_pull_usable(const struct pull_place *at, uint64_t now_us, int leaves);

/* Ask another holder, too: the first one is slow.  0, WEFT_ENOMEM, WEFT_EBUSY. */
int wf_pull_ask_twice(struct wf_pull *p, uint64_t now_us, struct pull_ask *a,
                      struct pull_place *at, uint32_t lane, struct wf_effects *out);

/* Nothing is asked for it at present: give back its place, have it located again. */
void wf_pull_give_back(struct wf_pull *p, uint64_t now_us, struct pull_blob *b,
                       struct wf_effects *out);

void wf_pull_plan(struct wf_pull *p, uint64_t now_us, struct wf_effects *out);
void wf_pull_blobs_sweep(struct wf_pull *p, uint64_t now_us, struct wf_effects *out);

/* -- pull_piece.c -------------------------------------------------------------------- */

void wf_pull_piece(struct wf_pull *p, uint64_t now_us, uint32_t lane,
                   const struct wf_piece *m, struct wf_effects *out);
void wf_pull_nope(struct wf_pull *p, uint64_t now_us, uint32_t lane,
                  const struct wf_nope *m);
void wf_pull_store_begun(struct wf_pull *p, uint64_t now_us, struct pull_blob *b,
                         int code, const uint8_t *map, int leaves,
                         struct wf_effects *out);
void wf_pull_store_written(struct wf_pull *p, uint64_t now_us, struct pull_blob *b,
                           uint64_t chunk, int code, struct wf_effects *out);

/* The holder sent wrong bytes: it is not asked for this blob again. */
void wf_pull_ban(struct wf_pull *p, struct pull_blob *b, struct pull_holder *h,
                 uint64_t chunk);
void wf_pull_leaves_drop(struct wf_pull *p, struct pull_blob *b);

/* Bits of a map. */
static inline int pull_bit(const uint8_t *map, uint64_t i)
{
    return map[i >> 3] >> (i & 7) & 1;
}

static inline void pull_bit_set(uint8_t *map, uint64_t i)
{
    map[i >> 3] |= (uint8_t) (1u << (i & 7));
}

static inline void pull_bit_clear(uint8_t *map, uint64_t i)
{
    map[i >> 3] &= (uint8_t) ~(1u << (i & 7));
}

static inline size_t pull_map_len(const struct pull_blob *b)
{
    return (size_t) ((b->nchunks + 7) / 8);
}

#endif

#include "common/err.h"
#include "proto/transfer/pull_int.h"

#define RUN_MAX     64u               /* chunks in one want */
#define HOLDERS_USE 4u                /* of one blob at once */
#define HELP_US     (5 * PULL_SECOND) /* left with the cheaper ones: dearer ones help */
#define LEAVES_MAX  (64u << 20)       /* leaves being fetched, of all */
#define MAPS_MAX    (16u << 20)       /* maps of parts, of all */

/* -- whom to ask ------------------------------------------------------------------------
 */

int wf_pull_usable(const struct pull_place *at, uint64_t now_us, int leaves)
{
    return at->holder != NULL && at->until_us > now_us && at->holder->rest_us <= now_us &&
           (leaves || at->whole || (at->map != NULL && !at->dry));
}

/* Whether it would take long with what costs no more than `cost`. */
static int dearer_help(const struct wf_pull *p, uint64_t now_us,
                       const struct pull_blob *b, unsigned cost)
{
    uint64_t rate = 0;

    for (unsigned i = 0; i < b->nplaces; i++) {
        const struct pull_place *at = &b->places[i];

        if (wf_pull_usable(at, now_us, 0) &&
            wf_pull_cost(p, now_us, at->holder) <= cost) {
            rate += at->holder->rate;
        }
    }
    return rate != 0 && (b->ref.size - b->done) / rate >= HELP_US / PULL_SECOND;
}

/* Who answered before is rather asked than who did not; else who has it sooner. */
static int before(const struct pull_place *a, const struct pull_place *b, uint64_t bytes)
{
    return a->silent != b->silent
               ? a->silent < b->silent
               : wf_pull_eta_us(a->holder, bytes) < wf_pull_eta_us(b->holder, bytes);
}

/* The place to ask for `bytes`: of the cheapest who can be asked the one who would be
 * ready first.  NULL: none now. */
static struct pull_place *choose(struct wf_pull *p, uint64_t now_us, struct pull_blob *b,
                                 uint64_t bytes, int leaves, uint32_t *ret_lane,
                                 struct wf_effects *out)
{
    unsigned in_use = 0;

    for (unsigned i = 0; i < b->nplaces; i++) {
        in_use += b->places[i].holder != NULL && b->places[i].asks != 0;
    }
    for (unsigned cost = 0; cost < 6; cost++) {
        struct pull_place *best = NULL;
        int there = 0;

        for (unsigned i = 0; i < b->nplaces; i++) {
            struct pull_place *at = &b->places[i];
            int lane;

            if (!wf_pull_usable(at, now_us, leaves) ||
                wf_pull_cost(p, now_us, at->holder) != cost) {
                continue;
            }
            there = 1;
            lane = wf_pull_lane_to(p, now_us, at->holder, out);
            if (lane >= 0 && (at->asks != 0 || in_use < HOLDERS_USE) &&
                wf_pull_has_room(p, at->holder, bytes + PULL_WANT_COST) &&
                (best == NULL || before(at, best, bytes))) {
                best = at;
                *ret_lane = (uint32_t) lane;
            }
        }
        if (best != NULL || (there && !dearer_help(p, now_us, b, cost))) {
            return best;
        }
    }
    return NULL;
}

/* Whether memory and the meter let anybody be asked. */
static int open_gates(struct wf_pull *p, uint64_t now_us, uint64_t bytes)
{
    return now_us >= p->hold_us &&
           (p->inflight == 0 || p->inflight + bytes <= p->cfg.max_inflight) &&
           wf_meter_free_us(&p->meter, now_us) <= now_us;
}

/* -- what to ask ------------------------------------------------------------------------
 */

static int missing(const struct pull_blob *b, uint64_t i)
{
    return !pull_bit(b->have, i) && !pull_bit(b->busy, i);
}

/* Whether none of the eight chunks from `i` on is missing here and there at a place. */
static int skips(const struct pull_blob *b, const uint8_t *map, uint64_t i)
{
    uint64_t at = i >> 3;
    unsigned there = map != NULL ? map[at] : 0xff;

    return (i & 7) == 0 && (there & ~(unsigned) (b->have[at] | b->busy[at])) == 0;
}

/* The next chunk to be asked for that a place has; `nchunks`: none. */
static uint64_t next_chunk(struct pull_blob *b, const struct pull_place *at)
{
    const uint8_t *map = at->whole ? NULL : at->map;
    uint64_t i;

    while (b->cursor < b->nchunks && !missing(b, b->cursor)) {
        b->cursor += skips(b, NULL, b->cursor) ? 8 : 1;
    }
    b->cursor = wf_min_u64(b->cursor, b->nchunks);
    i = b->cursor;
    while (i < b->nchunks && !(missing(b, i) && (map == NULL || pull_bit(map, i)))) {
        i += skips(b, map, i) ? 8 : 1;
    }
    return wf_min_u64(i, b->nchunks);
}

static void send_want(struct wf_pull *p, const struct pull_ask *a, uint64_t count,
                      struct wf_effects *out)
{
    const struct wf_want m = {.ticket = a->ticket,
                              .digest = a->blob->ref.digest,
                              .kind = a->kind,
                              .first = a->chunk,
                              .count = count,
                              .zstd = a->kind == WF_WANT_CHUNKS && p->cfg.zstd &&
                                      !(a->holder->local && a->lane != WF_LANE_BROKER),
                              .size = a->blob->ref.size};

    wf_lane_send(out, a->lane, WF_MSG_want, &m);
}

/* Chunks in a row from `first` on, as many as the window takes.  0: out of memory. */
static uint64_t ask_run(struct wf_pull *p, uint64_t now_us, struct pull_blob *b,
                        struct pull_place *at, uint64_t first, uint32_t lane,
                        struct wf_effects *out)
{
    const struct pull_ask *head = NULL;
    uint64_t n = 0;

    do {
        uint64_t len = wf_chunk_len(b->ref.size, first + n);
        const struct pull_ask *a;

        if (n != 0 && (!wf_pull_has_room(p, at->holder, len + PULL_WANT_COST) ||
                       !open_gates(p, now_us, len))) {
            break;
        }
        a = wf_pull_ask_new(p, now_us, b, at, WF_WANT_CHUNKS, first + n, len, lane);
        if (a == NULL) {
            break;
        }
        head = head == NULL ? a : head;
        n++;
    } while (n < RUN_MAX && first + n < b->nchunks && missing(b, first + n) &&
             (at->whole || pull_bit(at->map, first + n)));
    if (head != NULL) {
        send_want(p, head, n, out);
    }
    return n;
}

int wf_pull_ask_twice(struct wf_pull *p, uint64_t now_us, struct pull_ask *a,
                      struct pull_place *at, uint32_t lane, struct wf_effects *out)
{
    uint64_t len = wf_chunk_len(a->blob->ref.size, a->chunk);
    struct pull_ask *other;

    if (!open_gates(p, now_us, len)) {
        return WEFT_EBUSY;
    }
    other = wf_pull_ask_new(p, now_us, a->blob, at, a->kind, a->chunk, len, lane);
    if (other == NULL) {
        return WEFT_ENOMEM;
    }
    a->twice = other->twice = 1;
    send_want(p, other, 1, out);
    return 0;
}

/* Which chunks has who has only a part? */
static void ask_maps(struct wf_pull *p, uint64_t now_us, struct pull_blob *b,
                     struct wf_effects *out)
{
    size_t len = pull_map_len(b);

    for (unsigned i = 0; i < b->nplaces; i++) {
        struct pull_place *at = &b->places[i];
        const struct wf_list_node *n;
        const struct pull_ask *a = NULL;
        int asked = 0, lane;

        if (at->whole || at->map != NULL || !wf_pull_usable(at, now_us, 1) ||
            p->map_bytes + len > MAPS_MAX || !open_gates(p, now_us, len)) {
            continue;
        }
        for (n = wf_list_first(&b->asks); n != NULL; n = wf_list_next(&b->asks, n)) {
            a = CONTAINER_OF(n, struct pull_ask, in_blob);
            asked |= a->kind == WF_WANT_MAP && a->holder == at->holder &&
                     a->state == PULL_ASKED;
        }
        lane = asked ? -1 : wf_pull_lane_to(p, now_us, at->holder, out);
        if (lane >= 0) {
            a = wf_pull_ask_new(p, now_us, b, at, WF_WANT_MAP, 0, len, (uint32_t) lane);
            if (a != NULL) {
                send_want(p, a, 1, out);
            }
        }
    }
}

/* 1 unless the gates are shut. */
static int ask_chunks(struct wf_pull *p, uint64_t now_us, struct pull_blob *b,
                      struct wf_effects *out)
{
    uint64_t len = wf_min_u64(wf_chunk_size(b->ref.size), b->ref.size);
    struct pull_place *at;
    uint64_t first;
    uint32_t lane;

    ask_maps(p, now_us, b, out);
    while (b->ndone + b->nbusy < b->nchunks) {
        if (!open_gates(p, now_us, len)) {
            return 0;
        }
        at = choose(p, now_us, b, len, 0, &lane, out);
        if (at == NULL) {
            return 1;
        }
        first = next_chunk(b, at);
        if (first == b->nchunks) {
            at->dry = 1;
        } else if (ask_run(p, now_us, b, at, first, lane, out) == 0) {
            return 0;
        }
    }
    return 1;
}

static int begin_leaves(struct wf_pull *p, struct pull_blob *b)
{
    uint64_t len = b->nchunks * WF_DIGEST_SIZE;

    if (b->leaves != NULL) {
        return 1;
    }
    if (p->leaf_bytes != 0 && p->leaf_bytes + len > LEAVES_MAX) {
        return 0;
    }
    b->leaves = wf_calloc(b->nchunks, sizeof *b->leaves);
    b->leaf_here = wf_calloc(b->nchunks / WF_LEAVES_PIECE + 1, 1);
    b->hash = wf_calloc(1, sizeof *b->hash);
    p->leaf_bytes += b->leaves != NULL ? len : 0;
    if (b->leaves == NULL || b->leaf_here == NULL || b->hash == NULL) {
        wf_pull_leaves_drop(p, b);
        return 0;
    }
    wf_blob_hash_init(b->hash, b->ref.size);
    return 1;
}

/* All leaves come from one holder, so that it is known who is to blame. */
static int ask_leaves(struct wf_pull *p, uint64_t now_us, struct pull_blob *b,
                      struct wf_effects *out)
{
    uint64_t len = wf_min_u64(b->nchunks, WF_LEAVES_PIECE) * WF_DIGEST_SIZE;
    struct pull_place *at;
    uint32_t lane = 0;

    at = b->leaf_from != NULL ? wf_pull_place(b, b->leaf_from) : NULL;
    if (b->leaf_from != NULL && (at == NULL || !wf_pull_usable(at, now_us, 1))) {
        struct pull_place *other = choose(p, now_us, b, len, 1, &lane, out);

        if (other == NULL || other == at) {
            return 1;
        }
        wf_pull_leaves_drop(p, b);
    }
    if (!begin_leaves(p, b)) {
        return 1;
    }
    for (uint64_t i = 0; i * WF_LEAVES_PIECE < b->nchunks; i++) {
        uint64_t first = i * WF_LEAVES_PIECE;
        uint64_t count = wf_min_u64(b->nchunks - first, WF_LEAVES_PIECE);
        const struct pull_ask *a;
        int to;

        if (b->leaf_here[i] != 0) {
            continue;
        }
        if (!open_gates(p, now_us, count * WF_DIGEST_SIZE)) {
            return 0;
        }
        if (b->leaf_from == NULL) {
            at = choose(p, now_us, b, len, 1, &lane, out);
        } else {
            at = wf_pull_place(b, b->leaf_from);
            to = wf_pull_lane_to(p, now_us, b->leaf_from, out);
            lane = (uint32_t) to;
            if (to < 0 || !wf_pull_has_room(p, b->leaf_from, len + PULL_WANT_COST)) {
                return 1;
            }
        }
        a = at == NULL ? NULL
                       : wf_pull_ask_new(p, now_us, b, at, WF_WANT_LEAVES, first,
                                         count * WF_DIGEST_SIZE, lane);
        if (a == NULL) {
            return 1;
        }
        b->leaf_from = at->holder;
        send_want(p, a, count, out);
    }
    return 1;
}

/* -- the tick ---------------------------------------------------------------------------
 */

static void begin(struct wf_pull *p, uint64_t now_us, struct pull_lot *lot,
                  struct pull_blob *b, struct wf_effects *out)
{
    unsigned live = 0;

    if (p->cfg.limits.metered && !b->waits && b->nchunks != 0) {
        wf_pull_search(p, b);
        return;
    }
    for (unsigned i = 0; i < b->nplaces; i++) {
        if (b->places[i].holder != NULL && b->places[i].until_us <= now_us) {
            wf_pull_place_free(p, b, &b->places[i]);
        }
        live += b->places[i].holder != NULL;
    }
    if (live == 0 && b->nchunks != 0) {
        wf_pull_search_later(p, now_us, b);
        return;
    }
    b->phase = PULL_BEGINNING;
    lot->active++;
    wf_list_push_back(&p->active, &b->in_list);
    wf_blob_effect(out, WF_EFFECT_BLOB_BEGIN, 0, 0, &b->ref, NULL, 0);
}

/* Whether anybody could be asked for anything. */
static int anybody(struct wf_pull *p, uint64_t now_us)
{
    struct wf_list_node *n;

    for (n = wf_list_first(&p->holders); n != NULL; n = wf_list_next(&p->holders, n)) {
        struct pull_holder *h = CONTAINER_OF(n, struct pull_holder, in_holders);

        if (h->refs != 0 && h->rest_us <= now_us &&
            wf_pull_has_room(p, h, PULL_WANT_COST)) {
            return 1;
        }
    }
    return 0;
}

void wf_pull_plan(struct wf_pull *p, uint64_t now_us, struct wf_effects *out)
{
    static const unsigned order[] = {1, 3, 0, 2};
    struct wf_list_node *n, *next;
    struct wf_heap_node *top;
    unsigned looked = 0;

    for (unsigned i = 0; i < ARRAY_LEN(order); i++) {
        struct pull_lot *lot = &p->lots[order[i]];

        while (lot->active < lot->max_active && out->err == 0 &&
               (top = wf_heap_min(&lot->found)) != NULL) {
            wf_heap_remove(&lot->found, top);
            begin(p, now_us, lot, CONTAINER_OF(top, struct pull_blob, in_found), out);
        }
    }
    for (n = wf_list_first(&p->ready); n != NULL && out->err == 0; n = next) {
        struct pull_blob *b = CONTAINER_OF(n, struct pull_blob, in_ready);
        int open = 1;

        next = wf_list_next(&p->ready, n);
        if (looked++ % 16 == 0 && !anybody(p, now_us)) {
            return;
        }
        if (!p->cfg.limits.metered || b->waits) {
            open = b->phase == PULL_LEAVES ? ask_leaves(p, now_us, b, out)
                                           : ask_chunks(p, now_us, b, out);
        }
        wf_pull_ready(p, b);
        if (!open) {
            return;
        }
    }
}

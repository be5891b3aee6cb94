#include "proto/transfer/pull_int.h"

static int same_thing(const struct pull_ask *a, unsigned kind, uint64_t chunk)
{
    return a->kind == kind && a->chunk == chunk;
}

/* Asks of it in hand: not those that are late. */
static unsigned in_hand(const struct pull_blob *b, unsigned kind, uint64_t chunk)
{
    const struct wf_list_node *n;
    unsigned count = 0;

    for (n = wf_list_first(&b->asks); n != NULL; n = wf_list_next(&b->asks, n)) {
        const struct pull_ask *a = CONTAINER_OF(n, struct pull_ask, in_blob);

        count += a->state != PULL_LATE && same_thing(a, kind, chunk);
    }
    return count;
}

static void mark(struct pull_blob *b, const struct pull_ask *a)
{
    if (a->kind == WF_WANT_CHUNKS && !pull_bit(b->busy, a->chunk)) {
        pull_bit_set(b->busy, a->chunk);
        b->nbusy++;
    } else if (a->kind == WF_WANT_LEAVES) {
        b->leaf_here[a->chunk / WF_LEAVES_PIECE] |= 1;
    }
}

/* Nobody is asked for it any more: unless it is there, somebody has to be. */
static void unmark(struct wf_pull *p, struct pull_blob *b, unsigned kind, uint64_t chunk)
{
    if (b->phase == PULL_IDLE || in_hand(b, kind, chunk) != 0) {
        return;
    }
    if (kind == WF_WANT_CHUNKS && b->phase == PULL_CHUNKS && pull_bit(b->busy, chunk)) {
        pull_bit_clear(b->busy, chunk);
        b->nbusy--;
        b->cursor = wf_min_u64(b->cursor, chunk);
        for (unsigned i = 0; i < b->nplaces && !pull_bit(b->have, chunk); i++) {
            b->places[i].dry = 0;
        }
    } else if (kind == WF_WANT_LEAVES && b->leaf_here != NULL) {
        b->leaf_here[chunk / WF_LEAVES_PIECE] &= 2;
    }
    wf_pull_ready(p, b);
}

static void count_in(struct wf_pull *p, uint64_t now_us, struct pull_ask *a)
{
    struct pull_place *at = wf_pull_place(a->blob, a->holder);

    wf_pull_asked(p, now_us, a);
    p->inflight += a->bytes;
    at->asks++;
    mark(a->blob, a);
}

/* It is not owed any more. */
static void count_out(struct pull_ask *a)
{
    struct pull_place *at = wf_pull_place(a->blob, a->holder);

    a->holder->owed -= a->bytes;
    a->holder->nasks--;
    if (at != NULL) {
        at->asks--;
    }
}

/* An older, late want of the same is forgotten: two answers could not be told apart. */
static void forget_late(struct wf_pull *p, struct pull_blob *b,
                        const struct pull_holder *h, unsigned kind, uint64_t chunk)
{
    struct wf_list_node *n, *next;

    for (n = wf_list_first(&b->asks); n != NULL; n = next) {
        struct pull_ask *a = CONTAINER_OF(n, struct pull_ask, in_blob);

        next = wf_list_next(&b->asks, n);
        if (a->holder == h && a->state == PULL_LATE && same_thing(a, kind, chunk)) {
            wf_pull_ask_free(p, a);
        }
    }
}

struct pull_ask *wf_pull_ask_new(struct wf_pull *p, uint64_t now_us, struct pull_blob *b,
                                 struct pull_place *at, unsigned kind, uint64_t chunk,
                                 uint64_t bytes, uint32_t lane)
{
    struct pull_ask *a = wf_calloc(1, sizeof *a);

    if (a == NULL) {
        return NULL;
    }
    forget_late(p, b, at->holder, kind, chunk);
    a->holder = at->holder;
    a->blob = b;
    a->kind = kind;
    a->ticket = at->ticket;
    a->chunk = chunk;
    a->lane = lane;
    a->bytes = bytes + PULL_WANT_COST;
    a->holder->refs++;
    wf_list_push_back(&a->holder->asks, &a->in_holder);
    wf_list_push_back(&b->asks, &a->in_blob);
    count_in(p, now_us, a);
    wf_meter_take(&p->meter, now_us, bytes);
    return a;
}

void wf_pull_ask_free(struct wf_pull *p, struct pull_ask *a)
{
    struct pull_blob *b = a->blob;

    if (a->state == PULL_ASKED) {
        count_out(a);
        wf_meter_refund(&p->meter, a->bytes - PULL_WANT_COST);
    }
    if (a->state != PULL_LATE) {
        p->inflight -= a->bytes;
    }
    wf_list_remove(&a->in_holder);
    wf_list_remove(&a->in_blob);
    a->holder->refs--;
    unmark(p, b, a->kind, a->chunk);
    wf_free(a->buf);
    wf_free(a);
}

void wf_pull_ask_late(struct wf_pull *p, struct pull_ask *a)
{
    count_out(a);
    p->inflight -= a->bytes;
    p->stats.wasted += a->got;
    wf_free(a->buf);
    a->buf = NULL;
    a->got = 0;
    a->state = PULL_LATE;
    unmark(p, a->blob, a->kind, a->chunk);
}

void wf_pull_ask_revive(struct wf_pull *p, uint64_t now_us, struct pull_ask *a)
{
    uint64_t at_us = a->at_us;

    a->state = PULL_ASKED;
    count_in(p, now_us, a);
    a->at_us = at_us; /* that is when it was asked */
    a->probe = 0;
}

void wf_pull_ask_writing(struct wf_pull *p, struct pull_ask *a)
{
    uint64_t bytes = a->bytes - PULL_WANT_COST;

    count_out(a);
    wf_meter_refund(&p->meter, bytes - wf_min_u64(a->total, bytes));
    wf_free(a->buf);
    a->buf = NULL;
    a->state = PULL_WRITING;
}

/* -- what there is to ask for -- */

static int leaf_missing(const struct pull_blob *b)
{
    uint64_t pieces = (b->nchunks + WF_LEAVES_PIECE - 1) / WF_LEAVES_PIECE;

    if (b->leaf_here == NULL) {
        return 1;
    }
    for (uint64_t i = 0; i < pieces; i++) {
        if (b->leaf_here[i] == 0) {
            return 1;
        }
    }
    return 0;
}

/* In order of priority, then of age. */
void wf_pull_ready(struct wf_pull *p, struct pull_blob *b)
{
    int wanted = b->phase == PULL_CHUNKS   ? b->ndone + b->nbusy < b->nchunks
                 : b->phase == PULL_LEAVES ? leaf_missing(b)
                                           : 0;
    struct wf_list_node *n = p->ready.prev;

    if (!wanted || !wf_list_empty(&b->in_ready)) {
        if (!wanted) {
            wf_list_remove(&b->in_ready);
        }
        return;
    }
    while (n != &p->ready &&
           CONTAINER_OF(n, struct pull_blob, in_ready)->priority < b->priority) {
        n = n->prev;
    }
    wf_list_push_front(n, &b->in_ready); /* after n */
}

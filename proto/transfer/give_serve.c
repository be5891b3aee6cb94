#include "proto/transfer/give_int.h"

#include "common/err.h"
#include "common/mem.h"

#include <string.h>

#define QUANTUM  (256u << 10) /* bytes that a flow may read more of in each turn */
#define OVERHEAD 128u         /* of a piece, besides its data */

void wf_give_nope(struct wf_effects *out, uint32_t lane, const struct wf_nope *m)
{
    struct wf_nope no = *m;

    no.text = wf_slice_of(wf_err_sentence(-(int) m->code));
    wf_lane_send(out, lane, WF_MSG_nope, &no);
}

/* -- lanes and flows -------------------------------------------------------------------
 */

static void free_idle_lane(struct wf_give *g, struct wf_give_lane *l)
{
    if (wf_list_empty(&l->flows) && l->reads == 0 && l->queued == 0) {
        (void) wf_map_take(g->lanes, &l->number, sizeof l->number);
        wf_free(l);
    }
}

static struct wf_give_lane *get_lane(struct wf_give *g, uint32_t number)
{
    struct wf_give_lane *l = wf_map_get(g->lanes, &number, sizeof number);

    if (l != NULL) {
        return l;
    }
    l = wf_calloc(1, sizeof *l);
    if (l == NULL) {
        return NULL;
    }
    l->number = number;
    wf_list_init(&l->flows);
    wf_list_init(&l->stopped);
    if (wf_map_put(g->lanes, &l->number, sizeof l->number, l) != 0) {
        wf_free(l);
        return NULL;
    }
    return l;
}

static struct wf_give_flow *get_flow(struct wf_give *g, struct wf_give_ticket *t,
                                     struct wf_give_lane *l)
{
    struct wf_give_flow *f;
    struct wf_list_node *n;

    for (n = wf_list_first(&t->flows); n != NULL; n = wf_list_next(&t->flows, n)) {
        f = CONTAINER_OF(n, struct wf_give_flow, in_ticket);
        if (f->lane == l) {
            return f;
        }
    }
    f = wf_calloc(1, sizeof *f);
    if (f == NULL) {
        return NULL;
    }
    f->ticket = t;
    f->lane = l;
    wf_list_init(&f->wants);
    wf_list_init(&f->in_turn);
    wf_list_push_back(&t->flows, &f->in_ticket);
    wf_list_push_back(&l->flows, &f->in_lane);
    wf_list_push_back(&g->turns, &f->in_turn);
    return f;
}

static void free_flow(struct wf_give *g, struct wf_give_flow *f)
{
    struct wf_give_lane *l = f->lane;

    wf_list_remove(&f->in_ticket);
    wf_list_remove(&f->in_lane);
    wf_list_remove(&f->in_turn);
    wf_free(f);
    free_idle_lane(g, l);
}

static void free_ask(struct wf_give *g, struct wf_give_flow *f, struct wf_give_ask *a)
{
    wf_list_remove(&a->in_flow);
    f->ticket->wants--;
    g->waiting--;
    wf_free(a);
}

int wf_give_queue(struct wf_give *g, struct wf_give_ticket *t, uint32_t lane,
                  const struct wf_want *m, uint64_t size)
{
    int map = m->kind == WF_WANT_MAP;
    uint64_t bytes = wf_give_bytes(size, (unsigned) m->kind, m->first, m->count);
    struct wf_give_ask *a;
    struct wf_give_lane *l;
    struct wf_give_flow *f;

    if (t->wants >= g->cfg.max_wants ||
        bytes > g->cfg.ticket_bytes - wf_min_u64(t->owed, g->cfg.ticket_bytes)) {
        return WEFT_EBUSY;
    }
    l = get_lane(g, lane);
    f = l != NULL ? get_flow(g, t, l) : NULL;
    a = f != NULL ? wf_calloc(1, sizeof *a) : NULL;
    if (a == NULL) {
        if (f != NULL && wf_list_empty(&f->wants)) {
            free_flow(g, f);
        } else if (l != NULL) {
            free_idle_lane(g, l);
        }
        return WEFT_ENOMEM;
    }
    *a = (struct wf_give_ask){.digest = m->digest,
                              .size = size,
                              .kind = (unsigned) m->kind,
                              .zstd = m->zstd != 0,
                              .next = map ? 0 : m->first,
                              .end = map ? 1 : m->first + m->count};
    wf_list_push_back(&f->wants, &a->in_flow);
    t->owed += bytes;
    t->wants++;
    g->waiting++;
    return 0;
}

void wf_give_flow_end(struct wf_give *g, struct wf_give_flow *f, struct wf_effects *out)
{
    struct wf_list_node *n;

    while ((n = wf_list_first(&f->wants)) != NULL) {
        struct wf_give_ask *a = CONTAINER_OF(n, struct wf_give_ask, in_flow);
        const struct wf_nope no = {.ticket = f->ticket->id,
                                   .digest = a->digest,
                                   .kind = a->kind,
                                   .first = a->next,
                                   .count = a->end - a->next,
                                   .code = (uint64_t) -WEFT_EPERM};

        if (out != NULL) {
            wf_give_nope(out, f->lane->number, &no);
        }
        f->ticket->owed -= wf_give_bytes(a->size, a->kind, a->next, a->end - a->next);
        free_ask(g, f, a);
    }
    free_flow(g, f);
}

/* -- reads -----------------------------------------------------------------------------
 */

static int lane_full(const struct wf_give *g, const struct wf_give_lane *l)
{
    return l->queued + l->reading >= g->cfg.lane_bytes;
}

/* What does not fit into the effects any more waits for the next step. */
static void start_read(struct wf_give *g, uint64_t now_us, struct wf_give_flow *f,
                       struct wf_give_ask *a, uint64_t count, struct wf_effects *out)
{
    struct wf_give_slot *s = g->slots;

    while (s->tag != 0) {
        s++; /* `reading` says that one is free */
    }
    *s = (struct wf_give_slot){.ticket = f->ticket, .lane = f->lane};
    s->tag = ++g->last_tag * GIVE_READS_MAX + (uint64_t) (s - g->slots);
    s->read = (struct wf_blob_read){.tag = s->tag,
                                    .digest = a->digest,
                                    .size = a->size,
                                    .kind = a->kind,
                                    .first = a->next,
                                    .count = count,
                                    .zstd = a->zstd};
    memcpy(s->read.region, f->ticket->region, sizeof s->read.region);
    s->bytes = wf_give_bytes(a->size, a->kind, a->next, count);
    wf_effects_add(out, WF_EFFECT_BLOB_READ, 0, s->tag, &s->read, sizeof s->read, NULL);
    if (out->err != 0) {
        s->tag = 0;
        return;
    }
    g->reading++;
    f->lane->reads++;
    f->lane->reading += s->bytes;
    wf_meter_take(&g->meter, now_us, s->bytes);
    a->next += count;
    if (a->next == a->end) {
        free_ask(g, f, a);
    }
}

/* One turn: reads as far as the credit goes.  1 when it was cut short: it goes on then,
 * as soon as a read or the meter is free. */
static int take_turn(struct wf_give *g, uint64_t now_us, struct wf_give_flow *f,
                     struct wf_effects *out)
{
    struct wf_list_node *n;

    if (!f->cut) {
        f->credit = wf_min_u64(f->credit + QUANTUM, WF_CHUNK_MAX + QUANTUM);
    }
    f->cut = 0;
    while ((n = wf_list_first(&f->wants)) != NULL && g->reading < g->cfg.max_reads &&
           out->err == 0 && !lane_full(g, f->lane) &&
           wf_meter_free_us(&g->meter, now_us) <= now_us) {
        struct wf_give_ask *a = CONTAINER_OF(n, struct wf_give_ask, in_flow);
        uint64_t count =
            a->kind == WF_WANT_LEAVES ? wf_min_u64(a->end - a->next, WF_LEAVES_PIECE) : 1;
        uint64_t bytes = wf_give_bytes(a->size, a->kind, a->next, count);

        if (bytes > f->credit) {
            return 0;
        }
        f->credit -= bytes;
        start_read(g, now_us, f, a, count, out);
    }
    f->cut = n != NULL && !lane_full(g, f->lane);
    return f->cut;
}

void wf_give_serve(struct wf_give *g, uint64_t now_us, struct wf_effects *out)
{
    struct wf_list_node *n;
    uint64_t free_us = now_us;

    while ((n = wf_list_first(&g->turns)) != NULL && g->reading < g->cfg.max_reads &&
           out->err == 0 && (free_us = wf_meter_free_us(&g->meter, now_us)) <= now_us) {
        struct wf_give_flow *f = CONTAINER_OF(n, struct wf_give_flow, in_turn);

        wf_list_remove(n);
        if (lane_full(g, f->lane)) {
            wf_list_push_back(&f->lane->stopped, n);
            continue;
        }
        if (take_turn(g, now_us, f, out)) {
            wf_list_push_front(&g->turns, n);
        } else if (wf_list_empty(&f->wants)) {
            free_flow(g, f);
        } else {
            wf_list_push_back(&g->turns, n);
        }
    }
    g->due_us = out->err != 0 ? now_us : free_us > now_us ? free_us : UINT64_MAX;
}

/* -- answers ---------------------------------------------------------------------------
 */

/* Whether the store's answer is what was asked for. */
static int fits(const struct wf_blob_read *r, unsigned coding, uint64_t want, size_t len)
{
    return coding == 0 ? len == want
                       : coding == 1 && r->kind == WF_WANT_CHUNKS && r->zstd && len > 0 &&
                             len < want;
}

static void send_pieces(struct wf_give *g, struct wf_give_slot *s, unsigned coding,
                        const uint8_t *p, size_t len, struct wf_effects *out)
{
    const struct wf_blob_read *r = &s->read;
    struct wf_piece m = {.ticket = s->ticket->id,
                         .digest = r->digest,
                         .kind = r->kind,
                         .chunk = r->first,
                         .total = len,
                         .coding = coding};

    for (size_t at = 0; at < len; at += m.data.len) {
        m.offset = at;
        m.data = wf_slice_make(p + at, wf_min_u64(len - at, WF_PIECE_MAX));
        wf_lane_send(out, s->lane->number, WF_MSG_piece, &m);
        s->lane->queued += m.data.len + OVERHEAD;
    }
    g->stats.given += len;
    g->stats.chunks += r->kind == WF_WANT_CHUNKS;
}

static void answer(struct wf_give *g, struct wf_give_slot *s, int code, unsigned coding,
                   const void *bytes, size_t len, struct wf_effects *out)
{
    if (code == 0 && !fits(&s->read, coding, s->bytes, len)) {
        code = WEFT_EIO;
    }
    if (code == 0) {
        send_pieces(g, s, coding, bytes, len, out);
        wf_meter_refund(&g->meter, s->bytes - len);
    } else {
        const struct wf_nope no = {.ticket = s->ticket->id,
                                   .digest = s->read.digest,
                                   .kind = s->read.kind,
                                   .first = s->read.first,
                                   .count = s->read.count,
                                   .code = (uint64_t) -code,
                                   .retry_ms = code == WEFT_EBUSY ? 100 : 0};

        g->stats.failed++;
        wf_give_nope(out, s->lane->number, &no);
        wf_meter_refund(&g->meter, s->bytes);
    }
    s->ticket->owed -= s->bytes;
}

/* Flows of a lane that has room again take turns again. */
static void resume(struct wf_give *g, struct wf_give_lane *l)
{
    struct wf_list_node *n;

    while (!lane_full(g, l) && (n = wf_list_first(&l->stopped)) != NULL) {
        wf_list_remove(n);
        wf_list_push_back(&g->turns, n);
    }
}

void wf_give_read(struct wf_give *g, uint64_t now_us, uint64_t tag, int code,
                  unsigned coding, const void *bytes, size_t len, struct wf_effects *out)
{
    struct wf_give_slot *s = &g->slots[tag % GIVE_READS_MAX];
    struct wf_give_lane *l = s->lane;

    if (tag == 0 || s->tag != tag) {
        return;
    }
    if (l != NULL && s->ticket != NULL) {
        answer(g, s, code, coding, bytes, len, out);
    } else {
        wf_meter_refund(&g->meter, s->bytes);
        if (s->ticket != NULL) {
            s->ticket->owed -= s->bytes;
        }
    }
    s->tag = 0;
    g->reading--;
    if (l != NULL) {
        l->reads--;
        l->reading -= s->bytes;
        resume(g, l);
        free_idle_lane(g, l);
    }
    wf_give_serve(g, now_us, out);
}

void wf_give_room(struct wf_give *g, uint64_t now_us, uint32_t lane, uint64_t queued,
                  struct wf_effects *out)
{
    struct wf_give_lane *l = wf_map_get(g->lanes, &lane, sizeof lane);

    if (l != NULL) {
        l->queued = queued;
        resume(g, l);
        free_idle_lane(g, l);
        wf_give_serve(g, now_us, out);
    }
}

void wf_give_lane_down(struct wf_give *g, uint64_t now_us, uint32_t lane,
                       struct wf_effects *out)
{
    struct wf_give_lane *l = wf_map_get(g->lanes, &lane, sizeof lane);
    struct wf_list_node *n;

    if (l == NULL) {
        return;
    }
    for (size_t i = 0; i < g->cfg.max_reads; i++) {
        if (g->slots[i].lane == l) {
            g->slots[i].lane = NULL;
        }
    }
    l->queued = 1; /* it is freed here, not with its last flow */
    while ((n = wf_list_first(&l->flows)) != NULL) {
        wf_give_flow_end(g, CONTAINER_OF(n, struct wf_give_flow, in_lane), NULL);
    }
    (void) wf_map_take(g->lanes, &l->number, sizeof l->number);
    wf_free(l);
    wf_give_serve(g, now_us, out);
}

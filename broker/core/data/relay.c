#include "broker/core/data/relay.h"

#include "common/err.h"
#include "common/mem.h"
#include "proto/transfer/transfer.h"

#define LANES_MAX 65536u

int relay_init(struct relay *r, uint64_t seed)
{
    *r = (struct relay){.by_peer = wf_map_new(LANES_MAX, seed),
                        .by_id = wf_map_new(LANES_MAX, seed + 1)};
    return r->by_peer != NULL && r->by_id != NULL ? 0 : WEFT_ENOMEM;
}

static void unlist(struct relay *r, struct lane *l)
{
    if (wf_map_get(r->by_id, &l->id, sizeof l->id) == l) {
        (void) wf_map_take(r->by_id, &l->id, sizeof l->id);
    }
}

void relay_fini(struct relay *r)
{
    struct lane *l;
    size_t it = 0;

    while (r->by_peer != NULL && (l = wf_map_next(r->by_peer, &it)) != NULL) {
        (void) wf_map_take(r->by_peer, &l->peer, sizeof l->peer);
        unlist(r, l);
        wf_free(l);
    }
    wf_map_free(r->by_peer);
    wf_map_free(r->by_id);
    *r = (struct relay){0};
}

int relay_up(struct relay *r, uint32_t peer, const struct wf_key *key)
{
    struct lane *l = wf_calloc(1, sizeof *l);
    int rc;

    if (l == NULL) {
        return WEFT_ENOMEM;
    }
    l->peer = peer;
    l->id.key = *key;
    rc = wf_map_put(r->by_peer, &l->peer, sizeof l->peer, l);
    if (rc != 0) {
        wf_free(l);
    }
    return rc;
}

/* It said which process it is of: an older lane of that is half-open. */
static void on_lane(struct relay *r, struct lane *l, uint64_t epoch)
{
    if (l->id.epoch == 0 && epoch != 0) {
        l->id.epoch = epoch;
        (void) wf_map_take(r->by_id, &l->id, sizeof l->id);
        if (wf_map_put(r->by_id, &l->id, sizeof l->id, l) != 0) {
            r->refused++;
        }
    }
}

static struct lane *lane_of(const struct relay *r, const struct session *s)
{
    const struct lane_id id = {s->principal->key, s->epoch};

    return wf_map_get(r->by_id, &id, sizeof id);
}

static void settle(struct ticket *x, struct lane *fetcher, uint64_t bytes)
{
    x->outstanding -= wf_min_u64(x->outstanding, bytes);
    if (fetcher != NULL) {
        fetcher->outstanding -= wf_min_u64(fetcher->outstanding, bytes);
    }
}

void relay_settle(struct relay *r, struct ticket *x)
{
    settle(x, lane_of(r, x->fetcher), x->outstanding);
}

void relay_down(struct relay *r, struct tickets *tickets, uint32_t peer)
{
    struct lane *l = wf_map_take(r->by_peer, &peer, sizeof peer);
    struct ticket *x;
    size_t it = 0;

    if (l == NULL) {
        return;
    }
    while (l->id.epoch != 0 && (x = wf_map_next(tickets->by_number, &it)) != NULL) {
        if (x->outstanding != 0 &&
            (lane_of(r, x->holder) == l || lane_of(r, x->fetcher) == l)) {
            relay_settle(r, x);
        }
    }
    unlist(r, l);
    wf_free(l);
}

/* Bytes that answer a want, at most. */
static uint64_t bytes_of(const struct catalogue *catalogue,
                         const struct wf_digest *digest, uint64_t kind, uint64_t first,
                         uint64_t count)
{
    const struct blob *b = catalogue_get(catalogue, digest);
    uint64_t n = b != NULL ? wf_chunk_count(b->size) : 0;

    if (kind == WF_WANT_LEAVES) {
        return wf_min_u64(count, WF_CHUNKS_MAX) * WF_DIGEST_SIZE;
    }
    if (kind == WF_WANT_MAP) {
        return n / 8 + 1;
    }
    if (b == NULL || first >= n) {
        return 0;
    }
    count = wf_min_u64(count, n - first);
    return count == 0 ? 0
                      : (count - 1) * wf_chunk_size(b->size) +
                            wf_chunk_len(b->size, first + count - 1);
}

static void nope(uint32_t peer, const struct wf_want *m, int code, const char *text,
                 uint64_t retry_ms, struct wf_effects *out)
{
    const struct wf_nope no = {.ticket = m->ticket,
                               .digest = m->digest,
                               .kind = m->kind,
                               .first = m->first,
                               .count = m->count,
                               .code = (uint64_t) -code,
                               .text = wf_slice_of(text),
                               .retry_ms = retry_ms};

    wf_lane_send(out, peer, WF_MSG_nope, &no);
}

static void on_want(struct relay *r, struct ticket *x, struct lane *from,
                    const struct catalogue *catalogue, const struct wf_want *m,
                    struct wf_slice raw, struct wf_effects *out)
{
    struct lane *to;
    uint64_t bytes = bytes_of(catalogue, &m->digest, m->kind, m->first, m->count);

    if (x == NULL || lane_of(r, x->fetcher) != from) {
        r->refused++;
        nope(from->peer, m, WEFT_EPERM, "no such ticket", 0, out);
        return;
    }
    to = lane_of(r, x->holder);
    if (to == NULL) {
        nope(from->peer, m, WEFT_EBUSY, "the holder has not opened its bulk lane yet",
             10 * RELAY_RETRY_MS, out);
        return;
    }
    if (bytes > RELAY_BYTES - wf_min_u64(RELAY_BYTES, from->outstanding)) {
        nope(from->peer, m, WEFT_EBUSY, "too much is outstanding", RELAY_RETRY_MS, out);
        return;
    }
    x->outstanding += bytes;
    from->outstanding += bytes;
    wf_effects_add(out, WF_EFFECT_LANE_SEND, to->peer, WF_MSG_want, raw.p, raw.len, NULL);
}

/* From a holder, to the fetcher. */
static void on_answer(struct relay *r, struct ticket *x, const struct lane *from,
                      const struct catalogue *catalogue, const struct wf_msg *msg,
                      struct wf_slice raw, struct wf_effects *out)
{
    struct lane *to;

    if (x == NULL || lane_of(r, x->holder) != from) {
        r->refused++;
        return;
    }
    to = lane_of(r, x->fetcher);
    if (msg->type == WF_MSG_nope) {
        const struct wf_nope *m = &msg->u.nope;

        settle(x, to, bytes_of(catalogue, &m->digest, m->kind, m->first, m->count));
    } else {
        const struct wf_piece *m = &msg->u.piece;

        r->relayed += m->data.len;
        x->relayed += m->data.len;
        if (m->kind == WF_WANT_LEAVES) {
            settle(x, to, m->data.len);
        } else if (m->offset + m->data.len >= m->total) {
            settle(x, to, bytes_of(catalogue, &m->digest, m->kind, m->chunk, 1));
        }
    }
    if (to == NULL) {
        r->refused++;
        return;
    }
    wf_effects_add(out, WF_EFFECT_LANE_SEND, to->peer, msg->type, raw.p, raw.len, NULL);
}

void relay_msg(struct relay *r, const struct tickets *tickets,
               const struct catalogue *catalogue, uint64_t now_us, uint32_t peer,
               const struct wf_msg *msg, struct wf_slice raw, struct wf_effects *out)
{
    struct lane *from = wf_map_get(r->by_peer, &peer, sizeof peer);

    if (from == NULL) {
        return;
    }
    switch (msg->type) {
    case WF_MSG_want:
        on_want(r, ticket_get(tickets, msg->u.want.ticket, now_us), from, catalogue,
                &msg->u.want, raw, out);
        break;
    case WF_MSG_piece:
        on_answer(r, ticket_get(tickets, msg->u.piece.ticket, now_us), from, catalogue,
                  msg, raw, out);
        break;
    case WF_MSG_nope:
        on_answer(r, ticket_get(tickets, msg->u.nope.ticket, now_us), from, catalogue,
                  msg, raw, out);
        break;
    case WF_MSG_lane:
        on_lane(r, from, msg->u.lane.epoch);
        break;
    default:
        r->refused++;
        break;
    }
}

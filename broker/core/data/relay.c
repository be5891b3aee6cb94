#include "broker/core/data/relay.h"

#include "common/err.h"
#include "common/mem.h"
#include "proto/transfer/transfer.h"

#define LANES_MAX 65536u
/* Beside the bytes of chunks: heads of messages.  Whoever sends many of them with little
 * in them is not passed on. */
#define HEADS_BYTES (1u << 20)

int relay_init(struct relay *r, uint64_t seed)
{
    *r = (struct relay){.by_peer = wf_map_new(LANES_MAX, seed),
                        .by_id = wf_map_new(LANES_MAX, seed + 1)};
    wf_list_init(&r->busy);
    return r->by_peer != NULL && r->by_id != NULL ? 0 : WEFT_ENOMEM;
}

static void unlist(struct relay *r, struct lane *l)
{
    if (wf_map_get(r->by_id, &l->id, sizeof l->id) == l) {
        (void) wf_map_take(r->by_id, &l->id, sizeof l->id);
    }
}

static struct lane *lane_of(const struct relay *r, const struct session *s)
{
    const struct lane_id id = {s->principal->key, s->epoch};

    return wf_map_get(r->by_id, &id, sizeof id);
}

/* -- what is outstanding ---------------------------------------------------------------
 */

static void release(struct relay_ask *a, struct lane *fetcher, uint64_t bytes)
{
    bytes = wf_min_u64(bytes, a->left);
    a->left -= bytes;
    if (fetcher != NULL) {
        fetcher->outstanding -= bytes;
    }
}

static void ask_end(struct ticket *x, struct relay_ask *a, struct lane *fetcher)
{
    release(a, fetcher, a->left);
    if (fetcher != NULL) {
        fetcher->asks--;
    }
    wf_list_remove(&a->of_ticket);
    wf_free(a);
    if (wf_list_empty(&x->asks)) {
        wf_list_remove(&x->in_busy);
    }
}

static void settle(struct ticket *x, struct lane *fetcher)
{
    struct wf_list_node *n;

    while ((n = wf_list_first(&x->asks)) != NULL) {
        ask_end(x, CONTAINER_OF(n, struct relay_ask, of_ticket), fetcher);
    }
}

void relay_settle(struct relay *r, struct ticket *x)
{
    settle(x, lane_of(r, x->fetcher));
}

/* Under all tickets of a lane, of either side. */
static void settle_lane(struct relay *r, const struct lane *l)
{
    struct wf_list_node *n, *next;

    for (n = wf_list_first(&r->busy); n != NULL; n = next) {
        struct ticket *x = CONTAINER_OF(n, struct ticket, in_busy);

        next = wf_list_next(&r->busy, n);
        if (lane_of(r, x->holder) == l || lane_of(r, x->fetcher) == l) {
            relay_settle(r, x);
        }
    }
}

/* What is over or brings nothing must not stand in the way of the rest. */
static void settle_quiet(struct session *fetcher, struct lane *l, uint64_t now_us)
{
    for (struct wf_list_node *n = wf_list_first(&fetcher->fetches); n != NULL;
         n = wf_list_next(&fetcher->fetches, n)) {
        struct ticket *x = CONTAINER_OF(n, struct ticket, of_fetcher);

        if (!wf_list_empty(&x->asks) &&
            (!ticket_is_live(x, now_us) || now_us - x->moved_us > RELAY_QUIET_US)) {
            settle(x, l);
        }
    }
}

static struct relay_ask *find_ask(const struct ticket *x, const struct wf_digest *digest,
                                  uint64_t kind, uint64_t place)
{
    for (struct wf_list_node *n = wf_list_first(&x->asks); n != NULL;
         n = wf_list_next(&x->asks, n)) {
        struct relay_ask *a = CONTAINER_OF(n, struct relay_ask, of_ticket);

        if (a->kind == kind && place >= a->first && place < a->end &&
            wf_digest_eq(&a->digest, digest)) {
            return a;
        }
    }
    return NULL;
}

/* -- lanes -----------------------------------------------------------------------------
 */

void relay_fini(struct relay *r)
{
    struct wf_list_node *n;
    struct lane *l;
    size_t it = 0;

    while (r->busy.next != NULL && (n = wf_list_first(&r->busy)) != NULL) {
        settle(CONTAINER_OF(n, struct ticket, in_busy), NULL);
    }
    while (r->by_peer != NULL && (l = wf_map_next(r->by_peer, &it)) != NULL) {
        (void) wf_map_take(r->by_peer, &l->peer, sizeof l->peer);
        unlist(r, l);
        wf_free(l);
    }
    wf_map_free(r->by_peer);
    wf_map_free(r->by_id);
    *r = (struct relay){0};
}

/* One key cannot take the lanes of the others.  A walk, but beside a CURVE handshake it
 * is short. */
static int has_too_many(const struct relay *r, const struct wf_key *key)
{
    const struct lane *l;
    unsigned n = 0;
    size_t it = 0;

    while ((l = wf_map_next(r->by_peer, &it)) != NULL) {
        n += wf_key_eq(&l->id.key, key) != 0;
    }
    return n >= RELAY_OF_KEY;
}

int relay_up(struct relay *r, uint32_t peer, const struct wf_key *key)
{
    struct lane *l;
    int rc;

    if (has_too_many(r, key)) {
        return WEFT_EFULL;
    }
    l = wf_calloc(1, sizeof *l);
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

void relay_down(struct relay *r, uint32_t peer)
{
    struct lane *l = wf_map_take(r->by_peer, &peer, sizeof peer);

    if (l != NULL) {
        settle_lane(r, l);
        unlist(r, l);
        wf_free(l);
    }
}

void relay_room(struct relay *r, uint32_t peer, uint64_t queued)
{
    struct lane *l = wf_map_get(r->by_peer, &peer, sizeof peer);

    if (l != NULL) {
        l->queued = queued;
    }
}

const struct wf_key *relay_key(const struct relay *r, uint32_t peer)
{
    const struct lane *l = wf_map_get(r->by_peer, &peer, sizeof peer);

    return l != NULL ? &l->id.key : NULL;
}

/* It is of that process: an older lane of that is half-open.  WEFT_ENOMEM. */
static int name_lane(struct relay *r, struct lane *l, uint64_t epoch)
{
    struct lane *old;

    l->id.epoch = epoch;
    old = wf_map_get(r->by_id, &l->id, sizeof l->id);
    if (old != NULL) {
        settle_lane(r, old);
        unlist(r, old);
    }
    return wf_map_put(r->by_id, &l->id, sizeof l->id, l);
}

static void on_lane(struct relay *r, struct lane *l, uint64_t epoch,
                    struct wf_effects *out)
{
    if (l->id.epoch != 0 || epoch == 0) {
        r->refused++;
        return;
    }
    if (name_lane(r, l, epoch) != 0) {
        wf_effects_add(out, WF_EFFECT_LANE_CLOSE, l->peer, 0, NULL, 0, NULL);
        relay_down(r, l->peer);
    }
}

int relay_up_to(struct relay *r, uint32_t peer, const struct wf_key *key, uint64_t epoch)
{
    int rc = relay_up(r, peer, key);

    if (rc == 0) {
        rc = name_lane(r, wf_map_get(r->by_peer, &peer, sizeof peer), epoch);
        if (rc != 0) {
            relay_down(r, peer);
        }
    }
    return rc;
}

/* -- wants -----------------------------------------------------------------------------
 */

/* Bytes that answer the part [first, end) of a want, at most. */
static uint64_t bytes_of(uint64_t size, unsigned kind, uint64_t first, uint64_t end)
{
    if (kind == WF_WANT_MAP) {
        return wf_chunk_count(size) / 8 + 1;
    }
    if (kind == WF_WANT_LEAVES) {
        return (end - first) * WF_DIGEST_SIZE;
    }
    return (end - 1 - first) * wf_chunk_size(size) + wf_chunk_len(size, end - 1);
}

static void nope(struct relay *r, uint32_t peer, const struct wf_want *m, int code,
                 const char *text, struct wf_effects *out)
{
    const struct wf_nope no = {.ticket = m->ticket,
                               .digest = m->digest,
                               .kind = m->kind,
                               .first = m->first,
                               .count = m->count,
                               .code = (uint64_t) -code,
                               .text = wf_slice_of(text),
                               .retry_ms = code == WEFT_EBUSY ? RELAY_RETRY_MS : 0};

    r->refused += code == WEFT_EPERM;
    wf_lane_send(out, peer, WF_MSG_nope, &no);
}

static int has_room(const struct lane *l, uint64_t bytes)
{
    uint64_t used = wf_add_sat(l->outstanding, l->queued);

    return l->asks < RELAY_ASKS && bytes <= RELAY_BYTES - wf_min_u64(RELAY_BYTES, used);
}

/* 0: not known. */
static uint64_t size_of(const struct catalogue *catalogue, const struct wf_want *m)
{
    const struct blob *b = catalogue_get(catalogue, &m->digest);

    return b != NULL ? b->size : m->size <= WF_BLOB_MAX ? m->size : 0;
}

/* Note a want that is passed on.  WEFT_ENOENT (the blob has no such part), WEFT_EBUSY,
 * WEFT_ENOMEM. */
static int note(struct relay *r, struct ticket *x, struct lane *from, uint64_t size,
                const struct wf_want *m, uint64_t now_us)
{
    unsigned kind = (unsigned) m->kind;
    uint64_t n = kind == WF_WANT_MAP ? size != 0 : wf_chunk_count(size);
    uint64_t first = kind == WF_WANT_MAP ? 0 : m->first;
    uint64_t count = kind == WF_WANT_MAP ? 1 : m->count;
    struct relay_ask *a;
    uint64_t bytes;

    if (first >= n || count == 0 || count > n - first) {
        return WEFT_ENOENT;
    }
    bytes = bytes_of(size, kind, first, first + count);
    if (!has_room(from, bytes)) {
        settle_quiet(x->fetcher, from, now_us);
    }
    if (!has_room(from, bytes)) {
        return WEFT_EBUSY;
    }
    a = wf_calloc(1, sizeof *a);
    if (a == NULL) {
        return WEFT_EBUSY;
    }
    *a = (struct relay_ask){.digest = m->digest,
                            .size = size,
                            .kind = kind,
                            .first = first,
                            .end = first + count,
                            .left = bytes,
                            .at = UINT64_MAX};
    if (wf_list_empty(&x->asks)) {
        wf_list_push_back(&r->busy, &x->in_busy);
        x->moved_us = now_us;
    }
    wf_list_push_back(&x->asks, &a->of_ticket);
    from->outstanding += bytes;
    from->asks++;
    return 0;
}

static void on_want(struct relay *r, struct ticket *x, struct lane *from,
                    const struct catalogue *catalogue, uint64_t now_us,
                    const struct wf_want *m, struct wf_slice raw, struct wf_effects *out)
{
    struct lane *to;
    int rc;

    if (x == NULL || !ticket_is_live(x, now_us) || lane_of(r, x->fetcher) != from) {
        nope(r, from->peer, m, WEFT_EPERM, "no such ticket", out);
        return;
    }
    to = lane_of(r, x->holder);
    if (to == NULL || to->queued > RELAY_BYTES) {
        nope(r, from->peer, m, WEFT_EBUSY,
             to == NULL ? "the holder has not opened its bulk lane yet"
                        : "the holder does not read",
             out);
        return;
    }
    rc = note(r, x, from, size_of(catalogue, m), m, now_us);
    if (rc != 0) {
        nope(r, from->peer, m, rc,
             rc == WEFT_ENOENT ? "no such part of a blob" : "too much is outstanding",
             out);
        return;
    }
    to->queued += raw.len;
    wf_effects_add(out, WF_EFFECT_LANE_SEND, to->peer, WF_MSG_want, raw.p, raw.len, NULL);
}

/* -- answers ---------------------------------------------------------------------------
 */

/* 1 when it was wanted: it is taken off what is outstanding. */
static int take_piece(struct ticket *x, struct lane *fetcher, const struct wf_piece *m)
{
    struct relay_ask *a = find_ask(x, &m->digest, m->kind, m->chunk);
    int last = m->data.len >= m->total || m->offset >= m->total - m->data.len;

    if (a == NULL || m->data.len == 0 || m->data.len > a->left) {
        return 0;
    }
    if (a->at != m->chunk) {
        a->at = m->chunk;
        a->got = 0;
    }
    a->got += m->data.len;
    release(a, fetcher, m->data.len);
    if (last && a->kind == WF_WANT_CHUNKS) {
        /* It was coded, and so is shorter. */
        uint64_t len = wf_chunk_len(a->size, m->chunk);

        release(a, fetcher, len - wf_min_u64(len, a->got));
        a->at = UINT64_MAX;
    }
    if (a->left == 0 || (last && a->kind == WF_WANT_MAP)) {
        ask_end(x, a, fetcher);
    }
    return 1;
}

/* The holder does not send some of it. */
static int take_nope(struct ticket *x, struct lane *fetcher, const struct wf_nope *m)
{
    uint64_t first = m->kind == WF_WANT_MAP ? 0 : m->first;
    struct relay_ask *a = find_ask(x, &m->digest, m->kind, first);
    uint64_t n;

    if (a == NULL) {
        return 0;
    }
    n = m->kind == WF_WANT_MAP ? 1 : wf_min_u64(m->count, a->end - first);
    release(a, fetcher, n != 0 ? bytes_of(a->size, a->kind, first, first + n) : 0);
    if (a->left == 0) {
        ask_end(x, a, fetcher);
    }
    return 1;
}

/* From a holder, to the fetcher. */
static void on_answer(struct relay *r, struct ticket *x, const struct lane *from,
                      uint64_t now_us, const struct wf_msg *msg, struct wf_slice raw,
                      struct wf_effects *out)
{
    struct lane *to = x != NULL ? lane_of(r, x->fetcher) : NULL;
    uint32_t len = msg->type == WF_MSG_piece ? msg->u.piece.data.len : 0;

    if (to == NULL || lane_of(r, x->holder) != from ||
        to->queued + raw.len > RELAY_BYTES + HEADS_BYTES ||
        !(msg->type == WF_MSG_piece ? take_piece(x, to, &msg->u.piece)
                                    : take_nope(x, to, &msg->u.nope))) {
        r->refused++;
        return;
    }
    r->relayed += len;
    x->relayed += len;
    x->moved_us = now_us;
    to->queued += raw.len;
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
        on_want(r, ticket_get(tickets, msg->u.want.ticket), from, catalogue, now_us,
                &msg->u.want, raw, out);
        break;
    case WF_MSG_piece:
        on_answer(r, ticket_get(tickets, msg->u.piece.ticket), from, now_us, msg, raw,
                  out);
        break;
    case WF_MSG_nope:
        on_answer(r, ticket_get(tickets, msg->u.nope.ticket), from, now_us, msg, raw,
                  out);
        break;
    case WF_MSG_lane:
        on_lane(r, from, msg->u.lane.epoch, out);
        break;
    default:
        r->refused++;
        break;
    }
}

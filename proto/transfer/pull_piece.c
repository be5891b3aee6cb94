#include "common/err.h"
#include "proto/transfer/pull_int.h"

#include <string.h>

#define HOLD_US     (50 * PULL_MS) /* after the store was busy */
#define NOPE_MIN_MS 10u
#define NOPE_MAX_MS 30000u

/* -- blame -----------------------------------------------------------------------------
 */

static void report(struct wf_pull *p, const struct pull_blob *b,
                   const struct pull_holder *h, uint64_t chunk)
{
    struct wf_pull_bad *to;

    p->stats.bad++;
    if (p->nbad == PULL_BAD_MAX) {
        p->stats.bad_lost++;
        return;
    }
    to = &p->bad[(p->bad_at + p->nbad++) % PULL_BAD_MAX];
    *to = (struct wf_pull_bad){.digest = b->ref.digest, .key = h->key, .chunk = chunk};
    memcpy(to->name, h->name, sizeof to->name);
}

static int is_banned(const struct pull_blob *b, const struct pull_holder *h)
{
    for (unsigned i = 0; i < b->nbans; i++) {
        if (wf_key_eq(&b->bans[i], &h->key)) {
            return 1;
        }
    }
    return 0;
}

void wf_pull_ban(struct wf_pull *p, struct pull_blob *b, struct pull_holder *h,
                 uint64_t chunk)
{
    struct pull_place *at = wf_pull_place(b, h);

    if (!is_banned(b, h)) {
        report(p, b, h, chunk);
        h->bad++;
        if (b->bans == NULL) {
            b->bans = wf_calloc(PULL_BANS_MAX, sizeof *b->bans);
        }
        /* Without memory, or beyond so many, it may be tried again some day. */
        if (b->bans != NULL && b->nbans < PULL_BANS_MAX) {
            b->bans[b->nbans++] = h->key;
        }
    }
    if (at != NULL) {
        wf_pull_place_free(p, b, at);
        b->renew = 1;
    }
}

/* -- leaves and maps -------------------------------------------------------------------
 */

void wf_pull_leaves_drop(struct wf_pull *p, struct pull_blob *b)
{
    struct wf_list_node *n, *next;

    for (n = wf_list_first(&b->asks); n != NULL; n = next) {
        struct pull_ask *a = CONTAINER_OF(n, struct pull_ask, in_blob);

        next = wf_list_next(&b->asks, n);
        if (a->kind == WF_WANT_LEAVES) {
            wf_pull_ask_free(p, a);
        }
    }
    p->leaf_bytes -= b->leaves != NULL ? b->nchunks * WF_DIGEST_SIZE : 0;
    wf_free(b->leaves);
    wf_free(b->leaf_here);
    wf_free(b->hash);
    b->leaves = NULL;
    b->leaf_here = NULL;
    b->hash = NULL;
    b->leaf_hashed = 0;
    b->leaf_from = NULL;
}

/* All are here: are they the blob's? */
static void check_leaves(struct wf_pull *p, struct pull_blob *b, struct pull_holder *h,
                         struct wf_effects *out)
{
    struct wf_digest digest;

    wf_blob_hash_final(b->hash, &digest);
    if (wf_digest_eq(&digest, &b->ref.digest)) {
        wf_blob_effect(out, WF_EFFECT_BLOB_LEAVES, 0, 0, &b->ref, b->leaves,
                       b->nchunks * sizeof *b->leaves);
        wf_pull_leaves_drop(p, b);
        b->phase = PULL_CHUNKS;
        b->searches = 0;
        wf_list_remove(&b->in_ready);
        wf_pull_ready(p, b);
    } else {
        wf_pull_leaves_drop(p, b);
        wf_pull_ban(p, b, h, UINT64_MAX);
    }
    wf_pull_ready(p, b);
}

static void leaves_here(struct wf_pull *p, struct pull_ask *a, const uint8_t *bytes,
                        size_t len, struct wf_effects *out)
{
    struct pull_blob *b = a->blob;
    struct pull_holder *h = a->holder;
    uint64_t pieces = (b->nchunks + WF_LEAVES_PIECE - 1) / WF_LEAVES_PIECE;

    memcpy(&b->leaves[a->chunk], bytes, len);
    b->leaf_here[a->chunk / WF_LEAVES_PIECE] |= 2;
    wf_pull_ask_free(p, a);
    /* Hashed as they come in order, so that no step takes long. */
    for (; b->leaf_hashed < pieces && (b->leaf_here[b->leaf_hashed] & 2) != 0;
         b->leaf_hashed++) {
        uint64_t first = b->leaf_hashed * WF_LEAVES_PIECE;
        uint64_t end = wf_min_u64(first + WF_LEAVES_PIECE, b->nchunks);

        for (uint64_t i = first; i < end; i++) {
            wf_blob_hash_leaf(b->hash, &b->leaves[i]);
        }
    }
    if (b->leaf_hashed == pieces) {
        check_leaves(p, b, h, out);
    }
}

static void map_here(struct wf_pull *p, struct pull_ask *a, const uint8_t *bytes,
                     size_t len)
{
    struct pull_blob *b = a->blob;
    struct pull_place *at = wf_pull_place(b, a->holder);

    if (at != NULL && at->map == NULL) {
        at->map = wf_memdup(bytes, len);
        p->map_bytes += at->map != NULL ? len : 0;
        at->dry = 0;
    }
    wf_pull_ask_free(p, a);
    wf_pull_ready(p, b);
}

/* -- chunks ----------------------------------------------------------------------------
 */

/* Whoever else was asked for the chunk is not waited for. */
static void forget_others(struct wf_pull *p, const struct pull_ask *keep)
{
    struct pull_blob *b = keep->blob;
    struct wf_list_node *n, *next;

    for (n = wf_list_first(&b->asks); n != NULL; n = next) {
        struct pull_ask *a = CONTAINER_OF(n, struct pull_ask, in_blob);

        next = wf_list_next(&b->asks, n);
        if (a != keep && a->kind == keep->kind && a->chunk == keep->chunk) {
            p->stats.wasted += a->got;
            wf_pull_ask_free(p, a);
        }
    }
}

static void complete(struct wf_pull *p, struct pull_ask *a, const uint8_t *bytes,
                     size_t len, struct wf_effects *out)
{
    struct pull_blob *b = a->blob;
    struct pull_place *at = wf_pull_place(b, a->holder);

    if (at != NULL) {
        at->silent = 0;
        at->moved += len;
        if (at->moved > b->from_moved) {
            b->from_moved = at->moved;
            memcpy(b->from, at->holder->name, sizeof b->from);
        }
    }
    switch (a->kind) {
    case WF_WANT_LEAVES:
        leaves_here(p, a, bytes, len, out);
        break;
    case WF_WANT_MAP:
        map_here(p, a, bytes, len);
        break;
    default:
        forget_others(p, a);
        wf_blob_write(out, a->coding, a->chunk, &b->ref, &a->buf, len);
        wf_pull_ask_writing(p, a);
        break;
    }
}

/* -- pieces ----------------------------------------------------------------------------
 */

static struct pull_ask *find_ask(struct pull_blob *b, uint32_t lane, uint64_t ticket,
                                 uint64_t kind, uint64_t chunk)
{
    struct wf_list_node *n;

    for (n = wf_list_first(&b->asks); n != NULL; n = wf_list_next(&b->asks, n)) {
        struct pull_ask *a = CONTAINER_OF(n, struct pull_ask, in_blob);

        if (a->chunk == chunk && a->kind == kind && a->ticket == ticket &&
            a->lane == lane && a->state != PULL_WRITING) {
            return a;
        }
    }
    return NULL;
}

/* Whether this can be the coded length of what was asked for. */
static int fits(const struct wf_pull *p, const struct pull_ask *a,
                const struct wf_piece *m)
{
    const struct pull_blob *b = a->blob;
    uint64_t len;

    switch (a->kind) {
    case WF_WANT_LEAVES:
        len = wf_min_u64(b->nchunks - a->chunk, WF_LEAVES_PIECE) * WF_DIGEST_SIZE;
        return m->coding == 0 && m->total == len;
    case WF_WANT_MAP:
        return m->coding == 0 && m->total == pull_map_len(b);
    default:
        len = wf_chunk_len(b->ref.size, a->chunk);
        return m->coding == 0 ? m->total == len : p->cfg.zstd && m->total < len;
    }
}

/* A late answer is welcome unless another one was here first. */
static int wanted_late(const struct pull_blob *b, const struct pull_ask *a)
{
    const struct wf_list_node *n;

    if (a->kind == WF_WANT_CHUNKS && pull_bit(b->have, a->chunk)) {
        return 0;
    }
    if (a->kind == WF_WANT_LEAVES && (b->leaf_here == NULL || b->leaf_from != a->holder ||
                                      b->leaf_here[a->chunk / WF_LEAVES_PIECE] != 0)) {
        return 0;
    }
    for (n = wf_list_first(&b->asks); n != NULL; n = wf_list_next(&b->asks, n)) {
        const struct pull_ask *o = CONTAINER_OF(n, struct pull_ask, in_blob);

        if (o != a && o->kind == a->kind && o->chunk == a->chunk &&
            (o->state == PULL_WRITING || (o->state == PULL_ASKED && o->got != 0))) {
            return 0;
        }
    }
    return 1;
}

/* 1 when the piece continues what is there of the ask. */
static int continues(struct wf_pull *p, uint64_t now_us, struct pull_ask *a,
                     const struct wf_piece *m)
{
    if (m->data.len == 0 || m->offset != a->got ||
        (a->got != 0 && (m->total != a->total || m->coding != a->coding))) {
        return 0;
    }
    if (a->state == PULL_LATE) {
        if (!wanted_late(a->blob, a) || wf_pull_place(a->blob, a->holder) == NULL) {
            return 0;
        }
        wf_pull_ask_revive(p, now_us, a);
    }
    return 1;
}

/* 0, or WEFT_ENOMEM. */
static int append(struct pull_ask *a, const struct wf_piece *m)
{
    if (a->buf == NULL) {
        /* All of it is written before it is looked at. */
        a->buf = wf_realloc(NULL, (size_t) m->total);
        if (a->buf == NULL) {
            return WEFT_ENOMEM;
        }
    }
    memcpy(a->buf + a->got, m->data.p, m->data.len);
    return 0;
}

static void take_piece(struct wf_pull *p, uint64_t now_us, struct pull_ask *a,
                       const struct wf_piece *m, struct wf_effects *out)
{
    uint64_t chunk = m->kind == WF_WANT_CHUNKS ? m->chunk : UINT64_MAX;
    struct pull_blob *b = a->blob;

    if (!fits(p, a, m) || m->data.len > m->total - a->got) {
        p->stats.wasted += m->data.len + a->got;
        wf_pull_ban(p, b, a->holder, chunk);
        return;
    }
    wf_pull_heard(p, now_us, a, m->data.len, m->total);
    a->total = m->total;
    a->coding = (unsigned) m->coding;
    if (m->data.len == m->total && m->kind != WF_WANT_CHUNKS) {
        complete(p, a, m->data.p, m->data.len, out);
        return;
    }
    if (append(a, m) != 0) {
        p->stats.wasted += m->data.len;
        wf_pull_rest(p, now_us, a->holder, 0);
        wf_pull_ask_free(p, a);
        return;
    }
    a->got += m->data.len;
    if (a->got == a->total) {
        complete(p, a, a->buf, (size_t) a->total, out);
    }
}

void wf_pull_piece(struct wf_pull *p, uint64_t now_us, uint32_t lane,
                   const struct wf_piece *m, struct wf_effects *out)
{
    struct pull_blob *b = wf_pull_blob(p, &m->digest);
    struct pull_ask *a =
        b != NULL ? find_ask(b, lane, m->ticket, m->kind, m->chunk) : NULL;

    p->stats.moved += m->data.len;
    p->rate_bytes += m->data.len;
    if (b != NULL) {
        b->moved += m->data.len;
    }
    if (a == NULL || !continues(p, now_us, a, m)) {
        p->stats.unwanted += a == NULL;
        p->stats.wasted += m->data.len;
        return;
    }
    take_piece(p, now_us, a, m, out);
}

/* -- nopes -----------------------------------------------------------------------------
 */

static int in_range(const struct pull_ask *a, const struct wf_nope *m)
{
    return a->kind == WF_WANT_MAP ||
           (a->chunk >= m->first && a->chunk - m->first < m->count);
}

/* It does not have this: none of it, or not these chunks. */
static void not_there(struct wf_pull *p, struct pull_blob *b, struct pull_place *at,
                      const struct wf_nope *m)
{
    if (at->whole || at->map == NULL || m->kind != WF_WANT_CHUNKS) {
        wf_pull_place_free(p, b, at);
        b->renew = 1;
        return;
    }
    for (uint64_t i = m->first; i < b->nchunks && i - m->first < m->count; i++) {
        pull_bit_clear(at->map, i);
    }
}

void wf_pull_nope(struct wf_pull *p, uint64_t now_us, uint32_t lane,
                  const struct wf_nope *m)
{
    struct pull_blob *b = wf_pull_blob(p, &m->digest);
    struct pull_holder *h = NULL;
    struct pull_place *at;
    struct wf_list_node *n, *next;

    for (n = b != NULL ? wf_list_first(&b->asks) : NULL; n != NULL; n = next) {
        struct pull_ask *a = CONTAINER_OF(n, struct pull_ask, in_blob);

        next = wf_list_next(&b->asks, n);
        if (a->kind == m->kind && a->ticket == m->ticket && a->lane == lane &&
            a->state != PULL_WRITING && in_range(a, m)) {
            h = a->holder;
            p->stats.wasted += a->got;
            wf_pull_ask_free(p, a);
        }
    }
    if (h == NULL) {
        p->stats.unwanted++;
        return;
    }
    h->heard_us = now_us;
    at = wf_pull_place(b, h);
    if (m->code == (uint64_t) -WEFT_EBUSY || m->retry_ms != 0) {
        wf_pull_rest(p, now_us, h,
                     wf_min_u64(wf_max_u64(m->retry_ms, NOPE_MIN_MS), NOPE_MAX_MS));
    } else if (at != NULL && m->code == (uint64_t) -WEFT_EPERM) {
        wf_pull_place_free(p, b, at);
        b->renew = 1;
    } else if (at != NULL) {
        not_there(p, b, at, m);
    }
}

/* -- the store -------------------------------------------------------------------------
 */

static const char *store_text(int code)
{
    return code == WEFT_EFULL ? "no room for it in the store" : "the store failed";
}

static void take_map(struct pull_blob *b, const uint8_t *map)
{
    for (uint64_t i = 0; map != NULL && i < b->nchunks; i++) {
        if (pull_bit(map, i)) {
            pull_bit_set(b->have, i);
            b->ndone++;
            b->done += wf_chunk_len(b->ref.size, i);
        }
    }
}

void wf_pull_store_begun(struct wf_pull *p, uint64_t now_us, struct pull_blob *b,
                         int code, const uint8_t *map, int leaves, struct wf_effects *out)
{
    if (code == WEFT_EEXIST) {
        b->done = b->ref.size;
        wf_pull_finish(p, b, 0, "", out);
        return;
    }
    if (code == 0) {
        b->have = wf_calloc(1, pull_map_len(b) + 1);
        b->busy = wf_calloc(1, pull_map_len(b) + 1);
        code = b->have == NULL || b->busy == NULL ? WEFT_EBUSY : 0;
    }
    if (code == WEFT_EBUSY) {
        wf_pull_give_back(p, now_us, b, out);
    } else if (code != 0) {
        wf_pull_finish(p, b, code, store_text(code), out);
    } else {
        take_map(b, map);
        if (b->ndone == b->nchunks) {
            wf_pull_finish(p, b, 0, "", out);
            return;
        }
        b->phase = leaves || b->nchunks <= 1 ? PULL_CHUNKS : PULL_LEAVES;
        wf_pull_ready(p, b);
    }
}

static struct pull_ask *find_writing(const struct pull_blob *b, uint64_t chunk)
{
    struct wf_list_node *n;

    for (n = wf_list_first(&b->asks); n != NULL; n = wf_list_next(&b->asks, n)) {
        struct pull_ask *a = CONTAINER_OF(n, struct pull_ask, in_blob);

        if (a->state == PULL_WRITING && a->chunk == chunk) {
            return a;
        }
    }
    return NULL;
}

static void kept(struct wf_pull *p, struct pull_blob *b, struct pull_ask *a)
{
    uint64_t len = wf_chunk_len(b->ref.size, a->chunk);

    pull_bit_set(b->have, a->chunk);
    b->ndone++;
    b->done += len;
    b->searches = 0;
    p->stats.kept += len;
    wf_pull_ask_free(p, a);
}

void wf_pull_store_written(struct wf_pull *p, uint64_t now_us, struct pull_blob *b,
                           uint64_t chunk, int code, struct wf_effects *out)
{
    struct pull_ask *a = find_writing(b, chunk);
    struct pull_holder *h;

    if (a == NULL) {
        return;
    }
    h = a->holder;
    if (code == 0) {
        kept(p, b, a);
        if (b->ndone == b->nchunks) {
            wf_pull_finish(p, b, 0, "", out);
        }
    } else if (code == WEFT_EPROTO || code == WEFT_EBUSY) {
        p->stats.wasted += a->total;
        /* Blamed first: the ask keeps its holder alive. */
        if (code == WEFT_EPROTO) {
            wf_pull_ban(p, b, h, chunk);
        } else {
            p->hold_us = now_us + HOLD_US;
        }
        wf_pull_ask_free(p, a);
    } else {
        wf_pull_finish(p, b, code, store_text(code), out);
    }
}

#include "common/err.h"
#include "proto/transfer/pull_int.h"

#include <string.h>

static size_t def(size_t v, size_t otherwise)
{
    return v != 0 ? v : otherwise;
}

static void init_config(struct wf_pull *p, const struct wf_pull_config *cfg)
{
    size_t window = WF_TICKET_BYTES - WF_CHUNK_MAX;

    p->cfg = *cfg;
    p->cfg.max_blobs = def(cfg->max_blobs, 262144);
    p->cfg.max_active = def(cfg->max_active, 64);
    p->cfg.max_small = def(cfg->max_small, 1024);
    p->cfg.window_max = wf_min_u64(def(cfg->window_max, window), window);
    p->cfg.max_inflight = def(cfg->max_inflight, 64u << 20);
    p->cfg.open_ms = def(cfg->open_ms, 3000);
}

int wf_pull_new(const struct wf_pull_config *cfg, struct wf_pull **ret_pull)
{
    struct wf_pull *p = wf_calloc(1, sizeof *p);

    if (p == NULL) {
        return WEFT_ENOMEM;
    }
    init_config(p, cfg);
    p->rng.s = cfg->seed;
    p->due_us = UINT64_MAX;
    for (unsigned i = 0; i < ARRAY_LEN(p->lots); i++) {
        wf_heap_init(&p->lots[i].search, p->cfg.max_blobs);
        wf_heap_init(&p->lots[i].found, p->cfg.max_blobs);
        p->lots[i].max_active = (i & 2) != 0 ? p->cfg.max_active : p->cfg.max_small;
    }
    for (unsigned i = 0; i < PULL_LOCATES_MAX; i++) {
        wf_list_init(&p->locates[i].blobs);
    }
    wf_heap_init(&p->later, p->cfg.max_blobs);
    wf_list_init(&p->active);
    wf_list_init(&p->ready);
    wf_list_init(&p->ended);
    wf_list_init(&p->holders);
    wf_backoff_init(&p->lanes[WF_LANE_BROKER].backoff, 200, 10000);
    wf_meter_init(&p->meter, cfg->limits.rate, cfg->limits.day, cfg->day_used);
    p->blobs = wf_map_new(p->cfg.max_blobs, cfg->seed);
    if (p->blobs == NULL) {
        wf_free(p);
        return WEFT_ENOMEM;
    }
    *ret_pull = p;
    return 0;
}

/* -- blobs -----------------------------------------------------------------------------
 */

struct pull_blob *wf_pull_blob(const struct wf_pull *p, const struct wf_digest *digest)
{
    return wf_map_get(p->blobs, digest, sizeof *digest);
}

struct pull_lot *wf_pull_lot(struct wf_pull *p, const struct pull_blob *b)
{
    return &p->lots[(b->nchunks > 1 ? 2 : 0) + (b->waits ? 1 : 0)];
}

uint64_t wf_pull_rank(const struct pull_blob *b)
{
    return UINT64_MAX - b->priority;
}

void wf_pull_unbegin(struct wf_pull *p, struct pull_blob *b)
{
    struct wf_list_node *n;

    if (b->phase == PULL_IDLE || b->phase == PULL_ENDED) {
        return;
    }
    b->phase = PULL_IDLE; /* first, so that nothing is put back to be asked for */
    while ((n = wf_list_first(&b->asks)) != NULL) {
        wf_pull_ask_free(p, CONTAINER_OF(n, struct pull_ask, in_blob));
    }
    for (unsigned i = 0; i < b->nplaces; i++) {
        p->map_bytes -= b->places[i].map != NULL ? pull_map_len(b) : 0;
        wf_free(b->places[i].map);
        b->places[i].map = NULL;
    }
    wf_pull_leaves_drop(p, b);
    wf_free(b->have);
    wf_free(b->busy);
    b->have = b->busy = NULL;
    b->done = b->ndone = b->nbusy = b->cursor = 0;
    wf_list_remove(&b->in_ready);
    wf_list_remove(&b->in_list);
    wf_pull_lot(p, b)->active--;
    b->ref.id = ++p->last_id;
}

/* Out of everything but `blobs` and `ended`. */
static void detach(struct wf_pull *p, struct pull_blob *b)
{
    wf_pull_unbegin(p, b);
    wf_pull_search_end(p, b);
    wf_heap_remove(&wf_pull_lot(p, b)->found, &b->in_found);
    for (unsigned i = 0; i < b->nplaces; i++) {
        wf_pull_place_free(p, b, &b->places[i]);
    }
    wf_free(b->places);
    wf_free(b->bans);
    b->places = NULL;
    b->bans = NULL;
    b->nplaces = b->nbans = 0;
}

static void tell_end(struct pull_blob *b, int whole, struct wf_effects *out)
{
    if (b->phase != PULL_IDLE) {
        wf_blob_effect(out, WF_EFFECT_BLOB_END, 0, (uint64_t) whole, &b->ref, NULL, 0);
    }
}

void wf_pull_finish(struct wf_pull *p, struct pull_blob *b, int code, const char *text,
                    struct wf_effects *out)
{
    tell_end(b, code == 0, out);
    detach(p, b);
    (void) wf_map_take(p->blobs, &b->ref.digest, sizeof b->ref.digest);
    b->phase = PULL_ENDED;
    b->code = code;
    b->text = text;
    wf_list_push_back(&p->ended, &b->in_list);
}

/* Effects that were lost are made good for by the next tick. */
static void leave(struct wf_pull *p, uint64_t now_us, const struct wf_effects *out)
{
    p->lost |= out->err != 0;
    p->due_us = wf_min_u64(p->due_us, now_us);
}

static int new_blob(struct wf_pull *p, const struct wf_pull_want *w,
                    struct pull_blob **ret_blob)
{
    struct pull_blob *b = wf_calloc(1, sizeof *b);
    int rc;

    if (b == NULL) {
        return WEFT_ENOMEM;
    }
    b->ref = (struct wf_blob_ref){w->digest, w->size, ++p->last_id};
    b->nchunks = wf_chunk_count(w->size);
    b->text = "";
    wf_list_init(&b->in_list);
    wf_list_init(&b->in_ready);
    wf_list_init(&b->in_locate);
    wf_list_init(&b->asks);
    rc = wf_map_put(p->blobs, &b->ref.digest, sizeof b->ref.digest, b);
    if (rc != 0) {
        wf_free(b);
        return rc;
    }
    *ret_blob = b;
    return 0;
}

/* Priority and lot decide about its place everywhere. */
static void set_terms(struct wf_pull *p, struct pull_blob *b,
                      const struct wf_pull_want *w)
{
    int begun = b->phase != PULL_IDLE;
    int found = wf_heap_in(&b->in_found);
    int listed = b->search == PULL_SEARCH_LISTED || b->search == PULL_SEARCH_PARKED ||
                 (b->search == PULL_SEARCH_LATER && b->forbidden);
    struct pull_lot *lot = wf_pull_lot(p, b);

    wf_heap_remove(&lot->found, &b->in_found);
    if (listed) {
        wf_pull_search_end(p, b);
    }
    lot->active -= begun ? 1 : 0;
    b->priority = wf_max_u64(b->priority, w->priority);
    b->waits |= w->waits != 0;
    b->job = w->job;
    b->fetch = w->fetch;
    lot = wf_pull_lot(p, b);
    lot->active += begun ? 1 : 0;
    if (listed) {
        wf_pull_search(p, b);
    }
    if (found) {
        wf_pull_found(p, b);
    }
    wf_list_remove(&b->in_ready);
    wf_pull_ready(p, b);
}

/* There is one empty blob. */
static int is_empty(const struct wf_digest *digest)
{
    struct wf_digest empty;

    wf_blob_of(NULL, 0, &empty);
    return wf_digest_eq(digest, &empty);
}

int wf_pull_add(struct wf_pull *p, uint64_t now_us, const struct wf_pull_want *w,
                struct wf_effects *out)
{
    struct pull_blob *b = wf_pull_blob(p, &w->digest);
    int rc = 0;

    if (w->size > WF_BLOB_MAX) {
        return WEFT_ETOOBIG;
    }
    if ((w->size == 0 && !is_empty(&w->digest)) ||
        (b != NULL && b->ref.size != w->size)) {
        return WEFT_ECONFLICT;
    }
    if (b == NULL) {
        rc = new_blob(p, w, &b);
        if (rc != 0) {
            return rc;
        }
        b->priority = w->priority;
        b->waits = w->waits != 0;
        b->job = w->job;
        b->fetch = w->fetch;
        wf_pull_search(p, b);
    } else {
        set_terms(p, b, w);
    }
    leave(p, now_us, out);
    return 0;
}

int wf_pull_drop(struct wf_pull *p, uint64_t now_us, const struct wf_digest *digest,
                 struct wf_effects *out)
{
    struct pull_blob *b = wf_pull_blob(p, digest);

    if (b == NULL) {
        return WEFT_ENOENT;
    }
    tell_end(b, 0, out);
    detach(p, b);
    (void) wf_map_take(p->blobs, &b->ref.digest, sizeof b->ref.digest);
    wf_free(b);
    leave(p, now_us, out);
    return 0;
}

void wf_pull_free(struct wf_pull *p)
{
    struct wf_list_node *n;
    struct pull_blob *b;
    size_t it = 0;

    if (p == NULL) {
        return;
    }
    while ((b = wf_map_next(p->blobs, &it)) != NULL) {
        detach(p, b);
        (void) wf_map_take(p->blobs, &b->ref.digest, sizeof b->ref.digest);
        wf_free(b);
    }
    while ((n = wf_list_first(&p->ended)) != NULL) {
        wf_list_remove(n);
        wf_free(CONTAINER_OF(n, struct pull_blob, in_list));
    }
    while ((n = wf_list_first(&p->holders)) != NULL) {
        wf_list_remove(n);
        wf_free(CONTAINER_OF(n, struct pull_holder, in_holders));
    }
    for (unsigned i = 0; i < ARRAY_LEN(p->lots); i++) {
        wf_heap_fini(&p->lots[i].search);
        wf_heap_fini(&p->lots[i].found);
    }
    wf_heap_fini(&p->later);
    wf_map_free(p->blobs);
    wf_free(p);
}

void wf_pull_set_limits(struct wf_pull *p, uint64_t now_us,
                        const struct wf_pull_limits *limits, struct wf_effects *out)
{
    struct pull_blob *b;
    size_t it = 0;

    wf_meter_set(&p->meter, now_us, limits->rate, limits->day);
    p->cfg.limits = *limits;
    while ((b = wf_map_next(p->blobs, &it)) != NULL) {
        if (!b->waits &&
            (b->search == PULL_SEARCH_PARKED || b->search == PULL_SEARCH_LISTED)) {
            wf_pull_search_end(p, b);
            wf_pull_search(p, b);
        }
    }
    leave(p, now_us, out);
}

/* -- steps -----------------------------------------------------------------------------
 */

/* Begin everything again: what was asked for may never have left. */
static void reset(struct wf_pull *p, uint64_t now_us, struct wf_effects *out)
{
    struct pull_blob *b;
    size_t it = 0;

    p->lost = 0;
    for (uint32_t i = 0; i < WF_PULL_LANES; i++) {
        if (p->lanes[i].state != PULL_LANE_CLOSED) {
            wf_pull_lane_close(p, now_us, i, out);
        }
    }
    while ((b = wf_map_next(p->blobs, &it)) != NULL) {
        wf_pull_unbegin(p, b);
        if (b->search == PULL_SEARCH_ASKED) {
            wf_pull_search_end(p, b);
        }
        if (b->search == PULL_SEARCH_NONE && !wf_heap_in(&b->in_found)) {
            wf_pull_search(p, b);
        }
    }
}

/* The earliest of all that waits for time to pass. */
static uint64_t next_due(struct wf_pull *p, uint64_t now_us)
{
    uint64_t due = wf_pull_locate_due(p);
    struct wf_list_node *n;

    for (n = wf_list_first(&p->holders); n != NULL; n = wf_list_next(&p->holders, n)) {
        const struct pull_holder *h = CONTAINER_OF(n, struct pull_holder, in_holders);

        if (h->refs != 0 && h->rest_us > now_us) {
            due = wf_min_u64(due, h->rest_us);
        }
    }
    if (!wf_list_empty(&p->ready)) {
        uint64_t free_us = wf_max_u64(wf_meter_free_us(&p->meter, now_us), p->hold_us);

        due = free_us > now_us ? wf_min_u64(due, free_us) : due;
    }
    for (uint32_t i = 0; i < WF_PULL_LANES; i++) {
        if (p->lanes[i].state != PULL_LANE_CLOSED) {
            return wf_min_u64(due, p->sweep_us);
        }
    }
    if (!wf_list_empty(&p->active) || p->starved) {
        due = wf_min_u64(due, p->sweep_us);
    }
    return due;
}

static void sweep_rate(struct wf_pull *p, uint64_t now_us)
{
    uint64_t took = now_us - p->rate_us;

    if (took >= PULL_SECOND) {
        uint64_t rate = p->rate_bytes * PULL_SECOND / took;

        p->rate =
            p->rate == 0 || took > 10 * PULL_SECOND ? rate : (3 * p->rate + rate) / 4;
        p->rate_us = now_us;
        p->rate_bytes = 0;
    }
}

void wf_pull_tick(struct wf_pull *p, uint64_t now_us, struct wf_effects *out)
{
    if (p->lost && out->err == 0) {
        reset(p, now_us, out);
    }
    if (now_us >= p->sweep_us) {
        wf_pull_holders_sweep(p, now_us, out);
        wf_pull_lanes_sweep(p, now_us, out);
        wf_pull_blobs_sweep(p, now_us, out);
        sweep_rate(p, now_us);
        p->sweep_us = now_us + PULL_SWEEP_US;
    }
    wf_pull_locate_step(p, now_us, out);
    wf_pull_plan(p, now_us, out);
    p->due_us = next_due(p, now_us);
    if (out->err != 0) {
        p->lost = 1;
        p->due_us = now_us + PULL_SWEEP_US;
    }
}

uint64_t wf_pull_due_us(const struct wf_pull *p)
{
    return p->due_us;
}

void wf_pull_session(struct wf_pull *p, uint64_t now_us, int up, struct wf_effects *out)
{
    p->up = up;
    /* What was asked of a session that is gone is not answered any more. */
    for (unsigned i = 0; i < PULL_LOCATES_MAX; i++) {
        p->locates[i].due_us = now_us;
    }
    leave(p, now_us, out);
}

void wf_pull_located(struct wf_pull *p, uint64_t now_us, const struct wf_located *m,
                     struct wf_effects *out)
{
    wf_pull_locate_answer(p, now_us, m);
    leave(p, now_us, out);
}

void wf_pull_lane_up(struct wf_pull *p, uint64_t now_us, uint32_t lane,
                     struct wf_effects *out)
{
    struct pull_lane *l = lane < WF_PULL_LANES ? &p->lanes[lane] : NULL;

    if (l != NULL && l->state == PULL_LANE_OPENING) {
        l->state = PULL_LANE_UP;
        l->since_us = l->used_us = now_us;
    }
    leave(p, now_us, out);
}

void wf_pull_lane_down(struct wf_pull *p, uint64_t now_us, uint32_t lane,
                       struct wf_effects *out)
{
    if (lane < WF_PULL_LANES && p->lanes[lane].state != PULL_LANE_CLOSED) {
        wf_pull_lane_lost(p, now_us, lane);
    }
    leave(p, now_us, out);
}

void wf_pull_msg(struct wf_pull *p, uint64_t now_us, uint32_t lane,
                 const struct wf_msg *msg, struct wf_effects *out)
{
    if (msg->type == WF_MSG_piece) {
        wf_pull_piece(p, now_us, lane, &msg->u.piece, out);
    } else if (msg->type == WF_MSG_nope) {
        wf_pull_nope(p, now_us, lane, &msg->u.nope);
    } else {
        p->stats.unwanted++;
    }
    leave(p, now_us, out);
}

void wf_pull_begun(struct wf_pull *p, uint64_t now_us, const struct wf_blob_ref *ref,
                   int code, const uint8_t *map, int leaves, struct wf_effects *out)
{
    struct pull_blob *b = wf_pull_blob(p, &ref->digest);

    if (b != NULL && b->ref.id == ref->id && b->phase == PULL_BEGINNING) {
        wf_pull_store_begun(p, now_us, b, code, map, leaves, out);
    }
    leave(p, now_us, out);
}

void wf_pull_written(struct wf_pull *p, uint64_t now_us, const struct wf_blob_ref *ref,
                     uint64_t chunk, int code, struct wf_effects *out)
{
    struct pull_blob *b = wf_pull_blob(p, &ref->digest);

    if (b != NULL && b->ref.id == ref->id) {
        wf_pull_store_written(p, now_us, b, chunk, code, out);
    }
    leave(p, now_us, out);
}

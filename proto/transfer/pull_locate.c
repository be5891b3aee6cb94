#include "common/err.h"
#include "proto/transfer/pull_int.h"

#include <string.h>

#define ANSWER_US   (10 * PULL_SECOND) /* an unanswered locate is sent again */
#define LATER_US    (250 * PULL_MS)    /* first back-off */
#define LATER_STEPS 6u                 /* it doubles so often: 16 s */
#define FOUND_MAX   1024u              /* of a lot, located ahead of their turn */

void wf_pull_found(struct wf_pull *p, struct pull_blob *b)
{
    if (!wf_heap_in(&b->in_found) &&
        wf_heap_push(&wf_pull_lot(p, b)->found, &b->in_found, wf_pull_rank(b)) != 0) {
        p->starved = 1;
    }
}

void wf_pull_search(struct wf_pull *p, struct pull_blob *b)
{
    if (b->search != PULL_SEARCH_NONE) {
        return;
    }
    if (b->nchunks == 0) { /* nobody need be asked */
        wf_pull_found(p, b);
    } else if (p->cfg.limits.metered && !b->waits) {
        b->search = PULL_SEARCH_PARKED;
    } else if (wf_heap_push(&wf_pull_lot(p, b)->search, &b->in_search, wf_pull_rank(b)) ==
               0) {
        b->search = PULL_SEARCH_LISTED;
    } else {
        p->starved = 1;
    }
}

void wf_pull_search_later(struct wf_pull *p, uint64_t now_us, struct pull_blob *b)
{
    unsigned n = b->searches++;
    uint64_t wait_us;

    if (n == 0) {
        wf_pull_search(p, b);
    }
    if (b->search != PULL_SEARCH_NONE) {
        return;
    }
    wait_us = LATER_US << (n - 1 < LATER_STEPS ? n - 1 : LATER_STEPS);
    wait_us = wait_us / 2 + wf_rng_below(&p->rng, wait_us);
    if (wf_heap_push(&p->later, &b->in_search, now_us + wait_us) == 0) {
        b->search = PULL_SEARCH_LATER;
    } else {
        p->starved = 1;
    }
}

void wf_pull_search_end(struct wf_pull *p, struct pull_blob *b)
{
    if (b->search == PULL_SEARCH_LISTED) {
        wf_heap_remove(&wf_pull_lot(p, b)->search, &b->in_search);
    } else if (b->search == PULL_SEARCH_LATER) {
        wf_heap_remove(&p->later, &b->in_search);
    }
    wf_list_remove(&b->in_locate);
    b->search = PULL_SEARCH_NONE;
}

/* -- asking ----------------------------------------------------------------------------
 */

/* What has no answer is asked again. */
static void give_up(struct wf_pull *p, struct pull_locate *l)
{
    struct wf_list_node *n;

    while ((n = wf_list_first(&l->blobs)) != NULL) {
        struct pull_blob *b = CONTAINER_OF(n, struct pull_blob, in_locate);

        wf_pull_search_end(p, b);
        wf_pull_search(p, b);
    }
    l->req = 0;
}

static int same_reason(const struct pull_blob *a, const struct pull_blob *b)
{
    return wf_id_eq(&a->job, &b->job) && a->fetch == b->fetch;
}

/* One message with the blobs that stand first in the lot, as long as the reason is the
 * same one. */
static void ask(struct wf_pull *p, uint64_t now_us, struct pull_lot *lot,
                struct pull_locate *l, struct wf_effects *out)
{
    struct wf_buf store = WF_BUF_INIT(WF_FRAME_TARGET);
    struct wf_locate m = {.req = ++p->last_req};
    const struct pull_blob *first = NULL;
    struct wf_heap_node *n;

    l->req = m.req;
    l->due_us = now_us + ANSWER_US;
    while (m.rows.count < WF_PAGE_MAX && (n = wf_heap_min(&lot->search)) != NULL) {
        struct pull_blob *b = CONTAINER_OF(n, struct pull_blob, in_search);
        const struct wf_digest_row row = {b->ref.digest, b->ref.size};

        if ((first != NULL && !same_reason(first, b)) ||
            wf_rows_add(&store, &m.rows, wf_desc_digest_row(), &row) != 0) {
            break;
        }
        first = b;
        m.job = b->job;
        m.ticket = b->fetch;
        wf_heap_remove(&lot->search, n);
        b->search = PULL_SEARCH_ASKED;
        wf_list_push_back(&l->blobs, &b->in_locate);
    }
    if (m.rows.count != 0) {
        wf_effects_send(out, 0, WF_MSG_locate, &m);
    } else {
        l->req = 0;
    }
    wf_buf_fini(&store);
}

/* What no heap had room for: try again. */
static void relist(struct wf_pull *p)
{
    struct pull_blob *b;
    size_t it = 0;

    p->starved = 0;
    while ((b = wf_map_next(p->blobs, &it)) != NULL) {
        if (b->phase == PULL_IDLE && b->search == PULL_SEARCH_NONE &&
            !wf_heap_in(&b->in_found)) {
            wf_pull_search(p, b);
        }
    }
}

void wf_pull_locate_step(struct wf_pull *p, uint64_t now_us, struct wf_effects *out)
{
    /* What is waited for comes first, small ones before large ones. */
    static const unsigned order[] = {1, 3, 0, 2};
    struct wf_heap_node *n;
    unsigned lots = 0;

    while ((n = wf_heap_min(&p->later)) != NULL && n->key <= now_us) {
        struct pull_blob *b = CONTAINER_OF(n, struct pull_blob, in_search);

        wf_pull_search_end(p, b);
        wf_pull_search(p, b);
    }
    if (p->starved) {
        relist(p);
    }
    for (unsigned i = 0; i < PULL_LOCATES_MAX; i++) {
        struct pull_locate *l = &p->locates[i];

        if (l->req != 0 && l->due_us <= now_us) {
            give_up(p, l);
        }
    }
    for (unsigned i = 0; i < PULL_LOCATES_MAX && lots < ARRAY_LEN(order);) {
        struct pull_lot *lot = &p->lots[order[lots]];

        if (!p->up || out->err != 0 || wf_heap_len(&lot->search) == 0 ||
            wf_heap_len(&lot->found) >= FOUND_MAX) {
            lots++;
        } else if (p->locates[i].req != 0) {
            i++;
        } else {
            ask(p, now_us, lot, &p->locates[i], out);
            i++;
        }
    }
}

uint64_t wf_pull_locate_due(const struct wf_pull *p)
{
    const struct wf_heap_node *n = wf_heap_min(&p->later);
    uint64_t due = n != NULL ? n->key : UINT64_MAX;

    for (unsigned i = 0; i < PULL_LOCATES_MAX; i++) {
        if (p->locates[i].req != 0) {
            due = wf_min_u64(due, p->locates[i].due_us);
        }
    }
    return due;
}

/* -- answers ---------------------------------------------------------------------------
 */

struct answer {
    struct pull_holder *holder[WF_HOLDERS_MAX];
    uint64_t ticket[WF_HOLDERS_MAX];
    uint64_t until_us[WF_HOLDERS_MAX];
};

/* Holders are kept while the rows are read: a new one might push out another. */
static void read_holders(struct wf_pull *p, uint64_t now_us, struct wf_rows rows,
                         struct answer *a)
{
    struct wf_holder_row row;

    for (unsigned i = 0; i < WF_HOLDERS_MAX; i++) {
        a->holder[i] = NULL;
        if (wf_rows_next(&rows, wf_desc_holder_row(), &row)) {
            a->holder[i] = wf_pull_holder(p, &row);
            a->ticket[i] = row.ticket;
            a->until_us[i] =
                wf_add_sat(now_us, wf_min_u64(row.ttl_ms, UINT32_MAX) * PULL_MS);
        }
        if (a->holder[i] != NULL) {
            a->holder[i]->refs++;
        }
    }
}

static int banned(const struct pull_blob *b, const struct pull_holder *h)
{
    for (unsigned i = 0; i < b->nbans; i++) {
        if (wf_key_eq(&b->bans[i], &h->key)) {
            return 1;
        }
    }
    return 0;
}

static struct pull_place *free_place(struct pull_blob *b)
{
    struct pull_place *v;

    for (unsigned i = 0; i < b->nplaces; i++) {
        if (b->places[i].holder == NULL) {
            return &b->places[i];
        }
    }
    if (b->nplaces == WF_HOLDERS_MAX) {
        return NULL;
    }
    v = wf_realloc(b->places, (b->nplaces + 2) * sizeof *v);
    if (v == NULL) {
        return NULL;
    }
    b->places = v;
    v[b->nplaces] = v[b->nplaces + 1] = (struct pull_place){0};
    b->nplaces += 2;
    return &v[b->nplaces - 2];
}

static void add_place(struct wf_pull *p, struct pull_blob *b, const struct answer *a,
                      const struct wf_at_row *row)
{
    struct pull_holder *h = a->holder[row->holder];
    int whole = row->have >= b->ref.size;
    struct pull_place *at;

    if (h == NULL || row->have == 0 || (!whole && b->nchunks == 1) || banned(b, h)) {
        return;
    }
    at = wf_pull_place(b, h);
    if (at == NULL) {
        at = free_place(b);
        if (at == NULL) {
            return;
        }
        *at = (struct pull_place){.holder = h};
        h->refs++;
    }
    at->ticket = a->ticket[row->holder];
    at->until_us = a->until_us[row->holder];
    at->whole = whole;
    at->dry = 0;
    /* It may have more by now. */
    p->map_bytes -= at->map != NULL ? pull_map_len(b) : 0;
    wf_free(at->map);
    at->map = NULL;
}

static int has_place(const struct pull_blob *b)
{
    for (unsigned i = 0; i < b->nplaces; i++) {
        if (b->places[i].holder != NULL) {
            return 1;
        }
    }
    return 0;
}

static void answered(struct wf_pull *p, uint64_t now_us, struct pull_blob *b, int code)
{
    wf_pull_search_end(p, b);
    b->forbidden = code != 0;
    b->nowhere = !has_place(b);
    if (code != 0 || b->nowhere) {
        b->searches += b->searches == 0;
        wf_pull_search_later(p, now_us, b);
    } else if (b->phase != PULL_IDLE) {
        wf_pull_ready(p, b);
    } else {
        wf_pull_found(p, b);
    }
}

void wf_pull_locate_answer(struct wf_pull *p, uint64_t now_us, const struct wf_located *m)
{
    struct pull_locate *l = p->locates;
    struct wf_rows rows = m->rows;
    struct wf_list_node *n;
    struct wf_at_row row;
    struct answer a;

    while (l < p->locates + PULL_LOCATES_MAX && (l->req == 0 || l->req != m->req)) {
        l++;
    }
    if (l == p->locates + PULL_LOCATES_MAX) {
        p->stats.unwanted++;
        return;
    }
    read_holders(p, now_us, m->holders, &a);
    if (m->code != 0) {
        wf_slice_str(m->text, p->refusal, sizeof p->refusal);
    }
    while (m->code == 0 && wf_rows_next(&rows, wf_desc_at_row(), &row)) {
        struct pull_blob *b = wf_pull_blob(p, &row.digest);

        if (b != NULL && b->search == PULL_SEARCH_ASKED && b->ref.size == row.size &&
            row.holder < WF_HOLDERS_MAX) {
            add_place(p, b, &a, &row);
        }
    }
    while ((n = wf_list_first(&l->blobs)) != NULL) {
        answered(p, now_us, CONTAINER_OF(n, struct pull_blob, in_locate), (int) m->code);
    }
    l->req = 0;
    for (unsigned i = 0; i < WF_HOLDERS_MAX; i++) {
        if (a.holder[i] != NULL) {
            a.holder[i]->refs--;
        }
    }
}

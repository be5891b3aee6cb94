#include "proto/transfer/pull_int.h"

#define RENEW_US  (5 * PULL_SECOND) /* before a ticket ends it is asked for anew */
#define TWICE_MAX 4u                /* chunks of one blob asked of two holders at once */
#define TWICE_US  (500 * PULL_MS)   /* what asking a second one must gain */
#define DEARER_US (2 * PULL_SECOND) /* the same, when nothing is known of him */

void wf_pull_give_back(struct wf_pull *p, uint64_t now_us, struct pull_blob *b,
                       struct wf_effects *out)
{
    wf_blob_effect(out, WF_EFFECT_BLOB_END, 0, 0, &b->ref, NULL, 0);
    wf_pull_unbegin(p, b);
    wf_pull_search_later(p, now_us, b);
}

/* -- places ----------------------------------------------------------------------------
 */

static void sweep_places(struct wf_pull *p, uint64_t now_us, struct pull_blob *b)
{
    for (unsigned i = 0; i < b->nplaces; i++) {
        struct pull_place *at = &b->places[i];
        const struct pull_holder *h = at->holder;

        if (h == NULL) {
            continue;
        }
        if (at->until_us <= now_us || at->silent >= PULL_SILENT_MAX ||
            (h->silent >= PULL_SILENT_MAX && h->rest_us > now_us)) {
            wf_pull_place_free(p, b, at);
            b->renew = 1;
        } else if (at->until_us - now_us < RENEW_US) {
            b->renew = 1;
        }
    }
    if (b->renew && b->search == PULL_SEARCH_NONE) {
        b->renew = 0;
        wf_pull_search_later(p, now_us, b);
    }
}

/* Nothing is on its way, and there is nobody to ask. */
static int dead_end(const struct wf_pull *p, const struct pull_blob *b)
{
    const struct wf_list_node *n;

    for (n = wf_list_first(&b->asks); n != NULL; n = wf_list_next(&b->asks, n)) {
        if (CONTAINER_OF(n, struct pull_ask, in_blob)->state != PULL_LATE) {
            return 0;
        }
    }
    for (unsigned i = 0; i < b->nplaces; i++) {
        if (b->places[i].holder != NULL && !b->places[i].dry) {
            return p->cfg.limits.metered && !b->waits;
        }
    }
    return 1;
}

/* -- the end game ----------------------------------------------------------------------
 */

/* How much longer what an ask is about will take where it was asked. */
static uint64_t left_us(const struct pull_ask *a, uint64_t now_us)
{
    const struct pull_holder *h = a->holder;
    uint64_t quiet_us = now_us - wf_max_u64(h->heard_us, a->at_us);

    return wf_max_u64(wf_pull_eta_us(h, 0), 2 * quiet_us);
}

/* Somebody who would have it much sooner. */
static struct pull_place *sooner(struct wf_pull *p, uint64_t now_us, struct pull_blob *b,
                                 const struct pull_ask *a, uint32_t *ret_lane,
                                 struct wf_effects *out)
{
    uint64_t left = left_us(a, now_us);
    struct pull_place *best = NULL;
    uint64_t least = UINT64_MAX;

    for (unsigned i = 0; i < b->nplaces; i++) {
        struct pull_place *at = &b->places[i];
        uint64_t eta_us;
        int lane;

        if (!wf_pull_usable(at, now_us, 0) || at->holder == a->holder ||
            !(at->whole || pull_bit(at->map, a->chunk)) ||
            !wf_pull_has_room(p, at->holder, a->bytes)) {
            continue;
        }
        eta_us = wf_pull_eta_us(at->holder, a->bytes);
        if (left < 2 * eta_us + TWICE_US || (at->holder->rate == 0 && left < DEARER_US) ||
            eta_us >= least) {
            continue;
        }
        lane = wf_pull_lane_to(p, now_us, at->holder, out);
        if (lane >= 0) {
            best = at;
            least = eta_us;
            *ret_lane = (uint32_t) lane;
        }
    }
    return best;
}

/* When all is asked for, the last chunks may be with somebody slow: they are asked of
 * another holder as well, a few at a time, and whoever is first counts. */
static void end_game(struct wf_pull *p, uint64_t now_us, struct pull_blob *b,
                     struct wf_effects *out)
{
    struct wf_list_node *n;
    unsigned twice = 0;
    uint32_t lane = 0;

    if (b->phase != PULL_CHUNKS || b->ndone + b->nbusy < b->nchunks) {
        return;
    }
    for (n = wf_list_first(&b->asks); n != NULL; n = wf_list_next(&b->asks, n)) {
        twice += CONTAINER_OF(n, struct pull_ask, in_blob)->twice != 0;
    }
    /* New asks come in at the end of the list, marked. */
    for (n = wf_list_first(&b->asks); n != NULL && twice < TWICE_MAX;
         n = wf_list_next(&b->asks, n)) {
        struct pull_ask *a = CONTAINER_OF(n, struct pull_ask, in_blob);
        struct pull_place *at;

        if (a->state != PULL_ASKED || a->kind != WF_WANT_CHUNKS || a->twice) {
            continue;
        }
        at = sooner(p, now_us, b, a, &lane, out);
        if (at != NULL && wf_pull_ask_twice(p, now_us, a, at, lane, out) == 0) {
            twice++;
        }
    }
}

void wf_pull_blobs_sweep(struct wf_pull *p, uint64_t now_us, struct wf_effects *out)
{
    struct wf_list_node *n, *next;

    for (n = wf_list_first(&p->active); n != NULL && out->err == 0; n = next) {
        struct pull_blob *b = CONTAINER_OF(n, struct pull_blob, in_list);

        next = wf_list_next(&p->active, n);
        if (b->phase == PULL_BEGINNING || b->nchunks == 0) {
            continue;
        }
        sweep_places(p, now_us, b);
        if (dead_end(p, b)) {
            wf_pull_give_back(p, now_us, b, out);
        } else {
            end_game(p, now_us, b, out);
        }
    }
}

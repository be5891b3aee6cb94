#include "proto/transfer/pull_int.h"

#include <string.h>

#define RELAY_US     (500 * PULL_MS) /* a direct lane may take that long before the relay */
#define IDLE_US      (30 * PULL_SECOND)  /* an unused lane is closed */
#define LATE_US      (120 * PULL_SECOND) /* what is so late does not come */
#define SILENT_US    (2 * PULL_SECOND)
#define SAMPLE_US    (50 * PULL_MS)
#define RATE_GUESS   (32u << 10) /* of a holder that was not measured */
#define RATE_TYPICAL (4u << 20)  /* the same, when holders are compared */
#define RTT_SHIFT    3

/* -- holders and places ----------------------------------------------------------------
 */

static void forget_figures(struct pull_holder *h, uint32_t lane)
{
    h->via = lane;
    h->rtt_us = h->rate = h->sample = 0;
    h->long_bytes = h->long_us = 0;
    h->down = (struct wf_rate){.told = h->down.told};
    h->limited = 0;
    h->window = PULL_WINDOW_MIN;
}

/* One that nothing points at makes place for another. */
static void evict(struct wf_pull *p)
{
    struct wf_list_node *n;

    for (n = wf_list_first(&p->holders); n != NULL; n = wf_list_next(&p->holders, n)) {
        struct pull_holder *h = CONTAINER_OF(n, struct pull_holder, in_holders);

        if (h->refs == 0 && h->lane == 0) {
            wf_list_remove(n);
            p->npeers -= h->news != 0;
            wf_free(h);
            p->nholders--;
            return;
        }
    }
}

static struct pull_holder *new_holder(struct wf_pull *p, const struct wf_key *key)
{
    struct pull_holder *h;

    if (p->nholders >= PULL_HOLDERS_MAX) {
        evict(p);
    }
    h = p->nholders < PULL_HOLDERS_MAX ? wf_calloc(1, sizeof *h) : NULL;
    if (h == NULL) {
        return NULL;
    }
    h->key = *key;
    wf_list_init(&h->asks);
    wf_backoff_init(&h->direct, 1000, 300000);
    wf_backoff_init(&h->rest, 250, 30000);
    forget_figures(h, WF_LANE_BROKER);
    wf_list_push_back(&p->holders, &h->in_holders);
    p->nholders++;
    return h;
}

struct pull_holder *wf_pull_holder(struct wf_pull *p, const struct wf_holder_row *row)
{
    struct pull_holder *h = NULL;
    struct wf_list_node *n;

    for (n = wf_list_first(&p->holders); n != NULL; n = wf_list_next(&p->holders, n)) {
        h = CONTAINER_OF(n, struct pull_holder, in_holders);
        if (wf_key_eq(&h->key, &row->key)) {
            break;
        }
    }
    h = n != NULL ? h : new_holder(p, &row->key);
    if (h != NULL) {
        (void) wf_slice_str(row->name, h->name, sizeof h->name);
        (void) wf_slice_str(row->endpoint, h->endpoint, sizeof h->endpoint);
        h->local = row->site.len != 0 && wf_slice_is(row->site, p->cfg.site);
    }
    return h;
}

struct pull_place *wf_pull_place(struct pull_blob *b, const struct pull_holder *h)
{
    for (unsigned i = 0; i < b->nplaces; i++) {
        if (b->places[i].holder == h) {
            return &b->places[i];
        }
    }
    return NULL;
}

void wf_pull_place_free(struct wf_pull *p, struct pull_blob *b, struct pull_place *at)
{
    struct wf_list_node *n, *next;

    if (at->holder == NULL) {
        return;
    }
    for (n = wf_list_first(&b->asks); n != NULL; n = next) {
        struct pull_ask *a = CONTAINER_OF(n, struct pull_ask, in_blob);

        next = wf_list_next(&b->asks, n);
        if (a->holder == at->holder && a->state != PULL_WRITING) {
            wf_pull_ask_free(p, a);
        }
    }
    if (b->leaf_from == at->holder) {
        wf_pull_leaves_drop(p, b);
    }
    p->map_bytes -= at->map != NULL ? pull_map_len(b) : 0;
    wf_free(at->map);
    at->holder->refs--;
    *at = (struct pull_place){0};
    wf_pull_ready(p, b);
}

/* -- lanes -----------------------------------------------------------------------------
 */

static void open_lane(struct wf_pull *p, uint64_t now_us, uint32_t lane,
                      struct pull_holder *h, struct wf_effects *out)
{
    struct pull_lane *l = &p->lanes[lane];
    struct wf_lane_to to;

    memset(&to, 0, sizeof to);
    if (h != NULL) {
        to.key = h->key;
        memcpy(to.endpoint, h->endpoint, sizeof to.endpoint);
        h->lane = lane;
    }
    l->state = PULL_LANE_OPENING;
    l->holder = h;
    l->since_us = now_us;
    wf_effects_add(out, WF_EFFECT_LANE_OPEN, lane, 0, &to, sizeof to, NULL);
}

static uint32_t free_lane(const struct wf_pull *p)
{
    for (uint32_t i = 1; i < WF_PULL_LANES; i++) {
        if (p->lanes[i].state == PULL_LANE_CLOSED) {
            return i;
        }
    }
    return 0;
}

/* Whether a direct lane is there, or may yet be there in good time. */
static int may_be_direct(const struct wf_pull *p, uint64_t now_us,
                         const struct pull_holder *h)
{
    const struct pull_lane *l = &p->lanes[h->lane];

    if (h->endpoint[0] == '\0') {
        return 0;
    }
    if (h->lane == 0) {
        return now_us >= h->retry_us && free_lane(p) != 0;
    }
    return l->state == PULL_LANE_UP || now_us < l->since_us + RELAY_US;
}

int wf_pull_lane_to(struct wf_pull *p, uint64_t now_us, struct pull_holder *h,
                    struct wf_effects *out)
{
    struct pull_lane *relay = &p->lanes[WF_LANE_BROKER];

    if (may_be_direct(p, now_us, h)) {
        if (h->lane == 0) {
            open_lane(p, now_us, free_lane(p), h, out);
        }
        return p->lanes[h->lane].state == PULL_LANE_UP ? (int) h->lane : -1;
    }
    if (relay->state == PULL_LANE_CLOSED && now_us >= relay->retry_us) {
        open_lane(p, now_us, WF_LANE_BROKER, NULL, out);
    }
    return relay->state == PULL_LANE_UP ? (int) WF_LANE_BROKER : -1;
}

unsigned wf_pull_cost(const struct wf_pull *p, uint64_t now_us,
                      const struct pull_holder *h)
{
    unsigned cost = !may_be_direct(p, now_us, h) ? 2 : h->local ? 0 : 1;

    return cost + (h->bad != 0 ? 3 : 0);
}

void wf_pull_lane_lost(struct wf_pull *p, uint64_t now_us, uint32_t lane)
{
    struct pull_lane *l = &p->lanes[lane];
    struct wf_backoff *b = l->holder != NULL ? &l->holder->direct : &l->backoff;
    uint64_t retry_us = now_us + wf_backoff_next(b, &p->rng) * PULL_MS;
    struct wf_list_node *n, *m, *next;

    for (n = wf_list_first(&p->holders); n != NULL; n = wf_list_next(&p->holders, n)) {
        struct pull_holder *h = CONTAINER_OF(n, struct pull_holder, in_holders);

        for (m = wf_list_first(&h->asks); m != NULL; m = next) {
            struct pull_ask *a = CONTAINER_OF(m, struct pull_ask, in_holder);

            next = wf_list_next(&h->asks, m);
            if (a->lane == lane && a->state != PULL_WRITING) {
                wf_pull_ask_free(p, a);
            }
        }
    }
    if (l->holder != NULL) {
        l->holder->lane = 0;
        l->holder->retry_us = retry_us;
    } else {
        l->retry_us = retry_us;
    }
    l->state = PULL_LANE_CLOSED;
    l->holder = NULL;
}

void wf_pull_lane_close(struct wf_pull *p, uint64_t now_us, uint32_t lane,
                        struct wf_effects *out)
{
    wf_effects_add(out, WF_EFFECT_LANE_CLOSE, lane, 0, NULL, 0, NULL);
    wf_pull_lane_lost(p, now_us, lane);
}

static int lane_in_use(const struct wf_pull *p, uint32_t lane)
{
    const struct wf_list_node *n;

    for (n = wf_list_first(&p->holders); n != NULL; n = wf_list_next(&p->holders, n)) {
        const struct pull_holder *h = CONTAINER_OF(n, struct pull_holder, in_holders);

        if (h->via == lane && h->nasks != 0) {
            return 1;
        }
    }
    return 0;
}

void wf_pull_lanes_sweep(struct wf_pull *p, uint64_t now_us, struct wf_effects *out)
{
    for (uint32_t i = 0; i < WF_PULL_LANES; i++) {
        struct pull_lane *l = &p->lanes[i];

        if (l->state == PULL_LANE_OPENING &&
            now_us >= l->since_us + p->cfg.open_ms * PULL_MS) {
            wf_pull_lane_close(p, now_us, i, out);
        } else if (l->state == PULL_LANE_UP && now_us >= l->used_us + IDLE_US &&
                   !lane_in_use(p, i)) {
            struct pull_holder *h = l->holder;

            wf_pull_lane_close(p, now_us, i, out);
            /* It did nothing wrong. */
            l->retry_us = 0;
            if (h != NULL) {
                h->retry_us = 0;
                wf_backoff_reset(&h->direct);
            }
        }
    }
}

/* -- windows ---------------------------------------------------------------------------
 */

int wf_pull_has_room(const struct wf_pull *p, struct pull_holder *h, uint64_t bytes)
{
    uint64_t window = wf_min_u64(wf_max_u64(h->window, 2 * bytes), p->cfg.window_max);

    if (h->nasks < PULL_ASKS_MAX && (h->owed == 0 || h->owed + bytes <= window)) {
        return 1;
    }
    h->limited = 1;
    return 0;
}

uint64_t wf_pull_eta_us(const struct pull_holder *h, uint64_t bytes)
{
    uint64_t rate = h->rate != 0 ? h->rate : RATE_TYPICAL;

    return h->rtt_us + (h->owed + bytes) * PULL_SECOND / rate;
}

/* What the two ends take for a turn, above what the network does: chunks are read,
 * verified and written by fours.  With less on its way a lane within a site stands still
 * meanwhile. */
#define TURN_US (8 * PULL_MS)

/* As BBR does: the rate is what came in at least a round trip, the window twice what that
 * rate has on its way.  A sample in which the window was not used up says nothing about
 * how slow the path is. */
static void sample_rate(struct wf_pull *p, uint64_t now_us, struct pull_holder *h)
{
    uint64_t took = now_us - h->sample_us;
    uint64_t rate, window;

    if (took < wf_max_u64(SAMPLE_US, h->rtt_us)) {
        return;
    }
    rate = h->sample * PULL_SECOND / took;
    if (rate >= h->rate) {
        h->rate = rate;
    } else if (h->limited) {
        h->rate = (3 * h->rate + rate) / 4;
    }
    h->sample = 0;
    h->sample_us = now_us;
    h->limited = 0;
    window = 2 * h->rate * wf_max_u64(h->rtt_us, TURN_US) / PULL_SECOND;
    h->window = wf_min_u64(wf_max_u64(window, PULL_WINDOW_MIN), p->cfg.window_max);
}

/* The least round trip, forgotten slowly, from wants that found the holder idle. */
static void sample_rtt(struct pull_holder *h, uint64_t rtt_us)
{
    rtt_us = wf_min_u64(wf_max_u64(rtt_us, 1), 10 * PULL_SECOND);
    if (h->rtt_us == 0 || rtt_us < h->rtt_us) {
        h->rtt_us = rtt_us;
    } else {
        h->rtt_us += (rtt_us - h->rtt_us) >> RTT_SHIFT;
    }
}

/* How long it may take until something comes of what it owes. */
static uint64_t patience_us(const struct pull_holder *h, uint64_t bytes)
{
    uint64_t rate = h->rate != 0 ? h->rate : RATE_GUESS;
    uint64_t us = 8 * h->rtt_us + bytes * PULL_SECOND / wf_max_u64(rate, 1024);

    return wf_max_u64(us, SILENT_US) << wf_min_u64(h->silent, 4);
}

void wf_pull_heard(struct wf_pull *p, uint64_t now_us, struct pull_ask *a, uint64_t len,
                   uint64_t total)
{
    struct pull_holder *h = a->holder;

    if (a->probe && a->got == 0 && a->lane == h->via) {
        sample_rtt(h, now_us - a->at_us);
    }
    wf_pull_sampled(p, now_us, h, len, now_us - h->mark_us);
    h->mark_us = h->heard_us = now_us;
    h->silent = 0;
    wf_backoff_reset(&h->rest);
    wf_backoff_reset(&h->direct);
    wf_backoff_reset(&p->lanes[WF_LANE_BROKER].backoff);
    p->lanes[a->lane].used_us = now_us;
    /* As it is owed: a window of what is compressed to half would never grow. */
    h->sample += total != 0 ? len * a->bytes / total : 0;
    sample_rate(p, now_us, h);
    a->due_us = wf_max_u64(a->due_us, now_us + patience_us(h, WF_PIECE_MAX));
}

void wf_pull_asked(struct wf_pull *p, uint64_t now_us, struct pull_ask *a)
{
    struct pull_holder *h = a->holder;

    if (h->via != a->lane) {
        forget_figures(h, a->lane);
    }
    /* Idle time is no part of a sample; the moment between answers and new wants is. */
    if (h->owed == 0 && now_us - h->heard_us > PULL_MS + h->rtt_us / 4) {
        h->sample = 0;
        h->sample_us = now_us;
        h->limited = 0;
    }
    a->probe = h->owed == 0;
    h->mark_us = a->probe ? now_us : h->mark_us;
    a->at_us = now_us;
    h->owed += a->bytes;
    h->nasks++;
    a->due_us = now_us + patience_us(h, 2 * h->owed + WF_PIECE_MAX);
    p->lanes[a->lane].used_us = now_us;
}

void wf_pull_rest(struct wf_pull *p, uint64_t now_us, struct pull_holder *h,
                  uint64_t at_least_ms)
{
    uint64_t ms = wf_max_u64(at_least_ms, wf_backoff_next(&h->rest, &p->rng));

    h->rest_us = now_us + ms * PULL_MS;
    h->window = wf_max_u64(h->window / 2, PULL_WINDOW_MIN);
}

/* -- silence ---------------------------------------------------------------------------
 */

static void ask_late(struct wf_pull *p, struct pull_ask *a, int count)
{
    struct pull_place *at = wf_pull_place(a->blob, a->holder);

    if (at != NULL && count) {
        at->silent++;
    }
    p->stats.timeouts++;
    wf_pull_ask_late(p, a);
}

/* All that it owes is asked of others. */
static void fell_silent(struct wf_pull *p, uint64_t now_us, struct pull_holder *h,
                        struct wf_effects *out)
{
    const struct pull_blob *last = NULL;
    struct wf_list_node *n, *next;

    for (n = wf_list_first(&h->asks); n != NULL; n = next) {
        struct pull_ask *a = CONTAINER_OF(n, struct pull_ask, in_holder);

        next = wf_list_next(&h->asks, n);
        if (a->state == PULL_ASKED) {
            ask_late(p, a, a->blob != last);
            last = a->blob;
        }
    }
    h->silent++;
    wf_pull_rest(p, now_us, h, 0);
    /* The lane may be dead though the holder lives. */
    if (h->silent > 1 && h->lane != 0 && h->via == h->lane) {
        wf_pull_lane_close(p, now_us, h->lane, out);
    }
}

static void sweep_asks(struct wf_pull *p, uint64_t now_us, struct pull_holder *h)
{
    struct wf_list_node *n, *next;

    for (n = wf_list_first(&h->asks); n != NULL; n = next) {
        struct pull_ask *a = CONTAINER_OF(n, struct pull_ask, in_holder);

        next = wf_list_next(&h->asks, n);
        if (a->state == PULL_ASKED && now_us >= a->due_us) {
            ask_late(p, a, 1);
        } else if (a->state == PULL_LATE && now_us >= a->due_us + LATE_US) {
            wf_pull_ask_free(p, a);
        }
    }
}

void wf_pull_holders_sweep(struct wf_pull *p, uint64_t now_us, struct wf_effects *out)
{
    struct wf_list_node *n, *m;

    for (n = wf_list_first(&p->holders); n != NULL; n = wf_list_next(&p->holders, n)) {
        struct pull_holder *h = CONTAINER_OF(n, struct pull_holder, in_holders);
        const struct pull_ask *first = NULL;

        for (m = wf_list_first(&h->asks); m != NULL && first == NULL;
             m = wf_list_next(&h->asks, m)) {
            const struct pull_ask *a = CONTAINER_OF(m, struct pull_ask, in_holder);

            first = a->state == PULL_ASKED ? a : NULL;
        }
        if (first != NULL && now_us >= wf_max_u64(first->at_us, h->heard_us) +
                                           patience_us(h, WF_PIECE_MAX)) {
            fell_silent(p, now_us, h, out);
        } else {
            sweep_asks(p, now_us, h);
        }
    }
}

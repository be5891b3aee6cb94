#include "proto/ways.h"

#include "common/err.h"
#include "common/fnv.h"

#include <string.h>

#define NEARER_US  2000u
#define VISIT_US   2000000u /* between the first two moves to one place, in vain */
#define VISITS     16u      /* doublings of it; there is a bound before */
#define MISS_VISIT 32u      /* misses: a visit in vain is as bad as so many trials */
#define AWAIT_MOST (WF_BROKERS_LEARNED / 2)

static uint64_t row_of(const struct wf_broker_table *b, unsigned i)
{
    const struct wf_broker *row = &b->v[i];
    uint64_t h = wf_fnv_bytes(0, row->key.b, sizeof row->key.b);

    return i >= b->n || row->endpoint[0] == '\0'
               ? 0
               : wf_max_u64(wf_fnv_bytes(h, row->endpoint, strlen(row->endpoint)), 1);
}

/* A row that came anew begins anew. */
static void sync_rows(struct wf_ways *w)
{
    for (unsigned i = 0; i < WF_BROKERS_MAX; i++) {
        uint64_t row = row_of(&w->brokers, i);

        if (w->v[i].row != row) {
            w->v[i] = (struct wf_way){.row = row};
            wf_backoff_init(&w->v[i].backoff, w->retry_min_ms, w->retry_max_ms);
        }
    }
}

void wf_ways_init(struct wf_ways *w, const struct wf_broker_table *brokers, unsigned n,
                  uint64_t retry_min_ms, uint64_t retry_max_ms)
{
    *w = (struct wf_ways){.retry_min_ms = retry_min_ms, .retry_max_ms = retry_max_ms};
    if (brokers != NULL) {
        w->brokers = *brokers;
    }
    for (unsigned i = 0; brokers == NULL && i < n && i < WF_BROKERS_MAX; i++) {
        /* Whatever is not empty: the owner knows what the number stands for. */
        w->brokers.v[w->brokers.n++].endpoint[0] = '#';
    }
    sync_rows(w);
}

static int same_key(const struct wf_ways *w, unsigned i, unsigned k)
{
    return wf_key_eq(&w->brokers.v[i].key, &w->brokers.v[k].key);
}

/* Of the addresses of a broker a given one stays anyway; else one that was of use. */
static int stands_for(const struct wf_ways *w, unsigned i)
{
    const struct wf_broker *b = w->brokers.v;

    for (unsigned k = 0; k < w->brokers.n; k++) {
        if (k != i && wf_ways_is(w, k) && same_key(w, i, k) &&
            (!b[k].learned || w->v[k].opened > w->v[i].opened ||
             (w->v[k].opened == w->v[i].opened && k < i))) {
            return 0;
        }
    }
    return wf_ways_is(w, i) && b[i].learned && b[i].awaited;
}

/* Those that are gone for good must leave room for those that come instead. */
static int waits_there(const struct wf_ways *w, unsigned i)
{
    const struct wf_broker *b = w->brokers.v;
    unsigned before = 0;

    if (!stands_for(w, i)) {
        return 0;
    }
    for (unsigned k = 0; k < w->brokers.n; k++) {
        before += k != i && stands_for(w, k) &&
                  (b[k].missed < b[i].missed || (b[k].missed == b[i].missed && k < i));
    }
    return before < AWAIT_MOST;
}

/* Rows that stay whatever is told: a bit each. */
static uint32_t kept(const struct wf_ways *w, unsigned present, wf_holds_fn *holds,
                     const void *owner)
{
    uint32_t keep = present < WF_BROKERS_MAX ? UINT32_C(1) << present : 0;

    for (unsigned i = 0; holds != NULL && i < w->brokers.n; i++) {
        const struct wf_home home = wf_ways_home(w, i);

        if (wf_ways_is(w, i) && holds(owner, &home)) {
            keep |= UINT32_C(1) << i;
        }
    }
    for (unsigned i = 0; i < w->brokers.n; i++) {
        keep |= waits_there(w, i) ? UINT32_C(1) << i : 0;
    }
    return keep;
}

int wf_ways_learn(struct wf_ways *w, struct wf_rows rows, unsigned present,
                  wf_holds_fn *holds, const void *owner)
{
    int news = wf_brokers_learn(&w->brokers, rows, kept(w, present, holds, owner));

    sync_rows(w);
    return news;
}

int wf_ways_named(struct wf_ways *w, const struct wf_broker_row *row, unsigned present,
                  wf_holds_fn *holds, const void *owner)
{
    int is = wf_brokers_named(&w->brokers, row, kept(w, present, holds, owner));

    sync_rows(w);
    return is;
}

int wf_ways_is(const struct wf_ways *w, unsigned i)
{
    return i < WF_BROKERS_MAX && w->v[i].row != 0;
}

int wf_ways_may_have(const struct wf_ways *w, unsigned i, wf_holds_fn *holds,
                     const void *owner)
{
    if (holds == NULL || !wf_ways_is(w, i) || w->v[i].opened) {
        return 0;
    }
    for (unsigned k = 0; k < w->brokers.n; k++) {
        const struct wf_home home = wf_ways_home(w, k);

        if (wf_ways_is(w, k) && w->v[k].error != 0 && home.shared != 0 &&
            holds(owner, &home)) {
            return 1;
        }
    }
    return 0;
}

unsigned wf_ways_count(const struct wf_ways *w)
{
    unsigned n = 0;

    for (unsigned i = 0; i < w->brokers.n; i++) {
        n += wf_ways_is(w, i) != 0;
    }
    return n;
}

struct wf_home wf_ways_home(const struct wf_ways *w, unsigned i)
{
    return (struct wf_home){w->brokers.v[i].key, w->v[i].store, w->v[i].shared};
}

void wf_ways_store(const struct wf_ways *w, unsigned i, uint64_t *ret_store,
                   uint64_t *ret_lsn)
{
    const struct wf_way *v = w->v;
    uint64_t store = v[i].store, lsn = 0;

    for (unsigned k = 0; store == 0 && k < w->brokers.n; k++) {
        if (same_key(w, i, k)) {
            store = v[k].store; /* by another address */
        }
    }
    for (unsigned k = 0; k < w->brokers.n; k++) {
        lsn = v[k].store == store ? wf_max_u64(lsn, v[k].store_lsn) : lsn;
    }
    *ret_store = store;
    *ret_lsn = lsn;
}

/* -- which one ---------------------------------------------------------------------- */

/* Lower is better: that it did not fail, its work, its distance, how soon its turn is. */
struct rank {
    int failed, idle; /* 0: work waits there, 1: it may, 2: it does not */
    uint64_t rtt_us;
    unsigned turn;
};

static int goes_before(const struct rank *a, const struct rank *b)
{
    return a->failed != b->failed   ? a->failed < b->failed
           : a->idle != b->idle     ? a->idle < b->idle
           : a->rtt_us != b->rtt_us ? a->rtt_us < b->rtt_us
                                    : a->turn < b->turn;
}

static struct rank rank_of(const struct wf_ways *w, unsigned i, unsigned last,
                           wf_holds_fn *holds, const void *owner)
{
    const struct wf_home home = wf_ways_home(w, i);
    unsigned n = w->brokers.n;
    const struct wf_broker *row = &w->brokers.v[i];
    int idle = row->awaited && row->missed == 0       ? 0
               : holds != NULL && holds(owner, &home) ? 0
               : wf_ways_may_have(w, i, holds, owner) ? 1
                                                      : 2;

    return (struct rank){w->v[i].error != 0, idle,
                         w->v[i].rtt_us != 0 ? w->v[i].rtt_us : UINT64_MAX,
                         (i + n - last - 1) % n};
}

static unsigned first_ready(const struct wf_ways *w, unsigned but)
{
    unsigned best = WF_BROKERS_NONE;

    for (unsigned i = 0; i < w->brokers.n; i++) {
        if (i != but && wf_ways_is(w, i) &&
            (best == WF_BROKERS_NONE || w->v[i].ready_us < w->v[best].ready_us)) {
            best = i;
        }
    }
    return best;
}

static unsigned pick(const struct wf_ways *w, uint64_t now_us, unsigned last,
                     unsigned but, wf_holds_fn *holds, const void *owner)
{
    unsigned best = WF_BROKERS_NONE;
    struct rank least = {0, 0, 0, 0};

    for (unsigned i = 0; i < w->brokers.n; i++) {
        struct rank r;

        if (i == but || !wf_ways_is(w, i) || w->v[i].ready_us > now_us) {
            continue;
        }
        r = rank_of(w, i, last, holds, owner);
        if (best == WF_BROKERS_NONE || goes_before(&r, &least)) {
            best = i;
            least = r;
        }
    }
    return best != WF_BROKERS_NONE ? best : first_ready(w, but);
}

unsigned wf_ways_pick(const struct wf_ways *w, uint64_t now_us, unsigned last,
                      wf_holds_fn *holds, const void *owner)
{
    return pick(w, now_us, last, WF_BROKERS_NONE, holds, owner);
}

unsigned wf_ways_pick_other(const struct wf_ways *w, uint64_t now_us, unsigned present,
                            wf_holds_fn *holds, const void *owner)
{
    return pick(w, now_us, present, present, holds, owner);
}

int wf_ways_nearer(const struct wf_ways *w, unsigned i, unsigned than)
{
    uint64_t a_us = w->v[i].rtt_us, b_us = w->v[than].rtt_us;

    return a_us != 0 && b_us > a_us && b_us - a_us > NEARER_US && b_us - a_us > b_us / 4;
}

/* -- what becomes of them ----------------------------------------------------------- */

static int is_refusal(int error)
{
    return error == WEFT_EAUTH || error == WEFT_EREVOKED;
}

void wf_ways_failed(struct wf_ways *w, unsigned i, uint64_t now_us, int error,
                    uint64_t min_ms, struct wf_rng *rng)
{
    struct wf_way *v = &w->v[i];
    uint64_t wait_ms = wf_max_u64(wf_backoff_next(&v->backoff, rng), min_ms);

    v->error = error;
    v->good = 0;
    v->ready_us = now_us + wait_ms * 1000;
    for (unsigned k = 0; is_refusal(error) && k < w->brokers.n; k++) {
        if (same_key(w, i, k)) {
            w->v[k].error = error;
            w->v[k].ready_us = wf_max_u64(w->v[k].ready_us, v->ready_us);
        }
    }
    if (error == WEFT_EREVOKED) {
        wf_brokers_await(&w->brokers, &w->brokers.v[i].key, 0);
    }
}

void wf_ways_answered(struct wf_ways *w, unsigned i)
{
    for (unsigned k = 0; k < w->brokers.n; k++) {
        if (k == i || (is_refusal(w->v[k].error) && same_key(w, i, k))) {
            w->v[k].error = 0;
        }
    }
}

void wf_ways_missed(struct wf_ways *w, unsigned i, int moved)
{
    wf_brokers_missed(&w->brokers, &w->brokers.v[i].key, moved ? MISS_VISIT : 1);
}

void wf_ways_visit(struct wf_ways *w, unsigned i, uint64_t now_us, uint64_t most_us)
{
    struct wf_way *v = &w->v[i];

    v->visit_us =
        now_us + wf_min_u64((uint64_t) VISIT_US << wf_min_u64(v->vain, VISITS), most_us);
    v->vain++;
}

void wf_ways_served(struct wf_ways *w, unsigned i)
{
    w->v[i].vain = 0;
    w->v[i].visit_us = 0;
}

void wf_ways_opened(struct wf_ways *w, unsigned i, const struct wf_welcome *m)
{
    struct wf_way *v = &w->v[i];
    struct wf_broker *row = &w->brokers.v[i];

    wf_backoff_reset(&v->backoff);
    wf_ways_answered(w, i);
    v->opened = 1;
    v->good = 0;
    v->store_lsn = m->store_lsn;
    v->store = m->store;
    v->shared = m->shared;
    wf_slice_str(m->broker, row->name, sizeof row->name);
    wf_slice_str(m->site, row->site, sizeof row->site);
}

void wf_ways_measured(struct wf_ways *w, unsigned i, uint64_t now_us, uint64_t rtt_us)
{
    w->v[i].rtt_us = wf_max_u64(rtt_us, 1);
    w->v[i].rtt_at_us = now_us;
}

/* Lasts until a person does something. */
static int is_final(int error)
{
    return is_refusal(error) || error == WEFT_EVERSION || error == WEFT_EPERM;
}

int wf_ways_refused(const struct wf_ways *w, const struct wf_home *home)
{
    for (unsigned i = 0; i < w->brokers.n; i++) {
        const struct wf_home there = wf_ways_home(w, i);

        if (wf_ways_is(w, i) && is_refusal(w->v[i].error) &&
            wf_home_same_broker(&there, home)) {
            return 1;
        }
    }
    return 0;
}

int wf_ways_barred(const struct wf_ways *w)
{
    int code = 0, open = 0;

    for (unsigned i = 0; i < w->brokers.n; i++) {
        int error = w->v[i].error;

        if (!wf_ways_is(w, i)) {
            continue;
        }
        if (error == WEFT_EREVOKED) {
            return error; /* that holds everywhere */
        }
        /* One may let us in yet, or did so and may again. */
        open |= !is_final(error) && (error == 0 || w->v[i].opened);
        code = is_final(error) ? error : code;
    }
    return open ? 0 : code;
}

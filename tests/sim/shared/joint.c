#include "tests/sim/shared/joint.h"

#include "broker/core/mesh/guests.h"
#include "common/err.h"
#include "tests/sim/abroad.h"
#include "tests/sim/sim.h"

#include <string.h>

#define JOINT_SALT UINT64_C(0x73686172)
#define ALL        SIZE_MAX

int joint_wanted(unsigned long long seed)
{
    struct wf_rng rng = {seed ^ JOINT_SALT << 32};

    return wf_rng_below(&rng, 5) == 0;
}

void joint_swarm(struct sim *s)
{
    struct swarm *w = &s->swarm;

    w->on_sqlite = 0;
    /* One store, that of a server: it is another test's to damage it. */
    w->on[FAULT_ROT] = w->on[FAULT_BACKUP] = 0;
    if (!w->calm && percent(&s->clock, 80)) {
        w->on[FAULT_BROKER_CRASH] = w->on[FAULT_PAUSE_BROKER] = 1;
        w->down_us = 3 * SECOND + below(&s->clock, 15 * SECOND);
    }
}

int joint_is_one(const struct host *a, const struct host *b)
{
    return a == b ||
           (a != NULL && b != NULL && a->joint.base != NULL && b->joint.base != NULL);
}

int joint_must_know(const struct host *h, const struct wf_id *id)
{
    const struct base_row *r = h->joint.base != NULL ? base_job(h->joint.base, id) : NULL;

    return h->joint.base == NULL || (r != NULL && r->broker == h->index && r->ver == 0);
}

struct host *joint_owner(struct sim *s, struct host *home, const struct wf_id *id)
{
    const struct base_row *r =
        home->joint.base != NULL ? base_job(home->joint.base, id) : NULL;

    return r != NULL ? &s->hosts[r->broker] : home;
}

static uint64_t lease_us(const struct host *h)
{
    return h->cfg.lease_ms * MS;
}

void joint_reset(struct sim *s, struct host *h)
{
    h->joint = (struct joint){.sim = s};
    if (s->shares && h->index < JOINT_BROKERS) {
        if (h->index == 0) {
            base_reset(&s->base, wf_rng_next(&s->clock.rng) | 1);
        }
        h->joint.base = &s->base;
    }
}

static int begin(struct sim *s, struct host *h, uint64_t lsn)
{
    if (!base_fence(h->joint.base, h->index, h->joint.epoch, lsn, s->clock.now_us)) {
        return WEFT_ESTATE;
    }
    h->joint.spoke_us = s->clock.now_us;
    return 0;
}

/* What it missed without a connection it reads again, and of others it knows nothing. */
static int connect(struct sim *s, struct host *h)
{
    struct joint *x = &h->joint;

    if (h->disk.failing) {
        x->lost = 1;
        return WEFT_EIO;
    }
    if (x->lost) {
        x->lost = 0;
        x->horizon = 0;
        x->watch_from_us = x->watched_us = local_us(&h->own, &s->clock);
    }
    return 0;
}

/* -- the log ---------------------------------------------------------------------------
 */

static struct wf_slice record_of(const struct disk *d, const struct record *r)
{
    return wf_slice_make(d->bytes.p + r->at, r->len);
}

/* Whether it is the last one of its key in the batch. */
static int is_last(const struct disk *d, size_t i, size_t to)
{
    const struct record *r = &d->records[i];
    const size_t len = store_key_len(r->table);

    for (size_t k = i + 1; k < to; k++) {
        if (d->records[k].table == r->table &&
            memcmp(d->bytes.p + d->records[k].at, d->bytes.p + r->at, len) == 0) {
            return 0;
        }
    }
    return 1;
}

static int has_value(const struct record *r)
{
    return r->len > store_key_len(r->table);
}

/* More about a job whose id is taken: it has the same key. */
static int is_of_taken(const struct disk *d, size_t i, size_t from, size_t to)
{
    const struct record *r = &d->records[i];

    if (r->table != STORE_ATTEMPTS && r->table != STORE_OUTCOMES) {
        return 0;
    }
    for (size_t k = from; k < to; k++) {
        const struct record *j = &d->records[k];

        if (j->taken && memcmp(d->bytes.p + j->at, d->bytes.p + r->at, 8) == 0) {
            return 1;
        }
    }
    return 0;
}

enum pass { PASS_DELETES, PASS_JOBS, PASS_OTHERS, PASSES };

static enum pass pass_of(const struct record *r)
{
    return !has_value(r) && !base_is_common(r->table) ? PASS_DELETES
           : r->table == STORE_JOBS                   ? PASS_JOBS
                                                      : PASS_OTHERS;
}

/* Deletes, then jobs, then the others, as pg_commit.c has them. */
static void write_batch(struct host *h, size_t from, size_t to)
{
    struct disk *d = &h->disk;

    for (size_t i = from; i < to; i++) {
        d->records[i].taken = 0;
    }
    for (unsigned pass = 0; pass < PASSES; pass++) {
        for (size_t i = from; i < to; i++) {
            struct record *r = &d->records[i];

            if (pass_of(r) != pass || !is_last(d, i, to) || is_of_taken(d, i, from, to)) {
                continue;
            }
            r->taken = !base_write(h->joint.base, h->index, r->table, record_of(d, r));
        }
    }
}

static void tell_taken(struct disk *d, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        struct record *r = &d->records[i];

        for (size_t k = i + 1; r->table == STORE_JOBS && k < to; k++) {
            r->taken |= d->records[k].taken && d->records[k].table == STORE_JOBS &&
                        memcmp(d->bytes.p + d->records[k].at, d->bytes.p + r->at, 8) == 0;
        }
    }
}

static int write_log(struct sim *s, struct host *h, size_t from, size_t to)
{
    int rc = begin(s, h, h->disk.records[to - 1].lsn);

    if (rc == 0) {
        write_batch(h, from, to);
        tell_taken(&h->disk, from, to);
    }
    return rc;
}

void joint_found(struct host *h)
{
    write_batch(h, h->disk.safe, h->disk.n);
}

int joint_commit(struct sim *s, struct host *h, size_t from, size_t to)
{
    int was_lost = h->joint.lost;
    int rc = connect(s, h);

    if (rc != 0 && !was_lost && percent(&s->clock, 50)) {
        /* It was done, and the answer is lost. */
        (void) write_log(s, h, from, to);
        return rc;
    }
    return rc != 0 ? rc : write_log(s, h, from, to);
}

void joint_crash(struct sim *s, struct host *h)
{
    struct disk *d = &h->disk;

    if (d->batch != 0 && !h->joint.lost && percent(&s->clock, 50)) {
        (void) write_log(s, h, d->safe, d->batch);
    }
}

/* -- reading ---------------------------------------------------------------------------
 */

static int is_ours(const struct base_row *r, const void *arg)
{
    const struct host *h = arg;

    return base_is_common(r->table) ? !r->gone : r->broker == h->index;
}

void joint_walk(struct host *h, store_row_fn *fn, void *arg)
{
    base_each(h->joint.base, is_ours, h, ALL, fn, arg);
}

int joint_open(struct sim *s, struct host *h)
{
    struct joint *x = &h->joint;
    struct store_facts *facts = &h->disk.facts;

    if (h->disk.failing) {
        return WEFT_EIO;
    }
    x->epoch = base_register(x->base, h->index, s->clock.now_us);
    x->claim = 0;
    x->lost = 0;
    x->spoke_us = s->clock.now_us;
    x->watch_from_us = x->watched_us = local_us(&h->own, &s->clock);
    facts->id = x->base->id;
    facts->boot = x->epoch;
    facts->lsn = x->base->brokers[h->index].lsn;
    return 0;
}

void joint_load(struct sim *s, struct host *h, store_row_fn *fn, void *arg)
{
    h->joint.horizon = h->joint.base->ver + 1;
    joint_walk(h, fn, arg);
}

static int is_news(const struct base_row *r, const void *arg)
{
    const struct host *h = arg;

    return base_is_common(r->table) && r->ver >= h->joint.horizon &&
           (r->broker != h->index || r->shared);
}

int joint_is_still(const struct host *h)
{
    return h->joint.claim == 0 && !h->joint.lost &&
           h->joint.epoch == h->joint.base->brokers[h->index].epoch &&
           h->joint.horizon > h->joint.base->ver;
}

/* -- taking over -----------------------------------------------------------------------
 */

static int is_claimed(const struct base_row *r, const void *arg)
{
    const struct host *h = arg;

    return !base_is_common(r->table) && r->table <= STORE_OUTCOMES &&
           r->broker == h->index && r->ver == h->joint.claim &&
           memcmp(r->index, h->joint.handed, sizeof h->joint.handed) > 0;
}

struct move {
    struct host *to;
    const struct host *dead;
};

/* An attempt of that job that the dead one had given to who takes the job over: nobody
 * asks for it any more. */
static void note_at_home(const struct move *x, const struct wf_id *job)
{
    struct history *all = &x->to->joint.sim->history;

    for (unsigned i = 0; i < all->nguests; i++) {
        struct hguest *g = &all->guests[i];
        const struct wf_id id = guest_id(&x->dead->key, job, g->attempt);

        if (g->at == x->to && wf_id_eq(&g->id, &id)) {
            g->at_home = 1;
        }
    }
}

/* Who had a guest need not know of it any more. */
static void note_moved(void *arg, unsigned table, struct wf_slice record)
{
    const struct move *x = arg;
    struct hguest *g;
    struct wf_id id;

    if (table == STORE_JOBS) {
        memcpy(id.b, record.p + 8, sizeof id.b);
        g = history_find_guest(x->to->joint.sim, &id);
        if (g != NULL) {
            g->held = 0;
            g->at = x->to;
        } else if (!base_has_outcome(x->to->joint.base, &id)) {
            note_at_home(x, &id);
        }
    }
}

struct handing {
    struct joint *joint;
    store_row_fn *fn;
    void *arg;
};

static void hand(void *arg, unsigned table, struct wf_slice record)
{
    const struct handing *x = arg;

    x->joint->handed[0] = (uint8_t) table;
    memcpy(x->joint->handed + 2, record.p, 8);
    x->fn(x->arg, table, record);
}

/* All that carries the mark, or the first of it when the connection is lost. */
static int hand_out(struct sim *s, struct host *h, store_row_fn *fn, void *arg)
{
    struct handing x = {&h->joint, fn, arg};
    int is_cut = h->joint.claim != 0 && !s->healed && percent(&s->clock, 10);

    if (h->joint.claim == 0) {
        return 0;
    }
    base_each(h->joint.base, is_claimed, h, is_cut ? below(&s->clock, 6) : ALL, hand, &x);
    if (is_cut) {
        h->joint.lost = 1;
        return WEFT_EIO;
    }
    h->joint.claim = 0;
    return 0;
}

/* Nobody who spoke within its lease is taken over, whatever the server thinks. */
static void check_dead(struct sim *s, const struct host *by, const struct host *dead)
{
    sim_log(s, by->name, "takes over from %s", dead->name);
    if (s->clock.now_us - dead->joint.spoke_us <= lease_us(dead)) {
        sim_fail(s, "%s is taken over while it lives", dead->name);
    }
}

/* What one dead broker left, or a part of it: the rest is for the next time. */
static int claim(struct sim *s, struct host *h, store_row_fn *fn, void *arg)
{
    struct joint *x = &h->joint;
    unsigned dead,
        most = percent(&s->clock, 30) ? 1 + (unsigned) below(&s->clock, 4) : 1000;
    struct move move;
    uint64_t mark;
    int rc = begin(s, h, 0);

    if (rc != 0 || x->watched_us - x->watch_from_us < lease_us(h) ||
        !base_take(x->base, h->index, lease_us(h), s->clock.now_us, &dead, &mark)) {
        return rc;
    }
    check_dead(s, h, &s->hosts[dead]);
    x->claim = mark;
    memset(x->handed, 0, sizeof x->handed);
    x->claims += base_move(x->base, dead, h->index, mark, most);
    move = (struct move){h, &s->hosts[dead]};
    base_each(x->base, is_claimed, h, ALL, note_moved, &move);
    return hand_out(s, h, fn, arg);
}

/* A gap in its own watching proves nothing about the others. */
static void watch(struct sim *s, struct host *h)
{
    const uint64_t now_us = local_us(&h->own, &s->clock);

    if (now_us - h->joint.watched_us > lease_us(h)) {
        h->joint.watch_from_us = now_us;
    }
    h->joint.watched_us = now_us;
}

int joint_poll(struct sim *s, struct host *h, store_row_fn *fn, void *arg)
{
    struct joint *x = &h->joint;
    int rc = connect(s, h);

    if (rc == 0) {
        watch(s, h);
        rc = hand_out(s, h, fn, arg);
    }
    if (rc == 0) {
        rc = begin(s, h, 0);
    }
    if (rc == 0) {
        base_each(x->base, is_news, h, ALL, fn, arg);
        /* A look may begin where the one before did: rows are seen twice. */
        x->horizon = percent(&s->clock, 20) ? x->horizon : x->base->ver + 1;
        rc = claim(s, h, fn, arg);
    }
    return rc;
}

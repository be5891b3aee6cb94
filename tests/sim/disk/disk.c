#include "broker/store/sum.h"
#include "common/check.h"
#include "common/err.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/plant.h"
#include "tests/sim/sim.h"

#include <stdlib.h>
#include <string.h>

#define RETRY_US SECOND

void disk_init(struct disk *d)
{
    *d = (struct disk){0};
    wf_buf_init(&d->bytes, 64u << 20);
}

void disk_fini(struct disk *d)
{
    wf_buf_fini(&d->bytes);
}

void disk_reset(struct sim *s, struct host *h)
{
    struct disk *d = &h->disk;

    d->n = d->safe = d->batch = d->asked = 0;
    d->ntried = 0;
    d->commit = NULL;
    d->failing = d->forgetful = d->over = d->rotten = 0;
    d->copied = 0;
    d->is_old = d->forked = 0;
    d->facts = (struct store_facts){.id = wf_rng_next(&s->clock.rng) | 1};
    wf_buf_clear(&d->bytes);
    lite_reset(s, h, s->swarm.on_sqlite);
    joint_reset(s, h);
}

/* -- reading ---------------------------------------------------------------------------
 */

static const uint8_t *bytes_of(const struct disk *d, const struct record *r)
{
    return d->bytes.p + r->at;
}

static struct wf_slice slice_of(const struct disk *d, const struct record *r)
{
    return wf_slice_make(bytes_of(d, r), r->len);
}

/* For qsort, which has no argument to hand on. */
struct found {
    unsigned table;
    const uint8_t *key;
    const struct record *r;
};

static int by_key(const void *a, const void *b)
{
    const struct found *x = a, *y = b;

    if (x->table != y->table) {
        return x->table < y->table ? -1 : 1;
    }
    return memcmp(x->key, y->key, store_key_len(x->table));
}

static int is_hidden(const struct record *r)
{
    if (WF_PLANT(CHECKSUM_IGNORED)) {
        return 0;
    }
    return r->rotten;
}

/* The last record of each key among the first `n`, deletions left out; owned. */
static struct found *latest(const struct disk *d, size_t n, size_t *ret_n)
{
    struct found *all = wf_calloc(n + 1, sizeof *all);
    struct wf_map *last[STORE_TABLES] = {NULL};
    size_t found = 0;

    WF_CHECK(all != NULL);
    for (size_t i = n; i-- > 0;) {
        const struct record *r = &d->records[i];
        const uint8_t *key = bytes_of(d, r);
        size_t len = store_key_len(r->table);
        struct found *x = &all[found];
        int rc;

        WF_CHECK(r->table > 0 && r->table < STORE_TABLES && r->len >= len);
        if (last[r->table] == NULL) {
            last[r->table] = wf_map_new(DISK_RECORDS, 1);
            WF_CHECK(last[r->table] != NULL);
        }
        rc = wf_map_put(last[r->table], key, len, all);
        WF_CHECK(rc == 0 || rc == WEFT_EEXIST);
        if (rc == 0 && r->len > len && !is_hidden(r)) {
            *x = (struct found){r->table, key, r};
            found++;
        }
    }
    for (unsigned i = 0; i < STORE_TABLES; i++) {
        wf_map_free(last[i]);
    }
    qsort(all, found, sizeof *all, by_key);
    *ret_n = found;
    return all;
}

void disk_walk(struct disk *d, size_t n, store_row_fn *fn, void *arg)
{
    size_t found;
    struct found *all = latest(d, n, &found);

    for (size_t i = 0; i < found; i++) {
        fn(arg, all[i].table, slice_of(d, all[i].r));
    }
    wf_free(all);
}

static void add_up(void *arg, unsigned table, struct wf_slice record)
{
    uint64_t *sum = arg;
    size_t len = store_key_len(table);

    *sum += store_sum(table, wf_slice_make(record.p, len),
                      wf_slice_make(record.p + len, record.len - len));
}

uint64_t disk_hash(struct disk *d, size_t n)
{
    uint64_t sum = 0;

    disk_walk(d, n, add_up, &sum);
    return sum;
}

int disk_open(struct sim *s, struct host *h)
{
    struct disk *d = &h->disk;

    d->over = d->forgetful = 0;
    if (h->lite.on) {
        return lite_open(s, h);
    }
    if (h->joint.base != NULL) {
        return joint_open(s, h);
    }
    if (d->failing) {
        return WEFT_EIO;
    }
    d->facts.boot++;
    d->facts.lsn = d->safe != 0 ? d->records[d->safe - 1].lsn : 0;
    return 0;
}

int disk_load(struct sim *s, struct host *h, store_row_fn *fn, void *arg)
{
    if (h->lite.on) {
        return lite_load(s, h, fn, arg);
    }
    if (h->joint.base != NULL) {
        joint_load(s, h, fn, arg);
        return 0;
    }
    disk_read(h, fn, arg);
    return 0;
}

void disk_read(struct host *h, store_row_fn *fn, void *arg)
{
    if (h->joint.base != NULL) {
        joint_walk(h, fn, arg);
    } else {
        disk_walk(&h->disk, h->disk.safe, fn, arg);
    }
}

/* -- writing ---------------------------------------------------------------------------
 */

void disk_append(struct host *h, unsigned table, uint64_t lsn, const void *p, size_t len)
{
    struct disk *d = &h->disk;
    int rc;

    WF_CHECK(d->n < DISK_RECORDS);
    d->over |= d->forgetful;
    if (d->over) {
        return;
    }
    d->records[d->n++] =
        (struct record){.table = table, .lsn = lsn, .at = d->bytes.len, .len = len};
    rc = wf_buf_put(&d->bytes, p, len);
    WF_CHECK(rc == 0);
}

void disk_found(struct sim *s, struct host *h)
{
    struct disk *d = &h->disk;

    if (h->lite.on) {
        int rc = lite_open(s, h);

        rc = rc == 0 ? lite_commit(s, h, 0, d->n) : rc;
        WF_CHECK(rc == 0);
        lite_crash(h, 0);
    } else if (h->joint.base != NULL) {
        joint_found(h);
    }
    d->safe = d->n;
}

static void plan(struct sim *s, struct host *h, uint64_t in_us)
{
    h->disk.commit = clock_add(&s->clock, s->clock.now_us + in_us, EV_SYNCED);
    h->disk.commit->host = h;
    h->disk.commit->inc = h->inc;
}

static void next_batch(struct sim *s, struct host *h)
{
    struct disk *d = &h->disk;

    if (d->asked > d->safe) {
        d->batch = d->asked;
        plan(s, h, around(&s->clock, s->swarm.disk_us));
    }
}

void disk_sync(struct sim *s, struct host *h)
{
    struct disk *d = &h->disk;

    if (d->n == d->safe) {
        return; /* what was to be appended never came, for want of memory */
    }
    d->asked = d->n;
    if (d->commit == NULL) {
        next_batch(s, h);
    }
}

static void note_try(struct disk *d)
{
    if (d->ntried == 0 || d->tried[d->ntried - 1] != d->batch) {
        d->ntried -= d->ntried == DISK_TRIES;
        d->tried[d->ntried++] = d->batch;
    }
}

int disk_committed(struct sim *s, struct host *h, uint64_t *ret_lsn)
{
    struct disk *d = &h->disk;
    int rc;

    d->commit = NULL;
    d->batch = d->batch != 0 ? d->batch : d->asked;
    WF_CHECK(d->safe < d->batch && d->batch <= d->n);
    rc = h->lite.on              ? lite_commit(s, h, d->safe, d->batch)
         : h->joint.base != NULL ? joint_commit(s, h, d->safe, d->batch)
         : d->failing            ? WEFT_EIO
                                 : 0;
    if (h->lite.on && h->lite.disk.off) {
        note_try(d);
        return -1;
    }
    if (rc == WEFT_ESTATE) {
        sim_log(s, h->name, "is fenced");
        return -1;
    }
    if (rc != 0) {
        *ret_lsn = d->records[d->safe].lsn;
        note_try(d);
        d->batch = 0;
        plan(s, h, RETRY_US);
        return 0;
    }
    *ret_lsn = d->records[d->batch - 1].lsn;
    d->safe = d->batch;
    d->ntried = 0;
    next_batch(s, h);
    return 1;
}

void disk_crash(struct sim *s, struct host *h, int power)
{
    struct disk *d = &h->disk;
    unsigned which;

    if (d->commit != NULL) {
        clock_drop(&s->clock, d->commit);
        d->commit = NULL;
        if (h->joint.base != NULL) {
            joint_crash(s, h);
        } else if (!h->lite.on && d->batch != 0) {
            note_try(d);
        }
    }
    if (h->lite.on) {
        lite_crash(h, power);
    } else if (h->joint.base != NULL) {
        d->n = d->safe;
        d->ntried = 0;
    } else {
        which = (unsigned) below(&s->clock, d->ntried + 1);
        d->safe = which < d->ntried ? d->tried[which] : d->safe;
        d->n = d->safe;
        d->ntried = 0;
    }
    d->batch = d->asked = 0;
}

/* The number of the job that a record is about, as bytes. */
static const uint8_t *is_of_job(const struct disk *d, const struct record *r)
{
    return r->table == STORE_JOBS || r->table == STORE_ATTEMPTS ||
                   r->table == STORE_OUTCOMES
               ? bytes_of(d, r)
               : NULL;
}

int disk_rot(struct sim *s, struct host *h, struct wf_id *ret_job)
{
    struct disk *d = &h->disk;
    size_t n;
    struct found *all = latest(d, d->safe, &n), *x;
    struct record *r = NULL;
    const struct record *job = NULL;

    if (n != 0) {
        x = &all[below(&s->clock, n)];
        r = is_of_job(d, x->r) != NULL ? &d->records[x->r - d->records] : NULL;
    }
    for (size_t i = 0; r != NULL && i < n; i++) {
        if (all[i].table == STORE_JOBS && memcmp(all[i].key, bytes_of(d, r), 8) == 0) {
            job = all[i].r;
        }
    }
    wf_free(all);
    if (job == NULL || job->len < 8 + WF_ID_SIZE) {
        return 0;
    }
    memcpy(ret_job->b, bytes_of(d, job) + 8, WF_ID_SIZE);
    r->rotten = d->rotten = 1;
    d->bytes.p[r->at + 8 + below(&s->clock, r->len - 8)] ^=
        (uint8_t) (1u << below(&s->clock, 8));
    return 1;
}

/* -- copies ----------------------------------------------------------------------------
 */

void disk_copy(struct host *h)
{
    struct disk *d = &h->disk;

    if (!d->is_old && d->ntried == 0) {
        d->copied = d->safe;
        d->copied_facts = d->facts;
        lite_copy(h, LITE_KEEP);
    }
}

void disk_put_old(struct host *h)
{
    struct disk *d = &h->disk;

    if (d->is_old || d->copied == 0) {
        return;
    }
    WF_CHECK(!h->up && d->copied <= d->safe);
    memcpy(d->real.records + d->copied, d->records + d->copied,
           (d->n - d->copied) * sizeof *d->records);
    memcpy(d->real.tried, d->tried, sizeof d->tried);
    d->real.n = d->n;
    d->real.safe = d->safe;
    d->real.ntried = d->ntried;
    d->real_facts = d->facts;
    d->facts = d->copied_facts;
    d->n = d->safe = d->copied;
    d->ntried = 0;
    d->is_old = d->forked = 1;
    lite_copy(h, LITE_PUT_OLD);
}

void disk_put_real(struct host *h)
{
    struct disk *d = &h->disk;

    if (!d->is_old) {
        return;
    }
    WF_CHECK(!h->up);
    memcpy(d->records + d->copied, d->real.records + d->copied,
           (d->real.n - d->copied) * sizeof *d->records);
    memcpy(d->tried, d->real.tried, sizeof d->tried);
    d->n = d->real.n;
    d->safe = d->real.safe;
    d->ntried = d->real.ntried;
    d->facts = d->real_facts;
    d->is_old = 0;
    lite_copy(h, LITE_PUT_REAL);
}

/* The last safe record of a key of 8 bytes; NULL: there is none. */
static const struct record *last_of(const struct disk *d, unsigned table,
                                    const uint8_t *key)
{
    for (size_t i = d->safe; i-- > 0;) {
        const struct record *r = &d->records[i];

        if (r->table == table && memcmp(bytes_of(d, r), key, 8) == 0) {
            return r;
        }
    }
    return NULL;
}

static const struct record *job_of(const struct disk *d, const struct wf_id *id)
{
    for (size_t i = d->safe; i-- > 0;) {
        const struct record *r = &d->records[i];

        if (r->table == STORE_JOBS && r->len >= 8 + sizeof id->b &&
            memcmp(bytes_of(d, r) + 8, id->b, sizeof id->b) == 0 &&
            last_of(d, STORE_JOBS, bytes_of(d, r)) == r) {
            return r;
        }
    }
    return NULL;
}

int disk_has_job(const struct host *h, const struct wf_id *id)
{
    return h->joint.base != NULL ? base_job(h->joint.base, id) != NULL
                                 : job_of(&h->disk, id) != NULL;
}

int disk_has_outcome(const struct host *h, const struct wf_id *id)
{
    const struct disk *d = &h->disk;
    const struct record *job, *r;

    if (h->joint.base != NULL) {
        return base_has_outcome(h->joint.base, id);
    }
    job = job_of(d, id);
    if (job == NULL) {
        return 0;
    }
    r = last_of(d, STORE_OUTCOMES, bytes_of(d, job));
    return r != NULL && r->len > 8;
}

int disk_is_still(const struct host *h)
{
    return h->disk.safe == h->disk.n && h->disk.commit == NULL &&
           (h->joint.base == NULL || joint_is_still(h));
}

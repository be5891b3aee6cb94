#include "broker/store/sum.h"
#include "common/check.h"
#include "common/err.h"
#include "common/mem.h"
#include "tests/sim/disk/vfs.h"
#include "tests/sim/sim.h"

#include <stdio.h>
#include <string.h>

#define WHERE "store.db"

/* What a store gives back: how many rows, and a hash of them in any order. */
struct sum {
    uint64_t n, hash;
};

void lite_init(struct lite *l, struct clock *c)
{
    *l = (struct lite){.clock = c};
    sectors_init(&l->disk, c);
    sectors_init(&l->copy, c);
    sectors_init(&l->kept, c);
    sectors_init(&l->real, c);
}

static void close_db(struct lite *l)
{
    if (l->db != NULL) {
        vfs_use(&l->disk, l->clock);
        store_sqlite.close(l->db);
        l->db = NULL;
    }
}

void lite_fini(struct lite *l)
{
    l->disk.off = 1;
    close_db(l);
    sectors_fini(&l->disk);
    sectors_fini(&l->copy);
    sectors_fini(&l->kept);
    sectors_fini(&l->real);
}

void lite_reset(struct sim *s, struct host *h, int on)
{
    struct lite *l = &h->lite;

    l->disk.off = 1;
    close_db(l);
    sectors_reset(&l->disk);
    sectors_reset(&l->copy);
    l->on = on;
    if (on) {
        vfs_use(&l->disk, &s->clock);
        vfs_reset();
    }
}

static void add_up(void *arg, unsigned table, struct wf_slice record)
{
    struct sum *sum = arg;
    size_t len = store_key_len(table);

    sum->n++;
    sum->hash += store_sum(table, wf_slice_make(record.p, len),
                           wf_slice_make(record.p + len, record.len - len));
}

static struct sum sum_of(struct host *h, size_t n)
{
    struct sum sum = {0, 0};

    disk_walk(&h->disk, n, add_up, &sum);
    return sum;
}

static int same(struct sum a, struct sum b)
{
    return a.n == b.n && a.hash == b.hash;
}

/* -- the broker's own ------------------------------------------------------------------
 */

static int open_on(struct sim *s, struct host *h, struct sectors *d, int repair,
                   void **ret_db, struct store_facts *ret_facts, struct wf_err *err)
{
    const struct store_options o = {.where = WHERE,
                                    .broker = "broker",
                                    .repair = repair,
                                    .vfs = VFS_NAME,
                                    .log_pages = 512,
                                    .seed = h->disk.facts.id};

    vfs_use(d, &s->clock);
    return store_sqlite.open(&o, ret_db, ret_facts, err);
}

int lite_open(struct sim *s, struct host *h)
{
    struct lite *l = &h->lite;
    struct wf_err err = {0};
    struct store_facts *facts = &h->disk.facts;
    struct store_facts was = *facts;
    int rc = open_on(s, h, &l->disk, 0, &l->db, facts, &err);

    if (rc != 0) {
        l->db = NULL;
        *facts = was;
        sim_log(s, "store", "does not open: %d %s", rc, err.text);
        if (rc != WEFT_EIO || (l->disk.fail_pm == 0 && l->disk.room == UINT64_MAX)) {
            sim_fail(s, "the store does not open: %d %s", rc, err.text);
        }
        return WEFT_EIO;
    }
    if (was.boot != 0 && (facts->id != was.id || facts->boot <= was.boot)) {
        sim_fail(s, "the store opens as another one");
    }
    return 0;
}

struct reader {
    store_row_fn *fn;
    void *arg;
    struct wf_buf rows; /* table, length, bytes of each */
    struct sum sum;
};

static void read_row(void *arg, unsigned table, struct wf_slice record)
{
    struct reader *r = arg;

    add_up(&r->sum, table, record);
    (void) wf_buf_put(&r->rows, &table, sizeof table);
    (void) wf_buf_put(&r->rows, &record.len, sizeof record.len);
    (void) wf_buf_put(&r->rows, record.p, record.len);
}

/* How much of the log the rows are: what is safe, or with a batch whose commit failed, or
 * was under way.  SIZE_MAX: nothing of the kind. */
static size_t end_of(struct host *h, struct sum sum)
{
    struct disk *d = &h->disk;

    if (same(sum, sum_of(h, d->safe))) {
        return d->safe;
    }
    for (unsigned i = 0; i < d->ntried; i++) {
        if (same(sum, sum_of(h, d->tried[i]))) {
            return d->tried[i];
        }
    }
    return SIZE_MAX;
}

/* The log follows. */
static void settle(struct sim *s, struct host *h, struct sum sum)
{
    struct disk *d = &h->disk;

    size_t end = end_of(h, sum);

    if (end == SIZE_MAX) {
        sim_fail(s, "the store came back with other rows than were written");
        end = d->safe;
    }
    d->n = d->safe = end;
    d->ntried = 0;
}

int lite_load(struct sim *s, struct host *h, store_row_fn *fn, void *arg)
{
    struct lite *l = &h->lite;
    struct reader r = {.rows = WF_BUF_INIT(64u << 20)};
    struct wf_err err = {0};
    int rc;

    vfs_use(&l->disk, &s->clock);
    rc = store_sqlite.load(l->db, read_row, &r, &err);
    WF_CHECK(r.rows.err == 0);
    if (rc != 0) {
        sim_log(s, "store", "does not load: %d %s", rc, err.text);
        if (l->disk.fail_pm == 0) {
            sim_fail(s, "the store does not load: %d %s", rc, err.text);
        }
        close_db(l);
        wf_buf_fini(&r.rows);
        return WEFT_EIO;
    }
    settle(s, h, r.sum);
    for (size_t at = 0; at < r.rows.len;) {
        unsigned table;
        uint32_t len;

        memcpy(&table, r.rows.p + at, sizeof table);
        memcpy(&len, r.rows.p + at + sizeof table, sizeof len);
        at += sizeof table + sizeof len;
        fn(arg, table, wf_slice_make(r.rows.p + at, len));
        at += len;
    }
    wf_buf_fini(&r.rows);
    return 0;
}

static void free_rows(struct store_row *r)
{
    while (r != NULL) {
        struct store_row *next = r->next;

        wf_free(r);
        r = next;
    }
}

int lite_commit(struct sim *s, struct host *h, size_t from, size_t to)
{
    struct store_row *rows = NULL, **last = &rows;
    struct wf_err err = {0};
    int rc;

    for (size_t i = from; i < to; i++) {
        const struct record *r = &h->disk.records[i];
        struct store_row *row = wf_calloc(1, sizeof *row + r->len);

        WF_CHECK(row != NULL);
        row->table = r->table;
        row->lsn = r->lsn;
        row->len = r->len;
        memcpy(row->bytes, h->disk.bytes.p + r->at, r->len);
        *last = row;
        last = &row->next;
    }
    vfs_use(&h->lite.disk, &s->clock);
    rc = store_sqlite.commit(h->lite.db, rows, &err);
    if (rc == 0) {
        store_sqlite.rest(h->lite.db);
    }
    free_rows(rows);
    if (rc != 0) {
        sim_log(s, "store", "commit fails: %d %s", rc, err.text);
        if (h->lite.disk.fail_pm == 0 && h->lite.disk.room == UINT64_MAX &&
            !h->lite.disk.off) {
            sim_fail(s, "a commit fails without a cause: %d %s", rc, err.text);
        }
    }
    return rc;
}

void lite_crash(struct host *h, int power)
{
    struct lite *l = &h->lite;

    l->disk.off = 1;
    close_db(l);
    l->disk.off = 0;
    l->disk.off_at = 0;
    if (power) {
        sectors_power_cut(&l->disk);
    }
}

void lite_copy(struct host *h, enum lite_copy what)
{
    struct lite *l = &h->lite;

    if (!l->on) {
        return;
    }
    switch (what) {
    case LITE_KEEP:
        sectors_copy(&l->kept, &l->disk);
        break;
    case LITE_PUT_OLD:
        sectors_copy(&l->real, &l->disk);
        sectors_copy(&l->disk, &l->kept);
        break;
    case LITE_PUT_REAL:
        sectors_copy(&l->disk, &l->real);
        break;
    }
}

/* -- examinations ----------------------------------------------------------------------
 */

void lite_examine(struct sim *s, struct host *h)
{
    struct lite *l = &h->lite;
    struct sum sum = {0, 0};
    struct store_facts facts;
    struct wf_err err = {0};
    void *db = NULL;
    int rc;

    sectors_copy(&l->copy, &l->disk);
    sectors_power_cut(&l->copy);
    rc = open_on(s, h, &l->copy, 0, &db, &facts, &err);
    if (rc == 0) {
        rc = store_sqlite.load(db, add_up, &sum, &err);
    }
    if (rc != 0) {
        sim_fail(s, "after a power cut the store would not open: %d %s", rc, err.text);
    } else if (end_of(h, sum) == SIZE_MAX) {
        sim_fail(s, "after a power cut the store would have other rows");
    }
    if (db != NULL) {
        store_sqlite.close(db);
    }
    vfs_use(&l->disk, &s->clock);
}

void lite_examine_old(struct sim *s, struct host *h)
{
    struct lite *l = &h->lite;
    const struct disk *d = &h->disk;
    struct store_facts facts;
    struct wf_err err = {0};
    void *db = NULL;
    int rc;

    if (d->copied == 0 || d->forked ||
        d->records[d->copied - 1].lsn >= d->records[d->safe - 1].lsn) {
        return;
    }
    sectors_copy(&l->copy, &l->kept);
    sectors_copy_file(&l->copy, &l->disk, WHERE ".mark");
    rc = open_on(s, h, &l->copy, 0, &db, &facts, &err);
    if (rc != WEFT_ESTORAGE) {
        sim_fail(s, "an old copy beside the mark of today is taken: %d %s", rc, err.text);
    }
    if (db != NULL) {
        store_sqlite.close(db);
    }
    vfs_use(&l->disk, &s->clock);
}

/* A row of a damaged store: was it ever written like that? */
struct witness {
    const struct host *h;
    uint64_t wrong;
    struct sum sum;
};

static void testify(void *arg, unsigned table, struct wf_slice record)
{
    struct witness *w = arg;
    const struct disk *d = &w->h->disk;

    add_up(&w->sum, table, record);
    for (size_t i = d->n; i-- > 0;) {
        const struct record *r = &d->records[i];

        if (r->table == table && r->len == record.len &&
            memcmp(d->bytes.p + r->at, record.p, record.len) == 0) {
            return;
        }
    }
    w->wrong++;
}

void lite_examine_rot(struct sim *s, struct host *h)
{
    struct lite *l = &h->lite;
    struct witness w = {.h = h};
    struct store_facts facts;
    struct wf_err err = {0};
    void *db = NULL;
    int rc;

    sectors_copy(&l->copy, &l->disk);
    if (!sectors_rot(&l->copy, 1 + (unsigned) below(&s->clock, 20))) {
        return;
    }
    rc = open_on(s, h, &l->copy, 0, &db, &facts, &err);
    if (rc == 0) {
        rc = store_sqlite.load(db, testify, &w, &err);
    }
    sim_log(s, "store", "after rot: %d %s, %u rows, %u wrong", rc, err.text,
            (unsigned) w.sum.n, (unsigned) w.wrong);
    if (w.wrong != 0) {
        sim_fail(s, "a damaged store gave %u rows that nobody wrote", (unsigned) w.wrong);
    } else if (rc == 0 && end_of(h, w.sum) == SIZE_MAX) {
        sim_fail(s, "a damaged store hides rows and does not say so");
    }
    if (db != NULL) {
        store_sqlite.close(db);
    }
    vfs_use(&l->disk, &s->clock);
}

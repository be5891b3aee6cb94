/* pg_commit.c - one batch of rows, one transaction
 *
 * The rows are sorted by table and key, which leaves the last write of each key and lets
 * brokers that write the same keys lock them in the same order.  Deletes come first: an
 * id that one of them frees may be used by a job of the same batch.  All goes out at once
 * and comes back in one round trip.
 *
 * New jobs are simply added.  Where that fails, for a key or an id that stands already,
 * the batch is done again job by job: our own rows, which a commit left whose answer was
 * lost, are written again, and ids of other brokers come back as taken.
 */
#include "broker/store/pg.h"
#include "broker/store/sum.h"
#include "common/mem.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of values in one statement; more of them go into the next. */
#define CHUNK    (4u << 20)
#define DATA_MAX ((size_t) 256 << 20)
#define ID_LEN   16u

struct entry {
    struct store_row *row;
    unsigned order;
    int last; /* of its key: the one that is written */
    int wrote, taken;
};

struct batch {
    struct pg *pg;
    struct entry *all; /* by table, key, order */
    unsigned n;
    uint64_t lsn;
    struct wf_buf tables, keys, values, sums;
    unsigned taken;     /* jobs among them whose id another broker has */
    unsigned first_job; /* number of the first statement about one job */
    unsigned at;        /* the job whose results come in */
};

static struct wf_slice key_of(const struct store_row *r)
{
    return wf_slice_make(r->bytes, store_key_len(r->table));
}

static struct wf_slice value_of(const struct store_row *r)
{
    size_t n = store_key_len(r->table);

    return wf_slice_make(r->bytes + n, r->len - n);
}

static int has_value(const struct entry *e)
{
    return e->row->len > store_key_len(e->row->table);
}

static int is_job(const struct entry *e)
{
    return e->last && e->row->table == STORE_JOBS && has_value(e);
}

/* Common rows that are deleted are put as well, without a value, for the others to hear
 * of it. */
static int is_delete(const struct entry *e)
{
    return e->last && !pg_is_common(e->row->table) && !has_value(e);
}

static int same_key(const struct store_row *a, const struct store_row *b)
{
    return a->table == b->table && wf_slice_eq(key_of(a), key_of(b));
}

static int by_key(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;
    int d;

    if (a->row->table != b->row->table) {
        return a->row->table < b->row->table ? -1 : 1;
    }
    d = memcmp(a->row->bytes, b->row->bytes, store_key_len(a->row->table));
    return d != 0 ? d : (a->order > b->order) - (a->order < b->order);
}

static int batch_init(struct batch *b, struct pg *pg, struct store_row *rows)
{
    unsigned n = 0;

    memset(b, 0, sizeof *b);
    b->pg = pg;
    wf_buf_init(&b->tables, DATA_MAX);
    wf_buf_init(&b->keys, DATA_MAX);
    wf_buf_init(&b->values, DATA_MAX);
    wf_buf_init(&b->sums, DATA_MAX);
    for (struct store_row *r = rows; r != NULL; r = r->next) {
        n++;
    }
    b->all = wf_calloc(n, sizeof *b->all);
    if (b->all == NULL) {
        return WEFT_ENOMEM;
    }
    for (struct store_row *r = rows; r != NULL; r = r->next) {
        r->taken = 0;
        b->all[b->n] = (struct entry){r, b->n, 0, 0, 0};
        b->n++;
        b->lsn = wf_max_u64(b->lsn, r->lsn);
    }
    qsort(b->all, b->n, sizeof *b->all, by_key);
    for (unsigned i = 0; i < n; i++) {
        b->all[i].last = i + 1 == n || !same_key(b->all[i].row, b->all[i + 1].row);
    }
    return 0;
}

static void batch_fini(struct batch *b)
{
    wf_buf_fini(&b->tables);
    wf_buf_fini(&b->keys);
    wf_buf_fini(&b->values);
    wf_buf_fini(&b->sums);
    wf_free(b->all);
}

/* -- arrays -------------------------------------------------------------------------- */

static void begin(struct batch *b)
{
    pg_array_begin(&b->tables, PG_INT4);
    pg_array_begin(&b->keys, PG_BYTEA);
    pg_array_begin(&b->values, PG_BYTEA);
    pg_array_begin(&b->sums, PG_INT8);
}

static int64_t sum_of(const struct store_row *r)
{
    return (int64_t) store_sum(r->table, key_of(r), value_of(r));
}

static void add(struct batch *b, const struct store_row *r)
{
    struct wf_slice key = key_of(r), value = value_of(r);

    pg_array_add_int(&b->tables, r->table, 4);
    pg_array_add(&b->keys, key.p, key.len);
    pg_array_add(&b->values, value.p, value.len);
    pg_array_add_int(&b->sums, sum_of(r), 8);
}

/* Send what the arrays hold. */
static void send_arrays(struct batch *b, enum pg_statement s)
{
    struct pg_args a = {0};

    if (b->keys.err == 0 && pg_array_count(&b->keys) == 0) {
        return;
    }
    pg_arg_text(&a, b->pg->name);
    if (s == PG_PUT) {
        pg_arg_array(&a, &b->tables);
    }
    pg_arg_array(&a, &b->keys);
    pg_arg_array(&a, &b->values);
    pg_arg_array(&a, &b->sums);
    pg_send(b->pg, s, &a);
    begin(b);
}

/* Returns how many statements that took. */
static unsigned send_deletes(struct batch *b)
{
    unsigned i = 0, sent = 0;

    while (i < b->n) {
        unsigned table = b->all[i].row->table;
        struct pg_args a = {0};

        begin(b);
        for (; i < b->n && b->all[i].row->table == table; i++) {
            if (is_delete(&b->all[i])) {
                pg_array_add(&b->keys, b->all[i].row->bytes, store_key_len(table));
            }
        }
        if (pg_array_count(&b->keys) > 0 || b->keys.err != 0) {
            pg_arg_int(&a, table);
            pg_arg_array(&a, &b->keys);
            pg_arg_ending(&a, b->pg, table);
            pg_send(b->pg, PG_DELETE, &a);
            sent++;
        }
    }
    return sent;
}

static void send_jobs(struct batch *b)
{
    begin(b);
    for (unsigned i = 0; i < b->n; i++) {
        if (is_job(&b->all[i])) {
            add(b, b->all[i].row);
            if (b->values.len > CHUNK) {
                send_arrays(b, PG_ADD_JOBS);
            }
        }
    }
    send_arrays(b, PG_ADD_JOBS);
}

/* Whether this is more about a job whose id is taken: it has the same key. */
static int is_of_taken(const struct batch *b, const struct entry *e)
{
    if (b->taken == 0 ||
        (e->row->table != STORE_ATTEMPTS && e->row->table != STORE_OUTCOMES)) {
        return 0;
    }
    for (unsigned i = 0; i < b->n; i++) {
        if (b->all[i].taken && wf_slice_eq(key_of(b->all[i].row), key_of(e->row))) {
            return 1;
        }
    }
    return 0;
}

static void send_puts(struct batch *b)
{
    begin(b);
    for (unsigned i = 0; i < b->n; i++) {
        const struct entry *e = &b->all[i];

        if (e->last && e->row->table != STORE_JOBS && !is_delete(e) &&
            !is_of_taken(b, e)) {
            add(b, e->row);
            if (b->values.len > CHUNK) {
                send_arrays(b, PG_PUT);
            }
        }
    }
    send_arrays(b, PG_PUT);
}

/* -- job by job ---------------------------------------------------------------------- */

/* Two statements for each. */
static void send_each_job(struct batch *b)
{
    for (unsigned i = 0; i < b->n; i++) {
        const struct store_row *r = b->all[i].row;
        struct pg_args a = {0};

        if (is_job(&b->all[i])) {
            pg_arg_text(&a, b->pg->name);
            pg_arg_bytes(&a, key_of(r).p, key_of(r).len);
            pg_arg_bytes(&a, value_of(r).p, value_of(r).len);
            pg_arg_int(&a, sum_of(r));
            pg_send(b->pg, PG_CHANGE_JOB, &a);
            pg_send(b->pg, PG_ADD_JOB, &a);
        }
    }
}

static int on_each_job(void *arg, unsigned statement, PGresult *res)
{
    struct batch *b = arg;

    if (statement < b->first_job) {
        return 0;
    }
    if ((statement - b->first_job) % 2 == 0) {
        /* The first of the two: on to the next job. */
        do {
            b->at++;
        } while (b->at < b->n && !is_job(&b->all[b->at]));
    }
    if (b->at < b->n && strcmp(PQcmdTuples(res), "0") != 0) {
        b->all[b->at].wrote = 1;
    }
    return 0;
}

static int run_each_job(struct batch *b, struct wf_err *err)
{
    int rc;

    b->at = UINT_MAX; /* one before the first */
    send_each_job(b);
    rc = pg_run(b->pg, on_each_job, b, err);
    for (unsigned i = 0; rc == 0 && i < b->n; i++) {
        b->all[i].taken = is_job(&b->all[i]) && !b->all[i].wrote;
        b->taken += b->all[i].taken ? 1 : 0;
    }
    return rc;
}

/* -- the transaction ----------------------------------------------------------------- */

static int attempt(struct batch *b, int job_by_job, struct wf_err *err)
{
    int rc = 0;

    pg_send(b->pg, PG_BEGIN, NULL);
    pg_send_fence(b->pg, b->lsn);
    b->first_job = 2 + send_deletes(b);
    if (job_by_job) {
        rc = run_each_job(b, err);
        if (rc != 0) {
            return rc;
        }
    } else {
        send_jobs(b);
    }
    send_puts(b);
    pg_send(b->pg, PG_COMMIT, NULL);
    return pg_run(b->pg, NULL, NULL, err);
}

/* Once more at once when the connection turns out to be dead, as one is that was idle
 * while the server was restarted: whatever the first one did is done again. */
static int write_batch(struct batch *b, struct wf_err *err)
{
    int job_by_job = 0, rc = 0;

    for (unsigned tries = 0; tries < 3; tries++) {
        int fresh = b->pg->conn == NULL;

        rc = pg_ready(b->pg, err);
        if (rc != 0) {
            return rc;
        }
        rc = attempt(b, job_by_job, err);
        if (rc == 0 || rc == WEFT_ESTATE ||
            (rc == WEFT_EIO && (fresh || b->pg->conn != NULL))) {
            return rc;
        }
        job_by_job = 1;
    }
    return WEFT_EIO;
}

/* A key may stand more than once in the batch: all of them say the same. */
static void tell_taken(const struct batch *b)
{
    int taken = 0;

    for (unsigned i = b->n; i-- > 0;) {
        taken = b->all[i].last ? b->all[i].taken : taken;
        b->all[i].row->taken = taken;
    }
}

int pg_commit(void *db, struct store_row *rows, struct wf_err *err)
{
    struct pg *pg = db;
    struct batch b;
    int rc = batch_init(&b, pg, rows);

    if (rc != 0) {
        batch_fini(&b);
        return wf_err_set(err, WEFT_EIO, "out of memory");
    }
    rc = write_batch(&b, err);
    if (rc == 0) {
        pg->lsn = wf_max_u64(pg->lsn, b.lsn);
        tell_taken(&b);
    }
    batch_fini(&b);
    return rc;
}

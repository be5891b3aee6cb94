#include "broker/store.h"

#include "common/mem.h"

#include <pthread.h>
#include <sqlite3.h>
#include <string.h>

#define SCHEMA_VERSION 1
#define RETRY_US       1000000u

struct row {
    struct row *next;
    unsigned table;
    uint64_t lsn;
    size_t len;
    uint8_t bytes[];
};

struct store {
    struct store_cbs cbs;
    void *arg;
    sqlite3 *db; /* NULL: memory; the writer's alone once it runs */
    sqlite3_stmt *put, *del;
    struct wf_timer *retry;
    uv_async_t wake;
    pthread_t writer;
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t more;
    struct row *first, **last; /* appended, in order */
    int wanted;                /* a sync is asked for */
    int closing, has_writer;
    uint64_t durable_lsn, failed_lsn; /* news for the loop; 0: none */
    uint64_t lost_lsn;                /* the first that there was no memory for */
    char failure[160];
    uint64_t appended_lsn;
};

/* -- the writer's thread ---------------------------------------------------------------
 */

static int write_row(struct store *s, const struct row *r)
{
    sqlite3_stmt *q = r->len > WF_KEY_SIZE ? s->put : s->del;
    int rc;

    (void) sqlite3_bind_int(q, 1, (int) r->table);
    (void) sqlite3_bind_blob(q, 2, r->bytes, WF_KEY_SIZE, SQLITE_STATIC);
    if (q == s->put) {
        (void) sqlite3_bind_blob(q, 3, r->bytes + WF_KEY_SIZE,
                                 (int) (r->len - WF_KEY_SIZE), SQLITE_STATIC);
    }
    rc = sqlite3_step(q);
    (void) sqlite3_reset(q);
    (void) sqlite3_clear_bindings(q);
    return rc == SQLITE_DONE ? 0 : WEFT_EIO;
}

static int commit(struct store *s, const struct row *rows)
{
    int rc = sqlite3_exec(s->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);

    for (const struct row *r = rows; rc == SQLITE_OK && r != NULL; r = r->next) {
        rc = write_row(s, r);
    }
    if (rc == SQLITE_OK) {
        rc = sqlite3_exec(s->db, "COMMIT", NULL, NULL, NULL);
    }
    if (rc != SQLITE_OK) {
        pthread_mutex_lock(&s->lock);
        (void) snprintf(s->failure, sizeof s->failure, "%s", sqlite3_errmsg(s->db));
        pthread_mutex_unlock(&s->lock);
        (void) sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
        return WEFT_EIO;
    }
    return 0;
}

static void free_rows(struct row *r)
{
    while (r != NULL) {
        struct row *next = r->next;

        wf_free(r);
        r = next;
    }
}

/* Take what has gathered; NULL when the thread is to end. */
static struct row *take_batch(struct store *s)
{
    struct row *batch;

    while (!s->closing && (!s->wanted || s->first == NULL)) {
        pthread_cond_wait(&s->more, &s->lock);
    }
    batch = s->first;
    s->first = NULL;
    s->last = &s->first;
    s->wanted = 0;
    return batch;
}

static void report(struct store *s, struct row *batch, int rc)
{
    struct row *end = batch;

    while (end->next != NULL) {
        end = end->next;
    }
    if (rc == 0) {
        s->durable_lsn = end->lsn;
        s->failed_lsn = 0; /* it was in front of this batch */
        free_rows(batch);
    } else {
        /* Put it back in front: it is tried again with whatever came meanwhile. */
        s->failed_lsn = batch->lsn;
        end->next = s->first;
        if (s->first == NULL) {
            s->last = &end->next;
        }
        s->first = batch;
    }
}

static void *write_on(void *arg)
{
    struct store *s = arg;
    struct row *batch;

    pthread_mutex_lock(&s->lock);
    while ((batch = take_batch(s)) != NULL) {
        int rc;

        pthread_mutex_unlock(&s->lock);
        rc = commit(s, batch);
        pthread_mutex_lock(&s->lock);
        report(s, batch, rc);
        (void) uv_async_send(&s->wake);
        if (rc != 0 && s->closing) {
            break;
        }
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* -- the loop's thread -----------------------------------------------------------------
 */

static void on_wake(uv_async_t *wake)
{
    struct store *s = wake->data;
    char failure[sizeof s->failure];
    uint64_t durable, failed, lost;

    pthread_mutex_lock(&s->lock);
    lost = s->lost_lsn;
    durable = s->durable_lsn;
    failed = s->failed_lsn;
    s->durable_lsn = 0;
    s->failed_lsn = 0;
    s->lost_lsn = 0;
    memcpy(failure, s->failure, sizeof failure);
    pthread_mutex_unlock(&s->lock);
    if (lost != 0) {
        s->cbs.on_error(s->arg, lost, "out of memory");
    }
    if (durable != 0) {
        s->cbs.on_durable(s->arg, durable);
    }
    if (failed != 0) {
        s->cbs.on_error(s->arg, failed, failure);
        wf_timer_start_at(s->retry, wf_now_us() + RETRY_US);
    }
}

static void on_retry(void *arg)
{
    store_sync(arg);
}

void store_append(struct store *s, unsigned table, uint64_t lsn, struct wf_slice record)
{
    struct row *r;

    s->appended_lsn = lsn;
    if (s->db == NULL) {
        return;
    }
    r = wf_calloc(1, sizeof *r + record.len);
    if (r == NULL) {
        /* Told later: the owner is in the middle of what led here. */
        pthread_mutex_lock(&s->lock);
        s->lost_lsn = s->lost_lsn != 0 ? s->lost_lsn : lsn;
        pthread_mutex_unlock(&s->lock);
        (void) uv_async_send(&s->wake);
        return;
    }
    *r = (struct row){NULL, table, lsn, record.len};
    memcpy(r->bytes, record.p, record.len);
    pthread_mutex_lock(&s->lock);
    *s->last = r;
    s->last = &r->next;
    pthread_mutex_unlock(&s->lock);
}

void store_sync(struct store *s)
{
    if (s->db == NULL) {
        pthread_mutex_lock(&s->lock);
        s->durable_lsn = s->appended_lsn;
        pthread_mutex_unlock(&s->lock);
        (void) uv_async_send(&s->wake);
        return;
    }
    pthread_mutex_lock(&s->lock);
    s->wanted = 1;
    pthread_cond_signal(&s->more);
    pthread_mutex_unlock(&s->lock);
}

/* -- opening ---------------------------------------------------------------------------
 */

static int user_version(sqlite3 *db)
{
    sqlite3_stmt *q = NULL;
    int v = -1;

    if (sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &q, NULL) == SQLITE_OK &&
        sqlite3_step(q) == SQLITE_ROW) {
        v = sqlite3_column_int(q, 0);
    }
    (void) sqlite3_finalize(q);
    return v;
}

static int open_file(struct store *s, const char *path, struct wf_err *err)
{
    static const char set_up[] =
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=2000;"
        "CREATE TABLE IF NOT EXISTS record (tbl INTEGER NOT NULL, key BLOB NOT NULL,"
        " value BLOB NOT NULL, PRIMARY KEY (tbl, key)) WITHOUT ROWID;"
        "PRAGMA user_version=1;";
    int version;

    if (sqlite3_open_v2(path, &s->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK) {
        return wf_err_set(err, WEFT_EIO, "cannot open the store %s: %s", path,
                          s->db != NULL ? sqlite3_errmsg(s->db) : "out of memory");
    }
    version = user_version(s->db);
    if (version > SCHEMA_VERSION) {
        return wf_err_set(err, WEFT_EVERSION,
                          "the store %s has version %d, this program knows %d: it was "
                          "written by a newer weft-broker",
                          path, version, SCHEMA_VERSION);
    }
    if (version < 0 || sqlite3_exec(s->db, set_up, NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(s->db,
                           "INSERT INTO record (tbl, key, value) VALUES (?1, ?2, ?3) ON "
                           "CONFLICT (tbl, key) DO UPDATE SET value = excluded.value",
                           -1, &s->put, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(s->db, "DELETE FROM record WHERE tbl = ?1 AND key = ?2", -1,
                           &s->del, NULL) != SQLITE_OK) {
        return wf_err_set(err, WEFT_EIO, "cannot use the store %s: %s", path,
                          sqlite3_errmsg(s->db));
    }
    return 0;
}

int store_open(struct wf_loop *loop, const char *path, const struct store_cbs *cbs,
               void *arg, struct store **ret_store, struct wf_err *err)
{
    struct store *s = wf_calloc(1, sizeof *s);
    int rc;

    if (s == NULL) {
        return wf_err_set(err, WEFT_ENOMEM, "out of memory");
    }
    s->cbs = *cbs;
    s->arg = arg;
    s->last = &s->first;
    s->wake.data = s;
    (void) pthread_mutex_init(&s->lock, NULL);
    (void) pthread_cond_init(&s->more, NULL);
    rc = strcmp(path, "memory") != 0 ? open_file(s, path, err) : 0;
    if (rc == 0) {
        rc = wf_timer_new(loop, on_retry, s, &s->retry);
    }
    if (rc != 0 || uv_async_init(&loop->uv, &s->wake, on_wake) != 0) {
        (void) sqlite3_finalize(s->put);
        (void) sqlite3_finalize(s->del);
        (void) sqlite3_close(s->db);
        wf_timer_free(s->retry);
        wf_free(s);
        return rc != 0 ? rc
                       : wf_err_set(err, WEFT_EIO, "cannot watch the store's thread");
    }
    *ret_store = s;
    return 0;
}

int store_load(struct store *s, store_row_fn *fn, void *arg, struct wf_err *err)
{
    struct wf_buf record = WF_BUF_INIT(1u << 20);
    sqlite3_stmt *q = NULL;
    int rc = SQLITE_DONE;

    if (s->db != NULL) {
        rc =
            sqlite3_prepare_v2(s->db, "SELECT tbl, key, value FROM record", -1, &q, NULL);
        while (rc == SQLITE_OK || rc == SQLITE_ROW) {
            rc = sqlite3_step(q);
            if (rc == SQLITE_ROW) {
                wf_buf_clear(&record);
                (void) wf_buf_put(&record, sqlite3_column_blob(q, 1),
                                  (size_t) sqlite3_column_bytes(q, 1));
                (void) wf_buf_put(&record, sqlite3_column_blob(q, 2),
                                  (size_t) sqlite3_column_bytes(q, 2));
                fn(arg, (unsigned) sqlite3_column_int(q, 0),
                   wf_slice_make(record.p, record.len));
            }
        }
    }
    (void) sqlite3_finalize(q);
    wf_buf_fini(&record);
    if (rc != SQLITE_DONE) {
        return wf_err_set(err, WEFT_EIO, "cannot read the store: %s",
                          sqlite3_errmsg(s->db));
    }
    if (s->db != NULL && pthread_create(&s->writer, NULL, write_on, s) != 0) {
        return wf_err_set(err, WEFT_EIO, "cannot start the store's thread");
    }
    s->has_writer = s->db != NULL;
    return 0;
}

static void on_closed(uv_handle_t *wake)
{
    struct store *s = wake->data;

    free_rows(s->first);
    (void) pthread_mutex_destroy(&s->lock);
    (void) pthread_cond_destroy(&s->more);
    wf_free(s);
}

void store_close(struct store *s)
{
    if (s == NULL) {
        return;
    }
    if (s->has_writer) {
        pthread_mutex_lock(&s->lock);
        s->closing = 1;
        s->wanted = 1;
        pthread_cond_signal(&s->more);
        pthread_mutex_unlock(&s->lock);
        (void) pthread_join(s->writer, NULL);
    }
    (void) sqlite3_finalize(s->put);
    (void) sqlite3_finalize(s->del);
    (void) sqlite3_close(s->db);
    wf_timer_free(s->retry);
    uv_close((uv_handle_t *) &s->wake, on_closed);
}

#include "broker/store/sqlite_int.h"
#include "broker/store/sum.h"
#include "common/buf.h"
#include "common/check.h"
#include "common/failpoint.h"
#include "common/mem.h"

#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

/* Pages in the log when it is copied into the database: 8 MB, some 10 ms during which
 * commits wait.  Fewer of them are copied no faster for each, and the disk is asked more
 * often to write the metadata of a file that grew; more make the wait longer.  A file
 * system that is small gets a shorter log: 2 MB on one of 64 MB or less. */
#define LOG_PAGES     2048
#define LOG_PAGES_MIN 512
#define LOG_SHARE     32 /* of the file system: one part in so many */
#define PAGE_BYTES    4096

/* The longest value, with room to grow. */
#define RECORD_MAX (16u << 20)

/* -- running SQL -----------------------------------------------------------------------
 */

int sqlite_run(struct sqlite *s, const char *sql)
{
    return sqlite3_exec(s->db, sql, NULL, NULL, NULL);
}

int64_t sqlite_ask(struct sqlite *s, const char *sql)
{
    sqlite3_stmt *q = NULL;
    int64_t v = -1;

    if (sqlite3_prepare_v2(s->db, sql, -1, &q, NULL) == SQLITE_OK &&
        sqlite3_step(q) == SQLITE_ROW) {
        v = sqlite3_column_int64(q, 0);
    }
    (void) sqlite3_finalize(q);
    return v;
}

int sqlite_fail(const struct sqlite *s, const char *what, struct wf_err *err)
{
    int rc = s->db != NULL ? sqlite3_errcode(s->db) : SQLITE_NOMEM;
    int code = WEFT_EIO;

    if (rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB) {
        code = WEFT_ESTORAGE;
    } else if (rc == SQLITE_BUSY) {
        code = WEFT_EBUSY;
    }
    return wf_err_set(err, code, "%s the store %s: %s", what, s->path,
                      s->db != NULL ? sqlite3_errmsg(s->db) : "out of memory");
}

/* weft_sum(table, key, value): NULL, which equals no sum, for what is no blob. */
static void sql_sum(sqlite3_context *c, int n, sqlite3_value **v)
{
    uint8_t seq[8];
    struct wf_slice key, value;

    (void) n;
    if (sqlite3_value_type(v[1]) == SQLITE_INTEGER) {
        store_seq_put(seq, (uint64_t) sqlite3_value_int64(v[1]));
        key = wf_slice_make(seq, sizeof seq);
    } else {
        key = wf_slice_make(sqlite3_value_blob(v[1]), (size_t) sqlite3_value_bytes(v[1]));
    }
    value = wf_slice_make(sqlite3_value_blob(v[2]), (size_t) sqlite3_value_bytes(v[2]));
    if (sqlite3_value_type(v[2]) == SQLITE_BLOB) {
        sqlite3_result_int64(
            c, (sqlite3_int64) store_sum((unsigned) sqlite3_value_int(v[0]), key, value));
    }
}

/* -- connections -----------------------------------------------------------------------
 */

static int on_log_grew(void *arg, sqlite3 *db, const char *name, int frames)
{
    struct sqlite *s = arg;

    s->frames = frames;
    return SQLITE_OK;
}

int sqlite_connect(struct sqlite *s, struct wf_err *err)
{
    /* One process alone uses the file: then SQLite needs no shared memory beside it.  Of
     * temporary tables, which only --repair makes, nothing reaches the disk. */
    static const char set_up[] =
        "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
        "PRAGMA temp_store=MEMORY; PRAGMA cell_size_check=ON";
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;

    if (sqlite_settle(s) != SQLITE_OK) {
        return wf_err_set(err, WEFT_EIO, "cannot rewrite the log of the store %s",
                          s->path);
    }
    if (gather_new(s->vfs, &s->gather) != SQLITE_OK ||
        sqlite3_open_v2(s->path, &s->db, flags, gather_name(s->gather)) != SQLITE_OK ||
        sqlite3_create_function(s->db, "weft_sum", 3,
                                SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS,
                                NULL, sql_sum, NULL, NULL) != SQLITE_OK ||
        sqlite_run(s, set_up) != SQLITE_OK) {
        return sqlite_fail(s, "cannot open", err);
    }
    s->frames = 0;
    s->checkpoint = s->log_pages;
    (void) sqlite3_wal_hook(s->db, on_log_grew,
                            s); /* in place of automatic checkpoints */
    return 0;
}

static void finalize(sqlite3_stmt **q)
{
    (void) sqlite3_finalize(*q);
    *q = NULL;
}

void sqlite_disconnect(struct sqlite *s, int failed)
{
    for (unsigned t = 0; t < STORE_TABLES; t++) {
        finalize(&s->put[t]);
        finalize(&s->put_many[t]);
        finalize(&s->replace[t]);
        finalize(&s->del[t]);
    }
    finalize(&s->put_facts);
    finalize(&s->begin);
    finalize(&s->end);
    if (s->db != NULL) {
        (void) sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, failed, NULL);
        (void) sqlite3_close(s->db);
    }
    s->db = NULL;
    gather_free(s->gather);
    s->gather = NULL;
}

static int prepare(struct sqlite *s, sqlite3_stmt **ret_q, const char *before,
                   unsigned table, const char *after)
{
    char sql[200];

    (void) snprintf(sql, sizeof sql, "%s %s %s", before, sqlite_table(table), after);
    return sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret_q, NULL);
}

/* One statement for SQLITE_MANY rows: it finds the end of the table once, not for each.
 */
static int prepare_many(struct sqlite *s, unsigned table)
{
    static const char row[] = ",(?,?,?,?)";
    char values[sizeof "VALUES" + SQLITE_MANY * sizeof row] = "VALUES";
    size_t len = strlen(values);

    for (unsigned i = 0; i < SQLITE_MANY; i++) {
        len += (size_t) snprintf(values + len, sizeof values - len, "%s", row + (i == 0));
    }
    return prepare(s, &s->put_many[table], "INSERT OR IGNORE INTO", table, values);
}

static int prepare_all(struct sqlite *s)
{
    int rc = sqlite3_prepare_v3(s->db, "BEGIN IMMEDIATE", -1, SQLITE_PREPARE_PERSISTENT,
                                &s->begin, NULL);

    if (rc == SQLITE_OK) {
        rc = sqlite3_prepare_v3(s->db, "COMMIT", -1, SQLITE_PREPARE_PERSISTENT, &s->end,
                                NULL);
    }
    for (unsigned t = STORE_KEYS; rc == SQLITE_OK && t < STORE_TABLES; t++) {
        rc =
            prepare(s, &s->put[t], "INSERT OR IGNORE INTO", t, "VALUES (?1, ?2, ?3, ?4)");
        if (rc == SQLITE_OK) {
            rc = prepare(s, &s->replace[t], "UPDATE", t,
                         "SET key_sum = ?2, row_sum = ?3, value = ?4 WHERE key = ?1");
        }
        if (rc == SQLITE_OK) {
            rc = prepare(s, &s->del[t], "DELETE FROM", t, "WHERE key = ?1");
        }
        if (rc == SQLITE_OK && store_key_len(t) == 8) {
            rc = prepare_many(s, t);
        }
    }
    return rc;
}

/* -- commits ---------------------------------------------------------------------------
 */

static int step(sqlite3_stmt *q)
{
    int rc = sqlite3_step(q);

    (void) sqlite3_reset(q);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static void bind_key(sqlite3_stmt *q, int at, struct wf_slice key)
{
    if (key.len == 8) {
        (void) sqlite3_bind_int64(q, at, (sqlite3_int64) store_seq(key.p));
    } else {
        (void) sqlite3_bind_blob(q, at, key.p, (int) key.len, SQLITE_STATIC);
    }
}

/* Bind the four values of a row, the first of them here. */
static void bind_row(sqlite3_stmt *q, int at, const struct store_row *r)
{
    const size_t klen = store_key_len(r->table);
    const struct wf_slice key = wf_slice_make(r->bytes, klen);
    const struct wf_slice value = wf_slice_make(r->bytes + klen, r->len - klen);
    const uint64_t key_sum = store_sum(r->table, key, wf_slice_make(key.p, 0));
    const uint64_t row_sum = store_sum(r->table, key, value);

    bind_key(q, at, key);
    (void) sqlite3_bind_int64(q, at + 1, (sqlite3_int64) key_sum);
    (void) sqlite3_bind_int64(q, at + 2, (sqlite3_int64) row_sum);
    (void) sqlite3_bind_blob(q, at + 3, value.p, (int) value.len, SQLITE_STATIC);
}

/* INSERT fails cheaply where the key is there: most keys are new. */
static int put_row(struct sqlite *s, const struct store_row *r, uint64_t *count)
{
    sqlite3_stmt *const qs[] = {s->put[r->table], s->replace[r->table]};

    for (unsigned i = 0; i < ARRAY_LEN(qs); i++) {
        int rc;

        bind_row(qs[i], 1, r);
        rc = step(qs[i]);
        if (rc != SQLITE_OK) {
            return rc;
        }
        if (sqlite3_changes(s->db) != 0) {
            *count += i == 0;
            return SQLITE_OK;
        }
    }
    return SQLITE_CORRUPT; /* neither there nor not there */
}

static void check_row(const struct store_row *r)
{
    const size_t klen = store_key_len(r->table);

    /* Rowids are signed. */
    WF_CHECK(r->table < STORE_TABLES && r->len >= klen &&
             (klen != 8 || store_seq(r->bytes) <= INT64_MAX));
}

static int write_row(struct sqlite *s, const struct store_row *r, struct facts *f)
{
    const size_t klen = store_key_len(r->table);
    int rc;

    check_row(r);
    f->lsn = wf_max_u64(f->lsn, r->lsn);
    if (r->len > klen) {
        return put_row(s, r, &f->rows[r->table]);
    }
    bind_key(s->del[r->table], 1, wf_slice_make(r->bytes, klen));
    rc = step(s->del[r->table]);
    f->rows[r->table] -= rc == SQLITE_OK && sqlite3_changes(s->db) != 0;
    return rc;
}

/* Whether one statement may put the rows from here on, SQLITE_MANY of them. */
static int are_many(const struct store_row *r)
{
    const unsigned table = r->table;
    unsigned n = 0;

    while (n < SQLITE_MANY && r != NULL && r->table == table && r->len > 8) {
        r = r->next;
        n++;
    }
    return n == SQLITE_MANY && store_key_len(table) == 8;
}

/* Where a key was there already nobody knows which: then they go one by one, which
 * changes none that was put here. */
static int put_many(struct sqlite *s, const struct store_row *r, struct facts *f)
{
    const unsigned table = r->table;
    const struct store_row *x = r;
    int rc, n;

    for (int i = 0; i < SQLITE_MANY; i++, x = x->next) {
        check_row(x);
        bind_row(s->put_many[table], 4 * i + 1, x);
        f->lsn = wf_max_u64(f->lsn, x->lsn);
    }
    rc = step(s->put_many[table]);
    n = rc == SQLITE_OK ? sqlite3_changes(s->db) : 0;
    f->rows[table] += (uint64_t) n;
    for (; rc == SQLITE_OK && n != SQLITE_MANY && r != x; r = r->next) {
        rc = write_row(s, r, f);
    }
    return rc;
}

static int write_rows(struct sqlite *s, const struct store_row *r, struct facts *f)
{
    int rc = SQLITE_OK;

    while (rc == SQLITE_OK && r != NULL) {
        unsigned n = are_many(r) ? SQLITE_MANY : 1;

        rc = n != 1 ? put_many(s, r, f) : write_row(s, r, f);
        WF_FAILPOINT("store.row.after");
        for (; n != 0; n--) {
            r = r->next;
        }
    }
    return rc;
}

/* After an error: nothing that SQLite remembers is used again.  What the disk holds is
 * made durable (sqlite_settle), read, and must not be older than what was. */
static int connect_again(struct sqlite *s, struct wf_err *err)
{
    struct facts f;
    int rc = sqlite_connect(s, err);

    if (rc == 0 &&
        (sqlite_facts_get(s, &f) != SQLITE_OK || prepare_all(s) != SQLITE_OK)) {
        rc = sqlite_fail(s, "cannot read", err);
    }
    if (rc != 0) {
        return rc == WEFT_ENOMEM ? rc : WEFT_EIO;
    }
    if (f.id != s->facts.id || f.boot != s->facts.boot || f.lsn < s->facts.lsn) {
        return wf_err_set(err, WEFT_ESTATE,
                          "the store %s was at record %llu and is now at %llu: the disk "
                          "lost what was durable",
                          s->path, (unsigned long long) s->facts.lsn,
                          (unsigned long long) f.lsn);
    }
    s->facts = f;
    return 0;
}

/* Copy the log into the database once it is long; it begins anew with the next commit.
 * What was committed is durable either way: after a failure it grows on for a while. */
static void checkpoint(void *db)
{
    struct sqlite *s = db;

    if (s->frames < s->checkpoint) {
        return;
    }
    s->checkpoint = s->frames + s->log_pages;
    WF_FAILPOINT("store.checkpoint.before");
    if (sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL) ==
        SQLITE_OK) {
        s->checkpoint = s->log_pages;
        s->frames = 0;
    }
    WF_FAILPOINT("store.checkpoint.after");
}

static int commit(void *db, struct store_row *rows, struct wf_err *err)
{
    struct sqlite *s = db;
    int rc = s->db == NULL ? connect_again(s, err) : 0;
    struct facts f = s->facts;

    if (rc == 0) {
        WF_FAILPOINT("store.begin.before");
        rc = step(s->begin);
        rc = rc == SQLITE_OK ? write_rows(s, rows, &f) : rc;
        rc = rc == SQLITE_OK ? sqlite_facts_put(s, &f) : rc;
        WF_FAILPOINT("store.commit.before");
        rc = rc == SQLITE_OK ? step(s->end) : rc;
        WF_FAILPOINT("store.commit.after");
        if (rc != SQLITE_OK) {
            (void) sqlite_fail(s, "cannot write to", err);
            rc = WEFT_EIO;
        }
    }
    if (rc != 0) {
        sqlite_disconnect(s, 1);
        return rc;
    }
    s->facts = f;
    sqlite_mark_put(s, 0);
    WF_FAILPOINT("store.mark.after");
    return 0;
}

/* -- reading ---------------------------------------------------------------------------
 */

static int hand_over(sqlite3_stmt *q, unsigned table, struct wf_buf *record,
                     store_row_fn *fn, void *arg)
{
    uint8_t seq[8];
    struct wf_slice key, value;

    if (store_key_len(table) == 8) {
        store_seq_put(seq, (uint64_t) sqlite3_column_int64(q, 0));
        key = wf_slice_make(seq, sizeof seq);
    } else {
        key =
            wf_slice_make(sqlite3_column_blob(q, 0), (size_t) sqlite3_column_bytes(q, 0));
    }
    value = wf_slice_make(sqlite3_column_blob(q, 2), (size_t) sqlite3_column_bytes(q, 2));
    if ((uint64_t) sqlite3_column_int64(q, 1) != store_sum(table, key, value)) {
        return WEFT_ESTORAGE;
    }
    wf_buf_clear(record);
    (void) wf_buf_put(record, key.p, key.len);
    if (wf_buf_put(record, value.p, value.len) != 0) {
        return record->err;
    }
    fn(arg, table, wf_slice_make(record->p, record->len));
    return 0;
}

static int load(void *db, store_row_fn *fn, void *arg, struct wf_err *err)
{
    struct sqlite *s = db;
    struct wf_buf record = WF_BUF_INIT(RECORD_MAX);
    int rc = SQLITE_OK, bad = 0;

    for (unsigned t = STORE_KEYS; rc == SQLITE_OK && bad == 0 && t < STORE_TABLES; t++) {
        sqlite3_stmt *q = NULL;

        rc = prepare(s, &q, "SELECT key, row_sum, value FROM", t, "ORDER BY key");
        while (bad == 0 && rc == SQLITE_OK && (rc = sqlite3_step(q)) == SQLITE_ROW) {
            bad = hand_over(q, t, &record, fn, arg);
            rc = SQLITE_OK;
        }
        rc = rc == SQLITE_DONE ? SQLITE_OK : rc;
        (void) sqlite3_finalize(q);
    }
    wf_buf_fini(&record);
    if (bad != 0) {
        return wf_err_set(err, bad, "a row of the store %s cannot be read", s->path);
    }
    return rc == SQLITE_OK ? 0 : sqlite_fail(s, "cannot read", err);
}

/* -- opening ---------------------------------------------------------------------------
 */

static void close_db(void *db)
{
    struct sqlite *s = db;

    if (s != NULL) {
        /* Once more for the disk: an orderly end leaves nothing unsynced. */
        if (s->facts.boot != 0) {
            sqlite_mark_put(s, 1);
        }
        sqlite_disconnect(s, 0);
        sqlite_mark_close(s);
        wf_free(s->path);
        wf_free(s->vfs);
        wf_free(s);
    }
}

static int verify(struct sqlite *s, const struct store_options *o, struct findings *f,
                  struct wf_err *err)
{
    int rc = sqlite_check(s, f, err);

    if (rc == 0 && sqlite_is_damaged(f)) {
        rc = o->repair ? sqlite_repair(s, o, f, err) : sqlite_refuse(s, f, err);
    }
    return rc;
}

/* A boot is never used twice, also when an old copy of the database took its place. */
static int begin_boot(struct sqlite *s, uint64_t mark_boot, struct wf_err *err)
{
    struct facts f = s->facts;

    f.boot = wf_max_u64(f.boot, mark_boot) + 1;
    if (prepare_all(s) != SQLITE_OK || step(s->begin) != SQLITE_OK ||
        sqlite_facts_put(s, &f) != SQLITE_OK || step(s->end) != SQLITE_OK) {
        return sqlite_fail(s, "cannot write to", err);
    }
    s->facts = f;
    WF_FAILPOINT("store.boot.after");
    sqlite_mark_put(s, 1);
    return 0;
}

/* The file itself may not be there yet. */
static int log_pages_at(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash == NULL ? wf_strdup(".") : wf_strdup(path);
    struct statvfs v;
    uint64_t pages = LOG_PAGES;

    if (folder != NULL && slash != NULL) {
        folder[slash - path + 1] = '\0';
    }
    if (folder != NULL && statvfs(folder, &v) == 0) {
        pages = (uint64_t) v.f_blocks * v.f_frsize / LOG_SHARE / PAGE_BYTES;
    }
    wf_free(folder);
    return (int) wf_min_u64(wf_max_u64(pages, LOG_PAGES_MIN), LOG_PAGES);
}

static int open_db(const struct store_options *o, void **ret_db,
                   struct store_facts *ret_facts, struct wf_err *err)
{
    struct sqlite *s = wf_calloc(1, sizeof *s);
    struct findings found = {0};
    int rc = WEFT_ENOMEM;

    if (s != NULL) {
        s->path = wf_strdup(o->where);
        s->vfs = o->vfs != NULL ? wf_strdup(o->vfs) : NULL;
        s->log_pages = o->log_pages != 0 ? (int) o->log_pages : log_pages_at(o->where);
    }
    if (s == NULL || s->path == NULL || (o->vfs != NULL && s->vfs == NULL)) {
        (void) wf_err_set(err, rc, "out of memory");
    } else {
        rc = sqlite_connect(s, err);
    }
    if (rc == 0) {
        rc = sqlite_schema(s, o, err);
    }
    if (rc == 0) {
        rc = verify(s, o, &found, err);
    }
    if (rc == 0) {
        rc = begin_boot(s, found.mark_boot, err);
    }
    if (rc != 0) {
        if (s != NULL) {
            s->facts.boot = 0; /* the mark stays as it is */
            sqlite_disconnect(s, 1);
        }
        close_db(s);
        return rc;
    }
    *ret_facts = (struct store_facts){s->facts.id, s->facts.boot, s->facts.lsn};
    *ret_db = s;
    return 0;
}

const struct store_driver store_sqlite = {.name = "sqlite",
                                          .open = open_db,
                                          .load = load,
                                          .commit = commit,
                                          .rest = checkpoint,
                                          .close = close_db};

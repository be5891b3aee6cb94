#include "agent/blob/index.h"

#include "common/check.h"

#include <stdio.h>
#include <string.h>

#define VERSION     2
#define VERSION_MAX 1000 /* what is above is damage */

#define COLUMNS "id, digest, size, have, disk, used, state, pinned"

enum {
    Q_BEGIN,
    Q_COMMIT,
    Q_GET,
    Q_NEXT,
    Q_ADD,
    Q_SET,
    Q_SET_USED,
    Q_DEL,
    Q_DEL_DATA,
    Q_DEL_PLACE,
    Q_VICTIM,
    Q_DATA,
    Q_PUT_DATA,
    Q_PLACE,
    Q_PLACE_FIND,
    Q_PUT_PLACE,
    Q_SUMS,
    QUERIES
};

_Static_assert(QUERIES == INDEX_QUERIES, "each has its place");

static const char schema[] =
    "PRAGMA user_version = 1;" /* until it is filled: index_filled() */
    "CREATE TABLE blob (id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE,"
    " size INTEGER NOT NULL, have INTEGER NOT NULL, disk INTEGER NOT NULL,"
    " used INTEGER NOT NULL, state INTEGER NOT NULL, pinned INTEGER NOT NULL);"
    "CREATE INDEX lru ON blob (pinned, state, used);"
    "CREATE TABLE small (id INTEGER PRIMARY KEY, data BLOB NOT NULL);"
    "CREATE TABLE place (id INTEGER PRIMARY KEY, path BLOB NOT NULL UNIQUE,"
    " size INTEGER NOT NULL, inode INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,"
    " ctime_ns INTEGER NOT NULL);";

static const char *const sql[QUERIES] = {
    [Q_BEGIN] = "BEGIN IMMEDIATE",
    [Q_COMMIT] = "COMMIT",
    [Q_GET] = "SELECT " COLUMNS " FROM blob WHERE digest = ?1",
    [Q_NEXT] = "SELECT " COLUMNS " FROM blob WHERE id > ?1 ORDER BY id LIMIT 1",
    [Q_ADD] = "INSERT INTO blob VALUES (NULL, ?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [Q_SET] = "UPDATE blob SET size = ?2, have = ?3, disk = ?4, used = max(used, ?5), "
              "state = ?6,"
              " pinned = ?7 WHERE digest = ?1",
    [Q_SET_USED] = "UPDATE blob SET used = ?2 WHERE digest = ?1 AND used < ?2",
    [Q_DEL] = "DELETE FROM blob WHERE id = ?1",
    [Q_DEL_DATA] = "DELETE FROM small WHERE id = ?1",
    [Q_DEL_PLACE] = "DELETE FROM place WHERE id = ?1",
    [Q_VICTIM] = "SELECT " COLUMNS " FROM blob WHERE pinned = 0 AND state = ?1 AND"
                 " used > ?2 AND used < ?3 AND size >= ?4 ORDER BY used LIMIT 1",
    [Q_DATA] = "SELECT data FROM small WHERE id = ?1",
    [Q_PUT_DATA] = "INSERT OR REPLACE INTO small VALUES (?1, ?2)",
    [Q_PLACE] = "SELECT path, size, inode, mtime_ns, ctime_ns FROM place WHERE id = ?1",
    [Q_PLACE_FIND] =
        "SELECT path, p.size, inode, mtime_ns, ctime_ns, b.id, digest, b.size, have, "
        "disk,"
        " used, state, pinned FROM place p JOIN blob b ON b.id = p.id WHERE path = ?1",
    [Q_PUT_PLACE] = "INSERT OR REPLACE INTO place VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [Q_SUMS] = "SELECT sum(disk), sum(iif(state = 0, max(disk - have, 0), 0)),"
               " sum(iif(state = 2, size, 0)), sum(state <> 0), sum(state = 0),"
               " sum(pinned), max(used),"
               " sum(iif(state = 0 OR pinned <> 0, disk, 0)) FROM blob",
};

/* -- statements ------------------------------------------------------------------------
 */

static int fail(struct index *x, int rc, struct wf_err *err)
{
    const char *why = x->db != NULL ? sqlite3_errmsg(x->db) : "out of memory";
    int code = WEFT_EIO;

    switch (rc & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_SCHEMA:
    case SQLITE_ERROR: /* tables or columns that are not as we make them */
    case SQLITE_MISMATCH:
        code = WEFT_ESTORAGE;
        break;
    case SQLITE_FULL:
        code = WEFT_EFULL;
        break;
    case SQLITE_NOMEM:
        code = WEFT_ENOMEM;
        break;
    }
    x->failed = code;
    return wf_err_set(err, code, "the index of the blobs: %s", why);
}

static int prepare(struct index *x, int which, sqlite3_stmt **ret_q, struct wf_err *err)
{
    if (x->q[which] == NULL) {
        int rc = sqlite3_prepare_v3(x->db, sql[which], -1, SQLITE_PREPARE_PERSISTENT,
                                    &x->q[which], NULL);

        if (rc != SQLITE_OK) {
            return fail(x, rc, err);
        }
    }
    *ret_q = x->q[which];
    return 0;
}

/* A statement without rows; `rc` are those of binding. */
static int run(struct index *x, sqlite3_stmt *q, int rc, struct wf_err *err)
{
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(q);
    }
    rc = rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : fail(x, rc, err);
    (void) sqlite3_reset(q);
    (void) sqlite3_clear_bindings(q);
    return rc;
}

/* A statement with one row: WEFT_ENOENT when there is none.  It is reset by done(). */
static int ask(struct index *x, sqlite3_stmt *q, int rc, struct wf_err *err)
{
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(q);
    }
    return rc == SQLITE_ROW    ? 0
           : rc == SQLITE_DONE ? wf_err_set(err, WEFT_ENOENT, "no such blob here")
                               : fail(x, rc, err);
}

static int done(sqlite3_stmt *q, int rc)
{
    (void) sqlite3_reset(q);
    (void) sqlite3_clear_bindings(q);
    return rc;
}

static int bind_digest(sqlite3_stmt *q, int at, const struct wf_digest *d)
{
    return sqlite3_bind_blob(q, at, d->b, sizeof d->b, SQLITE_STATIC);
}

static int bind_int(sqlite3_stmt *q, int at, uint64_t v)
{
    return sqlite3_bind_int64(q, at, (sqlite3_int64) wf_min_u64(v, INT64_MAX));
}

/* What cannot be in a row that we wrote is damage. */
static int row_of(struct index *x, sqlite3_stmt *q, int at, struct blob_row *ret_row,
                  struct wf_err *err)
{
    struct blob_row r = {.id = sqlite3_column_int64(q, at)};
    const void *digest = sqlite3_column_blob(q, at + 1);
    int state = sqlite3_column_int(q, at + 6);

    if (digest == NULL || sqlite3_column_bytes(q, at + 1) != sizeof r.digest ||
        state < ROW_PART || state > ROW_PLACE || sqlite3_column_int64(q, at + 2) < 0 ||
        (uint64_t) sqlite3_column_int64(q, at + 2) > WF_BLOB_MAX) {
        return fail(x, SQLITE_CORRUPT, err);
    }
    memcpy(r.digest.b, digest, sizeof r.digest);
    r.size = (uint64_t) sqlite3_column_int64(q, at + 2);
    r.have = wf_min_u64((uint64_t) sqlite3_column_int64(q, at + 3), r.size);
    r.disk = (uint64_t) sqlite3_column_int64(q, at + 4);
    r.used = (uint64_t) sqlite3_column_int64(q, at + 5);
    r.state = (enum row_state) state;
    r.pinned = sqlite3_column_int(q, at + 7) != 0;
    *ret_row = r;
    return 0;
}

/* -- opening ---------------------------------------------------------------------------
 */

static int ask_int(struct index *x, const char *text, int64_t *ret_v, struct wf_err *err)
{
    sqlite3_stmt *q = NULL;
    int rc = sqlite3_prepare_v2(x->db, text, -1, &q, NULL);

    if (rc == SQLITE_OK) {
        rc = sqlite3_step(q);
    }
    if (rc == SQLITE_ROW) {
        *ret_v = sqlite3_column_int64(q, 0);
    }
    rc = rc == SQLITE_ROW ? 0 : fail(x, rc, err);
    (void) sqlite3_finalize(q);
    return rc;
}

static int set_up(struct index *x, struct wf_err *err)
{
    /* One process alone uses it, under the lock of the folder. */
    static const char pragmas[] =
        "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
        "PRAGMA temp_store=MEMORY; PRAGMA cell_size_check=ON; PRAGMA cache_size=-1024";
    int64_t version = 0, tables = 0;
    int rc = sqlite3_exec(x->db, pragmas, NULL, NULL, NULL);

    rc = rc == SQLITE_OK ? 0 : fail(x, rc, err);
    if (rc == 0) {
        rc = ask_int(x, "PRAGMA user_version", &version, err);
    }
    if (rc == 0) {
        rc = ask_int(x, "SELECT count(*) FROM sqlite_schema", &tables, err);
    }
    if (rc != 0) {
        return rc;
    }
    if (version < 0 || version > VERSION_MAX || (version == 0 && tables != 0)) {
        return fail(x, SQLITE_CORRUPT, err);
    }
    if (version > VERSION) {
        return wf_err_set(err, WEFT_ECONF,
                          "the index of the blobs is of a newer program: start that, or "
                          "remove index.db, which is built anew then");
    }
    x->filled = version == VERSION;
    if (version == 0) {
        rc = index_begin(x, err);
        if (rc == 0) {
            rc = sqlite3_exec(x->db, schema, NULL, NULL, NULL);
            rc = rc == SQLITE_OK ? index_commit(x, err) : fail(x, rc, err);
        }
    }
    return rc;
}

int index_filled(struct index *x, struct wf_err *err)
{
    int rc = sqlite3_exec(x->db, "PRAGMA user_version = 2", NULL, NULL, NULL);

    x->filled = rc == SQLITE_OK;
    return rc == SQLITE_OK ? 0 : fail(x, rc, err);
}

int index_open(struct index *x, const char *path, struct wf_err *err)
{
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    int rc;

    *x = (struct index){NULL};
    rc = sqlite3_open_v2(path, &x->db, flags, NULL);
    rc = rc == SQLITE_OK ? set_up(x, err) : fail(x, rc, err);
    if (rc != 0) {
        index_close(x);
    }
    return rc;
}

void index_close(struct index *x)
{
    for (int i = 0; i < QUERIES; i++) {
        (void) sqlite3_finalize(x->q[i]);
    }
    if (x->db != NULL) {
        WF_CHECK(sqlite3_close(x->db) == SQLITE_OK);
    }
    *x = (struct index){NULL};
}

void index_rest(struct index *x)
{
    if (x->db != NULL) {
        (void) sqlite3_db_release_memory(x->db);
    }
}

static int simple(struct index *x, int which, struct wf_err *err)
{
    sqlite3_stmt *q = NULL;
    int rc = prepare(x, which, &q, err);

    return rc == 0 ? run(x, q, SQLITE_OK, err) : rc;
}

int index_begin(struct index *x, struct wf_err *err)
{
    return simple(x, Q_BEGIN, err);
}

int index_commit(struct index *x, struct wf_err *err)
{
    int rc = simple(x, Q_COMMIT, err);

    if (rc != 0) {
        index_rollback(x);
    }
    return rc;
}

void index_rollback(struct index *x)
{
    if (x->db != NULL && sqlite3_get_autocommit(x->db) == 0) {
        (void) sqlite3_exec(x->db, "ROLLBACK", NULL, NULL, NULL);
    }
}

/* -- rows ------------------------------------------------------------------------------
 */

int index_get(struct index *x, const struct wf_digest *d, struct blob_row *ret_row,
              struct wf_err *err)
{
    sqlite3_stmt *q = NULL;
    int rc = prepare(x, Q_GET, &q, err);

    if (rc == 0) {
        rc = ask(x, q, bind_digest(q, 1, d), err);
        rc = done(q, rc == 0 ? row_of(x, q, 0, ret_row, err) : rc);
    }
    return rc;
}

int index_next(struct index *x, int64_t after, struct blob_row *ret_row,
               struct wf_err *err)
{
    sqlite3_stmt *q = NULL;
    int rc = prepare(x, Q_NEXT, &q, err);

    if (rc == 0) {
        rc = ask(x, q, sqlite3_bind_int64(q, 1, after), err);
        rc = done(q, rc == 0 ? row_of(x, q, 0, ret_row, err) : rc);
    }
    return rc;
}

static int bind_row(sqlite3_stmt *q, const struct blob_row *r)
{
    return bind_digest(q, 1, &r->digest) | bind_int(q, 2, r->size) |
           bind_int(q, 3, r->have) | bind_int(q, 4, r->disk) | bind_int(q, 5, r->used) |
           sqlite3_bind_int(q, 6, (int) r->state) | sqlite3_bind_int(q, 7, r->pinned);
}

int index_add(struct index *x, struct blob_row *row, struct wf_err *err)
{
    sqlite3_stmt *q = NULL;
    int rc = prepare(x, Q_ADD, &q, err);

    if (rc == 0) {
        rc = run(x, q, bind_row(q, row), err);
    }
    if (rc == 0) {
        row->id = sqlite3_last_insert_rowid(x->db);
    }
    return rc;
}

int index_set(struct index *x, const struct blob_row *row, struct wf_err *err)
{
    sqlite3_stmt *q = NULL;
    int rc = prepare(x, Q_SET, &q, err);

    return rc == 0 ? run(x, q, bind_row(q, row), err) : rc;
}

int index_set_used(struct index *x, const struct wf_digest *d, uint64_t used,
                   struct wf_err *err)
{
    sqlite3_stmt *q = NULL;
    int rc = prepare(x, Q_SET_USED, &q, err);

    return rc == 0 ? run(x, q, bind_digest(q, 1, d) | bind_int(q, 2, used), err) : rc;
}

int index_del(struct index *x, int64_t id, struct wf_err *err)
{
    int rc = 0;

    for (int which = Q_DEL; rc == 0 && which <= Q_DEL_PLACE; which++) {
        sqlite3_stmt *q = NULL;

        rc = prepare(x, which, &q, err);
        if (rc == 0) {
            rc = run(x, q, sqlite3_bind_int64(q, 1, id), err);
        }
    }
    return rc;
}

int index_victim(struct index *x, enum row_state state, uint64_t before, uint64_t min,
                 uint64_t *after, struct blob_row *ret_row, struct wf_err *err)
{
    sqlite3_stmt *q = NULL;
    int rc = prepare(x, Q_VICTIM, &q, err);

    if (rc == 0) {
        rc = ask(x, q,
                 sqlite3_bind_int(q, 1, (int) state) | bind_int(q, 2, *after) |
                     bind_int(q, 3, before) | bind_int(q, 4, min),
                 err);
        rc = done(q, rc == 0 ? row_of(x, q, 0, ret_row, err) : rc);
    }
    if (rc == 0) {
        *after = ret_row->used;
    }
    return rc;
}

/* -- small blobs, files in place -------------------------------------------------------
 */

static int copy_data(sqlite3_stmt *q, void *dst, size_t cap, size_t *ret_len,
                     struct wf_err *err)
{
    const void *p = sqlite3_column_blob(q, 0);
    size_t len = (size_t) sqlite3_column_bytes(q, 0);

    if (len > cap || (p == NULL && len != 0)) {
        return wf_err_set(err, WEFT_EINVAL, "a small blob of %zu bytes", len);
    }
    if (len != 0) {
        memcpy(dst, p, len);
    }
    *ret_len = len;
    return 0;
}

int index_data(struct index *x, int64_t id, void *dst, size_t cap, size_t *ret_len,
               struct wf_err *err)
{
    sqlite3_stmt *q = NULL;
    int rc = prepare(x, Q_DATA, &q, err);

    if (rc == 0) {
        rc = ask(x, q, sqlite3_bind_int64(q, 1, id), err);
        rc = done(q, rc == 0 ? copy_data(q, dst, cap, ret_len, err) : rc);
    }
    return rc;
}

int index_put_data(struct index *x, int64_t id, const void *p, size_t len,
                   struct wf_err *err)
{
    sqlite3_stmt *q = NULL;
    int rc = prepare(x, Q_PUT_DATA, &q, err);

    /* A null pointer would bind NULL. */
    return rc == 0 ? run(x, q,
                         sqlite3_bind_int64(q, 1, id) |
                             sqlite3_bind_blob(q, 2, len != 0 ? p : "", (int) len,
                                               SQLITE_STATIC),
                         err)
                   : rc;
}

static int place_row(struct index *x, sqlite3_stmt *q, struct place *ret_place,
                     struct wf_err *err)
{
    const void *path = sqlite3_column_blob(q, 0);
    size_t len = (size_t) sqlite3_column_bytes(q, 0);

    if (path == NULL || len >= sizeof ret_place->path) {
        return fail(x, SQLITE_CORRUPT, err);
    }
    memcpy(ret_place->path, path, len);
    ret_place->path[len] = '\0';
    ret_place->size = (uint64_t) sqlite3_column_int64(q, 1);
    ret_place->inode = (uint64_t) sqlite3_column_int64(q, 2);
    ret_place->mtime_ns = sqlite3_column_int64(q, 3);
    ret_place->ctime_ns = sqlite3_column_int64(q, 4);
    return 0;
}

int index_place(struct index *x, int64_t id, struct place *ret_place, struct wf_err *err)
{
    sqlite3_stmt *q = NULL;
    int rc = prepare(x, Q_PLACE, &q, err);

    if (rc == 0) {
        rc = ask(x, q, sqlite3_bind_int64(q, 1, id), err);
        rc = done(q, rc == 0 ? place_row(x, q, ret_place, err) : rc);
        ret_place->id = id;
    }
    return rc;
}

int index_place_find(struct index *x, const char *path, struct place *ret_place,
                     struct blob_row *ret_row, struct wf_err *err)
{
    sqlite3_stmt *q = NULL;
    int rc = prepare(x, Q_PLACE_FIND, &q, err);

    if (rc == 0) {
        rc = ask(x, q, sqlite3_bind_blob(q, 1, path, (int) strlen(path), SQLITE_STATIC),
                 err);
        if (rc == 0) {
            rc = place_row(x, q, ret_place, err);
        }
        rc = done(q, rc == 0 ? row_of(x, q, 5, ret_row, err) : rc);
    }
    if (rc == 0) {
        ret_place->id = ret_row->id;
    }
    return rc;
}

int index_put_place(struct index *x, const struct place *p, struct wf_err *err)
{
    sqlite3_stmt *q = NULL;
    int rc = prepare(x, Q_PUT_PLACE, &q, err);

    if (rc == 0) {
        rc = run(
            x, q,
            sqlite3_bind_int64(q, 1, p->id) |
                sqlite3_bind_blob(q, 2, p->path, (int) strlen(p->path), SQLITE_STATIC) |
                bind_int(q, 3, p->size) |
                sqlite3_bind_int64(q, 4, (sqlite3_int64) p->inode) |
                sqlite3_bind_int64(q, 5, p->mtime_ns) |
                sqlite3_bind_int64(q, 6, p->ctime_ns),
            err);
    }
    return rc;
}

int index_sums(struct index *x, struct index_sums *ret, struct wf_err *err)
{
    uint64_t *const v[] = {&ret->disk,  &ret->promised, &ret->in_place,  &ret->whole,
                           &ret->parts, &ret->pinned,   &ret->last_used, &ret->kept};
    sqlite3_stmt *q = NULL;
    int rc = prepare(x, Q_SUMS, &q, err);

    if (rc == 0) {
        rc = ask(x, q, SQLITE_OK, err);
        for (int i = 0; rc == 0 && i < (int) ARRAY_LEN(v); i++) {
            *v[i] = (uint64_t) sqlite3_column_int64(q, i);
        }
        rc = done(q, rc);
    }
    return rc;
}

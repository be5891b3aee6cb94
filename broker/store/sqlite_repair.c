#include "broker/store/sqlite_int.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PATH_SIZE 1024

/* What cannot be trusted goes to the table `damaged`, in one transaction with its
 * deletion.  A job goes as a whole: one whose outcome is damaged must not run again as if
 * it had none.  Where it is unknown whose outcomes are missing, every job without one
 * goes.  A file that SQLite itself cannot read in full is first copied row by row into a
 * new one, and kept under another name. */

static void tell(const struct store_options *o, const char *format, ...) WF_PRINTF(2, 3);

static void tell(const struct store_options *o, const char *format, ...)
{
    char line[300];
    va_list ap;

    va_start(ap, format);
    (void) vsnprintf(line, sizeof line, format, ap);
    va_end(ap);
    if (o->told != NULL) {
        o->told(o->told_arg, line);
    }
}

/* -- which rows go ---------------------------------------------------------------------
 *
 * The temporary table `bad` has the keys: `grp` is the table, and STORE_JOBS for all
 * three tables of jobs.
 */

static unsigned group_of(unsigned table)
{
    return table == STORE_ATTEMPTS || table == STORE_OUTCOMES ? STORE_JOBS : table;
}

static int find_bad(struct sqlite *s, const struct findings *f)
{
    char sql[400];
    int rc = sqlite_run(s, "CREATE TEMP TABLE bad (grp INTEGER, key, why TEXT, "
                           "PRIMARY KEY (grp, key)) WITHOUT ROWID");

    for (unsigned t = STORE_KEYS; rc == SQLITE_OK && t < STORE_TABLES; t++) {
        (void) snprintf(sql, sizeof sql,
                        "INSERT OR IGNORE INTO bad SELECT %u, key, 'damaged in the table "
                        "%s' FROM %s WHERE row_sum IS NOT weft_sum(%u, key, value)",
                        group_of(t), sqlite_table(t), sqlite_table(t), t);
        rc = sqlite_run(s, sql);
    }
    if (rc == SQLITE_OK && f->doubt) {
        (void) snprintf(
            sql, sizeof sql,
            "INSERT OR IGNORE INTO bad SELECT %d, key, 'whether it ended is "
            "not known' FROM jobs WHERE key NOT IN (SELECT key FROM outcomes)",
            STORE_JOBS);
        rc = sqlite_run(s, sql);
    }
    return rc;
}

/* A line for each: jobs by their id, which begins the value. */
static int tell_bad(struct sqlite *s, const struct store_options *o)
{
    sqlite3_stmt *q = NULL;
    int rc =
        sqlite3_prepare_v2(s->db,
                           "SELECT grp, lower(hex(substr(value, 1, 16))), bad.why, "
                           "CASE typeof(bad.key) WHEN 'blob' THEN lower(hex(bad.key)) "
                           "ELSE bad.key END FROM bad LEFT JOIN jobs ON grp = 3 AND "
                           "jobs.key = bad.key ORDER BY grp, bad.key",
                           -1, &q, NULL);

    while (rc == SQLITE_OK && (rc = sqlite3_step(q)) == SQLITE_ROW) {
        unsigned group = (unsigned) sqlite3_column_int(q, 0);
        const char *id = (const char *) sqlite3_column_text(q, 1);
        const char *why = (const char *) sqlite3_column_text(q, 2);
        const char *key = (const char *) sqlite3_column_text(q, 3);

        if (group == STORE_JOBS && id != NULL && id[0] != '\0') {
            tell(o, "job %s is put aside: %s", id, why);
        } else {
            tell(o, "row %s is put aside: %s", key, why);
        }
        rc = SQLITE_OK;
    }
    (void) sqlite3_finalize(q);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int move_bad(struct sqlite *s)
{
    char sql[400];
    int rc = SQLITE_OK;

    for (unsigned t = STORE_KEYS; rc == SQLITE_OK && t < STORE_TABLES; t++) {
        (void) snprintf(
            sql, sizeof sql,
            "INSERT INTO damaged (boot, tbl, key, value, why) SELECT %lld, "
            "'%s', a.key, a.value, bad.why FROM %s a JOIN bad ON grp = %u AND "
            "bad.key = a.key; DELETE FROM %s WHERE key IN (SELECT key FROM "
            "bad WHERE grp = %u)",
            (long long) s->facts.boot, sqlite_table(t), sqlite_table(t), group_of(t),
            sqlite_table(t), group_of(t));
        rc = sqlite_run(s, sql);
    }
    return rc;
}

/* -- the facts -------------------------------------------------------------------------
 */

/* The boot is in the high bits of each row's number. */
static uint64_t boot_of_rows(struct sqlite *s)
{
    int64_t top = sqlite_ask(s, "SELECT max(ifnull((SELECT max(key) FROM jobs), 0), "
                                "ifnull((SELECT max(key) FROM events), 0), "
                                "ifnull((SELECT max(key) FROM datasets), 0), "
                                "ifnull((SELECT max(key) FROM estimates), 0)) >> 40");

    return top > 0 ? (uint64_t) top : 0;
}

static int mend_facts(struct sqlite *s, const struct store_options *o,
                      const struct findings *f)
{
    struct facts *x = &s->facts;

    x->boot = wf_max_u64(wf_max_u64(x->boot, f->mark_boot), boot_of_rows(s));
    if (f->facts || f->gone_back) {
        /* Another history begins: who knew the old one must not compare with it. */
        uint64_t id = sqlite_new_id(o);

        x->id = id != x->id ? id : id + 1;
        x->lsn = wf_max_u64(x->lsn, f->mark_lsn);
    }
    for (unsigned t = STORE_KEYS; t < STORE_TABLES; t++) {
        char sql[80];
        int64_t n;

        (void) snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", sqlite_table(t));
        n = sqlite_ask(s, sql);
        if (n < 0) {
            return SQLITE_CORRUPT;
        }
        x->rows[t] = (uint64_t) n;
    }
    return sqlite_facts_put(s, x);
}

static void tell_rest(const struct sqlite *s, const struct store_options *o,
                      const struct findings *f)
{
    if (f->missing != 0) {
        tell(o, "%llu rows are missing, it is not known which",
             (unsigned long long) f->missing);
    }
    if (f->surplus != 0) {
        tell(o, "%llu rows are there that were not counted, it is not known which",
             (unsigned long long) f->surplus);
    }
    if (f->facts) {
        tell(o, "the number of rows was unreadable; the store gets a new identity");
    } else if (f->gone_back) {
        tell(o,
             "records after %llu up to %llu are lost; the store gets a new identity; "
             "jobs that ended meanwhile may run again",
             (unsigned long long) s->facts.lsn, (unsigned long long) f->mark_lsn);
    }
}

/* -- what SQLite cannot read -----------------------------------------------------------
 */

static int copy_row(sqlite3_stmt *from, sqlite3_stmt *to)
{
    int rc;

    for (int i = 0; i < 4; i++) {
        (void) sqlite3_bind_value(to, i + 1, sqlite3_column_value(from, i));
    }
    rc = sqlite3_step(to);
    (void) sqlite3_reset(to);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* Rows with a good sum, from one end of the table as far as it can be read.  An error of
 * reading is the damage; one of writing, or of the disk, is ours to report. */
static int salvage(struct sqlite *s, struct sqlite *fresh, unsigned table,
                   const char *order)
{
    char get[200], put[120];
    sqlite3_stmt *from = NULL, *to = NULL;
    int rc = SQLITE_OK, read;

    (void) snprintf(get, sizeof get,
                    "SELECT key, key_sum, row_sum, value FROM %s WHERE "
                    "row_sum IS weft_sum(%u, key, value) ORDER BY key %s",
                    sqlite_table(table), table, order);
    (void) snprintf(put, sizeof put, "INSERT OR IGNORE INTO %s VALUES (?1, ?2, ?3, ?4)",
                    sqlite_table(table));
    if (sqlite3_prepare_v2(fresh->db, put, -1, &to, NULL) != SQLITE_OK) {
        return SQLITE_ERROR;
    }
    read = sqlite3_prepare_v2(s->db, get, -1, &from, NULL);
    while (rc == SQLITE_OK && read == SQLITE_OK &&
           (read = sqlite3_step(from)) == SQLITE_ROW) {
        rc = copy_row(from, to);
        read = SQLITE_OK;
    }
    (void) sqlite3_finalize(from);
    (void) sqlite3_finalize(to);
    return read == SQLITE_IOERR || read == SQLITE_NOMEM ? read : rc;
}

static int salvage_all(struct sqlite *s, struct sqlite *fresh)
{
    int rc = sqlite_run(fresh, "BEGIN IMMEDIATE");

    if (rc == SQLITE_OK) {
        rc = sqlite_schema_make(fresh);
    }
    for (unsigned t = STORE_KEYS; rc == SQLITE_OK && t < STORE_TABLES; t++) {
        rc = salvage(s, fresh, t, "ASC");
        if (rc == SQLITE_OK) {
            rc = salvage(s, fresh, t, "DESC");
        }
    }
    if (rc == SQLITE_OK) {
        rc = sqlite_facts_put(fresh, &s->facts);
    }
    return rc == SQLITE_OK ? sqlite_run(fresh, "COMMIT") : rc;
}

/* A second name for the damaged file, one that is not taken. */
static int keep(const struct sqlite *s, char *ret_path, size_t cap)
{
    for (unsigned n = 1; n < 1000; n++) {
        (void) snprintf(ret_path, cap, "%s.damaged-%u", s->path, n);
        if (link(s->path, ret_path) == 0) {
            return 0;
        }
        if (errno != EEXIST) {
            break;
        }
    }
    return WEFT_EIO;
}

/* Put the new file in the old one's place, which keeps another name.  At every instant
 * there is one whole store: both logs are gone before. */
static int swap(struct sqlite *s, const char *fresh, struct wf_err *err)
{
    char wal[PATH_SIZE + 16], fresh_wal[PATH_SIZE + 16], kept[PATH_SIZE + 16];

    sqlite_disconnect(s, 0);
    (void) snprintf(wal, sizeof wal, "%s-wal", s->path);
    (void) snprintf(fresh_wal, sizeof fresh_wal, "%s-wal", fresh);
    if (access(wal, F_OK) == 0 || access(fresh_wal, F_OK) == 0 ||
        keep(s, kept, sizeof kept) != 0 || rename(fresh, s->path) != 0) {
        return wf_err_set(err, WEFT_EIO, "cannot put %s in place of %s", fresh, s->path);
    }
    return sqlite_connect(s, err);
}

static int rebuild(struct sqlite *s, struct wf_err *err)
{
    char path[PATH_SIZE], wal[PATH_SIZE + 16];
    struct sqlite fresh = {.path = path, .log_pages = s->log_pages};
    int rc;

    if (s->vfs != NULL || strlen(s->path) > sizeof path - 16) {
        return wf_err_set(err, WEFT_ESUPPORT, "cannot rebuild the store %s there",
                          s->path);
    }
    (void) snprintf(path, sizeof path, "%s.repair", s->path);
    (void) snprintf(wal, sizeof wal, "%s-wal", path);
    (void) unlink(wal);
    (void) unlink(path);
    rc = sqlite_connect(&fresh, err);
    if (rc == 0 && salvage_all(s, &fresh) != SQLITE_OK) {
        rc = wf_err_set(err, WEFT_EIO, "cannot copy the store %s to %s: %s", s->path,
                        path, sqlite3_errmsg(fresh.db));
    }
    sqlite_disconnect(&fresh, rc != 0);
    return rc == 0 ? swap(s, path, err) : rc;
}

/* -- all of it -------------------------------------------------------------------------
 */

int sqlite_repair(struct sqlite *s, const struct store_options *o, struct findings *f,
                  struct wf_err *err)
{
    int rc = SQLITE_OK;

    if (f->structure) {
        struct findings again = {.facts = f->facts};

        tell(o, "the file is damaged: %s", f->said);
        rc = rebuild(s, err);
        if (rc == 0) {
            rc = sqlite_check(s, &again, err);
        }
        if (rc != 0) {
            return rc;
        }
        tell(o, "what could be read is in a new file; the old one stays beside it, with "
                "the end .damaged-N");
        f->missing = again.missing;
        f->doubt = f->facts || again.doubt;
    }
    rc = sqlite_run(s, "BEGIN IMMEDIATE");
    rc = rc == SQLITE_OK ? find_bad(s, f) : rc;
    rc = rc == SQLITE_OK ? tell_bad(s, o) : rc;
    rc = rc == SQLITE_OK ? move_bad(s) : rc;
    tell_rest(s, o, f);
    rc = rc == SQLITE_OK ? mend_facts(s, o, f) : rc;
    rc = rc == SQLITE_OK ? sqlite_run(s, "COMMIT; DROP TABLE temp.bad") : rc;
    return rc == SQLITE_OK ? 0 : sqlite_fail(s, "cannot repair", err);
}

#include "broker/store/sqlite_int.h"

#include <stdio.h>
#include <string.h>

/* Not quick_check, which does not look at the order of rows without a rowid; there are no
 * indexes, which make the difference in time.
 *
 * Three things look after each other: SQLite's own structures (is each page used once,
 * in order?), the sums of the rows, and their number, without which a page that was never
 * written, or written from an older day, would pass. */

int sqlite_sound(struct sqlite *s, char *ret_text, size_t cap)
{
    sqlite3_stmt *q = NULL;
    const char *text = NULL;
    int sound;

    if (sqlite3_prepare_v2(s->db, "PRAGMA integrity_check(1)", -1, &q, NULL) ==
            SQLITE_OK &&
        sqlite3_step(q) == SQLITE_ROW) {
        text = (const char *) sqlite3_column_text(q, 0);
    }
    sound = text != NULL && strcmp(text, "ok") == 0;
    if (ret_text != NULL) {
        (void) snprintf(ret_text, cap, "%s", text != NULL ? text : sqlite3_errmsg(s->db));
        ret_text[strcspn(ret_text, "\n")] = '\0';
    }
    (void) sqlite3_finalize(q);
    return sound;
}

/* Rows of a table, those with a wrong sum, and of these those whose key is in doubt too.
 * SQLITE_*. */
static int count(struct sqlite *s, unsigned table, uint64_t *ret_v)
{
    char sql[300];
    sqlite3_stmt *q = NULL;
    int rc;

    (void) snprintf(sql, sizeof sql,
                    "SELECT count(*), count(*) FILTER (WHERE bad), count(*) FILTER "
                    "(WHERE bad AND key_sum IS NOT weft_sum(%u, key, x'')) FROM (SELECT "
                    "key, key_sum, row_sum IS NOT weft_sum(%u, key, value) AS bad "
                    "FROM %s)",
                    table, table, sqlite_table(table));
    rc = sqlite3_prepare_v2(s->db, sql, -1, &q, NULL);
    if (rc == SQLITE_OK && (rc = sqlite3_step(q)) == SQLITE_ROW) {
        for (int i = 0; i < 3; i++) {
            ret_v[i] = (uint64_t) sqlite3_column_int64(q, i);
        }
        rc = SQLITE_OK;
    }
    (void) sqlite3_finalize(q);
    return rc;
}

/* Deleted and changed rows of jobs count too: a page from an older day brings back jobs
 * that have ended. */
static int is_of_jobs(unsigned table)
{
    return table == STORE_JOBS || table == STORE_ATTEMPTS || table == STORE_OUTCOMES;
}

static int check_rows(struct sqlite *s, struct findings *f)
{
    for (unsigned t = STORE_KEYS; t < STORE_TABLES; t++) {
        uint64_t v[3], want = s->facts.rows[t];
        int rc = count(s, t, v);

        if (rc != SQLITE_OK) {
            return rc;
        }
        f->damaged += v[1];
        if (f->facts) {
            continue;
        }
        f->missing += want > v[0] ? want - v[0] : 0;
        f->surplus += v[0] > want ? v[0] - want : 0;
        f->doubt |= is_of_jobs(t) && (v[0] != want || (t != STORE_JOBS && v[2] != 0));
    }
    return SQLITE_OK;
}

int sqlite_check(struct sqlite *s, struct findings *f, struct wf_err *err)
{
    struct facts mark;
    int there, rc;

    f->structure = !sqlite_sound(s, f->said, sizeof f->said);
    if (!f->structure && !sqlite_schema_ok(s)) {
        f->structure = 1;
        (void) snprintf(f->said, sizeof f->said, "its tables are not as they were made");
    }
    rc = sqlite_facts_get(s, &s->facts);
    f->facts = rc != SQLITE_OK;
    if (f->facts) {
        memset(&s->facts, 0, sizeof s->facts);
    }
    if (!f->structure) {
        rc = check_rows(s, f);
        if (rc != SQLITE_OK) {
            return sqlite_fail(s, "cannot read", err);
        }
    }
    sqlite_mark_close(s);
    rc = sqlite_mark_open(s, &there, &mark, err);
    if (rc == 0 && there && (f->facts || mark.id == s->facts.id)) {
        f->mark_boot = mark.boot;
        f->mark_lsn = mark.lsn;
        f->gone_back = s->facts.boot < mark.boot || s->facts.lsn < mark.lsn;
    }
    return rc;
}

int sqlite_is_damaged(const struct findings *f)
{
    return f->damaged != 0 || f->missing != 0 || f->surplus != 0 || f->facts ||
           f->structure || f->gone_back;
}

int sqlite_refuse(const struct sqlite *s, const struct findings *f, struct wf_err *err)
{
    if (f->structure) {
        return wf_err_set(err, WEFT_ESTORAGE,
                          "the store %s is damaged (%s): put a backup in its place, or "
                          "let --repair save what can be read",
                          s->path, f->said);
    }
    if (f->facts || f->damaged + f->missing + f->surplus != 0) {
        return wf_err_set(err, WEFT_ESTORAGE,
                          "the store %s is damaged: %llu rows have a wrong checksum, "
                          "%llu are missing, %llu are too many%s: --repair puts the "
                          "damaged ones aside",
                          s->path, (unsigned long long) f->damaged,
                          (unsigned long long) f->missing,
                          (unsigned long long) f->surplus,
                          f->facts ? ", their number is unreadable" : "");
    }
    return wf_err_set(err, WEFT_ESTORAGE,
                      "the store %s lost durable records: it ends with %llu, %s.mark "
                      "says %llu: is it an old copy? --repair accepts the loss",
                      s->path, (unsigned long long) s->facts.lsn, s->path,
                      (unsigned long long) f->mark_lsn);
}

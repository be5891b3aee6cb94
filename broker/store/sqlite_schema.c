#include "broker/store/sqlite_int.h"
#include "broker/store/sum.h"

#include <stdio.h>
#include <string.h>

#define APPLICATION "0x77656674" /* "weft", for file(1) */
#define SET_VERSION "PRAGMA user_version=4"

/* A table by its name; keys of 32 bytes, and of 8. */
#define BY_NAME(name)                                                                    \
    "CREATE TABLE " name " (key BLOB PRIMARY KEY NOT NULL, key_sum INTEGER NOT NULL, "   \
    "row_sum INTEGER NOT NULL, value BLOB NOT NULL) WITHOUT ROWID"
#define BY_SEQ(name)                                                                     \
    "CREATE TABLE " name " (key INTEGER PRIMARY KEY, key_sum INTEGER NOT NULL, "         \
    "row_sum INTEGER NOT NULL, value BLOB NOT NULL)"

static const struct {
    const char *name, *sql;
} tables[] = {
    [0] = {"facts", "CREATE TABLE facts (one INTEGER PRIMARY KEY, id INTEGER, "
                    "boot INTEGER, lsn INTEGER, keys INTEGER, tokens INTEGER, "
                    "jobs INTEGER, attempts INTEGER, outcomes INTEGER, events INTEGER, "
                    "datasets INTEGER, estimates INTEGER, row_sum INTEGER)"},
    [STORE_KEYS] = {"keys", BY_NAME("keys")},
    [STORE_TOKENS] = {"tokens", BY_NAME("tokens")},
    [STORE_JOBS] = {"jobs", BY_SEQ("jobs")},
    [STORE_ATTEMPTS] = {"attempts", BY_SEQ("attempts")},
    [STORE_OUTCOMES] = {"outcomes", BY_SEQ("outcomes")},
    [STORE_EVENTS] = {"events", BY_SEQ("events")},
    [STORE_DATASETS] = {"datasets", BY_SEQ("datasets")},
    [STORE_ESTIMATES] = {"estimates", BY_SEQ("estimates")},
    [STORE_TABLES] = {"damaged", "CREATE TABLE damaged (n INTEGER PRIMARY KEY, "
                                 "boot INTEGER, tbl TEXT, key BLOB, value BLOB, "
                                 "why TEXT)"},
};

/* Version 2 had the same tables, without datasets; version 3 had those, and no estimates.
 */
static const char facts_2[] =
    "CREATE TABLE facts (one INTEGER PRIMARY KEY, id INTEGER, boot INTEGER, lsn INTEGER, "
    "keys INTEGER, tokens INTEGER, jobs INTEGER, attempts INTEGER, outcomes INTEGER, "
    "events INTEGER, row_sum INTEGER)";
static const char facts_3[] =
    "CREATE TABLE facts (one INTEGER PRIMARY KEY, id INTEGER, boot INTEGER, lsn INTEGER, "
    "keys INTEGER, tokens INTEGER, jobs INTEGER, attempts INTEGER, outcomes INTEGER, "
    "events INTEGER, datasets INTEGER, row_sum INTEGER)";

const char *sqlite_table(unsigned table)
{
    return tables[table].name;
}

int sqlite_schema_make(struct sqlite *s)
{
    int rc = SQLITE_OK;

    for (size_t i = 0; rc == SQLITE_OK && i < ARRAY_LEN(tables); i++) {
        rc = sqlite_run(s, tables[i].sql);
    }
    if (rc == SQLITE_OK) {
        rc = sqlite_run(s, "PRAGMA application_id=" APPLICATION "; " SET_VERSION);
    }
    return rc;
}

/* The definition of a table in that version; NULL: it had no such table. */
static const char *definition(size_t table, int64_t version)
{
    if ((version < 3 && table == STORE_DATASETS) ||
        (version < 4 && table == STORE_ESTIMATES)) {
        return NULL;
    }
    if (table == 0 && version < 4) {
        return version == 2 ? facts_2 : facts_3;
    }
    return tables[table].sql;
}

/* A flipped bit in the text of a definition may leave one that SQLite likes. */
static int is_version(struct sqlite *s, int64_t version)
{
    static const char find[] = "SELECT sql FROM sqlite_schema WHERE name = ?1";
    sqlite3_stmt *q = NULL;
    int good = sqlite3_prepare_v2(s->db, find, -1, &q, NULL) == SQLITE_OK;
    int64_t n = 0;

    for (size_t i = 0; good && i < ARRAY_LEN(tables); i++) {
        const char *sql = definition(i, version);

        if (sql != NULL) {
            (void) sqlite3_bind_text(q, 1, tables[i].name, -1, SQLITE_STATIC);
            good = sqlite3_step(q) == SQLITE_ROW && sqlite3_column_text(q, 0) != NULL &&
                   strcmp((const char *) sqlite3_column_text(q, 0), sql) == 0;
            (void) sqlite3_reset(q);
            n++;
        }
    }
    (void) sqlite3_finalize(q);
    return good && sqlite_ask(s, "SELECT count(*) FROM sqlite_schema") == n &&
           sqlite_ask(s, "PRAGMA user_version") == version;
}

int sqlite_schema_ok(struct sqlite *s)
{
    return is_version(s, SCHEMA_VERSION);
}

/* -- the facts -------------------------------------------------------------------------
 */

#define NFACTS   (3u + STORE_TABLES - STORE_KEYS)
#define NFACTS_2 (NFACTS - 2) /* the fewest */

static void flatten(const struct facts *f, uint64_t *ret_v)
{
    ret_v[0] = f->id;
    ret_v[1] = f->boot;
    ret_v[2] = f->lsn;
    for (unsigned t = STORE_KEYS; t < STORE_TABLES; t++) {
        ret_v[3 + t - STORE_KEYS] = f->rows[t];
    }
}

static uint64_t facts_sum(const uint64_t *v, unsigned n)
{
    uint8_t b[NFACTS * 8];

    for (unsigned i = 0; i < n; i++) {
        store_seq_put(b + (size_t) i * 8, v[i]);
    }
    return store_sum(0, wf_slice_make(b, 0), wf_slice_make(b, (size_t) n * 8));
}

/* Of a row that has one more column before them, and one behind. */
static int read_facts(sqlite3_stmt *q, struct facts *ret_facts)
{
    const unsigned n = (unsigned) sqlite3_column_count(q) - 2;
    uint64_t v[NFACTS] = {0};

    if (n < NFACTS_2 || n > NFACTS) {
        return SQLITE_CORRUPT;
    }
    for (unsigned i = 0; i < n; i++) {
        v[i] = (uint64_t) sqlite3_column_int64(q, (int) i + 1);
    }
    if ((uint64_t) sqlite3_column_int64(q, (int) n + 1) != facts_sum(v, n)) {
        return SQLITE_CORRUPT;
    }
    memset(ret_facts, 0, sizeof *ret_facts);
    ret_facts->id = v[0];
    ret_facts->boot = v[1];
    ret_facts->lsn = v[2];
    for (unsigned t = STORE_KEYS; t < STORE_TABLES; t++) {
        ret_facts->rows[t] = v[3 + t - STORE_KEYS];
    }
    return SQLITE_OK;
}

int sqlite_facts_get(struct sqlite *s, struct facts *ret_facts)
{
    sqlite3_stmt *q = NULL;
    int rc = sqlite3_prepare_v2(s->db, "SELECT * FROM facts WHERE one = 1", -1, &q, NULL);

    if (rc == SQLITE_OK) {
        rc = sqlite3_step(q);
    }
    if (rc == SQLITE_ROW) {
        rc = read_facts(q, ret_facts);
    } else if (rc == SQLITE_DONE) {
        rc = SQLITE_CORRUPT;
    }
    (void) sqlite3_finalize(q);
    return rc;
}

int sqlite_facts_put(struct sqlite *s, const struct facts *f)
{
    uint64_t v[NFACTS];
    int rc = SQLITE_OK;

    if (s->put_facts == NULL) {
        rc = sqlite3_prepare_v3(s->db,
                                "REPLACE INTO facts VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, "
                                "?7, ?8, ?9, ?10, ?11, ?12)",
                                -1, SQLITE_PREPARE_PERSISTENT, &s->put_facts, NULL);
    }
    if (rc != SQLITE_OK) {
        return rc;
    }
    flatten(f, v);
    for (unsigned i = 0; i < NFACTS; i++) {
        (void) sqlite3_bind_int64(s->put_facts, (int) i + 1, (sqlite3_int64) v[i]);
    }
    (void) sqlite3_bind_int64(s->put_facts, NFACTS + 1,
                              (sqlite3_int64) facts_sum(v, NFACTS));
    rc = sqlite3_step(s->put_facts);
    (void) sqlite3_reset(s->put_facts);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

uint64_t sqlite_new_id(const struct store_options *o)
{
    uint64_t id = o->seed * UINT64_C(0x9e3779b97f4a7c15);

    while (id == 0) {
        sqlite3_randomness(sizeof id, &id);
    }
    return id;
}

/* -- making and migrating --------------------------------------------------------------
 */

/* Version 1: one table of keys and tokens, without sums. */
static int migrate_1(struct sqlite *s)
{
    char sql[400];
    int rc = sqlite_schema_make(s);

    for (unsigned t = STORE_KEYS; rc == SQLITE_OK && t <= STORE_TOKENS; t++) {
        (void) snprintf(sql, sizeof sql,
                        "INSERT INTO %s SELECT key, weft_sum(%u, key, x''), "
                        "weft_sum(%u, key, value), value FROM record WHERE tbl = %u",
                        sqlite_table(t), t, t, t);
        rc = sqlite_run(s, sql);
    }
    return rc == SQLITE_OK ? sqlite_run(s, "DROP TABLE record") : rc;
}

/* Versions 2 and 3: tables are missing, and the columns of the facts for them.  Facts
 * that are damaged are left out, for repair to make anew. */
static int add_tables(struct sqlite *s, int64_t version)
{
    struct facts f;
    const int known = sqlite_facts_get(s, &f) == SQLITE_OK;
    int rc = sqlite_run(s, "DROP TABLE facts");

    rc = rc == SQLITE_OK ? sqlite_run(s, tables[0].sql) : rc;
    for (size_t t = STORE_KEYS; rc == SQLITE_OK && t < STORE_TABLES; t++) {
        if (definition(t, version) == NULL) {
            rc = sqlite_run(s, tables[t].sql);
        }
    }
    rc = rc == SQLITE_OK ? sqlite_run(s, SET_VERSION) : rc;
    return rc == SQLITE_OK && known ? sqlite_facts_put(s, &f) : rc;
}

/* From nothing, or from version 1, which had no facts. */
static int make_new(struct sqlite *s, const struct store_options *o, int64_t version)
{
    struct facts f = {.id = sqlite_new_id(o)};
    int rc;

    if (version == 1 && !sqlite_sound(s, NULL, 0)) {
        return SQLITE_CORRUPT;
    }
    rc = version == 1 ? migrate_1(s) : sqlite_schema_make(s);
    if (rc == SQLITE_OK) {
        f.rows[STORE_KEYS] = (uint64_t) sqlite_ask(s, "SELECT count(*) FROM keys");
        f.rows[STORE_TOKENS] = (uint64_t) sqlite_ask(s, "SELECT count(*) FROM tokens");
        rc = sqlite_facts_put(s, &f);
    }
    return rc;
}

static int make(struct sqlite *s, const struct store_options *o, int64_t version)
{
    int rc = sqlite_run(s, "BEGIN IMMEDIATE");

    if (rc == SQLITE_OK) {
        rc = version >= 2 ? add_tables(s, version) : make_new(s, o, version);
    }
    return rc == SQLITE_OK ? sqlite_run(s, "COMMIT") : rc;
}

/* Whether a store of version 2 or 3 can be migrated as it stands. */
static int is_whole(struct sqlite *s, const struct store_options *o, int64_t version)
{
    struct facts f;

    return sqlite_sound(s, NULL, 0) && is_version(s, version) &&
           (o->repair || sqlite_facts_get(s, &f) == SQLITE_OK);
}

/* Where the database is empty there must not be the mark of one that was not. */
static int check_new(struct sqlite *s, const struct store_options *o, struct wf_err *err)
{
    struct facts mark;
    int there, rc = sqlite_mark_open(s, &there, &mark, err);

    sqlite_mark_close(s);
    if (rc == 0 && there && !o->repair) {
        rc = wf_err_set(err, WEFT_ESTORAGE,
                        "the store %s is gone: %s.mark tells of record %llu; put it "
                        "back, or begin a new one with --repair",
                        s->path, s->path, (unsigned long long) mark.lsn);
    }
    return rc;
}

int sqlite_schema(struct sqlite *s, const struct store_options *o, struct wf_err *err)
{
    int64_t version = sqlite_ask(s, "PRAGMA user_version");
    int64_t ntables = sqlite_ask(s, "SELECT count(*) FROM sqlite_schema");

    if (version < 0 || ntables < 0) {
        return sqlite_fail(s, "cannot read", err);
    }
    if (version > SCHEMA_VERSION) {
        return wf_err_set(err, WEFT_EVERSION,
                          "the store %s has version %lld, this program knows %d: it was "
                          "written by a newer weft-broker",
                          s->path, (long long) version, SCHEMA_VERSION);
    }
    if (version == 0 && ntables == 0) {
        int rc = check_new(s, o, err);

        if (rc != 0) {
            return rc;
        }
    } else if (version == 1 &&
               sqlite_ask(s, "SELECT count(*) FROM sqlite_schema WHERE name = 'record' "
                             "OR name LIKE 'sqlite_%'") != ntables) {
        version = 0;
    }
    if (version == 0 && ntables != 0) {
        return wf_err_set(err, WEFT_ESTORAGE,
                          "%s is a database, and not a store of weft, or damaged",
                          s->path);
    }
    if (version >= 2 && version < SCHEMA_VERSION && !is_whole(s, o, version)) {
        return 0; /* the check refuses it as it is; repair copies it into a new one */
    }
    if (version < SCHEMA_VERSION && make(s, o, version) != SQLITE_OK) {
        return sqlite_fail(s, version != 0 ? "cannot migrate" : "cannot make", err);
    }
    return 0;
}

/* pg_sql.c - what stands in the database: the schema and every statement */
#include "broker/store/pg.h"

#define SCHEMA_VERSION 3

/* Joins are avoided where `record` is one side: statements of commits are planned once,
 * maybe while it is empty, and only arrays are sure to go through the index later, too.
 * Tables 1, 2 and 7 are the common ones (pg_is_common), 3 to 5 those of jobs, 6 events,
 * 8 estimates.
 */
const char *const pg_sql[PG_STATEMENTS] = {
    [PG_BEGIN] = "BEGIN",
    [PG_COMMIT] = "COMMIT",

    /* Division by zero: the one way to let a statement fail by what it found, so that all
     * that was sent after it, the COMMIT too, is skipped. */
    [PG_FENCE] = "WITH f AS (UPDATE weft.broker SET heard = clock_timestamp(),"
                 " lsn = greatest(lsn, $3::bigint)"
                 " WHERE name = $1::text AND epoch = $2::bigint RETURNING 1)"
                 " SELECT 1 / count(*),"
                 " pg_snapshot_xmin(pg_current_snapshot())::text::bigint FROM f",

    /* Nobody takes over from a broker that is still reading: it has a minute more. */
    [PG_REGISTER] =
        "INSERT INTO weft.broker AS b (name, epoch, boot, heard, lease_ms, lsn)"
        " SELECT $1::text, e, e, clock_timestamp() + interval '1 minute', $2::bigint, 0"
        " FROM nextval('weft.epoch') AS e"
        " ON CONFLICT (name) DO UPDATE SET epoch = excluded.epoch, boot = excluded.boot,"
        " heard = excluded.heard, lease_ms = excluded.lease_ms, taken_by = NULL"
        " RETURNING b.epoch, b.boot, b.lsn",
    /* Numbers of transactions of another server, before a dump was restored here. */
    [PG_FORGET_FOREIGN] =
        "UPDATE weft.record SET ver = 0 WHERE tbl IN (1, 2, 7)"
        " AND ver <> 0 AND ver >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint",
    [PG_LOOK] = "SELECT epoch, lsn FROM weft.broker WHERE name = $1::text",

    [PG_DELETE] =
        "DELETE FROM weft.record WHERE tbl = $1::bigint AND"
        " key = ANY (ARRAY(SELECT k || $3::bytea FROM unnest($2::bytea[]) AS k))",
    [PG_ADD_JOBS] = "INSERT INTO weft.record (tbl, key, value, sum, broker, id)"
                    " SELECT 3, k, v, s, $1::text, CASE WHEN length(v) >= 16 THEN "
                    "substr(v, 1, 16) END"
                    " FROM unnest($2::bytea[], $3::bytea[], $4::bigint[]) AS n (k, v, s)",
    [PG_CHANGE_JOB] = "UPDATE weft.record SET value = $3::bytea, sum = $4::bigint"
                      " WHERE tbl = 3 AND key = $2::bytea AND broker = $1::text",
    [PG_ADD_JOB] = "INSERT INTO weft.record (tbl, key, value, sum, broker, id)"
                   " VALUES (3, $2::bytea, $3::bytea, $4::bigint, $1::text,"
                   " CASE WHEN length($3::bytea) >= 16 THEN substr($3::bytea, 1, 16) "
                   "END) ON CONFLICT DO NOTHING",
    [PG_PUT] = "INSERT INTO weft.record AS r (tbl, key, value, sum, broker, ver, gone)"
               " SELECT t, CASE WHEN t = 6 THEN k || convert_to($1::text, 'UTF8') ELSE k "
               "END, v, s,"
               " $1::text,"
               " CASE WHEN t IN (1, 2, 7) THEN pg_current_xact_id()::text::bigint"
               " ELSE 0 END,"
               " CASE WHEN t IN (1, 2, 7) AND v = '' THEN now() END"
               " FROM unnest($2::int[], $3::bytea[], $4::bytea[], $5::bigint[])"
               " AS n (t, k, v, s)"
               " ON CONFLICT (tbl, key) DO UPDATE SET value = excluded.value,"
               " sum = excluded.sum, broker = excluded.broker, ver = excluded.ver,"
               " gone = excluded.gone, shared = r.shared OR r.broker <> excluded.broker",

    [PG_READ_COMMON] = "SELECT tbl, key || value, sum FROM weft.record"
                       " WHERE tbl BETWEEN $1::bigint AND $2::bigint AND gone IS NULL"
                       " ORDER BY tbl, key",
    [PG_READ_OURS] = "SELECT tbl, CASE WHEN tbl = 6 THEN substr(key, 1, 8) ELSE key END"
                     " || value, sum FROM weft.record"
                     " WHERE broker = $3::text AND tbl BETWEEN $1::bigint AND $2::bigint"
                     " ORDER BY tbl, key",

    [PG_NEWS] = "SELECT tbl, key || value, sum FROM weft.record"
                " WHERE ver <> 0 AND ver >= $2::bigint AND tbl IN (1, 2, 7)"
                " AND (broker <> $1::text OR shared) ORDER BY tbl, key",
    /* Who was silent for so long has been taken over and reads all when it comes back. */
    [PG_FORGET_GONE] = "DELETE FROM weft.record WHERE tbl IN (1, 2, 7)"
                       " AND gone < now() - interval '7 days'",

    [PG_TAKE] =
        "UPDATE weft.broker SET epoch = nextval('weft.epoch') WHERE name ="
        " (SELECT name FROM weft.broker WHERE name <> $1::text AND taken_by IS NULL"
        " AND lease_ms <= $2::bigint"
        " AND heard < clock_timestamp() - lease_ms * interval '1 millisecond'"
        " ORDER BY name LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING name, epoch",
    [PG_LEFT] = "SELECT key FROM weft.record WHERE broker = $1::text AND"
                " tbl BETWEEN 3 AND 5 ORDER BY tbl, key LIMIT $2::bigint",
    /* By key alone, which is sure to go through the primary key: no other broker has a
     * row of these numbers. */
    [PG_MOVE] = "UPDATE weft.record SET broker = $2::text, ver = $3::bigint"
                " WHERE tbl = $1::bigint AND key = ANY ($4::bytea[])",
    [PG_TAKEN] = "UPDATE weft.broker SET taken_by = $2::text WHERE name = $1::text",
    /* In other tables `ver` is not the mark of a claim, but may be the same number. */
    [PG_CLAIMED] = "SELECT tbl, key || value, sum FROM weft.record"
                   " WHERE ver <> 0 AND ver = $1::bigint AND tbl BETWEEN 3 AND 5"
                   " AND (tbl, key) > ($2::bigint, $3::bytea) ORDER BY tbl, key",

    [PG_KEEP_DAMAGED] = "INSERT INTO weft.quarantine (tbl, key, value, sum, broker)"
                        " SELECT tbl, key, value, sum, broker FROM weft.record"
                        " WHERE tbl = $1::bigint AND key = $2::bytea || $3::bytea",
    [PG_DROP_DAMAGED] =
        "DELETE FROM weft.record WHERE tbl = $1::bigint AND key = $2::bytea || $3::bytea",
};

/* -- the schema ---------------------------------------------------------------------- */

/* Version 1 from nothing.  Each broker counts its events for itself: their keys end with
 * its name.  `ver` of common rows is the number of the transaction that wrote them, of
 * rows that were taken over the mark of that claim; `shared`: more than one broker has
 * written the key; `gone`: when it was deleted, for a while so that others hear of it.
 * Values are stored as they are: compression is not worth its time. */
static const char *const to_1[] = {
    "DO $$ BEGIN IF to_regnamespace('weft') IS NULL THEN CREATE SCHEMA weft;"
    " END IF; END $$",
    "CREATE TABLE weft.schema_version (version int NOT NULL, store_id bigint NOT NULL)",
    "CREATE SEQUENCE weft.epoch",
    "CREATE TABLE weft.broker (name text PRIMARY KEY, epoch bigint NOT NULL,"
    " boot bigint NOT NULL, heard timestamptz NOT NULL, lease_ms bigint NOT NULL,"
    " lsn bigint NOT NULL, taken_by text) WITH (fillfactor = 20)",
    "CREATE TABLE weft.record (tbl int NOT NULL, key bytea NOT NULL,"
    " value bytea NOT NULL, sum bigint NOT NULL, broker text NOT NULL, id bytea,"
    " ver bigint NOT NULL DEFAULT 0, shared boolean NOT NULL DEFAULT false,"
    " gone timestamptz, PRIMARY KEY (tbl, key))",
    "ALTER TABLE weft.record ALTER value SET STORAGE EXTERNAL",
    "CREATE UNIQUE INDEX record_id ON weft.record (id) WHERE tbl = 3",
    "CREATE INDEX record_broker ON weft.record (broker, tbl, key)"
    " WHERE tbl >= 3",
    "CREATE INDEX record_ver ON weft.record (ver, tbl, key) WHERE ver <> 0",
    "CREATE INDEX record_gone ON weft.record (gone) WHERE gone IS NOT NULL",
    "CREATE TABLE weft.quarantine (moved timestamptz NOT NULL DEFAULT now(),"
    " tbl int NOT NULL, key bytea NOT NULL, value bytea NOT NULL, sum bigint NOT NULL,"
    " broker text NOT NULL)",
    "INSERT INTO weft.schema_version (version, store_id) SELECT 1,"
    " ('x' || left(md5(gen_random_uuid()::text), 16))::bit(64)::bigint | 1",
    NULL,
};

/* Datasets, rows like the others: the number keeps away programs that would not load
 * them, nor hear of them. */
static const char *const to_2[] = {
    "UPDATE weft.schema_version SET version = 2",
    NULL,
};

/* Estimates: the same. */
static const char *const to_3[] = {
    "UPDATE weft.schema_version SET version = 3",
    NULL,
};

/* Entry n brings version n to n + 1 and ends with the new number in schema_version. */
static const char *const *const steps[SCHEMA_VERSION] = {to_1, to_2, to_3};

struct version {
    int64_t version, id;
};

static int read_version(void *arg, unsigned statement, PGresult *res)
{
    struct version *v = arg;

    if (PQntuples(res) == 1 && PQnfields(res) == 2) {
        v->version = pg_int(res, 0, 0);
        v->id = pg_int(res, 0, 1);
    }
    return 0;
}

static int read_found(void *arg, unsigned statement, PGresult *res)
{
    int64_t *found = arg;

    if (PQntuples(res) == 1 && PQnfields(res) == 1 && !PQgetisnull(res, 0, 0)) {
        *found = pg_int(res, 0, 0);
    }
    return 0;
}

/* 0 when there is no schema of ours.  The lock is for brokers that start side by side. */
static int look(struct pg *pg, struct version *ret_v, struct wf_err *err)
{
    int64_t found = 0;
    int rc;

    pg_send_text(pg, "BEGIN");
    pg_send_text(pg, "SELECT pg_advisory_xact_lock(7766856)");
    rc = pg_run(pg, NULL, NULL, err);
    if (rc != 0) {
        return rc;
    }
    pg_send_text(pg, "SELECT (to_regclass('weft.schema_version') IS NOT NULL)"
                     "::int::bigint");
    rc = pg_run(pg, read_found, &found, err);
    *ret_v = (struct version){0, 0};
    if (rc == 0 && found != 0) {
        pg_send_text(pg, "SELECT version::bigint, store_id FROM weft.schema_version");
        rc = pg_run(pg, read_version, ret_v, err);
    }
    return rc;
}

int pg_migrate(struct pg *pg, uint64_t *ret_id, struct wf_err *err)
{
    struct version v;
    int rc = look(pg, &v, err);

    if (rc == 0 && v.version > SCHEMA_VERSION) {
        return wf_err_set(err, WEFT_EVERSION,
                          "the database's schema weft has version %lld, this program "
                          "knows %d: it was written by a newer weft-broker",
                          (long long) v.version, SCHEMA_VERSION);
    }
    for (int64_t n = v.version; rc == 0 && n < SCHEMA_VERSION; n++) {
        for (const char *const *sql = steps[n]; *sql != NULL; sql++) {
            pg_send_text(pg, *sql);
        }
        rc = pg_run(pg, NULL, NULL, err);
    }
    if (rc == 0) {
        pg_send_text(pg, "SELECT version::bigint, store_id FROM weft.schema_version");
        pg_send_text(pg, "COMMIT");
        rc = pg_run(pg, read_version, &v, err);
    }
    if (rc == 0) {
        *ret_id = (uint64_t) v.id;
    }
    return rc;
}

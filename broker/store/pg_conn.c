/* pg_conn.c - the connection to the server, statements through it, their results
 *
 * The connection is in pipeline mode all the time: a transaction is sent whole and
 * answered in one round trip.  After an error the server skips what follows, so nothing
 * of a transaction that failed is committed.  No wait is longer than QUIET_MS without a
 * byte in either direction; the server ends statements and idle transactions by itself
 * before that, so that no lock outlives a broker that is gone.
 */
#include "broker/store/pg.h"

#include "common/mem.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define QUIET_MS    30000
#define IDLE_MAX_MS 10000u
#define IDLE_MIN_MS 1000u

uint64_t pg_now_ms(void)
{
    struct timespec t;

    /* Counts on while the machine is suspended: so does the server's clock. */
    (void) clock_gettime(CLOCK_BOOTTIME, &t);
    return (uint64_t) t.tv_sec * 1000 + (uint64_t) t.tv_nsec / 1000000;
}

/* -- errors -------------------------------------------------------------------------- */

/* The first line; a password in it becomes stars. */
int pg_fail(struct pg *pg, struct wf_err *err, int code, const char *text)
{
    size_t secret = pg->password != NULL ? strlen(pg->password) : 0;
    char *copy = wf_strdup(text), *at;

    if (copy == NULL) {
        return wf_err_set(err, code, "the database failed");
    }
    copy[strcspn(copy, "\n")] = '\0';
    for (at = copy; secret > 0 && (at = strstr(at, pg->password)) != NULL; at += secret) {
        memset(at, '*', secret);
    }
    (void) wf_err_set(err, code, "database: %s", copy);
    wf_free(copy);
    return code;
}

void pg_drop(struct pg *pg)
{
    PQfinish(pg->conn);
    pg->conn = NULL;
    pg->unsent = 0;
}

static int lost(struct pg *pg, struct wf_err *err)
{
    int rc = pg_fail(pg, err, WEFT_EIO, PQerrorMessage(pg->conn));

    pg_drop(pg);
    return rc;
}

static int code_of(PGresult *res)
{
    const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);

    if (state == NULL) {
        return WEFT_EIO;
    }
    return strcmp(state, "22012") == 0   ? WEFT_ESTATE
           : strcmp(state, "23505") == 0 ? WEFT_EEXIST
                                         : WEFT_EIO;
}

static int refuse(struct pg *pg, PGresult *res, struct wf_err *err)
{
    int rc = code_of(res);
    const char *text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);

    if (rc == WEFT_ESTATE) {
        return wf_err_set(err, rc,
                          "another weft-broker opened the database as %s, or took over "
                          "from it after a silence",
                          pg->name);
    }
    return pg_fail(pg, err, rc, text != NULL ? text : PQresultErrorMessage(res));
}

/* -- sending and waiting ------------------------------------------------------------- */

void pg_send(struct pg *pg, enum pg_statement s, const struct pg_args *args)
{
    static const struct pg_args none;
    const struct pg_args *a = args != NULL ? args : &none;
    char name[16];

    /* Nothing after one that is missing, least of all the COMMIT. */
    if (pg->unsent || pg->conn == NULL) {
        return;
    }
    if (a->bad) {
        pg->unsent = 1;
    } else if (s < PG_PREPARED) {
        (void) snprintf(name, sizeof name, "weft%u", (unsigned) s);
        pg->unsent = PQsendQueryPrepared(pg->conn, name, a->n, a->value, a->len,
                                         a->format, 1) == 0;
    } else {
        pg->unsent = PQsendQueryParams(pg->conn, pg_sql[s], a->n, NULL, a->value, a->len,
                                       a->format, 1) == 0;
    }
}

void pg_send_text(struct pg *pg, const char *sql)
{
    if (!pg->unsent && pg->conn != NULL) {
        pg->unsent = PQsendQueryParams(pg->conn, sql, 0, NULL, NULL, NULL, NULL, 1) == 0;
    }
}

void pg_send_fence(struct pg *pg, uint64_t lsn)
{
    struct pg_args a = {0};

    pg_arg_text(&a, pg->name);
    pg_arg_int(&a, pg->epoch);
    pg_arg_int(&a, (int64_t) lsn);
    pg_send(pg, PG_FENCE, &a);
}

/* Until a result can be taken without waiting. */
static int wait_result(struct pg *pg, struct wf_err *err)
{
    for (;;) {
        int more = PQflush(pg->conn);
        struct pollfd fd = {PQsocket(pg->conn), POLLIN, 0};
        int n;

        if (more < 0) {
            return lost(pg, err);
        }
        if (!PQisBusy(pg->conn)) {
            return 0;
        }
        fd.events |= more != 0 ? POLLOUT : 0;
        n = poll(&fd, 1, QUIET_MS);
        if (n == 0) {
            pg_drop(pg);
            return wf_err_set(err, WEFT_EIO, "database: no answer for %d s",
                              QUIET_MS / 1000);
        }
        if (n > 0 && (fd.revents & ~POLLOUT) != 0 && PQconsumeInput(pg->conn) == 0) {
            return lost(pg, err);
        }
    }
}

/* Results up to the end of the pipeline.  The first error is the one that counts; those
 * after it say only that they were skipped. */
static int drain(struct pg *pg, int rowwise, pg_result_fn *fn, void *arg,
                 struct wf_err *err)
{
    unsigned statement = 0;
    int first = 0, at_start = 1;

    for (;;) {
        PGresult *res;
        ExecStatusType status;
        int rc = 0;

        if (rowwise && at_start) {
            (void) PQsetSingleRowMode(pg->conn);
        }
        rc = wait_result(pg, first == 0 ? err : NULL);
        if (rc != 0) {
            return first != 0 ? first : rc;
        }
        res = PQgetResult(pg->conn);
        status = res != NULL ? PQresultStatus(res) : PGRES_EMPTY_QUERY;
        if (res == NULL && (at_start || PQstatus(pg->conn) == CONNECTION_BAD)) {
            rc = lost(pg, first == 0 ? err : NULL);
            return first != 0 ? first : rc;
        }
        at_start = res == NULL;
        statement += at_start ? 1 : 0;
        if (status == PGRES_FATAL_ERROR && first == 0) {
            first = refuse(pg, res, err);
        } else if (first == 0 && fn != NULL &&
                   (status == PGRES_TUPLES_OK || status == PGRES_SINGLE_TUPLE ||
                    status == PGRES_COMMAND_OK)) {
            first = fn(arg, statement, res);
        }
        PQclear(res);
        if (status == PGRES_PIPELINE_SYNC) {
            return first;
        }
    }
}

static int sync_and_drain(struct pg *pg, int rowwise, pg_result_fn *fn, void *arg,
                          struct wf_err *err)
{
    int rc;

    if (pg->conn == NULL) {
        return wf_err_set(err, WEFT_EIO, "database: not connected");
    }
    if (pg->unsent || PQpipelineSync(pg->conn) == 0) {
        return lost(pg, err);
    }
    rc = drain(pg, rowwise, fn, arg, err);
    if (rc != 0 && pg->conn != NULL) {
        pg_send_text(pg, "ROLLBACK");
        if (pg->unsent || PQpipelineSync(pg->conn) == 0 ||
            drain(pg, 0, NULL, NULL, NULL) != 0) {
            pg_drop(pg);
        }
    }
    return rc;
}

int pg_run(struct pg *pg, pg_result_fn *fn, void *arg, struct wf_err *err)
{
    return sync_and_drain(pg, 0, fn, arg, err);
}

int pg_run_rows(struct pg *pg, pg_result_fn *fn, void *arg, struct wf_err *err)
{
    return sync_and_drain(pg, 1, fn, arg, err);
}

/* -- connecting ---------------------------------------------------------------------- */

/* The library's own texts about a URI show it, or what of it came to stand in a wrong
 * place: these come first and show nothing. */
static int check_option(const PQconninfoOption *o, struct wf_err *err)
{
    if (strcmp(o->keyword, "host") == 0 && strchr(o->val, '@') != NULL) {
        return wf_err_set(err, WEFT_ECONF,
                          "store: an @ in the user's name or password of the URI must be "
                          "written %%40");
    }
    if (strcmp(o->keyword, "port") == 0 &&
        o->val[strspn(o->val, "0123456789,")] != '\0') {
        return wf_err_set(err, WEFT_ECONF, "store: the port in the URI is not a number");
    }
    return 0;
}

int pg_set_uri(struct pg *pg, const char *uri, struct wf_err *err)
{
    PQconninfoOption *all = PQconninfoParse(uri, NULL);
    int rc = 0;

    if (all == NULL) {
        return wf_err_set(err, WEFT_ECONF,
                          "store: not a URI of PostgreSQL: "
                          "postgres://USER:PASSWORD@HOST:PORT/DATABASE?OPTION=VALUE");
    }
    for (const PQconninfoOption *o = all; o->keyword != NULL && rc == 0; o++) {
        if (o->val != NULL && strcmp(o->keyword, "password") == 0) {
            pg->password = wf_strdup(o->val);
            rc = pg->password != NULL ? 0 : wf_err_set(err, WEFT_ENOMEM, "out of memory");
        } else if (o->val != NULL) {
            rc = check_option(o, err);
        }
    }
    PQconninfoFree(all);
    if (rc == 0) {
        pg->uri = wf_strdup(uri);
        rc = pg->uri != NULL ? 0 : wf_err_set(err, WEFT_ENOMEM, "out of memory");
    }
    return rc;
}

static void say_nothing(void *arg, const char *message)
{
}

/* What the server is: fsync, whether it only follows another. */
static int read_server(void *arg, unsigned statement, PGresult *res)
{
    int *fits = arg;

    if (PQntuples(res) == 1 && PQnfields(res) == 2) {
        fits[0] = pg_int(res, 0, 0) != 0;
        fits[1] = pg_int(res, 0, 1) != 0;
    }
    return 0;
}

static int check_server(struct pg *pg, struct wf_err *err)
{
    uint64_t idle = wf_min_u64(IDLE_MAX_MS, wf_max_u64(IDLE_MIN_MS, pg->lease_ms));
    int fits[2] = {0, 0}, rc;
    char sql[512];

    if (PQserverVersion(pg->conn) < 130000) {
        return wf_err_set(err, WEFT_EVERSION,
                          "the database server is too old: PostgreSQL 13 is needed");
    }
    /* Only numbers of our own are put into this text.  A stronger synchronous_commit of
     * the user's stays. */
    (void) snprintf(sql, sizeof sql,
                    "SELECT set_config(name, value, false) FROM (VALUES"
                    " ('enable_seqscan', 'off'), ('jit', 'off'),"
                    " ('plan_cache_mode', 'force_generic_plan'),"
                    " ('lock_timeout', '10s'), ('statement_timeout', '25s'),"
                    " ('idle_in_transaction_session_timeout', '%u'),"
                    " ('synchronous_commit', CASE WHEN"
                    "  current_setting('synchronous_commit') IN ('off', 'local')"
                    "  THEN 'on' ELSE current_setting('synchronous_commit') END))"
                    " AS s (name, value)",
                    (unsigned) idle);
    pg_send_text(pg, sql);
    pg_send_text(pg, "SELECT (current_setting('fsync') = 'on')::int::bigint,"
                     " pg_is_in_recovery()::int::bigint");
    rc = pg_run(pg, read_server, fits, err);
    if (rc != 0) {
        return rc;
    }
    if (!fits[0]) {
        return wf_err_set(err, WEFT_ESTORAGE,
                          "the database server runs with fsync off: nothing that it "
                          "stores survives a power cut; turn fsync on");
    }
    return fits[1] ? wf_err_set(err, WEFT_EIO,
                                "the database server is a standby: it cannot be written")
                   : 0;
}

int pg_connect(struct pg *pg, struct wf_err *err)
{
    /* What stands before the URI is a default, what stands in it wins. */
    static const char *const keywords[] = {"connect_timeout", "tcp_user_timeout",
                                           "keepalives_idle", "fallback_application_name",
                                           "dbname",          NULL};
    const char *values[] = {"5", "10000", "10", "weft-broker", pg->uri, NULL};
    int rc;

    if (pg->conn != NULL) {
        return 0;
    }
    pg->conn = PQconnectdbParams(keywords, values, 1);
    if (pg->conn == NULL) {
        return wf_err_set(err, WEFT_ENOMEM, "out of memory");
    }
    if (PQstatus(pg->conn) != CONNECTION_OK || PQsetnonblocking(pg->conn, 1) != 0 ||
        PQenterPipelineMode(pg->conn) == 0) {
        return lost(pg, err);
    }
    (void) PQsetNoticeProcessor(pg->conn, say_nothing, NULL);
    pg->watch_from = pg_now_ms();
    pg->watched = pg->watch_from;
    /* Whatever we missed while there was no connection is read again. */
    pg->horizon = 0;
    rc = check_server(pg, err);
    if (rc != 0) {
        pg_drop(pg);
    }
    return rc;
}

int pg_prepare(struct pg *pg, struct wf_err *err)
{
    char name[16];

    for (unsigned i = 0; i < PG_PREPARED; i++) {
        (void) snprintf(name, sizeof name, "weft%u", i);
        if (PQsendPrepare(pg->conn, name, pg_sql[i], 0, NULL) == 0) {
            return lost(pg, err);
        }
    }
    return pg_run(pg, NULL, NULL, err);
}

struct own_row {
    int64_t epoch, lsn;
};

static int read_own(void *arg, unsigned statement, PGresult *res)
{
    struct own_row *own = arg;

    if (PQntuples(res) == 1) {
        *own = (struct own_row){pg_int(res, 0, 0), pg_int(res, 0, 1)};
    }
    return 0;
}

int pg_ready(struct pg *pg, struct wf_err *err)
{
    struct pg_args a = {0};
    struct own_row own = {0, 0};
    int rc;

    if (pg->conn != NULL) {
        return 0;
    }
    rc = pg_connect(pg, err);
    if (rc != 0) {
        /* Whatever the server is now, it may be put right without us. */
        return WEFT_EIO;
    }
    rc = pg_prepare(pg, err);
    if (rc == 0) {
        pg_arg_text(&a, pg->name);
        pg_send(pg, PG_LOOK, &a);
        rc = pg_run(pg, read_own, &own, err);
    }
    if (rc != 0) {
        pg_drop(pg);
        return WEFT_EIO;
    }
    if (own.epoch == 0 || (own.epoch == pg->epoch && (uint64_t) own.lsn < pg->lsn)) {
        pg_drop(pg);
        return wf_err_set(err, WEFT_ESTATE,
                          "the database went back in time and lost rows that were "
                          "durable: an old backup, or a standby that was behind");
    }
    return 0;
}

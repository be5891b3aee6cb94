/* pgbed.h - what the tests of the PostgreSQL driver share: brokers on one database, what
 * each was handed, and a connection beside theirs
 *
 * Run under scripts/with-postgres.
 */
#ifndef TESTS_STORE_PGBED_H
#define TESTS_STORE_PGBED_H

#include "tests/unit/store/bed.h"

#include <libpq-fe.h>
#include <time.h>
#include <unistd.h>

/* A lease for brokers that are to be found dead soon. */
#define SHORT_MS 100u
#define LONG_MS  600000u

struct broker {
    const char *name;
    void *db;
    struct store_facts facts;
    struct model model; /* what it was handed, by load and poll */
    struct batch b;
    struct wf_err err;
    unsigned rows;   /* handed so far */
    unsigned orphan; /* attempts and outcomes whose job was not handed before them */
};

static const struct store_driver *const drv = &store_postgres;
static PGconn *side;

/* One statement on a connection of the test's own; its first value as a number. */
__attribute__((unused)) static long sql(const char *text)
{
    PGresult *res;
    long v;

    if (side == NULL || PQstatus(side) != CONNECTION_OK) {
        PQfinish(side);
        side = PQconnectdb(getenv("WEFT_PG_URI"));
    }
    res = PQexec(side, text);
    if (PQresultStatus(res) != PGRES_TUPLES_OK &&
        PQresultStatus(res) != PGRES_COMMAND_OK) {
        printf("Bail out! %s: %s\n", text, PQerrorMessage(side));
        exit(99);
    }
    v = PQntuples(res) > 0 ? atol(PQgetvalue(res, 0, 0)) : atol(PQcmdTuples(res));
    PQclear(res);
    return v;
}

__attribute__((unused)) static void empty(void)
{
    (void) sql("SET client_min_messages = error");
    (void) sql("DROP SCHEMA IF EXISTS weft CASCADE");
}

__attribute__((unused)) static void server(const char *what)
{
    char command[512];

    PQfinish(side);
    side = NULL;
    (void) snprintf(command, sizeof command, "\"$WEFT_PG\" %s", what);
    must(system(command) == 0);
}

static int held(const struct model *m, unsigned table, const uint8_t *key)
{
    for (size_t i = 0; i < m->n; i++) {
        if (kept_cmp(&m->v[i], table, key) == 0) {
            return 1;
        }
    }
    return 0;
}

static void on_row(void *arg, unsigned table, struct wf_slice record)
{
    struct broker *br = arg;
    struct store_row *r = wf_calloc(1, sizeof *r + record.len);

    must(r != NULL);
    r->table = table;
    r->len = record.len;
    memcpy(r->bytes, record.p, record.len);
    br->rows++;
    br->orphan += (table == STORE_ATTEMPTS || table == STORE_OUTCOMES) &&
                  !held(&br->model, STORE_JOBS, record.p);
    model_apply(&br->model, r);
    wf_free(r);
}

__attribute__((unused)) static int open_only(struct broker *br, const char *name,
                                             uint64_t lease_ms)
{
    const struct store_options o = {
        .where = getenv("WEFT_PG_URI"), .broker = name, .lease_ms = lease_ms};
    int rc;

    must(o.where != NULL);
    memset(&br->model, 0, sizeof br->model);
    br->name = name;
    br->db = NULL;
    br->b = (struct batch) BATCH_INIT(br->b, 0);
    br->rows = br->orphan = 0;
    rc = drv->open(&o, &br->db, &br->facts, &br->err);
    br->b.lsn = rc == 0 ? br->facts.lsn : 0;
    return rc;
}

__attribute__((unused)) static int open_as(struct broker *br, const char *name,
                                           uint64_t lease_ms)
{
    int rc = open_only(br, name, lease_ms);

    return rc != 0 ? rc : drv->load(br->db, on_row, br, &br->err);
}

__attribute__((unused)) static void start(struct broker *br, const char *name,
                                          uint64_t lease_ms)
{
    int rc = open_as(br, name, lease_ms);

    if (rc != 0) {
        printf("# %s: %s: %s\n", name, wf_err_name(rc), br->err.text);
    }
    must(rc == 0);
}

__attribute__((unused)) static void stop(struct broker *br)
{
    drop(&br->b);
    model_clear(&br->model);
    drv->close(br->db);
    br->db = NULL;
}

/* The rows stay in the batch. */
__attribute__((unused)) static int commit(struct broker *br)
{
    int rc = drv->commit(br->db, br->b.first, &br->err);

    if (rc != 0) {
        printf("# %s: commit: %s: %s\n", br->name, wf_err_name(rc), br->err.text);
    }
    return rc;
}

__attribute__((unused)) static int put(struct broker *br)
{
    int rc = commit(br);

    drop(&br->b);
    return rc;
}

__attribute__((unused)) static int poll_once(struct broker *br)
{
    int rc = drv->poll(br->db, on_row, br, &br->err);

    if (rc != 0) {
        printf("# %s: poll: %s: %s\n", br->name, wf_err_name(rc), br->err.text);
    }
    return rc;
}

/* Until so many rows were handed to it. */
__attribute__((unused)) static int poll_until(struct broker *br, unsigned rows)
{
    time_t end = time(NULL) + 30;

    while (br->rows < rows && time(NULL) < end) {
        if (poll_once(br) != 0) {
            return 0;
        }
        (void) usleep(5000);
    }
    return br->rows >= rows;
}

/* A job's record: its id is made of `id`. */
__attribute__((unused)) static void add_job(struct batch *b, uint64_t seq, uint64_t id)
{
    uint8_t value[200];

    fill(value, sizeof value, id + 1000000);
    add(b, STORE_JOBS, seq, value, sizeof value);
}

__attribute__((unused)) static const struct kept *get(const struct model *m,
                                                      unsigned table, uint64_t n)
{
    uint8_t key[STORE_KEY_MAX];

    key_of(table, n, key);
    for (size_t i = 0; i < m->n; i++) {
        if (kept_cmp(&m->v[i], table, key) == 0) {
            return &m->v[i];
        }
    }
    return NULL;
}

__attribute__((unused)) static int is(const struct model *m, unsigned table, uint64_t n,
                                      const char *value)
{
    const struct kept *k = get(m, table, n);

    return k != NULL && k->len == strlen(value) && memcmp(k->value, value, k->len) == 0;
}

__attribute__((unused)) static unsigned count(const struct model *m, unsigned table)
{
    unsigned n = 0;

    for (size_t i = 0; i < m->n; i++) {
        n += m->v[i].table == table;
    }
    return n;
}

#endif

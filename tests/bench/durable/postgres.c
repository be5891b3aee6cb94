/* A queue table of PostgreSQL, the kind whose consumers claim rows with FOR UPDATE SKIP
 * LOCKED, from the submitter's side.  Two ways of grouping, of which the better counts:
 *
 *   each   up to 16 connections, a commit for each row; the server joins their syncs
 *   batch  one connection; what has gathered goes into one INSERT, which is one commit
 */
#include "tests/bench/durable/durable.h"
#include "tests/bench/postgres_server.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECTIONS   16
#define WARM_SEGMENTS 16
#define BYTEA         17
#define BYTEA_ARRAY   1001

/* An array of the wire format: dimensions, no NULLs, type, length, first index. */
#define ARRAY_HEAD 20

static struct postgres_server server;

struct lane {
    PGconn *c;
    uint64_t sent_ns;
};

static void fail(PGconn *c)
{
    fprintf(stderr, "bench: postgres: %s\n", PQerrorMessage(c));
    exit(1);
}

static void check(PGconn *c, PGresult *res)
{
    if (PQresultStatus(res) != PGRES_COMMAND_OK &&
        PQresultStatus(res) != PGRES_TUPLES_OK) {
        fail(c);
    }
    PQclear(res);
}

static void prepare(PGconn *c, const char *sql, Oid type)
{
    check(c, PQprepare(c, "put", sql, 1, &type));
}

/* A server that has run for a while writes into segments of the log that it recycles; a
 * new one would fill each with zeros first. */
static void warm(PGconn *c)
{
    for (int i = 0; i < WARM_SEGMENTS; i++) {
        check(c, PQexec(c, "INSERT INTO jobs (payload) VALUES ('')"));
        check(c, PQexec(c, "SELECT pg_switch_wal()"));
    }
    check(c, PQexec(c, "CHECKPOINT"));
}

/* The shape of pgmq's tables: a key, a count of attempts, and when a row may be claimed,
 * with an index over that; a claim moves it on by the length of a lease. */
static int start(const char *tmp)
{
    PGconn *c;
    int rc = postgres_server_start(&server, tmp);

    if (rc != 0) {
        return rc;
    }
    c = postgres_connect();
    check(c, PQexec(c, "CREATE TABLE jobs ("
                       "id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "
                       "attempts int NOT NULL DEFAULT 0, "
                       "enqueued timestamptz NOT NULL DEFAULT now(), "
                       "due timestamptz NOT NULL DEFAULT clock_timestamp(), "
                       "payload bytea NOT NULL)"));
    check(c, PQexec(c, "CREATE INDEX ON jobs (due)"));
    warm(c);
    PQfinish(c);
    return 0;
}

static void send_one(struct lane *l, uint64_t sent_ns)
{
    uint8_t payload[DURABLE_PAYLOAD];
    const char *values[] = {(const char *) payload};
    const int lens[] = {DURABLE_PAYLOAD};
    const int formats[] = {1};

    durable_fill(payload);
    l->sent_ns = sent_ns;
    if (!PQsendQueryPrepared(l->c, "put", 1, values, lens, formats, 1) ||
        PQflush(l->c) != 0) {
        fail(l->c);
    }
}

/* What a lane's query came to: 1 when it is done. */
static int lane_done(struct lane *l)
{
    PGresult *res;

    if (!PQconsumeInput(l->c)) {
        fail(l->c);
    }
    if (PQisBusy(l->c)) {
        return 0;
    }
    while ((res = PQgetResult(l->c)) != NULL) {
        check(l->c, res);
    }
    return 1;
}

/* Submits for which no connection is free wait in order: a stamp is taken when it joins
 * them, and leaves the ring when it is sent. */
static void drive_each(struct bench_run *r, struct lane *lanes, uint32_t n)
{
    struct pollfd fds[CONNECTIONS];
    struct stamps wait;
    int again = 1;

    stamps_start(&wait, r);
    for (uint32_t i = 0; i < r->window; i++) {
        stamps_sent(&wait);
    }
    for (uint32_t i = 0; i < n; i++) {
        fds[i] = (struct pollfd){PQsocket(lanes[i].c), POLLIN, 0};
        send_one(&lanes[i], wait.sent_ns[wait.ndone++ % wait.window]);
    }
    while (again) {
        poll(fds, n, -1);
        for (uint32_t i = 0; i < n; i++) {
            if (fds[i].revents != 0 && lane_done(&lanes[i])) {
                again = load_done(&r->load, lanes[i].sent_ns, load_now());
                stamps_sent(&wait);
                send_one(&lanes[i], wait.sent_ns[wait.ndone++ % wait.window]);
            }
        }
    }
}

int durable_postgres_each(struct bench_run *r)
{
    static struct lane lanes[CONNECTIONS];
    uint32_t n = r->window < CONNECTIONS ? r->window : CONNECTIONS;
    int rc = start(r->tmp);

    if (rc != 0) {
        return rc;
    }
    for (uint32_t i = 0; i < n; i++) {
        lanes[i].c = postgres_connect();
        prepare(lanes[i].c, "INSERT INTO jobs (payload) VALUES ($1) RETURNING id", BYTEA);
    }
    drive_each(r, lanes, n);
    postgres_server_stop(&server);
    return 0;
}

static uint8_t *put_u32(uint8_t *p, uint32_t v)
{
    v = htonl(v);
    memcpy(p, &v, sizeof(v));
    return p + sizeof(v);
}

static uint8_t *put_head(uint8_t *p, uint32_t n)
{
    p = put_u32(p, 1);
    p = put_u32(p, 0);
    p = put_u32(p, BYTEA);
    p = put_u32(p, n);
    return put_u32(p, 1);
}

int durable_postgres_batch(struct bench_run *r)
{
    size_t len = ARRAY_HEAD + (size_t) r->window * (4 + DURABLE_PAYLOAD);
    uint8_t *array = malloc(len);
    const char *values[] = {(const char *) array};
    const int lens[] = {(int) len};
    const int formats[] = {1};
    struct stamps stamps;
    PGconn *c;
    int again = 1;
    int rc = start(r->tmp);

    if (rc != 0 || array == NULL) {
        return rc != 0 ? rc : 1;
    }
    c = postgres_connect();
    prepare(c, "INSERT INTO jobs (payload) SELECT unnest($1) RETURNING id", BYTEA_ARRAY);
    stamps_start(&stamps, r);
    while (again) {
        uint8_t *p = put_head(array, r->window);
        uint64_t now;

        for (uint32_t i = 0; i < r->window; i++) {
            stamps_sent(&stamps);
            p = put_u32(p, DURABLE_PAYLOAD);
            durable_fill(p);
            p += DURABLE_PAYLOAD;
        }
        check(c, PQexecPrepared(c, "put", 1, values, lens, formats, 1));
        now = load_now();
        for (uint32_t i = 0; i < r->window; i++) {
            again = stamps_done(&stamps, &r->load, now);
        }
    }
    postgres_server_stop(&server);
    return 0;
}

/* pg_poll.c - what a broker does about the others, once a second
 *
 * News.  Keys, tokens and datasets are common to all brokers of the database.  Each such
 * row carries the number of the transaction that wrote it.  Numbers are given out in one
 * order and committed in another, so "all above the last that I saw" would miss some.
 * Instead each look begins by asking for the oldest transaction that still runs, the
 * horizon: all before it have ended, so a look that follows sees all that they wrote, and
 * the next one may begin there.  A row may be seen twice, none is missed.  Our own rows
 * are left out, unless another broker wrote the same key at some time: then what the
 * database says last is what counts, at every broker.
 *
 * Taking over.  A broker that was silent for longer than its lease, while we ourselves
 * were watching for as long, is given a new epoch, which fences it, and its jobs become
 * ours, BATCH keys in one transaction: a job moves with its attempts and its outcome or
 * not at all.  SKIP LOCKED lets two brokers do so side by side.  Rows are handed out
 * after the commit, found by the claim's mark; when that is interrupted the next poll
 * goes on, and after a crash they are ours at the next load.
 */
#include "broker/store/pg.h"
#include "common/mem.h"

#include <string.h>

#define BATCH 1000
/* One poll begins no batch after so long: commits wait meanwhile. */
#define CLAIM_MS 500u

/* -- news ---------------------------------------------------------------------------- */

struct look {
    struct pg_reading reading;
    int64_t horizon;
};

static int on_look(void *arg, unsigned statement, PGresult *res)
{
    struct look *look = arg;

    if (statement == 0 && PQntuples(res) == 1) {
        look->horizon = pg_int(res, 0, 1);
        return 0;
    }
    return pg_read_row(&look->reading, statement, res);
}

/* The heartbeat, and what the others wrote. */
static int read_news(struct pg *pg, store_row_fn *fn, void *arg, struct wf_err *err)
{
    struct look look = {{fn, arg, WF_BUF_INIT(PG_DAMAGED_MAX)}, 0};
    struct pg_args a = {0};
    int rc, bad;

    pg_send_fence(pg, 0);
    pg_arg_text(&a, pg->name);
    pg_arg_int(&a, pg->horizon);
    pg_send(pg, PG_NEWS, &a);
    pg_send(pg, PG_FORGET_GONE, NULL);
    rc = pg_run_rows(pg, on_look, &look, err);
    if (rc == 0) {
        pg->horizon = look.horizon;
    }
    bad = pg_read_end(&look.reading, rc == 0 ? err : NULL);
    return rc != 0 ? rc : bad;
}

/* -- taking over --------------------------------------------------------------------- */

struct dead {
    char *name; /* NULL: nobody is */
    int64_t epoch;
    struct wf_buf keys;
};

static int on_take(void *arg, unsigned statement, PGresult *res)
{
    struct dead *d = arg;

    if (statement == 2 && PQntuples(res) == 1) {
        struct wf_slice name = pg_bytes(res, 0, 0);

        d->name = wf_memdup(name.p, name.len);
        d->epoch = pg_int(res, 0, 1);
        return d->name != NULL ? 0 : WEFT_ENOMEM;
    }
    return 0;
}

static int on_left(void *arg, unsigned statement, PGresult *res)
{
    struct dead *d = arg;

    for (int i = 0; i < PQntuples(res); i++) {
        struct wf_slice key = pg_bytes(res, i, 0);

        pg_array_add(&d->keys, key.p, key.len);
    }
    return 0;
}

/* In a transaction that it leaves open: fence a dead broker and see what it left. */
static int take(struct pg *pg, struct dead *d, struct wf_err *err)
{
    struct pg_args who = {0}, left = {0};
    int rc;

    pg_send(pg, PG_BEGIN, NULL);
    pg_send_fence(pg, 0);
    pg_arg_text(&who, pg->name);
    pg_arg_int(&who, (int64_t) (pg->watched - pg->watch_from));
    pg_send(pg, PG_TAKE, &who);
    rc = pg_run(pg, on_take, d, err);
    if (rc != 0 || d->name == NULL) {
        return rc;
    }
    pg_arg_text(&left, d->name);
    pg_arg_int(&left, BATCH);
    pg_send(pg, PG_LEFT, &left);
    return pg_run(pg, on_left, d, err);
}

/* Make it ours and end the transaction. */
static int move(struct pg *pg, struct dead *d, struct wf_err *err)
{
    struct pg_args taken = {0};
    unsigned n = pg_array_count(&d->keys);

    for (unsigned table = STORE_JOBS; n > 0 && table <= STORE_OUTCOMES; table++) {
        struct pg_args keys = {0};

        pg_arg_int(&keys, table);
        pg_arg_text(&keys, pg->name);
        pg_arg_int(&keys, d->epoch);
        pg_arg_array(&keys, &d->keys);
        pg_send(pg, PG_MOVE, &keys);
    }
    if (n < BATCH) {
        pg_arg_text(&taken, d->name);
        pg_arg_text(&taken, pg->name);
        pg_send(pg, PG_TAKEN, &taken);
    }
    /* Whether it is heard of or not: what carries the mark is to be handed out. */
    pg->claim = d->epoch;
    pg->claim_table = STORE_TOKENS;
    memset(pg->claim_key, 0xff, sizeof pg->claim_key);
    pg_send(pg, PG_COMMIT, NULL);
    return pg_run(pg, NULL, NULL, err);
}

struct handing {
    struct pg_reading reading;
    struct pg *pg;
};

static int on_claimed(void *arg, unsigned statement, PGresult *res)
{
    struct handing *h = arg;

    (void) pg_read_row(&h->reading, statement, res);
    if (PQntuples(res) == 1 && pg_bytes(res, 0, 1).len >= 8) {
        h->pg->claim_table = (unsigned) pg_int(res, 0, 0);
        memcpy(h->pg->claim_key, pg_bytes(res, 0, 1).p, 8);
    }
    return 0;
}

/* Jobs, then attempts, then outcomes: none is seen without its end. */
static int hand_out(struct pg *pg, store_row_fn *fn, void *arg, struct wf_err *err)
{
    struct handing h = {{fn, arg, WF_BUF_INIT(PG_DAMAGED_MAX)}, pg};
    struct pg_args a = {0};
    int rc, bad;

    if (pg->claim == 0) {
        return 0;
    }
    pg_arg_int(&a, pg->claim);
    pg_arg_int(&a, pg->claim_table);
    pg_arg_bytes(&a, pg->claim_key, sizeof pg->claim_key);
    pg_send(pg, PG_CLAIMED, &a);
    rc = pg_run_rows(pg, on_claimed, &h, err);
    if (rc == 0) {
        pg->claim = 0;
    }
    bad = pg_read_end(&h.reading, rc == 0 ? err : NULL);
    return rc != 0 ? rc : bad;
}

/* One batch of what one dead broker left.  `ret_more`: there may be another. */
static int claim(struct pg *pg, store_row_fn *fn, void *arg, int *ret_more,
                 struct wf_err *err)
{
    struct dead d = {NULL, 0, WF_BUF_INIT(1u << 20)};
    int rc;

    pg_array_begin(&d.keys, PG_BYTEA);
    rc = take(pg, &d, err);
    *ret_more = rc == 0 && d.name != NULL;
    if (*ret_more) {
        rc = move(pg, &d, err);
    } else if (rc == 0) {
        pg_send(pg, PG_COMMIT, NULL);
        rc = pg_run(pg, NULL, NULL, err);
    }
    wf_buf_fini(&d.keys);
    wf_free(d.name);
    return rc != 0 ? rc : hand_out(pg, fn, arg, err);
}

/* A gap in our own watching, as when this process was stopped, proves nothing about the
 * others: begin anew. */
static void watch(struct pg *pg)
{
    uint64_t now = pg_now_ms();

    if (now - pg->watched > pg->lease_ms) {
        pg->watch_from = now;
    }
    pg->watched = now;
}

int pg_poll(void *db, store_row_fn *fn, void *arg, struct wf_err *err)
{
    struct pg *pg = db;
    int more = 1, rc = pg_ready(pg, err);

    if (rc == 0) {
        watch(pg);
        rc = hand_out(pg, fn, arg, err);
    }
    if (rc == 0) {
        rc = read_news(pg, fn, arg, err);
    }
    while (rc == 0 && more && pg_now_ms() - pg->watched < CLAIM_MS) {
        rc = claim(pg, fn, arg, &more, err);
    }
    /* Rows that stand in each other's way are tried again. */
    return rc == WEFT_EEXIST || rc == WEFT_ENOMEM ? WEFT_EIO : rc;
}

/* pg_load.c - reading rows, and what is done about damaged ones
 *
 * Every row is checked against its sum.  A damaged one is never handed out; while the
 * broker starts it is a reason not to, unless repair was asked for: then it moves to the
 * table weft.quarantine.  Found later, it stays where it is and is told of.
 */
#include "broker/store/pg.h"
#include "broker/store/sum.h"

#include <stdio.h>
#include <string.h>

int pg_read_row(void *reading, unsigned statement, PGresult *res)
{
    struct pg_reading *r = reading;

    for (int i = 0; i < PQntuples(res) && PQnfields(res) == 3; i++) {
        unsigned table = (unsigned) pg_int(res, i, 0);
        struct wf_slice record = pg_bytes(res, i, 1);
        size_t n = store_key_len(table);

        if (record.len >= n &&
            (uint64_t) pg_int(res, i, 2) ==
                store_sum(table, wf_slice_make(record.p, n),
                          wf_slice_make(record.p + n, record.len - n))) {
            r->fn(r->arg, table, record);
        } else {
            uint8_t entry[1 + STORE_KEY_MAX] = {(uint8_t) table};

            memcpy(entry + 1, record.p, wf_min_u64(n, record.len));
            (void) wf_buf_put(&r->damaged, entry, 1 + n);
        }
    }
    return 0;
}

/* The damaged row at `*at`, and on to the next; 0 at the end. */
static int next_damaged(const struct wf_buf *damaged, size_t *at, unsigned *ret_table,
                        struct wf_slice *ret_key)
{
    if (*at == damaged->len) {
        return 0;
    }
    *ret_table = damaged->p[*at];
    *ret_key = wf_slice_make(damaged->p + *at + 1, store_key_len(*ret_table));
    *at += 1 + ret_key->len;
    return 1;
}

static const char *row_text(unsigned table, struct wf_slice key, char *dst, size_t cap)
{
    int n = snprintf(dst, cap, "table %u, key ", table);

    for (uint32_t i = 0; i < key.len && (size_t) n + 2 < cap; i++) {
        n += snprintf(dst + n, cap - (size_t) n, "%02x", key.p[i]);
    }
    return dst;
}

int pg_read_end(struct pg_reading *r, struct wf_err *err)
{
    unsigned n = 0, table, first_table = 0;
    struct wf_slice key, first_key = {NULL, 0};
    char text[128];
    size_t at = 0;
    int rc = 0;

    while (next_damaged(&r->damaged, &at, &table, &key)) {
        first_table = n == 0 ? table : first_table;
        first_key = n == 0 ? key : first_key;
        n++;
    }
    if (n > 0 || r->damaged.err != 0) {
        rc = wf_err_set(err, WEFT_ESTORAGE,
                        "the database holds %u damaged row%s (first: %s); `weft-broker "
                        "--repair` puts such aside",
                        n, n == 1 ? "" : "s",
                        row_text(first_table, first_key, text, sizeof text));
    }
    wf_buf_fini(&r->damaged);
    return rc;
}

static int put_aside(struct pg *pg, const struct wf_buf *damaged, struct wf_err *err)
{
    struct wf_slice key;
    unsigned table;
    size_t at = 0;

    pg_send(pg, PG_BEGIN, NULL);
    pg_send_fence(pg, 0);
    while (next_damaged(damaged, &at, &table, &key)) {
        struct pg_args a = {0};

        pg_arg_int(&a, table);
        pg_arg_bytes(&a, key.p, key.len);
        pg_arg_ending(&a, pg, table);
        pg_send(pg, PG_KEEP_DAMAGED, &a);
        pg_send(pg, PG_DROP_DAMAGED, &a);
    }
    pg_send(pg, PG_COMMIT, NULL);
    return pg_run(pg, NULL, NULL, err);
}

/* All that fit into the buffer; where there are more the next start finds them. */
static int repair(struct pg *pg, struct pg_reading *r, struct wf_err *err)
{
    int rc = put_aside(pg, &r->damaged, err);
    char where[128], line[192];
    struct wf_slice key;
    unsigned table;
    size_t at = 0;

    while (rc == 0 && pg->told != NULL && next_damaged(&r->damaged, &at, &table, &key)) {
        (void) snprintf(line, sizeof line, "%s: damaged, moved to weft.quarantine",
                        row_text(table, key, where, sizeof where));
        pg->told(pg->told_arg, line);
    }
    wf_buf_clear(&r->damaged);
    return rc;
}

/* Read the rows of some tables, all of which are common, or ours. */
static void send_read(struct pg *pg, unsigned first, unsigned last)
{
    struct pg_args a = {0};

    pg_arg_int(&a, first);
    pg_arg_int(&a, last);
    if (pg_is_common(first)) {
        pg_send(pg, PG_READ_COMMON, &a);
    } else {
        pg_arg_text(&a, pg->name);
        pg_send(pg, PG_READ_OURS, &a);
    }
}

struct load {
    struct pg_reading reading;
    struct pg *pg;
};

static int on_load(void *arg, unsigned statement, PGresult *res)
{
    struct load *l = arg;

    if (statement == 0 && PQntuples(res) == 1) {
        l->pg->horizon = pg_int(res, 0, 1);
        return 0;
    }
    return pg_read_row(&l->reading, statement, res);
}

int pg_load(void *db, store_row_fn *fn, void *arg, struct wf_err *err)
{
    struct pg *pg = db;
    struct load l = {{fn, arg, WF_BUF_INIT(PG_DAMAGED_MAX)}, pg};
    int rc = pg_ready(pg, err), bad;

    if (rc != 0) {
        return rc;
    }
    /* The horizon, before what is read behind it; then a minute's work, or more. */
    pg_send_text(pg, "SET statement_timeout = 0");
    rc = pg_run(pg, NULL, NULL, err);
    if (rc != 0) {
        return rc;
    }
    pg_send_fence(pg, 0);
    send_read(pg, STORE_KEYS, STORE_TOKENS);
    send_read(pg, STORE_JOBS, STORE_EVENTS);
    send_read(pg, STORE_DATASETS, STORE_DATASETS);
    send_read(pg, STORE_ESTIMATES, STORE_ESTIMATES);
    rc = pg_run_rows(pg, on_load, &l, err);
    if (rc == 0 && pg->repair && l.reading.damaged.len > 0) {
        rc = repair(pg, &l.reading, err);
    }
    bad = pg_read_end(&l.reading, rc == 0 ? err : NULL);
    rc = rc != 0 ? rc : bad;
    if (rc == 0) {
        pg_send_text(pg, "SET statement_timeout = '25s'");
        pg_send_fence(pg, 0);
        rc = pg_run(pg, NULL, NULL, err);
    }
    return rc == WEFT_EEXIST ? WEFT_EIO : rc;
}

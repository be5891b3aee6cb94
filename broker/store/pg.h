/* pg.h - the parts of the PostgreSQL driver, among themselves
 *
 * pg_conn.c has the connection: statements are sent through a pipeline, each wait for
 * the server is bounded, and what went wrong comes back as one of few codes.  pg_args.c
 * puts arguments and results into binary form, pg_sql.c has the schema and every
 * statement. pg_load.c reads rows, pg_commit.c writes a batch, pg_poll.c reads what
 * others wrote and takes over what they left, postgres.c opens and closes.
 *
 * A broker is (name, epoch).  Whoever opens the database under a name, or takes over what
 * a name left, gives it a new epoch; every transaction begins with the fence, a statement
 * that fails unless the epoch is still ours.  The fence also locks our row of `broker`,
 * so a transaction whose answer we lost has ended before the next of ours begins.
 */
#ifndef BROKER_STORE_PG_H
#define BROKER_STORE_PG_H

#include "broker/store/driver.h"
#include "common/buf.h"

#include <libpq-fe.h>

struct pg {
    PGconn *conn; /* NULL: lost; pg_ready() makes a new one */
    int unsent;   /* a statement could not be sent: nothing follows it */
    char *uri, *password, *name;
    uint64_t lease_ms;
    int64_t epoch; /* 0: not registered yet */
    uint64_t lsn;  /* up to here the server told us that our rows are durable */
    /* Of what others wrote of the common rows we know all that transactions before this
     * one did (pg_poll.c). */
    int64_t horizon;
    /* Rows that are being taken over carry this mark; 0: none.  Those up to the key were
     * handed out. */
    int64_t claim;
    unsigned claim_table;
    uint8_t claim_key[STORE_KEY_MAX];
    /* Since when we have been watching the others without a gap, and when last (ms). */
    uint64_t watch_from, watched;
    int repair;
    void (*told)(void *arg, const char *line);
    void *told_arg;
};

enum pg_statement {
    /* Of every commit: planned once. */
    PG_FENCE,
    PG_BEGIN,
    PG_COMMIT,
    PG_DELETE,
    PG_ADD_JOBS,
    PG_CHANGE_JOB,
    PG_ADD_JOB,
    PG_PUT,
    PG_PREPARED, /* the others are planned for what the tables hold at the time */
    PG_REGISTER = PG_PREPARED,
    PG_FORGET_FOREIGN,
    PG_LOOK,
    PG_READ_COMMON,
    PG_READ_OURS,
    PG_NEWS,
    PG_FORGET_GONE,
    PG_TAKE,
    PG_LEFT,
    PG_MOVE,
    PG_TAKEN,
    PG_CLAIMED,
    PG_KEEP_DAMAGED,
    PG_DROP_DAMAGED,
    PG_STATEMENTS
};

extern const char *const pg_sql[PG_STATEMENTS];

/* -- arguments ----------------------------------------------------------------------- */

#define PG_ARGS 6

/* All in binary; texts and bytes are borrowed until the statement is sent. */
struct pg_args {
    int n, bad; /* bad: no memory for one of them */
    const char *value[PG_ARGS];
    int len[PG_ARGS], format[PG_ARGS];
    uint8_t number[PG_ARGS][8];
};

void pg_arg_int(struct pg_args *a, int64_t v);
void pg_arg_text(struct pg_args *a, const char *s);
void pg_arg_bytes(struct pg_args *a, const void *p, size_t len);

/* An array of PostgreSQL is a buffer: begin, add elements, give it as an argument, which
 * fills in their number. */
void pg_array_begin(struct wf_buf *b, unsigned element_type);
void pg_array_add(struct wf_buf *b, const void *p, size_t len);
void pg_array_add_int(struct wf_buf *b, int64_t v, size_t bytes);
unsigned pg_array_count(const struct wf_buf *b);
void pg_arg_array(struct pg_args *a, struct wf_buf *b);

#define PG_BYTEA 17u
#define PG_INT8  20u
#define PG_INT4  23u

/* Keys, tokens and datasets are common to all brokers of the database: each loads all of
 * them, and hears of what the others change. */
static inline int pg_is_common(unsigned table)
{
    return table <= STORE_TOKENS || table == STORE_DATASETS;
}

/* What the keys of a table end with in the database: our name for events, else nothing.
 */
void pg_arg_ending(struct pg_args *a, const struct pg *pg, unsigned table);

/* -- results ------------------------------------------------------------------------- */

/* One result of the statement with this number in the pipeline, 0 the first; called once
 * a row when that was asked for.  0, or an error, which is returned in the end. */
typedef int pg_result_fn(void *arg, unsigned statement, PGresult *res);

int64_t pg_int(PGresult *res, int row, int col);
struct wf_slice pg_bytes(PGresult *res, int row, int col);

/* -- the connection ------------------------------------------------------------------ */

/* Parse the URI.  WEFT_ECONF. */
int pg_set_uri(struct pg *pg, const char *uri, struct wf_err *err);

/* See that there is a connection that may be used, without our statements yet. */
int pg_connect(struct pg *pg, struct wf_err *err);

/* The same, with them, and with a broker's row that is still ours.  WEFT_EIO;
 * WEFT_ESTATE: it is not, or the database went back in time. */
int pg_ready(struct pg *pg, struct wf_err *err);

/* Tell the server of the statements of commits. */
int pg_prepare(struct pg *pg, struct wf_err *err);

void pg_drop(struct pg *pg);

/* Put one more into the pipeline; pg_run() tells when that failed. */
void pg_send(struct pg *pg, enum pg_statement s, const struct pg_args *args);
void pg_send_text(struct pg *pg, const char *sql);

/* The fence, up to this lsn. */
void pg_send_fence(struct pg *pg, uint64_t lsn);

/* Wait until all that was sent is answered; `fn` may be NULL.  On an error the
 * transaction is rolled back: WEFT_EIO, WEFT_ESTATE: fenced, WEFT_EEXIST: a row stands
 * already. */
int pg_run(struct pg *pg, pg_result_fn *fn, void *arg, struct wf_err *err);

/* The same with a row a call, for results of any size. */
int pg_run_rows(struct pg *pg, pg_result_fn *fn, void *arg, struct wf_err *err);

/* Error text without the password. */
int pg_fail(struct pg *pg, struct wf_err *err, int code, const char *text);

uint64_t pg_now_ms(void);

/* -- rows ---------------------------------------------------------------------------- */

/* Bytes of keys of damaged rows that one reading remembers. */
#define PG_DAMAGED_MAX (1u << 20)

/* Rows on their way to whoever wants them, less the damaged ones. */
struct pg_reading {
    store_row_fn *fn;
    void *arg;
    struct wf_buf damaged; /* a byte of table, then the key, of each */
};

/* A pg_result_fn of (tbl, key || value, sum). */
int pg_read_row(void *reading, unsigned statement, PGresult *res);

/* "2 damaged rows, the first in table 3 with key 0000000000000001".  0 when there is
 * none; WEFT_ESTORAGE. */
int pg_read_end(struct pg_reading *r, struct wf_err *err);

/* -- the parts ----------------------------------------------------------------------- */

/* Make the schema, or bring it up to date; the store's id.  WEFT_EIO, WEFT_EVERSION. */
int pg_migrate(struct pg *pg, uint64_t *ret_id, struct wf_err *err);

int pg_load(void *db, store_row_fn *fn, void *arg, struct wf_err *err);
int pg_commit(void *db, struct store_row *rows, struct wf_err *err);
int pg_poll(void *db, store_row_fn *fn, void *arg, struct wf_err *err);

#endif

/* postgres.c - the store in a PostgreSQL database that several brokers may share
 *
 * Jobs, attempts and outcomes belong to the broker that accepted them, or took them over;
 * keys, tokens and datasets are common; each has its own events and estimates.  pg.h says
 * how the driver is divided.
 */
#include "broker/store/pg.h"
#include "common/mem.h"

#include <string.h>

static void pg_close(void *db)
{
    struct pg *pg = db;

    if (pg == NULL) {
        return;
    }
    pg_drop(pg);
    wf_free(pg->uri);
    if (pg->password != NULL) {
        explicit_bzero(pg->password, strlen(pg->password));
    }
    wf_free(pg->password);
    wf_free(pg->name);
    wf_free(pg);
}

static int pg_new(const struct store_options *o, struct pg **ret_pg, struct wf_err *err)
{
    struct pg *pg = wf_calloc(1, sizeof *pg);
    int rc;

    if (pg == NULL) {
        return wf_err_set(err, WEFT_ENOMEM, "out of memory");
    }
    pg->name = wf_strdup(o->broker);
    pg->lease_ms = o->lease_ms;
    pg->repair = o->repair;
    pg->told = o->told;
    pg->told_arg = o->told_arg;
    rc = pg->name != NULL ? pg_set_uri(pg, o->where, err)
                          : wf_err_set(err, WEFT_ENOMEM, "out of memory");
    if (rc != 0) {
        pg_close(pg);
        return rc;
    }
    *ret_pg = pg;
    return 0;
}

struct registered {
    int64_t epoch, boot, lsn;
};

static int on_register(void *arg, unsigned statement, PGresult *res)
{
    struct registered *r = arg;

    if (statement == 0 && PQntuples(res) == 1) {
        *r = (struct registered){pg_int(res, 0, 0), pg_int(res, 0, 1), pg_int(res, 0, 2)};
    }
    return 0;
}

/* Under a new epoch: an older process of this name can write nothing from here on. */
static int register_broker(struct pg *pg, struct store_facts *ret_facts,
                           struct wf_err *err)
{
    struct registered r = {0, 0, 0};
    struct pg_args a = {0};
    int rc;

    pg_arg_text(&a, pg->name);
    pg_arg_int(&a, (int64_t) pg->lease_ms);
    pg_send(pg, PG_REGISTER, &a);
    pg_send(pg, PG_FORGET_FOREIGN, NULL);
    rc = pg_run(pg, on_register, &r, err);
    if (rc == 0) {
        pg->epoch = r.epoch;
        pg->lsn = (uint64_t) r.lsn;
        ret_facts->boot = (uint64_t) r.boot;
        ret_facts->lsn = (uint64_t) r.lsn;
    }
    return rc;
}

static int pg_open(const struct store_options *o, void **ret_db,
                   struct store_facts *ret_facts, struct wf_err *err)
{
    struct store_facts facts = {0, 0, 0};
    struct pg *pg = NULL;
    int rc = pg_new(o, &pg, err);

    if (rc != 0) {
        return rc;
    }
    rc = pg_connect(pg, err);
    if (rc == 0) {
        rc = pg_migrate(pg, &facts.id, err);
    }
    if (rc == 0) {
        rc = pg_prepare(pg, err);
    }
    if (rc == 0) {
        rc = register_broker(pg, &facts, err);
    }
    if (rc != 0) {
        pg_close(pg);
        return rc == WEFT_EEXIST ? WEFT_EIO : rc;
    }
    *ret_db = pg;
    *ret_facts = facts;
    return 0;
}

const struct store_driver store_postgres = {
    .name = "postgres",
    .scheme = "postgres",
    .open = pg_open,
    .load = pg_load,
    .commit = pg_commit,
    .poll = pg_poll,
    .close = pg_close,
};

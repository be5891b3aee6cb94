/* driver.h - what keeps rows on stable storage: one of these for SQLite, one for
 * PostgreSQL
 *
 * A driver is blocking code without threads of its own; store.c calls it from one thread
 * at a time: open and load while the broker starts, then commit and poll from the
 * writer's thread, close at the end.  Rows are (table, key, value); the last write of a
 * key wins, a row without a value deletes.  Every stored value carries a checksum over
 * table, key and value that is verified when it is read.
 */
#ifndef BROKER_STORE_DRIVER_H
#define BROKER_STORE_DRIVER_H

#include "common/err.h"
#include "proto/msg.h"

/* Tables: what the broker's core writes. */
enum store_table {
    STORE_KEYS = 1, /* key: 32 bytes, as in the next */
    STORE_TOKENS,
    STORE_JOBS, /* key: 8 bytes, as in all that follow; value: 16 bytes of id, then more
                 */
    STORE_ATTEMPTS,
    STORE_OUTCOMES,
    STORE_EVENTS,
    STORE_DATASETS,
    STORE_ESTIMATES,
    STORE_TABLES
};

#define STORE_KEY_MAX 32u

/* Bytes of the keys of a table, 8: a big-endian number. */
static inline size_t store_key_len(unsigned table)
{
    return table <= STORE_TOKENS ? 32 : 8;
}

static inline uint64_t store_seq(const uint8_t *key)
{
    uint64_t seq = 0;

    for (unsigned i = 0; i < 8; i++) {
        seq = seq << 8 | key[i];
    }
    return seq;
}

static inline void store_seq_put(uint8_t *key, uint64_t seq)
{
    for (unsigned i = 0; i < 8; i++) {
        key[i] = (uint8_t) (seq >> (56 - 8 * i));
    }
}

struct store_row {
    struct store_row *next;
    unsigned table;
    int taken; /* set by commit: another broker has this job id; the row was not written
                */
    uint64_t lsn;
    size_t len;
    uint8_t bytes[]; /* key, then value */
};

struct store_options {
    const char *where;  /* a path, or a URI that begins with the driver's scheme */
    const char *broker; /* our name, unique among brokers that share the store */
    uint64_t lease_ms;  /* a broker silent for so long may be taken over */
    int repair;         /* quarantine damaged rows instead of refusing to open */
    void (*told)(void *arg, const char *line); /* what repair did, a line each */
    void *told_arg;
    const char *vfs; /* SQLite: the name of the sqlite3_vfs to use; NULL: the default */
    unsigned log_pages; /* SQLite: of its log when it is copied into the database; 0: as
                           many as pay */
    uint64_t seed; /* of the store's id, for runs that repeat; 0: the system's random */
};

/* What a store is, once open. */
struct store_facts {
    uint64_t id;   /* random, made with the store; never 0 */
    uint64_t boot; /* grows with every opening, of all brokers that share the store */
    uint64_t lsn;  /* of our last durable row */
};

/* One row that was read: key bytes first.  Borrowed for the call. */
typedef void store_row_fn(void *arg, unsigned table, struct wf_slice record);

struct store_driver {
    const char *name;   /* told to operators: "sqlite", "postgres" */
    const char *scheme; /* begins `where`; NULL: anything else is a path */

    /* WEFT_EIO; WEFT_EBUSY: another process has it; WEFT_EVERSION: a newer program wrote
     * it; WEFT_ESTORAGE: damaged, or it lost rows that were durable; the text says what
     * to do. */
    int (*open)(const struct store_options *o, void **ret_db,
                struct store_facts *ret_facts, struct wf_err *err);

    /* Every row of ours, and the keys, tokens and datasets of all who share the store, by
     * table and key. */
    int (*load)(void *db, store_row_fn *fn, void *arg, struct wf_err *err);

    /* Make all rows durable, or none.  WEFT_EIO: try again later with the same rows in
     * front; WEFT_ESTATE: nothing can be written again: another process took our place,
     * or the disk lost what was durable. */
    int (*commit)(void *db, struct store_row *rows, struct wf_err *err);

    /* After each commit that made its rows durable, and after that was told: work that
     * nobody waits for, NULL when there is none.  What it cannot do now it does after a
     * later one. */
    void (*rest)(void *db);

    /* About once a second while the broker runs, NULL when there is nothing to do: tell
     * that we live, read what others wrote, claim what dead brokers left. */
    int (*poll)(void *db, store_row_fn *fn, void *arg, struct wf_err *err);

    void (*close)(void *db);
};

extern const struct store_driver store_sqlite;
extern const struct store_driver store_postgres;

#endif

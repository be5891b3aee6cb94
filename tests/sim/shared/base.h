/* base.h - a simulated database that brokers of one site share
 *
 * What the server of broker/store/postgres.c does for it, statement by statement, each a
 * transaction of its own or part of one that nobody sees half of: rows with an owner, ids
 * of jobs that are unique, brokers with an epoch and the time when they were last heard.
 * Time is that of the server.  Brokers are numbers, from 0.
 */
#ifndef TESTS_SIM_SHARED_BASE_H
#define TESTS_SIM_SHARED_BASE_H

#include "broker/store/driver.h"
#include "common/buf.h"
#include "common/map.h"

#define BASE_ROWS    16384
#define BASE_BROKERS 3

struct base_row {
    uint8_t index[2 + STORE_KEY_MAX]; /* table, whose where each has its own, key */
    size_t index_len;
    unsigned table, broker;
    size_t at, len; /* in bytes: key, then value */
    struct wf_id id;
    int has_id;
    uint64_t ver; /* of a common row what wrote it; of others the mark of a claim, or 0 */
    int shared;   /* others wrote it, too */
    int gone;     /* it was deleted, and others are to hear of that */
};

struct base_broker {
    uint64_t epoch; /* 0: it never came */
    uint64_t heard_us;
    uint64_t lsn;
    int taken; /* and nothing of it is left */
};

struct base {
    uint64_t id;
    struct base_row rows[BASE_ROWS];
    unsigned spare[BASE_ROWS]; /* rows that may be used again */
    unsigned nrows, nspare;
    struct wf_map *by_index, *by_id;
    struct wf_buf bytes;
    uint64_t epoch, ver; /* the last that were given */
    struct base_broker brokers[BASE_BROKERS];
};

void base_init(struct base *b);
void base_fini(struct base *b);
void base_reset(struct base *b, uint64_t id);

/* Keys, tokens and datasets are common to all. */
int base_is_common(unsigned table);

/* A process of this broker begins, under a new epoch. */
uint64_t base_register(struct base *b, unsigned who, uint64_t now_us);

/* Begins each transaction: 1 while the epoch is its own, and it counts as heard. */
int base_fence(struct base *b, unsigned who, uint64_t epoch, uint64_t lsn,
               uint64_t now_us);

/* Write one row, which is a key and a value; a job is not written (0) when the id is
 * another broker's.  Without a value it is deleted. */
int base_write(struct base *b, unsigned who, unsigned table, struct wf_slice record);

/* A broker that was not heard of for its lease and is not taken over: it is given a new
 * epoch.  0: there is none. */
int base_take(struct base *b, unsigned who, uint64_t lease_us, uint64_t now_us,
              unsigned *ret_dead, uint64_t *ret_epoch);

/* Of at most `most` jobs that the dead one left every row becomes the other's, with the
 * mark.  Returns how many; fewer than `most` were all. */
unsigned base_move(struct base *b, unsigned dead, unsigned to, uint64_t mark,
                   unsigned most);

typedef int base_wants_fn(const struct base_row *r, const void *arg);

/* Rows by table and key; borrowed for the call.  Stops after `most`. */
void base_each(struct base *b, base_wants_fn *wants, const void *arg, size_t most,
               store_row_fn *fn, void *to);

/* Whoever has it: the row of a job, the outcome of that. */
const struct base_row *base_job(const struct base *b, const struct wf_id *id);
int base_has_outcome(const struct base *b, const struct wf_id *id);

#endif

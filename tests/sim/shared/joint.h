/* joint.h - a broker's end of a store that it shares with another one of its site
 *
 * In some worlds the first two brokers have one store between them (base.h), as with
 * PostgreSQL.  What the driver does there is done here: it writes the log of disk.h row
 * by row under the fence, about once a second says that it lives, hears what others wrote
 * of common rows, and takes over what a broker left that was silent for its lease.  A
 * connection may be lost in the middle of any of it, also with an answer on its way.
 *
 * What the cores do about it is theirs: rows come to them as from the real driver.
 */
#ifndef TESTS_SIM_SHARED_JOINT_H
#define TESTS_SIM_SHARED_JOINT_H

#include "tests/sim/clock.h"
#include "tests/sim/shared/base.h"

#define JOINT_BROKERS 2

struct host;
struct sim;

struct joint {
    struct sim *sim;
    struct base *base; /* NULL: its store is its own */
    uint64_t epoch;
    uint64_t horizon;   /* it knows all common rows that were written before */
    uint64_t claim;     /* the mark of rows that it has to read yet; 0: none */
    uint8_t handed[10]; /* it has read them up to this one, as in base_row.index */
    int lost;           /* it lost the connection */
    /* Since when it watches the others without a gap, and when last: its own time. */
    uint64_t watch_from_us, watched_us;
    uint64_t spoke_us; /* when the server last heard of it: the world's time */
    uint64_t claims;
};

/* Do two brokers share a store in a world of several? */
int joint_wanted(unsigned long long seed);

/* In a world where they do: more brokers end, and stay away for longer. */
void joint_swarm(struct sim *s);

/* A new world; before any row is written. */
void joint_reset(struct sim *s, struct host *h);

/* Are they one store?  Both may be NULL. */
int joint_is_one(const struct host *a, const struct host *b);

/* As in disk.h. */
void joint_found(struct host *h);
int joint_open(struct sim *s, struct host *h);
void joint_load(struct sim *s, struct host *h, store_row_fn *fn, void *arg);
void joint_crash(struct sim *s, struct host *h);

/* Rows `from` to `to` of its log: 0; WEFT_EIO, to be tried again; WEFT_ESTATE: another
 * broker has its place. */
int joint_commit(struct sim *s, struct host *h, size_t from, size_t to);

/* Once a second: rows for the core.  The same errors. */
int joint_poll(struct sim *s, struct host *h, store_row_fn *fn, void *arg);

/* Of a job that is stored: is this broker to know it?  One that shares the store is when
 * the job was always its own; else it may not have read it yet. */
int joint_must_know(const struct host *h, const struct wf_id *id);

/* The broker that has a job of `home` now: it may have been taken over. */
struct host *joint_owner(struct sim *s, struct host *home, const struct wf_id *id);

/* What a process would read that begins now; and whether it would read the same in a
 * moment. */
void joint_walk(struct host *h, store_row_fn *fn, void *arg);
int joint_is_still(const struct host *h);

#endif

/* disk.h - a broker's store: what was appended, and what of it is on stable storage
 *
 * One commit at a time, as the store's thread makes them: it takes what has gathered, and
 * all of it becomes safe or nothing.  What a commit did not keep stays in front and is
 * tried again each second.  A crash keeps what is safe, and maybe the batch under way.
 *
 * Most worlds go by this log alone.  In some the real SQLite driver writes each batch to
 * simulated sectors (lite.h), and the log says what must come back from there.  In others
 * two brokers write their logs into one database (joint.h).
 */
#ifndef TESTS_SIM_DISK_DISK_H
#define TESTS_SIM_DISK_DISK_H

#include "broker/store/driver.h"
#include "common/buf.h"
#include "tests/sim/clock.h"

#define DISK_RECORDS 32768
#define DISK_TRIES   32

struct host;
struct sim;

struct record {
    unsigned table;
    uint64_t lsn;
    size_t at, len; /* in bytes: key, then value */
    int rotten;     /* its sum is wrong: it is put aside when it is read */
    int taken;      /* another broker has this job's id: it was not written */
};

struct disk {
    struct record records[DISK_RECORDS];
    size_t n, safe;
    size_t batch; /* those up to here are being committed; 0: what there is then */
    /* Commits of those up to here failed, and may be there all the same. */
    size_t tried[DISK_TRIES];
    unsigned ntried;
    size_t asked; /* a sync was asked for up to here */
    struct wf_buf bytes;
    struct event *commit; /* the end of the one under way, or the next try; NULL: none */
    int failing;          /* each commit fails */
    int forgetful;        /* there is no memory for the next record */
    int over;             /* there was none: nothing can be written again */
    int rotten;           /* some record is */
    struct store_facts facts;

    /* A copy that somebody keeps is the log up to `copied`; 0: there is none.  While it
     * is in the place of the real log, what that had more is aside. */
    size_t copied;
    struct store_facts copied_facts, real_facts;
    int is_old;
    int forked; /* it was, and may have told of records that the real log does not have */
    struct {
        struct record records[DISK_RECORDS];
        size_t n, safe;
        size_t tried[DISK_TRIES];
        unsigned ntried;
    } real;
};

void disk_init(struct disk *d);
void disk_fini(struct disk *d);
void disk_reset(struct sim *s, struct host *h);

/* All that was appended is there from the beginning. */
void disk_found(struct sim *s, struct host *h);

/* A process of the broker opens it, which sets the facts: 0, or WEFT_EIO when it has to
 * try again. */
int disk_open(struct sim *s, struct host *h);

/* All rows, the last of each key: as the process reads them. */
int disk_load(struct sim *s, struct host *h, store_row_fn *fn, void *arg);

/* The rows that the log has up to record `n`, in order of table and key. */
void disk_walk(struct disk *d, size_t n, store_row_fn *fn, void *arg);

/* The rows that a process would read that begins now. */
void disk_read(struct host *h, store_row_fn *fn, void *arg);

/* A hash of those rows of the log, whatever their order. */
uint64_t disk_hash(struct disk *d, size_t n);

void disk_append(struct host *h, unsigned table, uint64_t lsn, const void *p, size_t len);

/* Make safe what was appended: answered by EV_SYNCED. */
void disk_sync(struct sim *s, struct host *h);

/* EV_SYNCED: a commit ends.  1: all up to *ret_lsn is safe; 0: from *ret_lsn on it is
 * not; -1: the machine or the process ended in the middle of it, or has to end because
 * another one took its place. */
int disk_committed(struct sim *s, struct host *h, uint64_t *ret_lsn);

/* The process ends; `power`: the machine with it. */
void disk_crash(struct sim *s, struct host *h, int power);

/* Damage one record of a job, if there is any.  1 and the job's id. */
int disk_rot(struct sim *s, struct host *h, struct wf_id *ret_job);

/* Keep a copy of all that is safe; put it in place of the real log, or that back, while
 * no process has it open. */
void disk_copy(struct host *h);
void disk_put_old(struct host *h);
void disk_put_real(struct host *h);

/* This job's record is safe; its outcome's is.  In a store that is shared, whoever has
 * the job. */
int disk_has_job(const struct host *h, const struct wf_id *id);
int disk_has_outcome(const struct host *h, const struct wf_id *id);

/* Everything appended is safe, nothing is under way, and nothing is to be read. */
int disk_is_still(const struct host *h);

#endif

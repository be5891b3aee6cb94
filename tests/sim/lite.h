/* lite.h - the real SQLite driver on simulated sectors, in place of the simple log */
#ifndef TESTS_SIM_LITE_H
#define TESTS_SIM_LITE_H

#include "broker/store/driver.h"
#include "tests/sim/disk/disk.h"
#include "tests/sim/disk/sectors.h"

struct host;

struct lite {
    struct clock *clock;
    int on;
    struct sectors disk;
    struct sectors copy;       /* to look at */
    struct sectors kept, real; /* as struct disk has it */
    void *db;                  /* NULL: not open */
};

void lite_init(struct lite *l, struct clock *c);
void lite_fini(struct lite *l);

/* A new world, with or without it. */
void lite_reset(struct sim *s, struct host *h, int on);

/* As in disk.h. */
int lite_open(struct sim *s, struct host *h);
int lite_load(struct sim *s, struct host *h, store_row_fn *fn, void *arg);
int lite_commit(struct sim *s, struct host *h, size_t from, size_t to);
void lite_crash(struct host *h, int power);

enum lite_copy { LITE_KEEP, LITE_PUT_OLD, LITE_PUT_REAL };
void lite_copy(struct host *h, enum lite_copy what);

/* Cut the power of a copy of the device and read that: it must hold the rows of the log.
 */
void lite_examine(struct sim *s, struct host *h);

/* The copy that somebody keeps, beside the mark of today: the store must refuse. */
void lite_examine_old(struct sim *s, struct host *h);

/* Flip bits in a copy: every row that is read must be one that was written, and none may
 * be missing unless the store refuses. */
void lite_examine_rot(struct sim *s, struct host *h);

#endif

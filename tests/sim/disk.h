/* disk.h - the broker's store: records that are written, and those that are safe
 *
 * A crash keeps all that is safe and any prefix of the rest.  While the store fails,
 * what is written is dropped and a sync answers with an error.
 */
#ifndef TESTS_SIM_DISK_H
#define TESTS_SIM_DISK_H

#include "common/buf.h"
#include "tests/sim/clock.h"

#define DISK_RECORDS 4096

struct sim;

struct record {
    unsigned table;
    uint64_t lsn;
    size_t at, len; /* in bytes */
};

struct disk {
    struct record records[DISK_RECORDS];
    size_t n, safe;
    struct wf_buf bytes;
    int failing;
    uint64_t failed_lsn; /* the first that was dropped and not told of; 0: none */
};

void disk_init(struct disk *d);
void disk_fini(struct disk *d);
void disk_reset(struct disk *d);

void disk_append(struct disk *d, unsigned table, uint64_t lsn, const void *p, size_t len);

/* Make safe up to lsn: answered by EV_SYNCED. */
void disk_sync(struct sim *s, uint64_t lsn);

/* The sync ends: 1 and all up to lsn is safe, or 0 and *ret_from the first that is not.
 */
int disk_synced(struct disk *d, uint64_t lsn, uint64_t *ret_from);

/* 1 when record i is the last of its key, and no deletion. */
int disk_is_latest(const struct disk *d, size_t i);

void disk_crash(struct sim *s);

#endif

/* spool.h - the folder in which a device keeps results while it is cut off
 *
 * As agent/keeper.h and agent/spool.h have it: a record is on stable storage as soon as
 * it is appended, a deletion is some time later: a power cut may undo it.  The first
 * record that fails ends the writing of its step.
 */
#ifndef TESTS_SIM_DISK_SPOOL_H
#define TESTS_SIM_DISK_SPOOL_H

#include "agent/core/node.h"
#include "tests/sim/clock.h"

#define SPOOL_FILES 96

struct sim;

struct spool_file {
    uint8_t key[NODE_SPOOL_KEY];
    int here, safe_here;
    uint64_t lsn;
    struct wf_buf value;
};

struct spool {
    struct spool_file files[SPOOL_FILES];
    int failing;
    uint64_t lsn;        /* of the last record */
    uint64_t failed_lsn; /* this one, and those after it, were not kept; 0: all were */
};

void spool_init(struct spool *p);
void spool_fini(struct spool *p);
void spool_reset(struct spool *p);

/* WF_EFFECT_APPEND: key, then value; a key alone deletes. */
void spool_append(struct sim *s, struct spool *p, uint64_t lsn, struct wf_slice record);

/* Effects of a step were lost: what followed may have been among them. */
void spool_lost(struct spool *p);

/* The first lsn that was not kept since the last call, or 0. */
uint64_t spool_failure(struct spool *p);

void spool_power_cut(struct spool *p, struct clock *c);

/* The record of one attempt is there. */
int spool_has(const struct spool *p, const struct wf_id *job, uint32_t attempt);

unsigned spool_count(const struct spool *p);

#endif

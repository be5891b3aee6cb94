/* chunks.h - memory of rows that are on their way to the disk
 *
 * Rows are put one behind the other into chunks of memory, and given back in the same
 * order, so that a count is enough to know when a chunk is free.  One thread alone calls
 * these; who reads the rows may be another.
 */
#ifndef BROKER_STORE_CHUNKS_H
#define BROKER_STORE_CHUNKS_H

#include "broker/store/driver.h"

struct chunk;

struct chunks {
    struct chunk *oldest, *filling, *spare; /* owned */
};

/* A copy of the record: borrowed until it is given back.  NULL when out of memory. */
struct store_row *chunks_put(struct chunks *cs, unsigned table, uint64_t lsn,
                             struct wf_slice record);

/* The `n` oldest rows are done with. */
void chunks_give_back(struct chunks *cs, size_t n);

void chunks_fini(struct chunks *cs);

#endif

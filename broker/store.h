/* store.h - records on stable storage
 *
 * Rows of (table, key, value), the last write of a key wins.  Appended rows become
 * durable together at the next sync; a thread of its own commits while the next ones
 * gather, and the loop hears of it by on_durable.  Two drivers: a file (SQLite), and
 * memory, which loses everything with the process and says so in its name.  All calls on
 * the loop's thread.
 */
#ifndef BROKER_STORE_H
#define BROKER_STORE_H

#include "common/err.h"
#include "common/io/loop.h"
#include "proto/msg.h"

struct store;

struct store_cbs {
    /* Everything up to this lsn is on stable storage. */
    void (*on_durable)(void *arg, uint64_t lsn);
    /* What was to become durable from this lsn on is not; it is tried again. */
    void (*on_error)(void *arg, uint64_t lsn, const char *text);
};

typedef void store_row_fn(void *arg, unsigned table, struct wf_slice record);

/* Open or make the store at `path`; "memory" for the other driver.  WEFT_EIO with the
 * reason; WEFT_EVERSION when a newer program wrote it. */
int store_open(struct wf_loop *loop, const char *path, const struct store_cbs *cbs,
               void *arg, struct store **ret_store, struct wf_err *err);

/* Every row, key bytes first; before the first append. */
int store_load(struct store *s, store_row_fn *fn, void *arg, struct wf_err *err);

/* Add a row: `record` is the key of WF_KEY_SIZE bytes, then the value; copied.  Without a
 * value the row is deleted. */
void store_append(struct store *s, unsigned table, uint64_t lsn, struct wf_slice record);

/* Ask for durability of all that was appended. */
void store_sync(struct store *s);

/* Finish what was asked for, then close.  NULL is allowed. */
void store_close(struct store *s);

#endif

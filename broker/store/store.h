/* store.h - records on stable storage, seen from the broker's loop
 *
 * Appended rows become durable together at the next sync; a thread of its own commits
 * while the next ones gather, and the loop hears of it by callbacks.  The drivers are in
 * driver.h; "memory" keeps nothing.  All calls on the loop's thread.
 */
#ifndef BROKER_STORE_STORE_H
#define BROKER_STORE_STORE_H

#include "broker/store/driver.h"
#include "common/io/loop.h"

struct store;

struct store_cbs {
    /* Everything up to this lsn is on stable storage. */
    void (*on_durable)(void *arg, uint64_t lsn);
    /* What was to become durable from this lsn on is not; it is tried again. */
    void (*on_error)(void *arg, uint64_t lsn, const char *text);
    /* The job of this lsn was not written: another broker has its id. */
    void (*on_taken)(void *arg, uint64_t lsn);
    /* A row that another broker wrote or left behind. */
    store_row_fn *on_row;
    /* Another process took our place: nothing can be written again. */
    void (*on_fenced)(void *arg, const char *text);
    /* What other brokers wrote or left behind cannot be read; it is tried again, and told
     * once until it works. */
    void (*on_deaf)(void *arg, const char *text);
};

/* Open or make the store; "memory" keeps nothing, its facts are 0 but for `boot`, 1.
 * Errors of struct store_driver. */
int store_open(struct wf_loop *loop, const struct store_options *o,
               const struct store_cbs *cbs, void *arg, struct store **ret_store,
               struct store_facts *ret_facts, struct wf_err *err);

/* The driver's name, or "memory". */
const char *store_name(const struct store *s);

/* Every row, before the first append. */
int store_load(struct store *s, store_row_fn *fn, void *arg, struct wf_err *err);

/* Add a row: `record` is the key, then the value; copied.  Without a value the row is
 * deleted. */
void store_append(struct store *s, unsigned table, uint64_t lsn, struct wf_slice record);

/* Ask for durability of all that was appended. */
void store_sync(struct store *s);

/* The same where more is appended at once, and store_sync() called after the last of it:
 * the store's thread gets rows by the handful. */
void store_sync_soon(struct store *s);

/* Finish what was asked for, then close.  NULL is allowed. */
void store_close(struct store *s);

#endif

/* index.h - the rows of the blob store, in SQLite: the one place that knows it
 *
 * Calls return 0, WEFT_ENOENT, or WEFT_EFULL (the disk), WEFT_ENOMEM, WEFT_EIO;
 * WEFT_ESTORAGE: the index is damaged and has to be built anew.
 */
#ifndef AGENT_BLOB_INDEX_H
#define AGENT_BLOB_INDEX_H

#include "common/err.h"
#include "proto/blob.h"

#include <limits.h>
#include <sqlite3.h>

enum row_state { ROW_PART, ROW_WHOLE, ROW_PLACE };

struct blob_row {
    int64_t id;
    struct wf_digest digest;
    uint64_t size, have;
    uint64_t disk; /* bytes that count */
    uint64_t used; /* when, in ms */
    enum row_state state;
    int pinned;
};

/* A file of somebody else, as it was when it was read. */
struct place {
    int64_t id;
    char path[PATH_MAX];
    uint64_t size, inode;
    int64_t mtime_ns, ctime_ns;
};

struct index_sums {
    uint64_t disk, promised, in_place, whole, parts, pinned, last_used, kept;
};

#define INDEX_QUERIES 17

struct index {
    sqlite3 *db; /* NULL: closed */
    sqlite3_stmt *q[INDEX_QUERIES];
    int filled; /* all that the disk holds was put in, once */
    int failed; /* the last error that was not WEFT_ENOENT; cleared by the owner */
};

/* Open or make. */
int index_open(struct index *x, const char *path, struct wf_err *err);
void index_close(struct index *x);

/* From now on it is `filled`; within the transaction that did it. */
int index_filled(struct index *x, struct wf_err *err);

/* Give memory back. */
void index_rest(struct index *x);

int index_begin(struct index *x, struct wf_err *err);
int index_commit(struct index *x, struct wf_err *err);
void index_rollback(struct index *x);

int index_get(struct index *x, const struct wf_digest *d, struct blob_row *ret_row,
              struct wf_err *err);
/* The row after this id. */
int index_next(struct index *x, int64_t after, struct blob_row *ret_row,
               struct wf_err *err);
int index_add(struct index *x, struct blob_row *row, struct wf_err *err); /* sets id */
int index_set(struct index *x, const struct blob_row *row, struct wf_err *err);
int index_set_used(struct index *x, const struct wf_digest *d, uint64_t used,
                   struct wf_err *err);
int index_del(struct index *x, int64_t id, struct wf_err *err);

/* Who may go first: a part not used since `before`, or a whole blob of at least `min`
 * bytes; the least recently used with used > *after, which is moved on. */
int index_victim(struct index *x, enum row_state state, uint64_t before, uint64_t min,
                 uint64_t *after, struct blob_row *ret_row, struct wf_err *err);

/* Bytes of a small blob.  WEFT_EINVAL: it has more than `cap`. */
int index_data(struct index *x, int64_t id, void *dst, size_t cap, size_t *ret_len,
               struct wf_err *err);
int index_put_data(struct index *x, int64_t id, const void *p, size_t len,
                   struct wf_err *err);

int index_place(struct index *x, int64_t id, struct place *ret_place, struct wf_err *err);
int index_place_find(struct index *x, const char *path, struct place *ret_place,
                     struct blob_row *ret_row, struct wf_err *err);
int index_put_place(struct index *x, const struct place *p, struct wf_err *err);

int index_sums(struct index *x, struct index_sums *ret, struct wf_err *err);

#endif

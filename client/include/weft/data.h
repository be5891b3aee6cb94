/* weft/data.h - data in the mesh: blobs, datasets, and how they move
 *
 * A blob is immutable bytes, named by a digest over its chunks.  A dataset is a name, a
 * version (1, 2, ...), labels and a list of files, each a path and a blob; it is written
 * "NAME" (its newest version), "NAME@3", "NAME@3/dir/file" (one file), "NAME/dir" (a
 * folder).  Agents hold the bytes, the broker knows who has what.
 *
 * A transfer is a future: wait for it, or give it a callback; weft_future_moved() tells
 * what it did.  It goes over connections of its own, so that jobs are not slowed down,
 * and goes on by itself after a break.  Freeing its future before it is done ends it, and
 * only then, or when it is done, may what it reads from be freed.  Disk and hashing are
 * done by a thread of the library's own; callbacks run where those of weft/client.h do.
 */
#ifndef WEFT_DATA_H
#define WEFT_DATA_H

#include "job.h"

#ifdef __cplusplus
extern "C" {
#endif

/* To and from 64 hex digits.  WEFT_EINVAL.  Any thread. */
WEFT_API void weft_digest_text(const weft_digest *digest, char text[WEFT_DIGEST_TEXT]);
WEFT_API int weft_digest_parse(const char *text, weft_digest *ret_digest);

enum weft_phase {
    WEFT_READING, /* what is to be put is read and hashed, or what is there verified */
    WEFT_MOVING
};

struct weft_progress {
    enum weft_phase phase;
    uint64_t bytes, total; /* of the phase; total 0: not known yet */
    uint64_t moved;        /* bytes that came over a link; what was there is not moved */
    const char *node;      /* that was heard of last, or that gives most; "" */
    const char *text;      /* what it waits for; "" */
};

/* Called now and then while a transfer goes on. */
typedef void weft_progress_fn(const struct weft_progress *progress, void *arg);

/* Read `len` bytes at `offset` into `to`: 0, anything else ends the transfer with
 * WEFT_EIO.  Called twice or more for the same bytes, which must be the same. */
typedef int weft_read_fn(uint64_t offset, void *to, size_t len, void *arg);

/* Take the next bytes, in order, verified: 0, anything else ends the transfer with
 * WEFT_ECANCELLED. */
typedef int weft_write_fn(uint64_t offset, const void *data, size_t len, void *arg);

/* What to put.  Set with WEFT_PUT_INIT.  Either `paths`, or `read` for `len` bytes, or
 * the `len` bytes at `data`, which are not copied.  Files must not change until it is
 * done: WEFT_ESTATE says that one did. */
struct weft_put {
    size_t size; /* sizeof(struct weft_put) */
    /* Files and folders, followed as a whole but for links and what is no file.  Of one
     * folder the files are named by their paths in it, else by the last part of each
     * path and what is below. */
    const char *const *paths;
    size_t npaths;
    const void *data;
    uint64_t len;
    weft_read_fn *read;
    const char *dataset; /* name: a new version of it; NULL: a lone blob, of one file */
    const char *file;    /* path in the dataset of what is not from `paths`; NULL: "data"
                          */
    const char *const *labels; /* of the dataset, "key=value"; "residency=eu" binds where
                                  it may be */
    size_t nlabels;
    const char *node;         /* to this node; NULL: the broker chooses */
    const char *const *needs; /* among those that meet these */
    size_t nneeds;
    const char *capability; /* rather to those that offer this; NULL: any */
    const char *residency;  /* NULL: as the label says */
    unsigned copies;        /* at how many nodes; 0: one */
    int pin;                /* it is not evicted there */
    weft_progress_fn *on_progress;
    void *arg;     /* of `read` and `on_progress` */
    uint32_t base; /* the version that this one follows: 0: the name must be new;
                      UINT32_MAX: any */
};

#define WEFT_PUT_INIT                                                                    \
    {                                                                                    \
        sizeof(struct weft_put), NULL, 0, NULL, 0, NULL, NULL, NULL, NULL, 0, NULL,      \
            NULL, 0, NULL, NULL, 0, 0, NULL, NULL, UINT32_MAX                            \
    }

/* Put data into the mesh: what no agent there has yet is sent.  WEFT_EINVAL, WEFT_ENOMEM,
 * WEFT_EFULL, WEFT_ECLOSED; through the future: WEFT_EINVAL (no file, or several without
 * the name of a dataset, or a name that no dataset takes), WEFT_ENOENT, WEFT_EIO (a
 * file), WEFT_ESTATE (it changed), WEFT_ETOOBIG (more than 262144 files, or 1 TiB),
 * WEFT_EFULL (no agent has room), WEFT_EEXIST (`base`, or somebody else's name),
 * WEFT_ESUPPORT (the broker moves no data), WEFT_EPERM. */
WEFT_API int weft_data_put(weft_client *client, const struct weft_put *put,
                           weft_future **ret_future);

/* What to get.  Set with WEFT_GET_INIT.  To a file or folder (`path`), to `write`, else
 * to memory.  More than one file goes to a folder, which is made. */
struct weft_get {
    size_t size;     /* sizeof(struct weft_get) */
    const char *ref; /* "DATASET[@VERSION][/PATH]", or the digest of a blob */
    /* Each file is written to its path with ".part" behind, which is renamed when it is
     * whole; what an earlier get left there is verified and used.  A file that is there
     * is replaced, unless `keep` is set. */
    const char *path;
    weft_write_fn *write;
    size_t max; /* most bytes of memory: WEFT_ETOOBIG */
    weft_progress_fn *on_progress;
    void *arg;            /* of `write` and `on_progress` */
    uint64_t patience_ms; /* how long to wait while nobody who has it is there */
    int keep;             /* a file that is there with other bytes stays: WEFT_EEXIST */
};

#define WEFT_GET_INIT                                                                    \
    {                                                                                    \
        sizeof(struct weft_get), NULL, NULL, NULL, (size_t) 1 << 30, NULL, NULL, 30000,  \
            0                                                                            \
    }

/* Get data.  WEFT_EINVAL, WEFT_ENOMEM, WEFT_EFULL, WEFT_ECLOSED; through the future:
 * WEFT_ENOENT (no such data, or nobody who has it came in time), WEFT_EPERM,
 * WEFT_EIO (a file), WEFT_EEXIST (`keep`), WEFT_ETOOBIG, WEFT_EINVAL (more than one file,
 * and no folder). */
WEFT_API int weft_data_get(weft_client *client, const struct weft_get *get,
                           weft_future **ret_future);

/* The same for the result of a job whose future is done, whether it is a blob or came
 * with the outcome; `ref` is not looked at.  WEFT_ESTATE: there is no outcome. */
WEFT_API int weft_outcome_fetch(weft_future *job, const struct weft_get *get,
                                weft_future **ret_future);

/* The simple case: wait for the job, then for its result, and have it in memory, with a
 * zero byte behind it, for as long as the future.  WEFT_ETOOBIG: more than `max` bytes.
 * As weft_future_wait(), and as weft_outcome_fetch(). */
WEFT_API int weft_outcome_data(weft_future *job, size_t max, int64_t timeout_ms,
                               const void **ret_data, size_t *ret_len);

/* Bring a dataset to agents ahead of need.  Set with WEFT_STAGE_INIT. */
struct weft_stage {
    size_t size;         /* sizeof(struct weft_stage) */
    const char *dataset; /* "NAME[@VERSION]" */
    const char *node;
    const char *const *needs;
    size_t nneeds;
    unsigned copies; /* at how many of them; 0: one; WEFT_EVERYWHERE: all */
    int pin;
    weft_progress_fn *on_progress;
    void *arg;
};

#define WEFT_EVERYWHERE 63u

#define WEFT_STAGE_INIT                                                                  \
    {                                                                                    \
        sizeof(struct weft_stage), NULL, NULL, NULL, 0, 0, 0, NULL, NULL                 \
    }

WEFT_API int weft_data_stage(weft_client *client, const struct weft_stage *stage,
                             weft_future **ret_future);

/* What a transfer did.  Owned by its future. */
struct weft_moved {
    size_t size;
    const char *dataset; /* "NAME@VERSION" of what was put; "" */
    weft_digest digest;  /* of the one file; zero: there are several */
    uint64_t files, bytes;
    uint64_t moved;   /* bytes that came over a link */
    uint64_t nodes;   /* that have it now, of what was put or staged */
    const char *node; /* the last of them, or who gave most */
    const void *data; /* what was got to memory, with a zero byte behind it; else NULL */
    size_t len;
    uint64_t skipped; /* symbolic links that were not put */
};

/* NULL until it went well.  Borrowed until weft_future_free(). */
WEFT_API const struct weft_moved *weft_future_moved(weft_future *future);

/* -- datasets --------------------------------------------------------------------------
 *
 * These wait up to timeout_ms, as those of weft/info.h; `why` (NULL, or `cap` bytes) says
 * in one line what went wrong.
 */

struct weft_dataset {
    const char *name, *owner;
    const char *labels; /* separated by blanks */
    uint32_t version;
    uint64_t files, bytes;
    uint64_t
        copies; /* nodes that have all of it; of one at another broker not known: 0 */
    uint64_t age_ms;
    const char *home;  /* the broker whose it is; empty: the one that was asked */
    const char *site;  /* of that */
    uint64_t known_ms; /* how old that broker's word of it is */
};

/* A file of a dataset. */
struct weft_file {
    const char *path;
    weft_digest digest;
    uint64_t size;
};

/* What a node has of a dataset. */
struct weft_share {
    const char *node, *site;
    uint64_t bytes, files, pinned;
    uint64_t age_ms; /* since the node was last heard */
};

struct weft_dataset_full {
    struct weft_dataset dataset;
    struct weft_file *files;
    size_t nfiles;
    struct weft_share *shares;
    size_t nshares;
};

/* All versions of all datasets that this client may see, by name.  weft_rows_free(). */
WEFT_API int weft_datasets(weft_client *client, int timeout_ms,
                           struct weft_dataset **ret_rows, size_t *ret_n);

/* One, "NAME[@VERSION]", with at most `max` of its files (0: all).  weft_free(). */
WEFT_API int weft_dataset_show(weft_client *client, const char *dataset, size_t max,
                               int timeout_ms, struct weft_dataset_full **ret_dataset);

/* A version made of blobs that are in the mesh already: `files` are sorted by the broker.
 * *ret_name (may be NULL) is "NAME@VERSION", to be freed with weft_free().  `base` as in
 * struct weft_put. */
WEFT_API int weft_dataset_put(weft_client *client, const char *name,
                              const char *const *labels, size_t nlabels,
                              const struct weft_file *files, size_t nfiles, uint32_t base,
                              int timeout_ms, char **ret_name, char *why, size_t cap);

/* Forget "NAME" (all versions) or "NAME@VERSION"; its blobs may go.  When another broker
 * did it, because it is at home there, `why` is that broker's name, else empty. */
WEFT_API int weft_dataset_rm(weft_client *client, const char *dataset, int timeout_ms,
                             char *why, size_t cap);

/* Keep it (`on`), or let it go when room is needed, where it is: at `node`, or wherever.
 */
WEFT_API int weft_data_pin(weft_client *client, const char *dataset, const char *node,
                           int on, int timeout_ms, char *why, size_t cap);

#ifdef __cplusplus
}
#endif
#endif

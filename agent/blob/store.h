/* store.h - the agent's blobs on its disk: whole ones, parts of ones, and files in place
 *
 * A blob is named by the digest over its chunks (proto/blob.h), so that nothing here is
 * believed but what verifies: each chunk is checked when it comes in and when it goes
 * out.  What is published is whole and durable; what is not yet whole survives the end of
 * the process chunk by chunk.  The store keeps within `cap_bytes` and leaves
 * `floor_bytes` of the disk free: for a new blob the least recently used ones go, never
 * those that are pinned (on disk) or held (by this process).  On disk:
 * docs/spec/8-blobs.md.
 *
 * Nothing is written, and no index opened, before there is a blob.  Calls block for as
 * long as the disk takes; those that could take very long return WEFT_EAGAIN after
 * BLOB_STEP bytes and are called again.  One thread at a time.
 *
 * Common errors: WEFT_ENOENT: no such blob (any more); WEFT_EFULL: no room, also on the
 * disk itself; WEFT_EIO: the disk, or damage; WEFT_ENOMEM; WEFT_EINVAL.
 */
#ifndef AGENT_BLOB_STORE_H
#define AGENT_BLOB_STORE_H

#include "common/err.h"
#include "proto/blob.h"

#define BLOB_STEP   (UINT64_C(32) << 20) /* bytes that one call looks at or copies */
#define BLOB_INLINE WF_CHUNK_MIN         /* blobs up to this live in the index */

/* What became of a blob, other than by what the caller just asked for. */
struct blob_change {
    struct wf_digest digest;
    uint64_t size, have; /* have 0: it is gone */
    int why; /* 0: found; WEFT_EFULL: evicted; WEFT_EIO: damaged; WEFT_ESTATE: the file
              * in place changed */
};

/* Zeros mean the defaults in brackets.  Strings are copied. */
struct blob_options {
    const char *dir;      /* made when needed */
    uint64_t cap_bytes;   /* [none] files in place do not count */
    uint64_t floor_bytes; /* of the file system that must stay free [none] */
    uint64_t partial_ms;  /* untouched parts older than this go first [1 hour] */
    int encrypt;          /* new blobs; those that are there are taken along by scrub */
    const char *key_file; /* made, 0600, when first needed [DIR/key] */

    void (*on_change)(void *arg, const struct blob_change *c); /* may be NULL */
    /* Something that no caller asked about: damage, a lost index.  May be NULL. */
    void (*on_trouble)(void *arg, const struct wf_err *err);
    void *arg;
    uint64_t (*now_ms)(void *arg); /* [the system's clock] */
};

struct blob_store;

/* Writes nothing.  WEFT_ECONF: paths that are too long; WEFT_EIO: no libsodium. */
int blob_open(const struct blob_options *o, struct blob_store **ret_store,
              struct wf_err *err);

/* Open the index now, if there is one: WEFT_EKEY: the key is not the one that the store
 * was made with, or others may read it; WEFT_EBUSY: another process uses it; WEFT_EIO.
 * Every other call does it by itself. */
int blob_ready(struct blob_store *s, struct wf_err *err);

/* Forget what can be read again: files, pages of the index, buffers. */
void blob_rest(struct blob_store *s);

/* Ends a batch.  NULL is allowed. */
void blob_close(struct blob_store *s);

/* -- what there is ---------------------------------------------------------------------
 */

enum {
    BLOB_WHOLE = 1,
    BLOB_LEAVES = 2, /* its leaves are known, or not needed: chunks can be written */
    BLOB_PINNED = 4,
    BLOB_IN_PLACE = 8,
};

struct blob_info {
    struct wf_digest digest;
    uint64_t size;
    uint64_t have;      /* bytes of chunks that were verified */
    unsigned flags;     /* BLOB_* */
    const uint8_t *map; /* borrowed until the next call: bit i & 7 of byte i >> 3 tells
                         * that chunk i is there; NULL: whole, or blob_info() and lists */
};

/* What the index says. */
int blob_info(struct blob_store *s, const struct wf_digest *d, struct blob_info *ret_info,
              struct wf_err *err);

/* What verifies, with the map.  WEFT_EAGAIN: not all of a part was looked at yet. */
int blob_look(struct blob_store *s, const struct wf_digest *d, struct blob_info *ret_info,
              struct wf_err *err);

/* Up to `cap` blobs after *at (0 at first), in no order; *at is 0 at the end. */
int blob_list(struct blob_store *s, uint64_t *at, struct blob_info *rows, size_t cap,
              size_t *ret_n, struct wf_err *err);

struct blob_stats {
    uint64_t used_bytes, cap_bytes; /* cap UINT64_MAX: none */
    uint64_t kept_bytes;            /* of those used: of parts, and pinned */
    uint64_t free_bytes;            /* of the file system, above the floor */
    uint64_t in_place_bytes;
    uint64_t whole, parts, pinned, held;  /* blobs */
    uint64_t evicted, damaged, withdrawn; /* since the start */
};

int blob_stats(struct blob_store *s, struct blob_stats *ret_stats, struct wf_err *err);

/* -- bringing in -----------------------------------------------------------------------
 */

/* Make place for a blob, or go on with what is there; as blob_look(), then.  A blob that
 * is whole stays.  WEFT_EINVAL: it is there with another size.  */
int blob_begin(struct blob_store *s, const struct wf_digest *d, uint64_t size,
               struct blob_info *ret_info, struct wf_err *err);

/* All leaves of a blob that was begun.  WEFT_EINVAL: they do not make its digest.  After
 * it blob_look() may find chunks that could not be verified before. */
int blob_leaves(struct blob_store *s, const struct wf_digest *d,
                const struct wf_digest *leaves, size_t n, struct wf_err *err);

/* One chunk.  The last one publishes the blob: *ret_whole, which may be NULL.  A chunk
 * that is there is fine.  WEFT_EPROTO: it does not match its leaf; WEFT_ESTATE: the blob
 * was not begun, or its leaves are missing. */
int blob_write(struct blob_store *s, const struct wf_digest *d, uint64_t chunk,
               const void *bytes, size_t len, int *ret_whole, struct wf_err *err);

/* The same for who has made the leaf of these bytes already, as is cheaper for several
 * chunks at once (proto/leaves.h).  NULL: it has not. */
int blob_write_hashed(struct blob_store *s, const struct wf_digest *d, uint64_t chunk,
                      const void *bytes, size_t len, const struct wf_digest *leaf,
                      int *ret_whole, struct wf_err *err);

/* Bytes in memory, as a whole. */
int blob_import(struct blob_store *s, const void *bytes, size_t len,
                struct wf_digest *ret_digest, struct wf_err *err);

/* What is published between these becomes durable together, with the second one, and is
 * not published before.  Where that fails nothing of it was. */
int blob_batch_begin(struct blob_store *s, struct wf_err *err);
int blob_batch_end(struct blob_store *s, struct wf_err *err);

/* Files, in steps: a file or all regular files below a folder, copied or taken in place.
 * Links are not followed, other devices not entered, what is no file is left out. */
struct blob_intake;

struct blob_file {
    const char *path; /* below the folder; of a file alone its name; borrowed */
    struct wf_digest digest;
    uint64_t size;
};

/* `path` is absolute.  WEFT_ENOENT, WEFT_EIO, WEFT_EINVAL. */
int blob_intake_new(struct blob_store *s, const char *path, int in_place,
                    struct blob_intake **ret_intake, struct wf_err *err);

/* 0: one more file is in the store; WEFT_EAGAIN: call again; WEFT_ECLOSED: that was the
 * last one.  Other errors are of one file, which is left out: `ret_file->path` names it,
 * and the next call goes on with the next.  A file in place that is known and has not
 * changed is not read again. */
int blob_intake_step(struct blob_intake *in, struct blob_file *ret_file,
                     struct wf_err *err);

/* NULL is allowed. */
void blob_intake_free(struct blob_intake *in);

/* -- giving out ------------------------------------------------------------------------
 */

/* One chunk, verified, for somebody who verifies it once more: so a file in place is read
 * without hashing it again, when it was not written to since it was.  `cap` is at least
 * its length.  WEFT_EIO: it was damaged, and the blob is a part now or gone; WEFT_ESTATE:
 * the file in place changed, the blob is withdrawn; WEFT_EAGAIN: this chunk of a part is
 * not there. */
int blob_read(struct blob_store *s, const struct wf_digest *d, uint64_t chunk, void *dst,
              size_t cap, size_t *ret_len, struct wf_err *err);

/* Leaves `first` and following, `n` of them, of a blob whose leaves are known. */
int blob_read_leaves(struct blob_store *s, const struct wf_digest *d, uint64_t first,
                     size_t n, struct wf_digest *dst, struct wf_err *err);

/* A file that is the plain content of a whole blob, for reading alone: one of the store's
 * own cannot be written to any more, one in place has the mode that it has.  Hold the
 * blob for as long as it is used.  WEFT_ESUPPORT: there is none, export it. */
int blob_path(struct blob_store *s, const struct wf_digest *d, char *dst, size_t cap,
              struct wf_err *err);

/* Write a whole blob into a new file (0600), in steps.  Where the file system can share
 * the bytes it is done at once.  *at is 0 at first; WEFT_EAGAIN: call again.  On errors
 * the file is removed.  WEFT_EEXIST: there is a file. */
int blob_export(struct blob_store *s, const struct wf_digest *d, const char *path,
                uint64_t *at, struct wf_err *err);

/* -- keeping and dropping --------------------------------------------------------------
 */

/* A pin outlives the process; there is one of a blob or none.  Holds are counted, and
 * end with the process. */
int blob_pin(struct blob_store *s, const struct wf_digest *d, int on, struct wf_err *err);
int blob_hold(struct blob_store *s, const struct wf_digest *d, struct wf_err *err);
void blob_release(struct blob_store *s, const struct wf_digest *d);

/* Drop a blob, pinned or not, whole or not; a file in place stays where it is.
 * WEFT_EBUSY: it is held. */
int blob_drop(struct blob_store *s, const struct wf_digest *d, struct wf_err *err);

/* Look at the next BLOB_STEP bytes for damage, and drop what is; at files that no row of
 * the index knows; take the next plain blob along into encryption when that is on (or
 * the other way).  `ret_wrapped`: all was looked at once more. */
struct blob_scrubbed {
    uint64_t bytes;
    uint64_t damaged, found, recoded; /* blobs */
    int wrapped;
};

int blob_scrub(struct blob_store *s, struct blob_scrubbed *ret, struct wf_err *err);

#endif

/* sink.h - where a blob goes that is got: a file, or memory
 *
 *     CLOSED --open--> OPEN (look, leaves, write...) --finish--> DONE
 *                        +--close--> CLOSED, what is verified stays
 *
 * With `keep` a file that is there stays: one with the same bytes is what was wanted, any
 * other is WEFT_EEXIST.  A file is written as PATH.part and renamed when it is whole; who
 * gets many at once says how else a part is to end, so that it is none of the others.
 * Behind the bytes stand the blob's leaves, so that a later get verifies and uses what is
 * there: chunk by chunk, whatever happened to the file meanwhile.  Its lock keeps two of
 * them apart.  Functions that block are for the disk's thread; errors name the file.
 */
#ifndef CLIENT_DATA_SINK_H
#define CLIENT_DATA_SINK_H

#include "common/err.h"
#include "proto/blob.h"

#define SINK_PART     ".part"
#define SINK_PART_MAX 64 /* bytes of the end of a part's name */

struct sink {
    char *path, *part; /* owned; NULL: memory */
    uint8_t *mem;      /* owned; of the size and a zero byte */
    int fd;            /* of the part; -1 */
    struct wf_digest digest;
    uint64_t size, nchunks;
    struct wf_digest *leaves; /* owned; NULL: not known, or one chunk only */
    uint8_t *map;             /* owned; a bit for each chunk that is there */
    uint64_t looked;          /* chunks of the part that were looked at */
    uint64_t have;            /* bytes verified */
    int resumed;              /* there is a part with leaves to look at */
    int keep;                 /* to be set after sink_init() */
    int old;                  /* the file that is there, which is looked at first; -1 */
    struct wf_digest *of_old; /* owned; its leaves, as far as it was looked at */
    int is_there;             /* it has these bytes already */
};

/* To `path` (copied), by way of a part whose name ends with `end`; or with NULL to
 * memory. Nothing is opened.  WEFT_ENOMEM. */
int sink_init(struct sink *s, const char *path, const char *end,
              const struct wf_digest *digest, uint64_t size);

/* Closes; the part stays unless nothing of it is verified. */
void sink_fini(struct sink *s);

/* Open, making folders, or take the memory, unless that was done; finds out whether a
 * part can be resumed.  Blocks.  WEFT_EIO, WEFT_EBUSY (another get writes it),
 * WEFT_EEXIST (`keep`), WEFT_ENOMEM. */
int sink_open(struct sink *s, struct wf_err *err);

/* Verify some more of the file or part that is there, up to `bytes`.  Blocks.  1: there
 * is more to look at; 0; WEFT_EEXIST (`keep`). */
int sink_look(struct sink *s, uint64_t bytes, uint8_t *buf, struct wf_err *err);

/* The checked leaves, all of them.  Blocks.  WEFT_ENOMEM; that they cannot be written
 * only means that the part cannot be resumed. */
int sink_leaves(struct sink *s, const void *leaves, size_t len, struct wf_err *err);

/* A chunk came: verify and keep it.  Blocks.  WEFT_EPROTO: it is not what its leaf says;
 * WEFT_EIO, WEFT_EFULL (the disk). */
int sink_write(struct sink *s, uint64_t chunk, const void *bytes, size_t len,
               struct wf_err *err);

/* Verify a chunk without keeping it; note that it was taken: for who takes it elsewhere.
 */
int sink_verify(const struct sink *s, uint64_t chunk, const void *bytes, size_t len,
                struct wf_err *err);

void sink_mark(struct sink *s, uint64_t chunk);

/* All is there: the file gets its name.  Blocks.  WEFT_EIO. */
int sink_finish(struct sink *s, struct wf_err *err);

/* For who writes the file itself: 0 when none is there; 1: one with these bytes is.
 * Blocks.  WEFT_EEXIST: another file is, WEFT_ENOMEM. */
int sink_find(const char *path, const struct wf_digest *digest, uint64_t size,
              struct wf_err *err);

/* A file with the same bytes as another that is done; blocks.  WEFT_EIO. */
int sink_copy(const char *from, const char *to, const char *end, struct wf_err *err);

#endif

/* source.h - bytes that are given to the mesh: read twice, and the same both times
 *
 *     NEW --source_open--> HASHING --last leaf--> READY
 *
 * The first time each chunk is hashed, which makes the digest; later reads are verified
 * against the leaves, so that a file that was changed meanwhile is noticed.  A source is
 * a file, or memory and a user's function, whose chunks the loop's thread fetches
 * (`raw`): the disk's thread sees no memory of the user.  Holds 32 bytes for each chunk.
 */
#ifndef CLIENT_DATA_SOURCE_H
#define CLIENT_DATA_SOURCE_H

#include "client/include/weft/data.h"
#include "common/err.h"
#include "common/list.h"
#include "proto/blob.h"

struct source {
    char *path; /* of the dataset; owned */
    char *file; /* on disk; owned; NULL: memory or a function */
    const uint8_t *mem;
    weft_read_fn *read;
    void *arg;
    uint64_t size;
    struct wf_digest digest; /* once it is ready */
    struct wf_digest *leaves;
    uint64_t hashed;            /* chunks */
    int fd;                     /* while it is hashed; -1 */
    struct wf_list_node in_all; /* sources with the same digest; for who keeps them */
    void *owner;
};

/* Takes the strings; `file` may be NULL. */
void source_init(struct source *s, char *path, char *file);
void source_fini(struct source *s);

/* The size is known now.  WEFT_ENOMEM, WEFT_ETOOBIG. */
int source_sized(struct source *s, uint64_t size, struct wf_err *err);

/* Files only; blocks: open it and learn its size.  WEFT_ENOENT, WEFT_EIO, WEFT_EINVAL (no
 * file), as source_sized(). */
int source_open(struct source *s, struct wf_err *err);

/* Files only; blocks: read chunk `i` into `buf`, verified once it is ready.  Opens the
 * file for it unless it is open.  WEFT_EIO, WEFT_ESTATE: it changed. */
int source_read(struct source *s, uint64_t i, uint8_t *buf, struct wf_err *err);

/* Others, on the loop's thread: the same, not verified, and without blocking if the
 * user's function does not.  WEFT_EIO. */
int source_raw(const struct source *s, uint64_t i, uint8_t *buf);

/* Is this chunk `i`?  0, WEFT_ESTATE. */
int source_verify(const struct source *s, uint64_t i, const uint8_t *buf,
                  struct wf_err *err);

/* Hash the next chunk; with the last one the digest is made and the file closed.  An
 * empty source takes one call without bytes. */
void source_hash(struct source *s, const uint8_t *buf);

static inline int source_is_ready(const struct source *s)
{
    return s->leaves != NULL && s->hashed >= wf_chunk_count(s->size) &&
           !wf_digest_is_zero(&s->digest);
}

/* Bytes hashed up to now. */
uint64_t source_done(const struct source *s);

#endif

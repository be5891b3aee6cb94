/* blobs.h - the blob store behind a thread of its own, seen from the agent's loop
 *
 * Requests go in, and each that was taken comes back once as on_done with the caller's
 * tag, on the loop's thread.  The thread begins with the first request.  What is asked in
 * a row is done in that order, but for work that goes in steps (ADD, EXPORT, SCRUB, and
 * BEGIN and MAP of a part that has to be looked at): others pass it.  Publications that
 * gather become durable together and are told after that.
 *
 * Bytes under way, in both directions, are bounded by `queue_bytes`: a request over it is
 * refused with WEFT_EBUSY, and its owner asks again after an on_done.
 */
#ifndef AGENT_BLOB_BLOBS_H
#define AGENT_BLOB_BLOBS_H

#include "agent/blob/store.h"
#include "common/io/loop.h"

#include <limits.h>

/* For each: what of struct blobs_ask it takes besides digest - what of struct blobs_done
 * it gives besides digest. */
enum blobs_op {
    BLOBS_BEGIN,  /* size - size, have, flags; bytes: the map unless whole */
    BLOBS_LEAVES, /* bytes: leaves, one after another - as BEGIN */
    BLOBS_WRITE,  /* chunk, bytes, coding, size: it is begun again if it was let go (0: it
                   * is not) - flags: BLOB_WHOLE when this was the last */
    BLOBS_READ,   /* chunk, coding: ZSTD if it pays - bytes, coding, total */
    BLOBS_MAP,    /* - as BEGIN */
    BLOBS_READ_LEAVES, /* chunk: the first, count - bytes */
    BLOBS_INFO,        /* - size, have, flags */
    BLOBS_IMPORT,      /* bytes - size */
    BLOBS_ADD,         /* path, in_place - path, size of each file, with `more`; then once
                        * without: total: files that are in */
    BLOBS_EXPORT,      /* path - */
    BLOBS_PATH,        /* - path; WEFT_ESUPPORT: there is no plain file */
    BLOBS_PIN,         /* on - */
    BLOBS_HOLD,        /* - */
    BLOBS_RELEASE,     /* - */
    BLOBS_DROP,        /* - */
    BLOBS_LIST,        /* at: 0 or what came back - at: 0 at the end; bytes: an array of
                        * struct blob_info, without maps; total: how many */
    BLOBS_SCRUB,       /* - scrubbed */
    BLOBS_STATS,       /* - stats */
    BLOBS_OPS
};

enum blobs_coding { BLOBS_PLAIN, BLOBS_ZSTD };

struct blobs_ask {
    enum blobs_op op;
    uint64_t tag;
    struct wf_digest digest;
    uint64_t size, chunk, at;
    uint32_t count;
    enum blobs_coding coding;
    int in_place, on;
    const char *path; /* copied */
};

struct blobs_done {
    enum blobs_op op;
    uint64_t tag;
    int code; /* 0 or WEFT_E* of store.h */
    int more; /* ADD: further ones follow with this tag */
    struct wf_digest digest;
    uint64_t size, have, at, total;
    unsigned flags;
    enum blobs_coding coding;
    uint8_t *bytes; /* owned; who wants to keep it takes it and sets NULL */
    size_t len;
    const char *path; /* borrowed for the callback; NULL: none */
    struct blob_scrubbed scrubbed;
    struct blob_stats stats;
    char text[WF_ERR_TEXT];
};

struct blobs_cbs {
    void (*on_done)(void *arg, struct blobs_done *d);
    void (*on_change)(void *arg, const struct blob_change *c); /* in order with on_done */
    void (*on_trouble)(void *arg, const struct wf_err *err);   /* to be logged */
};

struct blobs;

/* `o`: its callbacks are not used; `queue_bytes` 0: 16 MiB.  Writes nothing and starts no
 * thread.  WEFT_ECONF, WEFT_EIO, WEFT_ENOMEM. */
int blobs_new(struct wf_loop *loop, const struct blob_options *o, size_t queue_bytes,
              const struct blobs_cbs *cbs, void *arg, struct blobs **ret_blobs,
              struct wf_err *err);

/* Ask.  `bytes` (may be NULL) is wf_calloc()'d memory of `len` bytes, taken on success.
 * WEFT_EBUSY: too much is under way; WEFT_ENOMEM; WEFT_EINVAL; WEFT_EIO: no thread. */
int blobs_ask(struct blobs *b, const struct blobs_ask *q, uint8_t **bytes, size_t len);

/* Finish what was asked for (work in steps ends where it is), without callbacks.  NULL is
 * allowed. */
void blobs_free(struct blobs *b);

#endif

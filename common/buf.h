/* buf.h - growable byte buffer with a hard limit
 *
 * The first failure (limit or memory) sticks: later appends do nothing and return the
 * same error, so a writer may check once at the end.  Not thread-safe.
 */
#ifndef COMMON_BUF_H
#define COMMON_BUF_H

#include "common/defs.h"

#include <string.h>

struct wf_buf {
    uint8_t *p; /* owned; NULL while empty */
    size_t len; /* bytes used */
    size_t cap; /* bytes allocated */
    size_t max; /* hard limit of len */
    int err;    /* 0, WEFT_ETOOBIG or WEFT_ENOMEM */
};

#define WF_BUF_INIT(limit)                                                               \
    {                                                                                    \
        NULL, 0, 0, (limit), 0                                                           \
    }

void wf_buf_init(struct wf_buf *b, size_t max);
void wf_buf_fini(struct wf_buf *b);

/* Forget the content and the error, keep the memory. */
void wf_buf_clear(struct wf_buf *b);

/* Make room for `len` more bytes without using them.  0, WEFT_ETOOBIG, WEFT_ENOMEM. */
int wf_buf_reserve(struct wf_buf *b, size_t len);

/* Make room for `len` more bytes and return where to write them; NULL on failure.
 * The bytes count as used at once.  Inline with the next one: encoding a message is many
 * small appends to a buffer that has room. */
static inline uint8_t *wf_buf_extend(struct wf_buf *b, size_t len)
{
    uint8_t *at;

    if ((b->err != 0 || len > b->cap - b->len) && wf_buf_reserve(b, len) != 0) {
        return NULL;
    }
    at = b->p + b->len;
    b->len += len;
    return at;
}

/* Append bytes.  0, WEFT_ETOOBIG, WEFT_ENOMEM. */
static inline int wf_buf_put(struct wf_buf *b, const void *p, size_t len)
{
    uint8_t *at;

    if (len == 0) {
        return b->err;
    }
    at = wf_buf_extend(b, len);
    if (at == NULL) {
        return b->err;
    }
    memcpy(at, p, len);
    return 0;
}

/* Shorten to `len` bytes, which must not exceed the present length. */
void wf_buf_truncate(struct wf_buf *b, size_t len);

/* printf to the end, without the terminating zero. */
int wf_buf_printf(struct wf_buf *b, const char *fmt, ...) WF_PRINTF(2, 3);

#endif

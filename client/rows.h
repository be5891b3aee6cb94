/* rows.h - results of queries in one piece of memory
 *
 * What a query returns is one allocation: the rows first, then what they point to.  Its
 * size is known before: a text of n bytes takes at least n + 1 bytes on the wire, so the
 * texts never need more than the message had.
 */
#ifndef CLIENT_ROWS_H
#define CLIENT_ROWS_H

#include "proto/msg.h"

struct rows {
    uint8_t *base; /* owned until handed to the user */
    size_t used, cap;
};

#define ROWS_ALIGN 16u

/* Room for `n` arrays of `bytes` in all, and for texts that came in `wire` bytes.
 * WEFT_ENOMEM. */
int rows_init(struct rows *r, size_t n, size_t bytes, size_t wire);

/* An aligned, zeroed array; never NULL. */
void *rows_array(struct rows *r, size_t n, size_t size);

/* A terminated copy. */
const char *rows_text(struct rows *r, struct wf_slice s);

#endif

/* raw.h - encode messages without any of the encoder's limits
 *
 * What a broken or hostile peer could send: fields over their limit, too few or too many
 * of them, integers and lengths wider than needed.  For tests of the decoder.
 */
#ifndef TESTS_LIB_RAW_H
#define TESTS_LIB_RAW_H

#include "proto/msg.h"

struct raw {
    unsigned fields;    /* so many of the message's own; more than it has: all */
    unsigned extra;     /* unknown values after them, of changing types */
    unsigned row_extra; /* the same in each row of a list */
    int wide;           /* widest form of every integer, length and count */
};

#define RAW_ALL UINT32_MAX

/* Append the message `body`, described by `d`.  Aborts when out of memory. */
void raw_encode(struct wf_buf *out, const struct wf_desc *d, const void *body,
                const struct raw *how);

/* Building blocks, in the widest form where `wide`. */
void raw_array(struct wf_buf *out, uint32_t n, int wide);
void raw_uint(struct wf_buf *out, uint64_t v, int wide);
void raw_str(struct wf_buf *out, struct wf_slice s, int wide);
void raw_bin(struct wf_buf *out, struct wf_slice s, int wide);

/* Literal bytes, in hex; spaces are ignored. */
void raw_hex(struct wf_buf *out, const char *hex);

#endif

/* cursor.h - bounds-checked reader of msgpack over borrowed bytes
 *
 * Reads the subset the protocol uses: arrays, integers, str, bin, bool; any other value
 * can be stepped over with wf_cur_skip().  Nothing is allocated, nothing recurses, and
 * a claimed length is believed only when that many bytes are present.
 *
 * The first error sticks: `err` becomes WEFT_EPROTO, every later read returns 0 or NULL
 * and does not move, so a decoder reads all its fields and checks `err` once.
 * Integers may come in any width (the shortest is not demanded).
 */
#ifndef COMMON_CURSOR_H
#define COMMON_CURSOR_H

#include "common/defs.h"

struct wf_cursor {
    const uint8_t *p;   /* next byte to read; borrowed */
    const uint8_t *end; /* one past the last byte */
    int err;            /* 0 or WEFT_EPROTO */
};

/* `p` may be NULL when len is 0. */
void wf_cur_init(struct wf_cursor *c, const void *p, size_t len);

/* Bytes not read yet. */
size_t wf_cur_left(const struct wf_cursor *c);

/* Header of an array: its number of elements, at most the bytes left. */
uint32_t wf_cur_array(struct wf_cursor *c);

/* An integer, which must fit.  Inline for the short form, a byte below 0x80, which most
 * numbers of a message have; that form has nothing to fail but its end. */
uint64_t wf_cur_uint_long(struct wf_cursor *c);

static inline uint64_t wf_cur_uint(struct wf_cursor *c)
{
    return c->p != c->end && *c->p < 0x80 ? *c->p++ : wf_cur_uint_long(c);
}

int64_t wf_cur_int(struct wf_cursor *c);

/* 0 or 1. */
int wf_cur_bool(struct wf_cursor *c);

/* A str or a bin: where its bytes are (borrowed, not terminated, not checked to be
 * UTF-8).  NULL with *ret_len = 0 on error only; an empty string is not NULL. */
const uint8_t *wf_cur_str(struct wf_cursor *c, uint32_t *ret_len);
const uint8_t *wf_cur_bin(struct wf_cursor *c, uint32_t *ret_len);

/* Step over one value of any type, with all that is nested in it. */
void wf_cur_skip(struct wf_cursor *c);

#endif

/* ring.h - first-in first-out queue of pointers, of fixed capacity
 *
 * Room for all is allocated at the start, so a push never runs out of memory.
 * The pointers are borrowed.
 */
#ifndef COMMON_RING_H
#define COMMON_RING_H

#include "common/defs.h"

struct wf_ring {
    void **at; /* owned */
    size_t cap;
    size_t len;
    size_t head; /* place of the oldest */
};

/* 0, WEFT_EINVAL (cap 0), WEFT_ENOMEM. */
int wf_ring_init(struct wf_ring *r, size_t cap);
void wf_ring_fini(struct wf_ring *r);

/* 0 or WEFT_EFULL. */
int wf_ring_push(struct wf_ring *r, void *p);

/* Remove the oldest, or look at the i-th oldest; NULL when there is none. */
void *wf_ring_pop(struct wf_ring *r);
void *wf_ring_peek(const struct wf_ring *r, size_t i);

static inline size_t wf_ring_len(const struct wf_ring *r)
{
    return r->len;
}

static inline int wf_ring_full(const struct wf_ring *r)
{
    return r->len == r->cap;
}

#endif

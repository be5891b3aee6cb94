/* outq.h - frames on their way to one peer, and the spare buffers they are made of
 *
 * Messages are appended to the last frame while they fit into a batch, so that batching
 * of one turn and queueing for a slow peer are one thing.  Buffers come from a pool that
 * all peers of a socket share: an idle peer holds none, a busy one allocates none.
 */
#ifndef COMMON_IO_NET_OUTQ_H
#define COMMON_IO_NET_OUTQ_H

#include "common/defs.h"

struct outq_frame {
    struct outq_frame *next;
    uint8_t *p; /* begins with the frame header */
    size_t len, cap;
};

struct outq_pool {
    struct outq_frame *spare;
    unsigned n_spare;
    size_t batch; /* bytes of a frame with several messages; 0: WF_FRAME_TARGET */
};

struct outq {
    struct outq_frame *head, *tail;
    size_t bytes; /* in all frames */
};

/* Append whole messages.  WEFT_EFULL: more than cap bytes would be queued; WEFT_ENOMEM.
 * On failure the queue is unchanged. */
int outq_put(struct outq *q, struct outq_pool *pool, const void *bytes, size_t len,
             size_t cap);

/* Drop the first frame, which was sent; its bytes may have been taken (p NULL, cap 0). */
void outq_pop(struct outq *q, struct outq_pool *pool);

void outq_clear(struct outq *q, struct outq_pool *pool);
void outq_pool_fini(struct outq_pool *pool);

#endif

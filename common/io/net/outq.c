#include "common/io/net/outq.h"

#include "common/err.h"
#include "common/io/net/frame.h"
#include "common/mem.h"

#include <string.h>

#define FIRST_CAP ((size_t) 512)
#define SPARE_MAX 64 /* buffers of at most a batch each: 4 MiB */

static size_t batch_of(const struct outq_pool *pool)
{
    return pool->batch != 0 ? pool->batch : WF_FRAME_TARGET;
}

static struct outq_frame *frame_take(struct outq_pool *pool)
{
    struct outq_frame *f = pool->spare;

    if (f != NULL) {
        pool->spare = f->next;
        pool->n_spare--;
        f->next = NULL;
        return f;
    }
    return wf_calloc(1, sizeof *f);
}

static void frame_give(struct outq_pool *pool, struct outq_frame *f)
{
    if (pool->n_spare < SPARE_MAX && f->cap <= WF_FRAME_TARGET) {
        f->next = pool->spare;
        pool->spare = f;
        pool->n_spare++;
    } else {
        wf_free(f->p);
        wf_free(f);
    }
}

/* Room for `len` more bytes; a batch doubles, once it is large at once to what it may
 * have; a single message that is larger fits exactly. */
static int frame_reserve(struct outq_frame *f, size_t len, size_t batch)
{
    size_t need = f->len + len;
    size_t cap = f->cap < FIRST_CAP ? FIRST_CAP : f->cap;
    uint8_t *p;

    if (need <= f->cap) {
        return 0;
    }
    while (cap < need && cap < WF_FRAME_TARGET) {
        cap *= 2;
    }
    if (cap < need) {
        cap = batch;
    }
    if (cap < need) {
        cap = need;
    }
    p = wf_realloc(f->p, cap);
    if (p == NULL) {
        return WEFT_ENOMEM;
    }
    f->p = p;
    f->cap = cap;
    return 0;
}

static int put_new(struct outq *q, struct outq_pool *pool, const void *bytes, size_t len)
{
    struct outq_frame *f = frame_take(pool);

    if (f == NULL) {
        return WEFT_ENOMEM;
    }
    f->len = 0;
    if (frame_reserve(f, len + WF_FRAME_HEADER, batch_of(pool)) != 0) {
        frame_give(pool, f);
        return WEFT_ENOMEM;
    }
    frame_header(f->p);
    memcpy(f->p + WF_FRAME_HEADER, bytes, len);
    f->len = len + WF_FRAME_HEADER;
    if (q->tail == NULL) {
        q->head = f;
    } else {
        q->tail->next = f;
    }
    q->tail = f;
    q->bytes += f->len;
    return 0;
}

int outq_put(struct outq *q, struct outq_pool *pool, const void *bytes, size_t len,
             size_t cap)
{
    const size_t batch = batch_of(pool);
    struct outq_frame *f = q->tail;

    if (cap < q->bytes || len > cap - q->bytes ||
        WF_FRAME_HEADER > cap - q->bytes - len) {
        return WEFT_EFULL;
    }
    if (f == NULL || f->len > batch || len > batch - f->len) {
        return put_new(q, pool, bytes, len);
    }
    if (frame_reserve(f, len, batch) != 0) {
        return WEFT_ENOMEM;
    }
    memcpy(f->p + f->len, bytes, len);
    f->len += len;
    q->bytes += len;
    return 0;
}

void outq_pop(struct outq *q, struct outq_pool *pool)
{
    struct outq_frame *f = q->head;

    q->head = f->next;
    if (q->head == NULL) {
        q->tail = NULL;
    }
    q->bytes -= f->len;
    frame_give(pool, f);
}

void outq_clear(struct outq *q, struct outq_pool *pool)
{
    while (q->head != NULL) {
        outq_pop(q, pool);
    }
}

void outq_pool_fini(struct outq_pool *pool)
{
    while (pool->spare != NULL) {
        struct outq_frame *f = pool->spare;

        pool->spare = f->next;
        wf_free(f->p);
        wf_free(f);
    }
    pool->n_spare = 0;
}

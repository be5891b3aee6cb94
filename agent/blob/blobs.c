#include "agent/blob/blobs.h"

#include "agent/blob/work.h"
#include "common/check.h"
#include "common/io/thread.h"
#include "common/io/wake.h"
#include "common/mem.h"
#include "proto/leaves.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

/* Requests go round: asked (shared) - taken, or in steps (the worker's) - out (the
 * worker's) - told (shared) - given back. */

#define QUEUE_BYTES ((size_t) 16 << 20)
#define TAKE_MAX    256u
#define TOLD_MAX    4096u    /* that nobody has heard: adding files waits */
#define SLICE_US    20000u   /* of work in steps, before others have a turn */
#define IDLE_US     5000000u /* after which memory is given back */
/* After so much work the thread lets others of this processor go first.  The kernel looks
 * at who waits once a tick, which may be 4 ms: small messages would wait that long. */
#define WAY_US      500u
#define STACK_BYTES ((size_t) 1 << 20)
#define SECOND_US   1000000u

/* Chunks are hashed so many at a time, as that is cheaper than one by one; where they
 * come fast the thread waits for them to gather, at most so long. */
#define GATHER    WF_LEAVES_LANES
#define GATHER_US 5000u

struct list {
    struct work *first, *last;
    size_t n;
};

struct blobs {
    struct blobs_cbs cbs;
    void *arg;
    struct wf_wake *wake;
    struct blob_store *store; /* the worker's alone while it runs */
    size_t cap_bytes;
    int freed, in_call; /* given up, maybe in a callback */

    pthread_t worker;
    int has_worker;
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t more;
    struct list asked, told;
    size_t chunks; /* of those asked for that are chunks to be written */
    size_t bytes;  /* under way */
    int gathering, closing;

    /* The worker's. */
    struct list out, steps;
    struct squeeze zstd;
    uint64_t wrote_us; /* chunks, last */
    uint64_t way_us;   /* others were let go first, last */
    int missed;        /* something could not be told: no memory */
};

static void put(struct list *l, struct work *w)
{
    w->next = NULL;
    if (l->n++ == 0) {
        l->first = w;
    } else {
        l->last->next = w;
    }
    l->last = w;
}

static struct work *take(struct list *l)
{
    struct work *w = l->first;

    if (w != NULL) {
        l->first = w->next;
        l->n--;
    }
    return w;
}

static void join(struct list *to, struct list *from)
{
    if (from->n != 0) {
        if (to->n == 0) {
            to->first = from->first;
        } else {
            to->last->next = from->first;
        }
        to->last = from->last;
        to->n += from->n;
        *from = (struct list){NULL, NULL, 0};
    }
}

static void free_list(struct list *l)
{
    struct work *w;

    while ((w = take(l)) != NULL) {
        work_free(w);
    }
}

static int is_large(const struct work *w)
{
    return w->cost >= WF_CHUNK_MIN;
}

static int is_chunk(const struct work *w)
{
    return w->q.op == BLOBS_WRITE && w->len >= WF_CHUNK_MIN;
}

/* -- the worker's thread ---------------------------------------------------------------
 */

static void on_change(void *arg, const struct blob_change *c)
{
    struct blobs *b = arg;
    struct work *w = work_new(WORK_CHANGE);

    if (w == NULL) {
        b->missed = 1;
        return;
    }
    w->change = *c;
    put(&b->out, w);
}

static void on_trouble(void *arg, const struct wf_err *err)
{
    struct blobs *b = arg;
    struct work *w = work_new(WORK_TROUBLE);

    if (w == NULL) {
        b->missed = 1;
        return;
    }
    w->d.code = err->code;
    memcpy(w->d.text, err->text, sizeof w->d.text);
    put(&b->out, w);
}

static void tell(struct blobs *b)
{
    size_t n = b->out.n;

    if (b->missed) {
        const struct wf_err err = {WEFT_ENOMEM, "no memory: what changed among the blobs "
                                                "was not told"};

        b->missed = 0;
        on_trouble(b, &err);
        n = b->out.n;
    }
    pthread_mutex_lock(&b->lock);
    for (struct work *w = b->out.first; w != NULL; w = w->next) {
        /* From what may come to what came. */
        b->bytes += sizeof *w + w->d.len - w->cost;
        w->cost = sizeof *w + w->d.len;
    }
    join(&b->told, &b->out);
    pthread_mutex_unlock(&b->lock);
    if (n != 0) {
        wf_wake_send(b->wake);
    }
}

/* What was published in vain. */
static void fail_all(struct list *out, int rc, const struct wf_err *err)
{
    for (struct work *w = out->first; w != NULL; w = w->next) {
        if (w->kind == WORK_ASK && w->d.code == 0 &&
            (work_publishes(w) || w->d.op == BLOBS_ADD)) {
            w->d.code = rc;
            memcpy(w->d.text, err->text, sizeof w->d.text);
        }
    }
}

static void give_way(struct blobs *b)
{
    if (wf_now_us() - b->way_us >= WAY_US) {
        (void) sched_yield();
        b->way_us = wf_now_us();
    }
}

static void do_all(struct blobs *b, struct list *l)
{
    struct wf_err err = {0};
    struct work *w;
    int batch = 0, rc;

    for (w = l->first; w != NULL; w = w->next) {
        batch += work_publishes(w);
    }
    batch = batch > 1 && blob_batch_begin(b->store, NULL) == 0;
    while ((w = take(l)) != NULL) {
        int steps;

        work_hash(w);
        give_way(b);
        steps = w->q.op == BLOBS_ADD || work_do(w, b->store, &b->zstd) == WEFT_EAGAIN;
        put(steps ? &b->steps : &b->out, w);
        give_way(b);
    }
    rc = batch ? blob_batch_end(b->store, &err) : 0;
    if (rc != 0) {
        fail_all(&b->out, rc, &err);
    }
    tell(b);
}

/* Files one after another, which become durable together. */
static int add_some(struct blobs *b, struct work *w, uint64_t until_us)
{
    struct wf_err err = {0};
    struct work *file;
    int rc, end;

    (void) blob_batch_begin(b->store, NULL); /* else each is told why not */
    do {
        rc = work_add(w, b->store, &file);
        if (file != NULL) {
            put(&b->out, file);
        }
    } while ((rc == WEFT_EAGAIN || file != NULL) && wf_now_us() < until_us);
    end = blob_batch_end(b->store, &err);
    if (end != 0) {
        fail_all(&b->out, end, &err);
    }
    return rc == 0 && file == NULL ? 0 : WEFT_EAGAIN;
}

static void do_step(struct blobs *b)
{
    struct work *w = take(&b->steps);
    int rc;

    if (w != NULL) {
        rc = w->q.op == BLOBS_ADD ? add_some(b, w, wf_now_us() + SLICE_US)
                                  : work_do(w, b->store, &b->zstd);
        put(rc == WEFT_EAGAIN ? &b->steps : &b->out, w);
        tell(b);
    }
}

static struct timespec when(uint64_t at_us)
{
    return (struct timespec){(time_t) (at_us / SECOND_US),
                             (long) (at_us % SECOND_US) * 1000};
}

static void wait_for_more(struct blobs *b, int *rested)
{
    const struct timespec t = when(wf_now_us() + IDLE_US);

    if (*rested) {
        (void) pthread_cond_wait(&b->more, &b->lock);
        return;
    }
    if (pthread_cond_timedwait(&b->more, &b->lock, &t) != 0 && b->asked.n == 0) {
        pthread_mutex_unlock(&b->lock);
        blob_rest(b->store);
        squeeze_fini(&b->zstd);
        *rested = 1;
        pthread_mutex_lock(&b->lock);
    }
}

/* Nothing waits but a few chunks. */
static int may_gather(const struct blobs *b)
{
    return b->chunks != 0 && b->chunks == b->asked.n && b->chunks < GATHER && !b->closing;
}

static void gather(struct blobs *b)
{
    const uint64_t now_us = wf_now_us();
    const struct timespec t = when(now_us + GATHER_US);

    if (now_us - b->wrote_us > GATHER_US) {
        return; /* they do not come fast */
    }
    b->gathering = 1;
    while (may_gather(b) && pthread_cond_timedwait(&b->more, &b->lock, &t) == 0) {
    }
    b->gathering = 0;
}

/* What is done before anything is told: little, where it is large. */
static void take_some(struct blobs *b, struct list *ret_list)
{
    size_t large = 0;

    while (ret_list->n < TAKE_MAX && large < GATHER && b->asked.n != 0) {
        struct work *w = take(&b->asked);

        b->chunks -= (size_t) is_chunk(w);
        large += (size_t) is_large(w);
        put(ret_list, w);
    }
}

/* Whoever adds many small files must not outrun who listens. */
static int may_step(const struct blobs *b)
{
    return b->steps.n != 0 && b->told.n < TOLD_MAX && !b->closing;
}

static void *work_on(void *arg)
{
    struct blobs *b = arg;
    int rested = 0;

    thread_gives_way();
    pthread_mutex_lock(&b->lock);
    while (!b->closing || b->asked.n != 0) {
        struct list l = {NULL, NULL, 0};
        size_t chunks;

        if (may_gather(b) && b->steps.n == 0) {
            gather(b);
        }
        chunks = b->chunks;
        take_some(b, &l);
        if (l.n == 0 && !may_step(b)) {
            wait_for_more(b, &rested);
            continue;
        }
        rested = 0;
        pthread_mutex_unlock(&b->lock);
        if (l.n != 0) {
            do_all(b, &l);
        }
        b->wrote_us = chunks != 0 ? wf_now_us() : b->wrote_us;
        do_step(b);
        pthread_mutex_lock(&b->lock);
    }
    pthread_mutex_unlock(&b->lock);
    squeeze_fini(&b->zstd);
    return NULL;
}

static int start(struct blobs *b)
{
    pthread_attr_t a;
    int rc;

    if (b->has_worker) {
        return 0;
    }
    (void) pthread_attr_init(&a);
    (void) pthread_attr_setstacksize(&a, STACK_BYTES);
    rc = pthread_create(&b->worker, &a, work_on, b);
    (void) pthread_attr_destroy(&a);
    b->has_worker = rc == 0;
    return rc == 0 ? 0 : WEFT_EIO;
}

/* -- asking, on the loop's thread ------------------------------------------------------
 */

static int is_valid(const struct blobs_ask *q, uint8_t *const *bytes)
{
    const int has_bytes = bytes != NULL && *bytes != NULL;

    switch (q->op) {
    case BLOBS_LEAVES:
    case BLOBS_WRITE:
        return has_bytes;
    case BLOBS_ADD:
    case BLOBS_EXPORT:
        return q->path != NULL;
    default:
        return q->op < BLOBS_OPS;
    }
}

/* What ends something must not be refused. */
static int is_free(enum blobs_op op)
{
    return op == BLOBS_RELEASE || op == BLOBS_DROP || op == BLOBS_PIN;
}

static size_t cost_of(const struct blobs_ask *q, size_t len)
{
    const size_t comes = q->op == BLOBS_READ
                             ? wf_chunk_size(q->size != 0 ? q->size : WF_BLOB_MAX)
                             : (size_t) q->count * sizeof(struct wf_digest);

    return sizeof(struct work) + len + comes;
}

int blobs_ask(struct blobs *b, const struct blobs_ask *q, uint8_t **bytes, size_t len)
{
    const size_t cost = cost_of(q, len);
    struct work *w;
    int rc, quiet = 0;

    if (!is_valid(q, bytes)) {
        return WEFT_EINVAL;
    }
    w = work_new(WORK_ASK);
    if (w != NULL && q->path != NULL) {
        w->path = wf_strdup(q->path);
    }
    if (w == NULL || (q->path != NULL && w->path == NULL)) {
        work_free(w);
        return WEFT_ENOMEM;
    }
    w->q = *q;
    w->q.path = NULL;
    w->cost = cost;
    rc = start(b);
    pthread_mutex_lock(&b->lock);
    if (rc == 0 && !is_free(q->op) && b->bytes != 0 &&
        cost > b->cap_bytes - wf_min_u64(b->bytes, b->cap_bytes)) {
        rc = WEFT_EBUSY;
    }
    if (rc == 0) {
        if (bytes != NULL) {
            w->bytes = *bytes;
            w->len = len;
            *bytes = NULL;
        }
        b->bytes += cost;
        b->chunks += (size_t) is_chunk(w);
        put(&b->asked, w);
        quiet = b->gathering && may_gather(b);
    }
    pthread_mutex_unlock(&b->lock);
    if (rc != 0) {
        work_free(w);
        return rc;
    }
    if (!quiet) {
        pthread_cond_signal(&b->more);
    }
    return 0;
}

/* -- telling, on the loop's thread -----------------------------------------------------
 */

static void release(struct blobs *b)
{
    free_list(&b->told);
    (void) pthread_mutex_destroy(&b->lock);
    (void) pthread_cond_destroy(&b->more);
    wf_free(b);
}

static void tell_one(struct blobs *b, struct work *w)
{
    switch (w->kind) {
    case WORK_ASK:
        w->d.path = w->path;
        b->cbs.on_done(b->arg, &w->d);
        break;
    case WORK_CHANGE:
        if (b->cbs.on_change != NULL) {
            b->cbs.on_change(b->arg, &w->change);
        }
        break;
    case WORK_TROUBLE:
        if (b->cbs.on_trouble != NULL) {
            struct wf_err err = {.code = w->d.code};

            memcpy(err.text, w->d.text, sizeof err.text);
            b->cbs.on_trouble(b->arg, &err);
        }
        break;
    }
}

static void on_wake(void *arg)
{
    struct blobs *b = arg;
    struct list l = {NULL, NULL, 0};
    struct work *w;

    pthread_mutex_lock(&b->lock);
    join(&l, &b->told);
    for (w = l.first; w != NULL; w = w->next) {
        b->bytes -= w->cost;
    }
    pthread_mutex_unlock(&b->lock);
    pthread_cond_signal(&b->more); /* it may have waited for this */
    b->in_call = 1;
    while (!b->freed && (w = take(&l)) != NULL) {
        tell_one(b, w);
        work_free(w);
    }
    b->in_call = 0;
    free_list(&l);
    if (b->freed) {
        release(b);
    }
}

/* -- beginning and end -----------------------------------------------------------------
 */

static void init_threads(struct blobs *b)
{
    pthread_condattr_t a;

    (void) pthread_condattr_init(&a);
    (void) pthread_condattr_setclock(&a, CLOCK_MONOTONIC); /* as wf_now_us() */
    (void) pthread_mutex_init(&b->lock, NULL);
    (void) pthread_cond_init(&b->more, &a);
    (void) pthread_condattr_destroy(&a);
}

int blobs_new(struct wf_loop *loop, const struct blob_options *o, size_t queue_bytes,
              const struct blobs_cbs *cbs, void *arg, struct blobs **ret_blobs,
              struct wf_err *err)
{
    struct blobs *b = wf_calloc(1, sizeof *b);
    struct blob_options own = *o;
    int rc;

    if (b == NULL) {
        return wf_err_set(err, WEFT_ENOMEM, "no memory for the blobs");
    }
    own.on_change = on_change;
    own.on_trouble = on_trouble;
    own.arg = b;
    own.now_ms = NULL;
    b->cbs = *cbs;
    b->arg = arg;
    b->cap_bytes = queue_bytes != 0 ? queue_bytes : QUEUE_BYTES;
    init_threads(b);
    rc = wf_wake_new(loop, on_wake, b, &b->wake);
    if (rc != 0) {
        (void) wf_err_set(err, rc, "cannot watch the thread of the blobs");
    } else {
        rc = blob_open(&own, &b->store, err);
    }
    if (rc != 0) {
        blobs_free(b);
        return rc;
    }
    *ret_blobs = b;
    return 0;
}

void blobs_free(struct blobs *b)
{
    if (b == NULL) {
        return;
    }
    WF_CHECK(!b->freed);
    if (b->has_worker) {
        pthread_mutex_lock(&b->lock);
        b->closing = 1;
        pthread_mutex_unlock(&b->lock);
        pthread_cond_signal(&b->more);
        (void) pthread_join(b->worker, NULL);
    }
    free_list(&b->steps); /* they use the store */
    blob_close(b->store);
    free_list(&b->out);
    wf_wake_free(b->wake);
    b->freed = 1;
    if (!b->in_call) {
        release(b);
    }
}

#include "broker/store/store.h"

#include "broker/store/chunks.h"
#include "common/check.h"
#include "common/failpoint.h"
#include "common/io/wake.h"
#include "common/mem.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* Lists of rows go round: gathering (the loop's) - waiting (shared) - held (the writer's)
 * - news (shared) - given back.  The core's caps on jobs and bytes bound what is under
 * way: it answers BUSY before it appends without end. */

#define SECOND_US 1000000u

/* The longest that a commit waits for company: a part of what the last one took. */
#define GATHER_PART   8
#define GATHER_MAX_US 1000u
#define GATHER_ROWS   128u /* with so many a commit is cheap for each */

/* Rows that are handed over at once while more are on their way: the writer need not wake
 * up for the first of many, nor wait for the last. */
#define HANDFUL 32u

/* Rows that one poll may bring. */
#define FOUND_MAX (1u << 30)

static const struct store_driver *const drivers[] = {
    &store_postgres,
    &store_sqlite,
};

struct batch {
    struct store_row *first, *last;
    size_t n;
};

/* What the writer has to tell, in order. */
struct news {
    struct news *next;
    enum { NEWS_DURABLE, NEWS_FAILED, NEWS_FOUND, NEWS_FENCED } kind;
    uint64_t lsn;
    struct batch batch;     /* DURABLE: rows to give back */
    size_t taken;           /* how many of them were */
    struct wf_buf found;    /* FOUND: rows, each after its struct found */
    char text[WF_ERR_TEXT]; /* FOUND: why there are no more; empty: these are all */
};

struct found {
    uint32_t table, len;
};

struct store {
    struct store_cbs cbs;
    void *arg;
    const struct store_driver *driver; /* NULL: memory */
    void *db;                          /* the writer's alone while it runs */
    struct wf_wake *wake;

    /* Of the loop's thread. */
    struct chunks chunks;
    struct batch gathering;
    uint64_t appended_lsn, synced_lsn;
    enum { OVER_NOT, OVER_UNTOLD, OVER } over; /* nothing can be written again */

    pthread_t writer;
    int has_writer;
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t more;
    struct batch waiting;
    size_t
        company; /* as many rows as may be expected; who brings them wakes the writer */
    struct news *told, **last_told;
    int closing, asleep;
};

static void join(struct batch *to, struct batch *from)
{
    if (from->n == 0) {
        return;
    }
    if (to->n == 0) {
        to->first = from->first;
    } else {
        to->last->next = from->first;
    }
    to->last = from->last;
    to->n += from->n;
    *from = (struct batch){NULL, NULL, 0};
}

/* -- the writer's thread ---------------------------------------------------------------
 */

struct writer {
    struct store *s;
    struct batch held; /* being written, or to be tried again */
    struct news *news; /* made before it is needed */
    uint64_t retry_us; /* when to try again; 0: now */
    uint64_t took_us;  /* the last commit */
    uint64_t begin_us; /* when the next begins without more company; 0: nobody waits */
    uint64_t poll_us;  /* when to poll; UINT64_MAX: never */
    int deaf;          /* the last poll failed, and that was told */
    int last;          /* the end has come, and with it the last attempt */
};

enum turn { TURN_COMMIT, TURN_POLL, TURN_END };

static void sleep_until(struct store *s, uint64_t at_us)
{
    const struct timespec t = {(time_t) (at_us / SECOND_US),
                               (long) (at_us % SECOND_US) * 1000};

    s->asleep = 1;
    if (at_us == UINT64_MAX) {
        (void) pthread_cond_wait(&s->more, &s->lock);
    } else {
        (void) pthread_cond_timedwait(&s->more, &s->lock, &t);
    }
    s->asleep = 0;
}

/* Who was just told that its rows are durable sends the next ones at once; those that
 * came meanwhile are here already.  A commit that begins with these alone leaves the
 * others for one of their own, for ever: two halves take turns.  So wait a little for
 * all. */
static int has_company(struct writer *w, uint64_t now_us)
{
    struct store *s = w->s;

    if (w->held.n != 0 || s->waiting.n >= s->company) {
        return 1;
    }
    if (w->begin_us == 0) {
        w->begin_us = now_us + wf_min_u64(w->took_us / GATHER_PART, GATHER_MAX_US);
    }
    return now_us >= w->begin_us;
}

/* What to do next.  At the end what is left is tried once more, at once. */
static enum turn next_turn(struct writer *w)
{
    struct store *s = w->s;

    for (;;) {
        uint64_t now_us = wf_now_us();
        int rows = w->held.n != 0 || s->waiting.n != 0;

        if (s->closing && (!rows || w->last)) {
            return TURN_END;
        }
        if (w->poll_us <= now_us && !s->closing) {
            return TURN_POLL;
        }
        if (rows && (w->retry_us <= now_us || s->closing)) {
            if (s->closing || has_company(w, now_us)) {
                w->last = s->closing;
                w->begin_us = 0;
                join(&w->held, &s->waiting);
                return TURN_COMMIT;
            }
            sleep_until(s, wf_min_u64(w->begin_us, w->poll_us));
            continue;
        }
        sleep_until(s, rows ? wf_min_u64(w->retry_us, w->poll_us) : w->poll_us);
    }
}

static void tell(struct writer *w, int kind)
{
    struct store *s = w->s;

    w->news->kind = kind;
    pthread_mutex_lock(&s->lock);
    *s->last_told = w->news;
    s->last_told = &w->news->next;
    pthread_mutex_unlock(&s->lock);
    w->news = NULL;
    wf_wake_send(s->wake);
}

static void expect(struct store *s, size_t written)
{
    pthread_mutex_lock(&s->lock);
    s->company = wf_min_u64(written + s->waiting.n, GATHER_ROWS);
    pthread_mutex_unlock(&s->lock);
}

/* 0, or WEFT_ESTATE when nothing more can be written. */
static int write_rows(struct writer *w)
{
    uint64_t from_us = wf_now_us();
    struct wf_err err = {0};
    struct news *n = w->news;
    int rc;

    WF_FAILPOINT("store.write.before");
    rc = WF_FAILPOINT_ERROR("store.write.error") != 0
             ? wf_err_set(&err, WEFT_EIO, "a failpoint")
             : w->s->driver->commit(w->s->db, w->held.first, &err);
    WF_FAILPOINT("store.write.after");
    if (rc == 0) {
        n->lsn = w->held.last->lsn;
        w->took_us = wf_now_us() - from_us;
        expect(w->s, w->held.n);
        for (const struct store_row *r = w->held.first; r != NULL; r = r->next) {
            n->taken += r->taken != 0;
        }
        join(&n->batch, &w->held);
        w->retry_us = 0;
        tell(w, NEWS_DURABLE);
        if (w->s->driver->rest != NULL) {
            w->s->driver->rest(w->s->db);
        }
        return 0;
    }
    /* They stay in front, and are tried again with whatever came meanwhile. */
    n->lsn = w->held.first->lsn;
    memcpy(n->text, err.text, sizeof n->text);
    tell(w, rc == WEFT_ESTATE ? NEWS_FENCED : NEWS_FAILED);
    w->retry_us = wf_now_us() + SECOND_US;
    return rc == WEFT_ESTATE ? rc : 0;
}

static void on_found(void *arg, unsigned table, struct wf_slice record)
{
    struct wf_buf *b = arg;
    const struct found f = {table, record.len};

    (void) wf_buf_put(b, &f, sizeof f);
    (void) wf_buf_put(b, record.p, record.len);
}

static int poll_driver(struct writer *w)
{
    struct wf_err err = {0};
    struct news *n = w->news;
    int rc;

    w->poll_us = wf_now_us() + SECOND_US;
    wf_buf_init(&n->found, FOUND_MAX);
    rc = w->s->driver->poll(w->s->db, on_found, &n->found, &err);
    if (n->found.err != 0) {
        /* Rows that are ours now and that nobody heard of: the next start reads them. */
        rc = wf_err_set(&err, WEFT_ESTATE, "no memory for what another broker left");
    }
    if (rc == WEFT_ESTATE) {
        wf_buf_fini(&n->found);
        memcpy(n->text, err.text, sizeof n->text);
        tell(w, NEWS_FENCED);
        return rc;
    }
    if (rc != 0 && !w->deaf) {
        memcpy(n->text, err.text, sizeof n->text);
    }
    w->deaf = rc != 0;
    if (n->found.len != 0 || n->text[0] != '\0') {
        tell(w, NEWS_FOUND);
    } else {
        wf_buf_fini(&n->found);
    }
    return 0;
}

static void *write_on(void *arg)
{
    struct store *s = arg;
    struct writer w = {.s = s, .poll_us = s->driver->poll != NULL ? 0 : UINT64_MAX};
    enum turn turn;
    int rc = 0;

    pthread_mutex_lock(&s->lock);
    while (rc == 0 && (turn = next_turn(&w)) != TURN_END) {
        pthread_mutex_unlock(&s->lock);
        w.news = w.news != NULL ? w.news : wf_calloc(1, sizeof *w.news);
        if (w.news == NULL) {
            w.retry_us = wf_now_us() + SECOND_US;
            w.poll_us = w.poll_us == UINT64_MAX ? w.poll_us : w.retry_us;
        } else {
            rc = turn == TURN_COMMIT ? write_rows(&w) : poll_driver(&w);
        }
        pthread_mutex_lock(&s->lock);
    }
    pthread_mutex_unlock(&s->lock);
    wf_free(w.news);
    return NULL;
}

/* -- rows, on the loop's thread --------------------------------------------------------
 */

void store_append(struct store *s, unsigned table, uint64_t lsn, struct wf_slice record)
{
    struct batch one = {.n = 1};

    WF_CHECK(record.len >= store_key_len(table));
    s->appended_lsn = lsn;
    if (s->driver == NULL || s->over) {
        return;
    }
    one.first = one.last = chunks_put(&s->chunks, table, lsn, record);
    if (one.first == NULL) {
        /* Nothing after it may be told to be durable.  The owner is in the middle of what
         * led here, and is told later. */
        s->over = OVER_UNTOLD;
        wf_wake_send(s->wake);
        return;
    }
    join(&s->gathering, &one);
}

void store_sync(struct store *s)
{
    int asleep, first;

    if (s->driver == NULL && s->synced_lsn < s->appended_lsn) {
        s->synced_lsn = s->appended_lsn;
        wf_wake_send(s->wake);
        return;
    }
    if (s->gathering.n == 0 || s->over) {
        return;
    }
    pthread_mutex_lock(&s->lock);
    first = s->waiting.n == 0;
    join(&s->waiting, &s->gathering);
    /* Others on the way wake it by its own clock. */
    asleep = s->asleep && (first || s->waiting.n >= s->company);
    pthread_mutex_unlock(&s->lock);
    if (asleep) {
        pthread_cond_signal(&s->more);
    }
}

void store_sync_soon(struct store *s)
{
    if (s->gathering.n >= HANDFUL) {
        store_sync(s);
    }
}

/* -- news, on the loop's thread --------------------------------------------------------
 */

static void report_found(struct store *s, const struct wf_buf *b)
{
    for (size_t at = 0; at < b->len;) {
        struct found f;

        memcpy(&f, b->p + at, sizeof f);
        at += sizeof f;
        s->cbs.on_row(s->arg, f.table, wf_slice_make(b->p + at, f.len));
        at += f.len;
    }
}

static void report(struct store *s, struct news *n)
{
    switch (n->kind) {
    case NEWS_DURABLE:
        for (const struct store_row *r = n->batch.first; n->taken != 0; r = r->next) {
            if (r->taken) {
                s->cbs.on_taken(s->arg, r->lsn);
                n->taken--;
            }
        }
        chunks_give_back(&s->chunks, n->batch.n);
        WF_FAILPOINT("store.durable.before");
        s->cbs.on_durable(s->arg, n->lsn);
        WF_FAILPOINT("store.durable.after");
        break;
    case NEWS_FAILED:
        WF_FAILPOINT("store.failed.before");
        s->cbs.on_error(s->arg, n->lsn, n->text);
        break;
    case NEWS_FOUND:
        report_found(s, &n->found);
        if (n->text[0] != '\0') {
            s->cbs.on_deaf(s->arg, n->text);
        }
        break;
    case NEWS_FENCED:
        s->over = OVER;
        s->cbs.on_fenced(s->arg, n->text);
        break;
    }
}

static struct news *take_news(struct store *s)
{
    struct news *n;

    pthread_mutex_lock(&s->lock);
    n = s->told;
    s->told = NULL;
    s->last_told = &s->told;
    pthread_mutex_unlock(&s->lock);
    return n;
}

static void free_news(struct news *n)
{
    wf_buf_fini(&n->found);
    wf_free(n);
}

static void on_wake(void *arg)
{
    struct store *s = arg;
    struct news *n = take_news(s), *next;

    for (; n != NULL; n = next) {
        next = n->next;
        report(s, n);
        free_news(n);
    }
    if (s->driver == NULL) {
        s->cbs.on_durable(s->arg, s->appended_lsn);
    }
    if (s->over == OVER_UNTOLD) {
        s->over = OVER;
        s->cbs.on_fenced(s->arg, "out of memory: a record could not be kept");
    }
}

/* -- beginning and end -----------------------------------------------------------------
 */

static const struct store_driver *driver_of(const char *where)
{
    for (size_t i = 0; i < ARRAY_LEN(drivers); i++) {
        const char *scheme = drivers[i]->scheme;

        if (scheme == NULL || strncmp(where, scheme, strlen(scheme)) == 0) {
            return drivers[i];
        }
    }
    return NULL;
}

static void init_threads(struct store *s)
{
    pthread_condattr_t a;

    (void) pthread_condattr_init(&a);
    (void) pthread_condattr_setclock(&a, CLOCK_MONOTONIC); /* as wf_now_us() */
    (void) pthread_mutex_init(&s->lock, NULL);
    (void) pthread_cond_init(&s->more, &a);
    (void) pthread_condattr_destroy(&a);
}

int store_open(struct wf_loop *loop, const struct store_options *o,
               const struct store_cbs *cbs, void *arg, struct store **ret_store,
               struct store_facts *ret_facts, struct wf_err *err)
{
    struct store *s = wf_calloc(1, sizeof *s);
    struct store_facts facts = {.boot = 1};
    int rc;

    if (s == NULL) {
        return wf_err_set(err, WEFT_ENOMEM, "out of memory");
    }
    s->cbs = *cbs;
    s->arg = arg;
    s->last_told = &s->told;
    s->driver = strcmp(o->where, "memory") != 0 ? driver_of(o->where) : NULL;
    init_threads(s);
    rc = wf_wake_new(loop, on_wake, s, &s->wake);
    if (rc != 0) {
        (void) wf_err_set(err, rc, "cannot watch the store's thread");
    } else if (s->driver != NULL) {
        rc = s->driver->open(o, &s->db, &facts, err);
    }
    if (rc != 0) {
        store_close(s);
        return rc;
    }
    *ret_facts = facts;
    *ret_store = s;
    return 0;
}

const char *store_name(const struct store *s)
{
    return s->driver != NULL ? s->driver->name : "memory";
}

int store_load(struct store *s, store_row_fn *fn, void *arg, struct wf_err *err)
{
    int rc = s->driver != NULL ? s->driver->load(s->db, fn, arg, err) : 0;

    if (rc == 0 && s->driver != NULL) {
        if (pthread_create(&s->writer, NULL, write_on, s) != 0) {
            return wf_err_set(err, WEFT_EIO, "cannot start the store's thread");
        }
        s->has_writer = 1;
    }
    return rc;
}

void store_close(struct store *s)
{
    struct news *n, *next;

    if (s == NULL) {
        return;
    }
    if (s->has_writer) {
        pthread_mutex_lock(&s->lock);
        s->closing = 1;
        pthread_mutex_unlock(&s->lock);
        pthread_cond_signal(&s->more);
        (void) pthread_join(s->writer, NULL);
    }
    if (s->db != NULL) {
        s->driver->close(s->db);
    }
    for (n = s->told; n != NULL; n = next) {
        next = n->next;
        free_news(n);
    }
    chunks_fini(&s->chunks);
    wf_wake_free(s->wake);
    (void) pthread_mutex_destroy(&s->lock);
    (void) pthread_cond_destroy(&s->more);
    wf_free(s);
}

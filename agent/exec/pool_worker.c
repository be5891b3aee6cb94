#include "agent/exec/pool_int.h"

#include "common/mem.h"

#include <unistd.h>

#define HELLO_US    (10u * 1000000u) /* a worker has this long to say HELLO */
#define BACKOFF_US  100000u          /* after a worker that ended before its HELLO */
#define BACKOFF_MAX (10u * 1000000u)

uint64_t pool_now_us(void)
{
    return uv_hrtime() / 1000;
}

/* What is tried again may be what made its worker crash, so it runs in one alone. */
struct worker *pool_pick(struct exec_pool *p, unsigned attempt)
{
    struct worker *best = NULL;

    for (unsigned i = 0; i < p->n_workers; i++) {
        struct worker *w = p->workers[i];

        if (w->state == WORKER_READY && w->busy < w->concurrency &&
            (w->busy == 0 || (attempt <= 1 && !w->alone)) &&
            (best == NULL || w->busy < best->busy)) {
            best = w;
        }
    }
    return best;
}

int pool_add_worker(struct exec_pool *p)
{
    struct worker *w;
    int rc;

    if (p->n_workers == p->procs || pool_now_us() < p->retry_us) {
        return WEFT_EBUSY;
    }
    w = wf_calloc(1, sizeof *w);
    if (w == NULL) {
        return WEFT_ENOMEM;
    }
    w->fresh = wf_calloc(p->slots.n, sizeof(struct job *));
    w->pool = p;
    w->asked_us = pool_now_us();
    w->due_us = w->asked_us + HELLO_US;
    rc = w->fresh == NULL ? WEFT_ENOMEM
                          : p->env.start(p->env.arg, w, &p->spec->u.start, &w->id);
    if (rc != 0) {
        wf_free(w->fresh);
        wf_free(w);
        return rc;
    }
    p->workers[p->n_workers++] = w;
    return 0;
}

/* Whether more workers are on their way than jobs wait for them. */
bool pool_enough_coming(const struct exec_pool *p)
{
    unsigned i = 0;

    while (i < p->n_workers && p->workers[i]->state >= WORKER_READY) {
        i++;
    }
    return i < p->n_workers;
}

void pool_note_warm(struct exec_pool *p)
{
    unsigned i = 0;

    while (i < p->n_workers && p->workers[i]->state != WORKER_READY) {
        i++;
    }
    if (p->warm != (i < p->n_workers)) {
        p->warm = !p->warm;
        if (p->env.cb.on_warm != NULL) {
            p->env.cb.on_warm(p->env.cb_arg, p, p->warm);
        }
    }
}

/* No more jobs for it, and its process is ended now. */
void pool_end_worker(struct worker *w)
{
    w->state = WORKER_ENDING;
    w->killed = true;
    w->due_us = UINT64_MAX;
    w->pool->env.kill(w->pool->env.arg, w->id, 0);
    pool_note_warm(w->pool);
}

static int on_frame(void *arg, const uint8_t *frame, size_t len)
{
    struct worker *w = arg;
    struct exec_pool *p = w->pool;
    struct work_msg m;
    struct job *j;
    int rc = work_decode(frame, len, &m);

    if (rc != 0 || (m.type == WORK_HELLO) != (w->state == WORKER_WARM)) {
        return WEFT_EPROTO;
    }
    if (m.type == WORK_HELLO) {
        if (m.protocol == 0 || m.protocol > WORK_PROTOCOL) {
            return WEFT_EVERSION;
        }
        w->protocol = m.protocol;
        w->concurrency = m.concurrency;
        w->due_us = UINT64_MAX;
        w->state = WORKER_READY;
        w->ready_us = pool_now_us();
        p->backoff_us = 0;
        pool_note_warm(p);
        pool_serve_waiting(p);
        return 0;
    }
    if (m.type == WORK_RESULT_FILE && w->protocol < 2) {
        return WEFT_EPROTO;
    }
    j = slots_find(&p->slots, w, m.ref);
    if (j == NULL) {
        pool_drop_file(w, &m); /* what belongs to no job any more is nobody's fault */
    } else if (m.type == WORK_OUTPUT) {
        pool_pass_output(p, j, m.stream, m.p, m.len);
    } else {
        pool_on_result(p, j, &m);
    }
    return 0;
}

void pool_flush_worker(struct worker *w)
{
    struct exec_pool *p = w->pool;

    /* A callback may add to the list while it is gone through. */
    for (unsigned i = 0; i < w->n_fresh; i++) {
        struct job *j = w->fresh[i];

        if (j->state == JOB_FRESH && j->w == w) {
            j->state = j->reason != WIRE_R_EXIT ? JOB_ENDING : JOB_SENT;
            p->env.cb.on_started(p->env.cb_arg, j->run);
        }
    }
    w->n_fresh = 0;
    if (w->peer != NULL) {
        peer_flush(w->peer);
    }
}

static void on_batch(void *arg)
{
    struct worker *w = arg;

    pool_serve_waiting(w->pool);
    pool_flush_worker(w);
}

static void on_broken(void *arg, int rc)
{
    struct worker *w = arg;

    if (w->state != WORKER_ENDING) {
        w->state = WORKER_ENDING;
        if (rc == WEFT_ECLOSED) {
            /* It is ending by itself; give it the time. */
            w->due_us =
                pool_now_us() + (uint64_t) w->pool->spec->u.start.limits.grace_ms * 1000;
            w->pool->env.wake(w->pool->env.arg);
            pool_note_warm(w->pool);
        } else {
            pool_end_worker(w);
        }
    }
}

void pool_worker_started(struct worker *w, int fd)
{
    static const struct peer_callbacks cb = {on_frame, on_batch, on_broken};

    if (w->state == WORKER_ASKED) {
        w->state = WORKER_WARM;
    }
    if (peer_new(w->pool->env.loop, fd, &cb, w, &w->peer) != 0) {
        (void) close(fd);
        pool_end_worker(w);
    }
}

/* A worker's own stdout and stderr carry no job; with one job it must be that one's. */
void pool_worker_printed(struct worker *w, int stream, const uint8_t *b, size_t len)
{
    struct exec_pool *p = w->pool;

    for (unsigned i = 0; i < p->slots.n && w->busy == 1; i++) {
        struct job *j = &p->slots.jobs[i];

        if (j->w == w && (j->state == JOB_SENT || j->state == JOB_ENDING)) {
            pool_pass_output(p, j, stream, b, len);
            return;
        }
    }
}

void pool_free_worker(struct worker *w)
{
    peer_free(w->peer);
    wf_free(w->fresh);
    wf_free(w);
}

static void remove_worker(struct exec_pool *p, struct worker *w)
{
    for (unsigned i = 0; i < p->n_workers; i++) {
        if (p->workers[i] == w) {
            p->workers[i] = p->workers[--p->n_workers];
            return;
        }
    }
}

/* A job that was alone in its worker is to blame for its end. */
static void fail_job(struct exec_pool *p, struct job *j, const struct worker *w,
                     const struct wire_done *wd)
{
    struct exec_done d = {.reason = wd->reason, .code = wd->code, .signal = wd->signal};
    bool blame = w->alone && (wd->reason != WIRE_R_EXIT || wd->code != 0);

    if (j->state == JOB_ENDING) {
        d.reason = j->reason;
    } else if (w->killed) {
        d.reason = WIRE_R_LOST;
        d.text = "its worker was ended: it hung or broke the protocol";
    } else if (wd->reason == WIRE_R_LOST || wd->reason == WIRE_R_SPAWN) {
        d.text = wd->text;
    } else {
        d.reason = blame ? wd->reason : WIRE_R_LOST;
        d.text = blame ? wd->text : "the worker ended in mid-job";
    }
    pool_finish(p, j, &d);
}

/* A worker that never got as far as its HELLO: waiting jobs would wait for ever. */
static void fail_waiting(struct exec_pool *p, struct worker *w, const struct wire_done *d)
{
    struct wire_done as = *d;
    struct job *j;

    p->backoff_us =
        p->backoff_us == 0 ? BACKOFF_US : wf_min_u64(p->backoff_us * 2, BACKOFF_MAX);
    p->retry_us = pool_now_us() + p->backoff_us;
    if (as.reason != WIRE_R_LOST && as.text[0] == '\0') {
        as.reason = WIRE_R_SPAWN;
        as.text = w->killed ? "the worker did not say HELLO"
                            : "the worker ended before its HELLO";
    }
    while (p->n_workers == 0 && (j = slots_pop(&p->slots, &p->slots.waiting)) != NULL) {
        struct exec_done done = {.reason = as.reason, .code = -1, .text = as.text};

        pool_finish(p, j, &done);
    }
}

void pool_worker_done(struct worker *w, const struct wire_done *d)
{
    struct exec_pool *p = w->pool;
    bool early = w->concurrency == 0;

    /* What it answered before it ended counts. */
    if (w->peer != NULL) {
        peer_drain(w->peer);
    }
    early = early && w->concurrency == 0;
    w->state = WORKER_ENDING;
    pool_flush_worker(w);
    remove_worker(p, w);
    pool_note_warm(p);
    w->alone = w->busy == 1;
    for (unsigned i = 0; i < p->slots.n; i++) {
        if (p->slots.jobs[i].w == w) {
            fail_job(p, &p->slots.jobs[i], w, d);
        }
    }
    if (early) {
        fail_waiting(p, w, d);
    }
    pool_free_worker(w);
    pool_serve_waiting(p);
}

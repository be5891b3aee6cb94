#include "agent/exec/pool.h"

#include "agent/exec/peer.h"
#include "agent/exec/slots.h"
#include "common/check.h"
#include "common/mem.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HELLO_US    (10u * 1000000u) /* a worker has this long to say HELLO */
#define BACKOFF_US  100000u          /* after a worker that ended before its HELLO */
#define BACKOFF_MAX (10u * 1000000u)

enum worker_state {
    WORKER_ASKED,
    WORKER_WARM,
    WORKER_READY,
    WORKER_ENDING,
};

struct worker {
    struct exec_pool *pool;
    enum worker_state state;
    uint64_t id;          /* of its process */
    uint64_t due_us;      /* it must have said HELLO or be gone by then */
    struct peer *peer;    /* NULL before its socket came */
    unsigned concurrency; /* 0 before its HELLO */
    unsigned busy;        /* jobs given to it */
    bool alone;           /* has one job and gets no other; at its end: had one */
    bool killed;          /* ended by us, for a reason that its jobs did not give */
    unsigned n_fresh;
    struct job **fresh; /* whose on_started is due; room for all slots */
};

struct exec_pool {
    struct pool_env env;
    struct wire_msg *spec; /* a START without payload; its strings are in `text` */
    struct wf_buf text;
    unsigned procs;
    unsigned n_workers;
    struct worker *workers[POOL_PROCS_MAX];
    struct slots slots;
    uint64_t retry_us;   /* no new worker before */
    uint64_t backoff_us; /* 0: the last one came up */
};

static uint64_t now_us(void)
{
    return uv_hrtime() / 1000;
}

/* The slot is free before the callback runs, so that it may start the next job. */
static void finish(struct exec_pool *p, struct job *j, struct exec_done *d)
{
    uint64_t run = j->run;

    d->wall_us = now_us() - j->begun_us;
    d->err_cut += j->err_cut;
    if (d->text == NULL) {
        d->text = "";
    }
    if (j->w != NULL) {
        j->w->busy--;
    }
    slots_release(&p->slots, j);
    p->env.cb.on_done(p->env.cb_arg, run, d);
}

/* What is tried again may be what made its worker crash, so it runs in one alone. */
static struct worker *pick(struct exec_pool *p, unsigned attempt)
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

static int add_worker(struct exec_pool *p)
{
    struct worker *w;
    int rc;

    if (p->n_workers == p->procs || now_us() < p->retry_us) {
        return WEFT_EBUSY;
    }
    w = wf_calloc(1, sizeof *w);
    if (w == NULL) {
        return WEFT_ENOMEM;
    }
    w->fresh = wf_calloc(p->slots.n, sizeof(struct job *));
    w->pool = p;
    w->due_us = now_us() + HELLO_US;
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
static bool enough_coming(const struct exec_pool *p)
{
    unsigned i = 0;

    while (i < p->n_workers && p->workers[i]->state >= WORKER_READY) {
        i++;
    }
    return i < p->n_workers;
}

static int give(struct exec_pool *p, struct worker *w, struct job *j,
                const uint8_t *payload, size_t len)
{
    struct work_job out = {.ref = slots_ref(&p->slots, j),
                           .attempt = j->attempt,
                           .deadline_ms = j->deadline_ms,
                           .id = j->id,
                           .payload = payload,
                           .payload_len = len};
    int rc = work_put_job(peer_out(w->peer), &out);

    if (rc != 0) {
        return rc;
    }
    j->state = JOB_FRESH;
    j->w = w;
    w->busy++;
    w->alone = j->attempt > 1;
    w->fresh[w->n_fresh++] = j;
    p->env.wake(p->env.arg);
    return 0;
}

static void fill_in(struct exec_pool *p, struct job *j, uint64_t run,
                    const struct exec_job *job)
{
    uint64_t wall_ms = p->spec->u.start.limits.wall_ms;

    j->run = run;
    j->reason = WIRE_R_EXIT;
    j->begun_us = now_us();
    j->due_us =
        wall_ms == 0 ? UINT64_MAX : j->begun_us + wf_min_u64(wall_ms, 1u << 31) * 1000;
    j->attempt = job->attempt;
    j->deadline_ms = job->deadline_ms;
    j->err_seen = j->err_cut = 0;
    j->w = NULL;
    (void) snprintf(j->id, sizeof j->id, "%s", job->id);
}

/* Keep the payload until a worker has room. */
static int park(struct exec_pool *p, struct job *j, const struct exec_job *job)
{
    j->payload = wf_memdup(job->payload_len > 0 ? job->payload : (const uint8_t *) "",
                           job->payload_len);
    if (j->payload == NULL) {
        return WEFT_ENOMEM;
    }
    j->payload_len = job->payload_len;
    j->state = JOB_WAITING;
    p->env.wake(p->env.arg);
    return 0;
}

int pool_start(struct exec_pool *p, uint64_t run, const struct exec_job *job)
{
    struct job *first = slots_first(&p->slots, &p->slots.waiting);
    struct worker *w = first == NULL ? pick(p, job->attempt) : NULL;
    struct job *j = slots_first(&p->slots, &p->slots.free);
    int rc = 0;

    if (j == NULL) {
        return WEFT_EBUSY;
    }
    if (job->payload_len > WORK_PAYLOAD_MAX || strlen(job->id) > WORK_ID_MAX) {
        return WEFT_ETOOBIG;
    }
    if ((w == NULL || w->busy > 0) && !enough_coming(p)) {
        rc = add_worker(p);
        if (w == NULL && p->n_workers == 0) {
            return rc == WEFT_ENOMEM ? rc : WEFT_EBUSY;
        }
    }
    fill_in(p, j, run, job);
    rc = w != NULL ? give(p, w, j, job->payload, job->payload_len) : park(p, j, job);
    if (rc == 0) {
        slots_remove(&p->slots, &p->slots.free, j);
        p->slots.busy++;
        if (w == NULL) {
            slots_push(&p->slots, &p->slots.waiting, j);
        }
    }
    return rc;
}

static void serve_waiting(struct exec_pool *p)
{
    struct worker *w;
    struct job *j;

    while ((j = slots_first(&p->slots, &p->slots.waiting)) != NULL &&
           (w = pick(p, j->attempt)) != NULL) {
        if (give(p, w, j, j->payload, j->payload_len) != 0) {
            return;
        }
        slots_remove(&p->slots, &p->slots.waiting, j);
        wf_free(j->payload);
        j->payload = NULL;
    }
    if (j != NULL && !enough_coming(p)) {
        (void) add_worker(p);
    }
}

static void end_later(struct exec_pool *p, struct job *j, enum wire_reason why)
{
    slots_remove(&p->slots, &p->slots.waiting, j);
    j->state = JOB_FINISHED;
    j->reason = why;
    slots_push(&p->slots, &p->slots.finished, j);
    p->env.wake(p->env.arg);
}

static void end_job(struct exec_pool *p, struct job *j, enum wire_reason why,
                    uint32_t grace_ms)
{
    switch (j->state) {
    case JOB_WAITING:
        end_later(p, j, why);
        break;
    case JOB_FRESH:
    case JOB_SENT:
        (void) work_put_cancel(peer_out(j->w->peer), slots_ref(&p->slots, j));
        /* A fresh one is started first, so that its callbacks come in order. */
        j->reason = why;
        j->due_us = now_us() + (uint64_t) grace_ms * 1000;
        if (j->state == JOB_SENT) {
            j->state = JOB_ENDING;
        }
        p->env.wake(p->env.arg);
        break;
    case JOB_FREE:
    case JOB_ENDING:
    case JOB_FINISHED:
        break;
    }
}

bool pool_kill(struct exec_pool *p, uint64_t run, uint32_t grace_ms)
{
    for (unsigned i = 0; i < p->slots.n; i++) {
        if (p->slots.jobs[i].state != JOB_FREE && p->slots.jobs[i].run == run) {
            end_job(p, &p->slots.jobs[i], WIRE_R_KILLED, grace_ms);
            return true;
        }
    }
    return false;
}

/* No more jobs for it, and its process is ended now. */
static void end_worker(struct worker *w)
{
    w->state = WORKER_ENDING;
    w->killed = true;
    w->due_us = UINT64_MAX;
    w->pool->env.kill(w->pool->env.arg, w->id, 0);
}

static void on_result(struct exec_pool *p, struct job *j, const struct work_msg *m)
{
    uint64_t max = p->spec->u.start.limits.out_bytes;
    struct exec_done d = {.reason = WIRE_R_EXIT, .code = m->code};
    char text[WIRE_TEXT_MAX] = "";

    if (j->state == JOB_ENDING) {
        d.reason = j->reason;
    } else if (m->code != 0) {
        (void) snprintf(text, sizeof text, "%.*s", (int) wf_min_u64(m->len, 500),
                        (const char *) m->p);
    } else if (max != 0 && m->len > max) {
        d.reason = WIRE_R_OUTPUT;
        d.out_cut = m->len;
    } else {
        d.result = m->p;
        d.result_len = m->len;
    }
    d.text = text;
    finish(p, j, &d);
}

static void pass_output(struct exec_pool *p, struct job *j, int stream, const uint8_t *b,
                        size_t len)
{
    uint64_t max = p->spec->u.start.limits.err_bytes;
    uint64_t room = max == 0 ? UINT64_MAX : max - wf_min_u64(max, j->err_seen);
    size_t keep = (size_t) wf_min_u64(room, len);

    j->err_seen += len;
    j->err_cut += len - keep;
    if (keep > 0) {
        p->env.cb.on_output(p->env.cb_arg, j->run, stream, b, keep);
    }
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
        if (m.protocol != WORK_PROTOCOL) {
            return WEFT_EVERSION;
        }
        w->concurrency = m.concurrency;
        w->due_us = UINT64_MAX;
        w->state = WORKER_READY;
        p->backoff_us = 0;
        serve_waiting(p);
        return 0;
    }
    j = slots_find(&p->slots, w, m.ref);
    if (j != NULL && m.type == WORK_RESULT) {
        on_result(p, j, &m);
    } else if (j != NULL) {
        pass_output(p, j, m.stream, m.p, m.len);
    }
    return 0; /* what belongs to no job any more is nobody's fault */
}

static void flush_worker(struct worker *w)
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

    serve_waiting(w->pool);
    flush_worker(w);
}

static void on_broken(void *arg, int rc)
{
    struct worker *w = arg;

    if (w->state != WORKER_ENDING) {
        w->state = WORKER_ENDING;
        if (rc == WEFT_ECLOSED) {
            /* It is ending by itself; give it the time. */
            w->due_us =
                now_us() + (uint64_t) w->pool->spec->u.start.limits.grace_ms * 1000;
            w->pool->env.wake(w->pool->env.arg);
        } else {
            end_worker(w);
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
        end_worker(w);
    }
}

/* A worker's own stdout and stderr carry no job; with one job it must be that one's. */
void pool_worker_printed(struct worker *w, int stream, const uint8_t *b, size_t len)
{
    struct exec_pool *p = w->pool;

    for (unsigned i = 0; i < p->slots.n && w->busy == 1; i++) {
        struct job *j = &p->slots.jobs[i];

        if (j->w == w && (j->state == JOB_SENT || j->state == JOB_ENDING)) {
            pass_output(p, j, stream, b, len);
            return;
        }
    }
}

static void free_worker(struct worker *w)
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
    finish(p, j, &d);
}

/* A worker that never got as far as its HELLO: waiting jobs would wait for ever. */
static void fail_waiting(struct exec_pool *p, struct worker *w, const struct wire_done *d)
{
    struct wire_done as = *d;
    struct job *j;

    p->backoff_us =
        p->backoff_us == 0 ? BACKOFF_US : wf_min_u64(p->backoff_us * 2, BACKOFF_MAX);
    p->retry_us = now_us() + p->backoff_us;
    if (as.reason != WIRE_R_LOST && as.text[0] == '\0') {
        as.reason = WIRE_R_SPAWN;
        as.text = w->killed ? "the worker did not say HELLO"
                            : "the worker ended before its HELLO";
    }
    while (p->n_workers == 0 && (j = slots_pop(&p->slots, &p->slots.waiting)) != NULL) {
        struct exec_done done = {.reason = as.reason, .code = -1, .text = as.text};

        finish(p, j, &done);
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
    flush_worker(w);
    remove_worker(p, w);
    w->alone = w->busy == 1;
    for (unsigned i = 0; i < p->slots.n; i++) {
        if (p->slots.jobs[i].w == w) {
            fail_job(p, &p->slots.jobs[i], w, d);
        }
    }
    if (early) {
        fail_waiting(p, w, d);
    }
    free_worker(w);
    serve_waiting(p);
}

void pool_flush(struct exec_pool *p)
{
    struct job *j;

    serve_waiting(p);
    for (unsigned k = 0; k < p->n_workers; k++) {
        flush_worker(p->workers[k]);
    }
    while ((j = slots_pop(&p->slots, &p->slots.finished)) != NULL) {
        struct exec_done d = {.reason = j->reason, .code = -1};

        finish(p, j, &d);
    }
}

bool pool_tick(struct exec_pool *p, uint64_t now)
{
    bool unsettled = false;

    for (unsigned i = 0; i < p->slots.n && p->slots.busy > 0; i++) {
        struct job *j = &p->slots.jobs[i];

        if (j->due_us > now || j->state == JOB_FREE || j->state == JOB_FINISHED) {
            continue;
        }
        if (j->state != JOB_ENDING) {
            end_job(p, j, WIRE_R_WALL, p->spec->u.start.limits.grace_ms);
        } else if (!j->w->killed) {
            end_worker(j->w);
        }
    }
    for (unsigned k = 0; k < p->n_workers; k++) {
        struct worker *w = p->workers[k];

        if (now >= w->due_us) {
            end_worker(w);
        }
        unsettled = unsettled || w->state != WORKER_READY;
    }
    serve_waiting(p);
    return p->slots.busy > 0 || unsettled;
}

void pool_warm(struct exec_pool *p)
{
    while (p->n_workers < p->procs && add_worker(p) == 0) {
    }
    p->env.wake(p->env.arg);
}

int pool_new(const struct pool_env *env, const struct wire_start *spec, unsigned procs,
             unsigned slots, struct exec_pool **ret_pool)
{
    struct exec_pool *p;
    int rc;

    if (procs == 0 || procs > POOL_PROCS_MAX || slots == 0 || slots > SLOTS_MAX ||
        spec->argv.n == 0) {
        return WEFT_EINVAL;
    }
    p = wf_calloc(1, sizeof *p);
    if (p == NULL) {
        return WEFT_ENOMEM;
    }
    p->env = *env;
    p->procs = procs;
    wf_buf_init(&p->text, WIRE_FRAME_MAX);
    p->spec = wf_calloc(1, sizeof *p->spec);
    rc = p->spec == NULL ? WEFT_ENOMEM : wire_keep(p->spec, &p->text, spec);
    if (rc == 0) {
        p->spec->u.start.kind = WIRE_WORKER;
        rc = slots_init(&p->slots, slots);
    }
    if (rc != 0) {
        pool_free(p);
        return rc;
    }
    *ret_pool = p;
    return 0;
}

void pool_free(struct exec_pool *p)
{
    if (p == NULL) {
        return;
    }
    for (unsigned i = 0; i < p->n_workers; i++) {
        free_worker(p->workers[i]);
    }
    wf_buf_fini(&p->text);
    wf_free(p->spec);
    slots_fini(&p->slots);
    wf_free(p);
}

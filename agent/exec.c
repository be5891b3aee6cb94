#include "agent/exec.h"

#include "agent/exec/pool.h"
#include "agent/exec/rlink.h"
#include "common/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BACKOFF_MS     100u /* before the runner is started again, doubled each time */
#define BACKOFF_MAX_MS 10000u
#define STEADY_US      (30u * 1000000u) /* after this long the back-off starts anew */

/* What the runner has: a job's process, or a worker of a pool. */
struct run {
    bool used;
    uint32_t gen;
    uint64_t run;     /* the caller's number; of no meaning for a worker */
    struct worker *w; /* NULL: a job of its own */
    uint8_t result_stream;
    struct wf_buf result;
};

struct exec {
    uv_loop_t *loop;
    struct exec_callbacks cb;
    void *arg;
    struct exec_info info;
    char *args[11];
    struct rlink *link; /* NULL: down, to be started again */
    uint64_t up_since_us;
    uint32_t backoff_ms;
    uv_idle_t idle;  /* runs once when something waits to be flushed */
    uv_timer_t tick; /* runs while pools keep time */
    uv_timer_t again;
    unsigned handles;
    unsigned n_runs;
    unsigned n_pools;
    struct exec_pool *pools[EXEC_POOLS_MAX];
    struct run runs[EXEC_RUNS_MAX];
};

static int bring_up(struct exec *x, struct wf_err *err);

static void on_closed(uv_handle_t *h)
{
    struct exec *x = h->data;

    if (--x->handles == 0) {
        for (size_t i = 0; i < ARRAY_LEN(x->args); i++) {
            wf_free(x->args[i]);
        }
        wf_free(x);
    }
}

static void on_tick(uv_timer_t *t)
{
    struct exec *x = t->data;
    uint64_t now = uv_hrtime() / 1000;
    bool more = false;

    for (unsigned i = 0; i < x->n_pools; i++) {
        more = pool_tick(x->pools[i], now) || more;
    }
    if (!more) {
        (void) uv_timer_stop(t);
    }
}

static void on_idle(uv_idle_t *h)
{
    struct exec *x = h->data;

    (void) uv_idle_stop(h);
    exec_flush(x);
}

static void wake(void *arg)
{
    struct exec *x = arg;

    (void) uv_idle_start(&x->idle, on_idle);
    if (x->n_pools > 0 && !uv_is_active((uv_handle_t *) &x->tick)) {
        (void) uv_timer_start(&x->tick, on_tick, POOL_TICK_MS, POOL_TICK_MS);
    }
}

void exec_flush(struct exec *x)
{
    for (unsigned i = 0; i < x->n_pools; i++) {
        pool_flush(x->pools[i]);
    }
    if (x->link != NULL) {
        rlink_flush(x->link);
    }
}

static uint64_t id_of(const struct exec *x, const struct run *r)
{
    return (uint64_t) r->gen << 16 | (uint64_t) (r - x->runs);
}

static struct run *find_id(struct exec *x, uint64_t id)
{
    struct run *r = (id & 0xffff) < EXEC_RUNS_MAX ? &x->runs[id & 0xffff] : NULL;

    return r != NULL && r->used && id_of(x, r) == id ? r : NULL;
}

static struct run *find_run(struct exec *x, uint64_t run)
{
    for (unsigned i = 0; i < EXEC_RUNS_MAX && x->n_runs > 0; i++) {
        if (x->runs[i].used && x->runs[i].w == NULL && x->runs[i].run == run) {
            return &x->runs[i];
        }
    }
    return NULL;
}

static struct run *free_run(struct exec *x)
{
    for (unsigned i = 0; i < EXEC_RUNS_MAX; i++) {
        if (!x->runs[i].used) {
            return &x->runs[i];
        }
    }
    return NULL;
}

static void put_down(struct exec *x, struct run *r)
{
    wf_buf_fini(&r->result);
    r->used = false;
    r->w = NULL;
    x->n_runs--;
}

static void on_job_done(struct exec *x, struct run *r, const struct wire_done *d)
{
    struct exec_done done = {.reason = (enum wire_reason) d->reason,
                             .code = d->code,
                             .signal = d->signal,
                             .wall_us = d->wall_us,
                             .user_us = d->user_us,
                             .sys_us = d->sys_us,
                             .maxrss_bytes = d->maxrss_bytes,
                             .out_cut = d->out_cut,
                             .err_cut = d->err_cut,
                             .text = d->text};
    struct wf_buf result = r->result;
    uint64_t run = r->run;

    if (result.err != 0 && done.reason == WIRE_R_EXIT) {
        done.reason = WIRE_R_OUTPUT;
        done.text = "the result did not fit into the agent's memory";
    }
    done.result = result.p;
    done.result_len = result.len;
    /* The slot is free before the callback, which may start the next job. */
    r->result = (struct wf_buf) WF_BUF_INIT(0);
    put_down(x, r);
    x->cb.on_done(x->arg, run, &done);
    wf_buf_fini(&result);
}

static void on_done(struct exec *x, struct run *r, const struct wire_done *d)
{
    struct worker *w = r->w;

    if (w == NULL) {
        on_job_done(x, r, d);
        return;
    }
    put_down(x, r);
    pool_worker_done(w, d);
}

static void on_output(struct exec *x, struct run *r, const struct wire_output *o)
{
    if (r->w != NULL) {
        pool_worker_printed(r->w, o->stream, o->p, o->len);
        return;
    }
    if (o->stream == r->result_stream) {
        (void) wf_buf_put(&r->result, o->p, o->len);
    }
    if (o->stream != WIRE_RESULT) {
        x->cb.on_output(x->arg, r->run, o->stream, o->p, o->len);
    }
}

static void on_hello(struct exec *x, const struct wire_hello *h)
{
    x->info.up = true;
    x->info.sandbox = h->bwrap != 0;
    x->info.isolation = h->isolation;
    x->info.cgroup = h->cgroup;
    x->info.runner_pid = h->pid;
    (void) snprintf(x->info.text, sizeof x->info.text, "%s", h->text);
    if (x->cb.on_info != NULL) {
        x->cb.on_info(x->arg, &x->info);
    }
}

static void on_frame(void *arg, const struct wire_msg *m, int *fd)
{
    struct exec *x = arg;
    struct run *r;

    switch (m->type) {
    case WIRE_HELLO:
        on_hello(x, &m->u.hello);
        break;
    case WIRE_STARTED:
        r = find_id(x, m->u.started.run);
        if (r != NULL && r->w != NULL && *fd >= 0) {
            pool_worker_started(r->w, *fd);
            *fd = -1;
        } else if (r != NULL && r->w == NULL) {
            x->cb.on_started(x->arg, r->run);
        }
        break;
    case WIRE_OUTPUT:
        r = find_id(x, m->u.output.run);
        if (r != NULL) {
            on_output(x, r, &m->u.output);
        }
        break;
    case WIRE_DONE:
        r = find_id(x, m->u.done.run);
        if (r != NULL) {
            on_done(x, r, &m->u.done);
        }
        break;
    default:
        break;
    }
}

static void on_again(uv_timer_t *t)
{
    struct exec *x = t->data;

    if (bring_up(x, NULL) != 0) {
        x->backoff_ms =
            x->backoff_ms * 2 < BACKOFF_MAX_MS ? x->backoff_ms * 2 : BACKOFF_MAX_MS;
        (void) uv_timer_start(t, on_again, x->backoff_ms, 0);
    }
}

static void on_down(void *arg)
{
    struct exec *x = arg;
    uint64_t now = uv_hrtime() / 1000;
    const struct wire_done lost = {
        .reason = WIRE_R_LOST, .code = -1, .text = "weft-runner died"};

    rlink_free(x->link);
    x->link = NULL;
    x->info.up = false;
    x->info.restarts++;
    (void) snprintf(x->info.text, sizeof x->info.text,
                    "weft-runner died; it is started again");
    x->backoff_ms = now - x->up_since_us > STEADY_US || x->backoff_ms == 0 ? BACKOFF_MS
                    : x->backoff_ms * 2 < BACKOFF_MAX_MS ? x->backoff_ms * 2
                                                         : BACKOFF_MAX_MS;
    (void) uv_timer_start(&x->again, on_again, x->backoff_ms, 0);
    for (unsigned i = 0; i < EXEC_RUNS_MAX; i++) {
        if (x->runs[i].used) {
            on_done(x, &x->runs[i], &lost);
        }
    }
    if (x->cb.on_info != NULL) {
        x->cb.on_info(x->arg, &x->info);
    }
}

static int bring_up(struct exec *x, struct wf_err *err)
{
    static const struct rlink_callbacks cb = {on_frame, on_down};

    x->up_since_us = uv_hrtime() / 1000;
    return rlink_new(x->loop, (const char *const *) x->args, &cb, x, &x->link, err);
}

/* Take a slot and queue the START in `m`.  0, WEFT_EBUSY, WEFT_ETOOBIG, WEFT_ENOMEM. */
static int put_start(struct exec *x, struct wire_msg *m, struct run **ret_run)
{
    struct run *r = free_run(x);
    int rc;

    if (x->link == NULL || r == NULL) {
        return WEFT_EBUSY;
    }
    r->gen++;
    m->u.start.run = id_of(x, r);
    rc = rlink_put(x->link, m);
    if (rc != 0) {
        return rc;
    }
    r->used = true;
    r->w = NULL;
    x->n_runs++;
    *ret_run = r;
    wake(x);
    return 0;
}

int exec_start(struct exec *x, uint64_t run, const struct wire_start *spec,
               const struct exec_job *job)
{
    static struct wire_msg m;
    struct wire_start *s = &m.u.start;
    char id[80], attempt[32], deadline[40];
    uint64_t max = spec->limits.out_bytes;
    struct run *r;
    int rc;

    if (find_run(x, run) != NULL) {
        return WEFT_EEXIST;
    }
    if (strlen(job->id) > 64) {
        return WEFT_ETOOBIG;
    }
    m.type = WIRE_START;
    *s = *spec;
    s->kind = WIRE_EXEC;
    s->payload = job->payload;
    s->payload_len = job->payload_len;
    s->payload_path = job->payload_path != NULL ? job->payload_path : "";
    (void) snprintf(id, sizeof id, "WEFT_JOB_ID=%s", job->id);
    (void) snprintf(attempt, sizeof attempt, "WEFT_ATTEMPT=%" PRIu32, job->attempt);
    (void) snprintf(deadline, sizeof deadline, "WEFT_DEADLINE=%" PRIu64,
                    job->deadline_ms);
    if (wire_list_add(&s->env, id) != 0 || wire_list_add(&s->env, attempt) != 0 ||
        (job->deadline_ms != 0 && wire_list_add(&s->env, deadline) != 0)) {
        return WEFT_ETOOBIG;
    }
    rc = put_start(x, &m, &r);
    if (rc != 0) {
        return rc;
    }
    r->run = run;
    r->result_stream = (s->flags & WIRE_RESULT_FILE) != 0 ? WIRE_RESULT : WIRE_STDOUT;
    wf_buf_init(&r->result,
                max != 0 ? (size_t) wf_min_u64(max, SIZE_MAX) : EXEC_RESULT_MAX);
    return 0;
}

static void put_kill(void *arg, uint64_t id, uint32_t grace_ms)
{
    struct exec *x = arg;
    static struct wire_msg m;

    m.type = WIRE_KILL;
    m.u.kill = (struct wire_kill){id, grace_ms};
    if (x->link != NULL) {
        (void) rlink_put(x->link, &m);
        wake(x);
    }
}

int exec_kill(struct exec *x, uint64_t run, uint32_t grace_ms)
{
    struct run *r = find_run(x, run);

    if (r != NULL) {
        put_kill(x, id_of(x, r), grace_ms);
        return 0;
    }
    for (unsigned i = 0; i < x->n_pools; i++) {
        if (pool_kill(x->pools[i], run, grace_ms)) {
            return 0;
        }
    }
    return WEFT_ENOENT;
}

static int start_worker(void *arg, struct worker *w, const struct wire_start *spec,
                        uint64_t *ret_id)
{
    static struct wire_msg m;
    struct exec *x = arg;
    struct run *r;
    int rc;

    m.type = WIRE_START;
    m.u.start = *spec;
    m.u.start.limits.wall_ms = 0; /* of a job, not of the process */
    rc = put_start(x, &m, &r);
    if (rc == 0) {
        r->w = w;
        *ret_id = id_of(x, r);
    }
    return rc;
}

int exec_pool_new(struct exec *x, const struct wire_start *spec, unsigned procs,
                  unsigned slots, struct exec_pool **ret_pool)
{
    struct pool_env env = {.loop = x->loop,
                           .arg = x,
                           .start = start_worker,
                           .kill = put_kill,
                           .wake = wake,
                           .cb = x->cb,
                           .cb_arg = x->arg};
    int rc;

    if (x->n_pools == EXEC_POOLS_MAX) {
        return WEFT_EFULL;
    }
    rc = pool_new(&env, spec, procs, slots, ret_pool);
    if (rc == 0) {
        x->pools[x->n_pools++] = *ret_pool;
    }
    return rc;
}

void exec_pool_warm(struct exec_pool *p)
{
    pool_warm(p);
}

int exec_pool_start(struct exec_pool *p, uint64_t run, const struct exec_job *job)
{
    return pool_start(p, run, job);
}

const struct exec_info *exec_info(const struct exec *x)
{
    return &x->info;
}

static int make_args(struct exec *x, const struct exec_opts *o)
{
    const char *args[] = {o->runner,
                          "--scratch",
                          o->scratch,
                          "--sandbox",
                          o->sandbox != NULL ? o->sandbox : "auto",
                          "--isolate",
                          o->isolate != NULL ? o->isolate : "auto",
                          "--cgroup",
                          o->cgroup != NULL ? o->cgroup : "auto"};

    for (size_t i = 0; i < ARRAY_LEN(args); i++) {
        x->args[i] = wf_strdup(args[i]);
        if (x->args[i] == NULL) {
            return WEFT_ENOMEM;
        }
    }
    return 0;
}

int exec_new(uv_loop_t *loop, const struct exec_opts *opts,
             const struct exec_callbacks *cb, void *arg, struct exec **ret_exec,
             struct wf_err *err)
{
    struct exec *x = wf_calloc(1, sizeof *x);
    int rc;

    if (x == NULL) {
        return wf_err_set(err, WEFT_ENOMEM, "no memory to run handlers");
    }
    x->loop = loop;
    x->cb = *cb;
    x->arg = arg;
    x->idle.data = x->tick.data = x->again.data = x;
    (void) uv_idle_init(loop, &x->idle);
    (void) uv_timer_init(loop, &x->tick);
    (void) uv_timer_init(loop, &x->again);
    x->handles = 3;
    (void) snprintf(x->info.text, sizeof x->info.text, "weft-runner is starting");
    rc = make_args(x, opts);
    rc = rc != 0 ? wf_err_set(err, rc, "no memory to run handlers") : bring_up(x, err);
    if (rc != 0) {
        exec_free(x);
        return rc;
    }
    *ret_exec = x;
    return 0;
}

void exec_free(struct exec *x)
{
    if (x == NULL) {
        return;
    }
    rlink_free(x->link);
    x->link = NULL;
    for (unsigned i = 0; i < x->n_pools; i++) {
        pool_free(x->pools[i]);
    }
    for (unsigned i = 0; i < EXEC_RUNS_MAX; i++) {
        wf_buf_fini(&x->runs[i].result);
    }
    uv_close((uv_handle_t *) &x->idle, on_closed);
    uv_close((uv_handle_t *) &x->tick, on_closed);
    uv_close((uv_handle_t *) &x->again, on_closed);
}

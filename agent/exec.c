#include "agent/exec.h"

#include "agent/exec/folder.h"
#include "agent/exec/given.h"
#include "agent/exec/pool.h"
#include "agent/exec/procs.h"
#include "agent/exec/results.h"
#include "agent/exec/rlink.h"
#include "common/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define BACKOFF_MS     100u /* before the runner is started again, doubled each time */
#define BACKOFF_MAX_MS 10000u
#define STEADY_US      (30u * 1000000u) /* after this long the back-off starts anew */

struct exec {
    uv_loop_t *loop;
    struct exec_callbacks cb;
    void *arg;
    struct exec_info info;
    char *args[13];
    struct results results;
    char *inputs;       /* of all pools ... */
    char *exec_inputs;  /* ... and of processes */
    struct rlink *link; /* NULL: down, to be started again */
    uint64_t up_since_us;
    uint32_t backoff_ms;
    uv_idle_t idle;  /* runs once when something waits to be flushed */
    uv_timer_t tick; /* runs while pools keep time */
    uv_timer_t again;
    unsigned handles;
    unsigned n_pools;
    struct exec_pool *pools[EXEC_POOLS_MAX];
    struct procs procs;
};

static int bring_up(struct exec *x, struct wf_err *err);

static void on_closed(uv_handle_t *h)
{
    struct exec *x = h->data;

    if (--x->handles == 0) {
        for (size_t i = 0; i < ARRAY_LEN(x->args); i++) {
            wf_free(x->args[i]);
        }
        results_fini(&x->results);
        wf_free(x->inputs);
        wf_free(x->exec_inputs);
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

/* The runner has kept the result, or may have when it was lost. */
static void take_file(struct exec *x, const struct proc *r, const struct wire_done *d,
                      struct result_file *file, struct exec_done *done)
{
    bool printed = r->result_stream == WIRE_STDOUT;
    int rc;

    if (d->has_file && done->reason == WIRE_R_EXIT) {
        rc = results_of_run(&x->results, procs_id(&x->procs, r), file->bytes.p,
                            printed ? file->bytes.len : 0, d->file_bytes, &file->path);
        file->size = d->file_bytes;
        if (rc != 0) {
            done->reason = WIRE_R_LOST;
            done->text = "the result could not be kept on the node";
        }
    } else if (d->has_file || (d->reason == WIRE_R_LOST && r->inline_max != 0)) {
        results_drop(&x->results, procs_id(&x->procs, r));
    }
}

static void on_job_done(struct exec *x, struct proc *r, const struct wire_done *d)
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
    struct result_file file = {.bytes = r->result};
    uint64_t run = r->run;

    if (file.bytes.err != 0 && done.reason == WIRE_R_EXIT) {
        done.reason = WIRE_R_OUTPUT;
        done.text = "the result did not fit into the agent's memory";
    }
    take_file(x, r, d, &file, &done);
    done.result = file.path != NULL ? NULL : file.bytes.p;
    done.result_len = file.path != NULL ? 0 : file.bytes.len;
    done.result_path = file.path;
    done.result_size = file.path != NULL ? file.size : 0;
    /* The slot is free before the callback, which may start the next job. */
    r->result = (struct wf_buf) WF_BUF_INIT(0);
    procs_drop(&x->procs, r);
    x->cb.on_done(x->arg, run, &done);
    result_file_fini(&file);
}

static void on_done(struct exec *x, struct proc *r, const struct wire_done *d)
{
    struct worker *w = r->w;

    if (w == NULL) {
        on_job_done(x, r, d);
        return;
    }
    procs_drop(&x->procs, r);
    pool_worker_done(w, d);
}

static void on_output(struct exec *x, struct proc *r, const struct wire_output *o)
{
    if (r->w != NULL) {
        pool_worker_printed(r->w, o->stream, o->p, o->len);
        return;
    }
    if (o->stream == r->result_stream) {
        size_t room = r->inline_max != 0 ? r->inline_max - r->result.len : SIZE_MAX;

        (void) wf_buf_put(&r->result, o->p, (size_t) wf_min_u64(room, o->len));
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
    struct proc *r;

    switch (m->type) {
    case WIRE_HELLO:
        on_hello(x, &m->u.hello);
        break;
    case WIRE_STARTED:
        r = procs_find(&x->procs, m->u.started.run);
        if (r != NULL && r->w != NULL && *fd >= 0) {
            pool_worker_started(r->w, *fd);
            *fd = -1;
        } else if (r != NULL && r->w == NULL) {
            x->cb.on_started(x->arg, r->run);
        }
        break;
    case WIRE_OUTPUT:
        r = procs_find(&x->procs, m->u.output.run);
        if (r != NULL) {
            on_output(x, r, &m->u.output);
        }
        break;
    case WIRE_DONE:
        r = procs_find(&x->procs, m->u.done.run);
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
        if (x->procs.v[i].used) {
            on_done(x, &x->procs.v[i], &lost);
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
static int put_start(struct exec *x, struct wire_msg *m, struct proc **ret_run)
{
    struct proc *r = x->link != NULL ? procs_next(&x->procs) : NULL;
    int rc;

    if (r == NULL) {
        return WEFT_EBUSY;
    }
    m->u.start.run = procs_id(&x->procs, r);
    rc = rlink_put(x->link, m);
    if (rc != 0) {
        return rc;
    }
    procs_take(&x->procs, r);
    *ret_run = r;
    wake(x);
    return 0;
}

/* The broker that a run is of need not be the present one. */
static size_t inline_max_of(const struct exec *x, const struct exec_job *job)
{
    return x->results.max != 0 && job->inline_max != 0 ? job->inline_max : x->results.max;
}

/* Fill in `m`, which borrows from `text`, and start. */
static int start_run(struct exec *x, struct wire_msg *m, const struct exec_job *job,
                     struct wf_buf *text, struct proc **ret_run)
{
    struct wire_start *s = &m->u.start;
    char id[80], attempt[32], deadline[40];
    int rc;

    s->kind = WIRE_EXEC;
    s->limits.inline_bytes = inline_max_of(x, job);
    s->payload = job->payload;
    s->payload_len = job->payload_path != NULL ? 0 : job->payload_len;
    s->payload_path = job->payload_path != NULL ? job->payload_path : "";
    (void) snprintf(id, sizeof id, "WEFT_JOB_ID=%s", job->id);
    (void) snprintf(attempt, sizeof attempt, "WEFT_ATTEMPT=%" PRIu32, job->attempt);
    (void) snprintf(deadline, sizeof deadline, "WEFT_DEADLINE=%" PRIu64,
                    job->deadline_ms);
    if (wire_list_add(&s->env, id) != 0 || wire_list_add(&s->env, attempt) != 0 ||
        (job->deadline_ms != 0 && wire_list_add(&s->env, deadline) != 0)) {
        return WEFT_ETOOBIG;
    }
    rc = given_start(s, job, text);
    return rc != 0 ? rc : put_start(x, m, ret_run);
}

int exec_start(struct exec *x, uint64_t run, const struct wire_start *spec,
               const struct exec_job *job)
{
    static struct wire_msg m;
    struct wf_buf text = WF_BUF_INIT(WIRE_FRAME_MAX);
    uint64_t max = spec->limits.out_bytes;
    struct proc *r;
    int rc = given_check(job, NULL);

    if (rc == 0 && procs_find_run(&x->procs, run) != NULL) {
        rc = WEFT_EEXIST;
    }
    if (rc == 0 && strlen(job->id) > 64) {
        rc = WEFT_ETOOBIG;
    }
    if (rc == 0) {
        m.type = WIRE_START;
        m.u.start = *spec;
        rc = start_run(x, &m, job, &text, &r);
    }
    wf_buf_fini(&text);
    if (rc != 0) {
        return rc;
    }
    r->run = run;
    r->result_stream = (spec->flags & WIRE_RESULT_FILE) != 0 ? WIRE_RESULT : WIRE_STDOUT;
    r->inline_max = inline_max_of(x, job);
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
    struct proc *r = procs_find_run(&x->procs, run);

    if (r != NULL) {
        put_kill(x, procs_id(&x->procs, r), grace_ms);
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
    struct proc *r;
    int rc;

    m.type = WIRE_START;
    m.u.start = *spec;
    m.u.start.limits.wall_ms = 0; /* of a job, not of the process */
    rc = put_start(x, &m, &r);
    if (rc == 0) {
        r->w = w;
        *ret_id = procs_id(&x->procs, r);
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
                           .results = &x->results,
                           .cb = x->cb,
                           .cb_arg = x->arg};
    char name[16];
    char *inputs;
    int rc;

    if (x->n_pools == EXEC_POOLS_MAX) {
        return WEFT_EFULL;
    }
    (void) snprintf(name, sizeof name, "pool-%u", x->n_pools);
    inputs = folder_join(x->inputs, name);
    env.inputs = inputs;
    if (inputs == NULL) {
        return WEFT_ENOMEM;
    }
    rc = mkdir(inputs, 0700) == 0 || errno == EEXIST
             ? pool_new(&env, spec, procs, slots, ret_pool)
             : WEFT_EIO;
    wf_free(inputs);
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

const char *exec_inputs(const struct exec *x)
{
    return x->exec_inputs;
}

const char *exec_pool_inputs(const struct exec_pool *p)
{
    return pool_inputs(p);
}

void exec_set_inline(struct exec *x, size_t max)
{
    x->results.max = max;
}

const struct exec_info *exec_info(const struct exec *x)
{
    return &x->info;
}

/* The folder that is left to the runner to clean goes to *ret_inputs, owned. */
static int make_folders(struct exec *x, const struct exec_opts *o, char **ret_inputs,
                        struct wf_err *err)
{
    char *inputs = NULL;
    int rc = results_init(&x->results, o->scratch, o->inline_max, err);

    if (rc == 0) {
        inputs = o->inputs != NULL ? wf_strdup(o->inputs)
                                   : folder_join(x->results.scratch, "inputs");
        rc = inputs != NULL ? folder_open(inputs, ret_inputs, err) : WEFT_ENOMEM;
        wf_free(inputs);
    }
    if (rc == 0) {
        rc = folder_renew(*ret_inputs, "jobs", &x->inputs, err);
    }
    if (rc == 0) {
        rc = folder_renew(x->inputs, "exec", &x->exec_inputs, err);
    }
    return rc == WEFT_EIO ? WEFT_ESPAWN : rc;
}

static int make_args(struct exec *x, const struct exec_opts *o, const char *inputs)
{
    const char *args[] = {o->runner,
                          "--scratch",
                          x->results.scratch,
                          "--inputs",
                          inputs,
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
    char *inputs = NULL;
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
    /* A run of an earlier process that still ends must not be taken for one of ours. */
    procs_init(&x->procs, (uint32_t) (uv_hrtime() / 1000));
    rc = make_folders(x, opts, &inputs, err);
    if (rc == 0) {
        rc = make_args(x, opts, inputs);
        rc =
            rc != 0 ? wf_err_set(err, rc, "no memory to run handlers") : bring_up(x, err);
    }
    wf_free(inputs);
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
    procs_fini(&x->procs);
    uv_close((uv_handle_t *) &x->idle, on_closed);
    uv_close((uv_handle_t *) &x->tick, on_closed);
    uv_close((uv_handle_t *) &x->again, on_closed);
}

#include "agent/exec/pool_int.h"

#include "agent/exec/given.h"
#include "common/mem.h"

#include <string.h>

bool pool_kill(struct exec_pool *p, uint64_t run, uint32_t grace_ms)
{
    for (unsigned i = 0; i < p->slots.n; i++) {
        if (p->slots.jobs[i].state != JOB_FREE && p->slots.jobs[i].run == run) {
            pool_end_job(p, &p->slots.jobs[i], WIRE_R_KILLED, grace_ms);
            return true;
        }
    }
    return false;
}

static int start_job(struct exec_pool *p, uint64_t run, const struct exec_job *job,
                     struct work_job *what)
{
    struct job *first = slots_first(&p->slots, &p->slots.waiting);
    struct worker *w = first == NULL ? pool_pick(p, job->attempt) : NULL;
    struct job *j = slots_first(&p->slots, &p->slots.free);
    int rc = 0;

    if (j == NULL) {
        return WEFT_EBUSY;
    }
    if ((w == NULL || w->busy > 0) && !pool_enough_coming(p)) {
        rc = pool_add_worker(p);
        if (w == NULL && p->n_workers == 0) {
            return rc == WEFT_ENOMEM ? rc : WEFT_EBUSY;
        }
    }
    if (w != NULL && what->files_len > 0 && w->protocol < 2) {
        w = NULL; /* it is refused when its turn comes, not from inside this call */
    }
    pool_fill_in(p, j, run, job);
    rc = w != NULL ? pool_give(p, w, j, what) : pool_park(p, j, what);
    if (rc == 0) {
        slots_remove(&p->slots, &p->slots.free, j);
        p->slots.busy++;
        if (w == NULL) {
            slots_push(&p->slots, &p->slots.waiting, j);
        }
    }
    return rc;
}

int pool_start(struct exec_pool *p, uint64_t run, const struct exec_job *job)
{
    struct wf_buf files = WF_BUF_INIT(WORK_FRAME_MAX);
    struct work_job what = {.payload = job->payload, .payload_len = job->payload_len};
    int rc = given_check(job, p->inputs);

    if (rc == 0 &&
        (job->payload_len > WORK_PAYLOAD_MAX || strlen(job->id) > WORK_ID_MAX)) {
        rc = WEFT_ETOOBIG;
    }
    if (rc == 0) {
        rc = given_work(job, &files);
    }
    if (rc == 0) {
        what.files = files.p;
        what.files_len = files.len;
        if (job->payload_path != NULL) {
            what.payload_len = 0;
        }
        rc = start_job(p, run, job, &what);
    }
    wf_buf_fini(&files);
    return rc;
}

const char *pool_inputs(const struct exec_pool *p)
{
    return p->inputs;
}

void pool_flush(struct exec_pool *p)
{
    struct job *j;

    pool_serve_waiting(p);
    for (unsigned k = 0; k < p->n_workers; k++) {
        pool_flush_worker(p->workers[k]);
    }
    while ((j = slots_pop(&p->slots, &p->slots.finished)) != NULL) {
        struct exec_done d = {.reason = j->reason, .code = -1, .text = j->text};

        pool_finish(p, j, &d);
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
            pool_end_job(p, j, WIRE_R_WALL, p->spec->u.start.limits.grace_ms);
        } else if (!j->w->killed) {
            pool_end_worker(j->w);
        }
    }
    for (unsigned k = 0; k < p->n_workers; k++) {
        struct worker *w = p->workers[k];

        if (now >= w->due_us) {
            pool_end_worker(w);
        }
        unsettled = unsettled || w->state != WORKER_READY;
    }
    pool_serve_waiting(p);
    return p->slots.busy > 0 || unsettled;
}

void pool_warm(struct exec_pool *p)
{
    while (p->n_workers < p->procs && pool_add_worker(p) == 0) {
    }
    p->env.wake(p->env.arg);
}

/* The workers are shown the folder of inputs: what is put there while they live, they
 * see. */
static int keep_spec(struct exec_pool *p, const struct wire_start *spec)
{
    static struct wire_start s;
    int rc;

    s = *spec;
    s.kind = WIRE_WORKER;
    if (s.binds.n >= WIRE_BINDS_MAX) {
        return WEFT_EFULL;
    }
    rc = wire_list_add(&s.binds, p->inputs);
    return rc != 0 ? rc : wire_keep(p->spec, &p->text, &s);
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
    p->inputs = wf_strdup(env->inputs);
    p->spec = wf_calloc(1, sizeof *p->spec);
    rc = p->spec == NULL || p->inputs == NULL ? WEFT_ENOMEM : keep_spec(p, spec);
    if (rc == 0) {
        rc = slots_init(&p->slots, slots);
    }
    if (rc != 0) {
        pool_free(p);
        return rc;
    }
    p->env.inputs = p->inputs;
    *ret_pool = p;
    return 0;
}

void pool_free(struct exec_pool *p)
{
    if (p == NULL) {
        return;
    }
    for (unsigned i = 0; i < p->n_workers; i++) {
        pool_free_worker(p->workers[i]);
    }
    wf_buf_fini(&p->text);
    wf_free(p->inputs);
    wf_free(p->spec);
    slots_fini(&p->slots);
    wf_free(p);
}

#include "agent/exec/pool_int.h"

#include "agent/exec/results.h"
#include "common/mem.h"

#include <stdio.h>
#include <string.h>

/* Why a job that is given something by path cannot be done. */
static const char too_old[] =
    "the worker speaks version 1 of its protocol, which knows no inputs";

void pool_finish(struct exec_pool *p, struct job *j, struct exec_done *d)
{
    uint64_t run = j->run;

    d->wall_us = pool_now_us() - j->begun_us;
    d->err_cut += j->err_cut;
    d->warm_us = j->warm_us;
    if (d->text == NULL) {
        d->text = "";
    }
    if (j->w != NULL) {
        j->w->busy--;
    }
    slots_release(&p->slots, j);
    p->env.cb.on_done(p->env.cb_arg, run, d);
}

int pool_give(struct exec_pool *p, struct worker *w, struct job *j,
              const struct work_job *what)
{
    struct work_job out = *what;
    int rc;

    out.ref = slots_ref(&p->slots, j);
    out.attempt = j->attempt;
    out.deadline_ms = j->deadline_ms;
    out.id = j->id;
    rc = work_put_job(peer_out(w->peer), &out);
    if (rc != 0) {
        return rc;
    }
    j->state = JOB_FRESH;
    j->w = w;
    j->warm_us = w->ready_us > j->begun_us
                     ? w->ready_us - wf_max_u64(j->begun_us, w->asked_us)
                     : 0;
    w->busy++;
    w->alone = j->attempt > 1;
    w->fresh[w->n_fresh++] = j;
    p->env.wake(p->env.arg);
    return 0;
}

void pool_fill_in(struct exec_pool *p, struct job *j, uint64_t run,
                  const struct exec_job *job)
{
    uint64_t wall_ms = p->spec->u.start.limits.wall_ms;

    j->run = run;
    j->reason = WIRE_R_EXIT;
    j->text = NULL;
    j->begun_us = pool_now_us();
    j->warm_us = 0;
    j->due_us =
        wall_ms == 0 ? UINT64_MAX : j->begun_us + wf_min_u64(wall_ms, 1u << 31) * 1000;
    j->attempt = job->attempt;
    j->deadline_ms = job->deadline_ms;
    j->err_seen = j->err_cut = 0;
    j->w = NULL;
    (void) snprintf(j->id, sizeof j->id, "%s", job->id);
}

static uint8_t *copy(const uint8_t *p, size_t len)
{
    return wf_memdup(len > 0 ? p : (const uint8_t *) "", len);
}

int pool_park(struct exec_pool *p, struct job *j, const struct work_job *what)
{
    j->payload = copy(what->payload, what->payload_len);
    j->files = what->files_len > 0 ? copy(what->files, what->files_len) : NULL;
    if (j->payload == NULL || (what->files_len > 0 && j->files == NULL)) {
        slots_drop(j);
        return WEFT_ENOMEM;
    }
    j->payload_len = what->payload_len;
    j->files_len = what->files_len;
    j->state = JOB_WAITING;
    p->env.wake(p->env.arg);
    return 0;
}

void pool_serve_waiting(struct exec_pool *p)
{
    struct worker *w;
    struct job *j;

    while ((j = slots_first(&p->slots, &p->slots.waiting)) != NULL &&
           (w = pool_pick(p, j->attempt)) != NULL) {
        const struct work_job what = {.payload = j->payload,
                                      .payload_len = j->payload_len,
                                      .files = j->files,
                                      .files_len = j->files_len};

        if (j->files != NULL && w->protocol < 2) {
            pool_end_later(p, j, WIRE_R_SPAWN, too_old);
            continue;
        }
        if (pool_give(p, w, j, &what) != 0) {
            return;
        }
        slots_remove(&p->slots, &p->slots.waiting, j);
        slots_drop(j);
    }
    if (j != NULL && !pool_enough_coming(p)) {
        (void) pool_add_worker(p);
    }
}

void pool_end_later(struct exec_pool *p, struct job *j, enum wire_reason why,
                    const char *text)
{
    slots_remove(&p->slots, &p->slots.waiting, j);
    j->state = JOB_FINISHED;
    j->reason = why;
    j->text = text;
    slots_push(&p->slots, &p->slots.finished, j);
    p->env.wake(p->env.arg);
}

void pool_end_job(struct exec_pool *p, struct job *j, enum wire_reason why,
                  uint32_t grace_ms)
{
    switch (j->state) {
    case JOB_WAITING:
        pool_end_later(p, j, why, NULL);
        break;
    case JOB_ENDING:
        j->due_us = wf_min_u64(j->due_us, pool_now_us() + (uint64_t) grace_ms * 1000);
        break;
    case JOB_FRESH:
    case JOB_SENT:
        (void) work_put_cancel(peer_out(j->w->peer), slots_ref(&p->slots, j));
        /* A fresh one is started first, so that its callbacks come in order. */
        j->reason = why;
        j->due_us = pool_now_us() + (uint64_t) grace_ms * 1000;
        if (j->state == JOB_SENT) {
            j->state = JOB_ENDING;
        }
        p->env.wake(p->env.arg);
        break;
    case JOB_FREE:
    case JOB_FINISHED:
        break;
    }
}

/* What came as bytes and is large is a file from here on, as any large result. */
static int keep_bytes(struct exec_pool *p, const struct work_msg *m,
                      struct result_file *ret)
{
    uint64_t max = p->spec->u.start.limits.out_bytes;
    size_t few = p->env.results->max;

    ret->size = m->len;
    if (max != 0 && m->len > max) {
        return WEFT_ETOOBIG;
    }
    return few != 0 && m->len > few ? results_write(p->env.results, m->p, m->len, ret)
                                    : 0;
}

static int take_file(struct exec_pool *p, const struct job *j, const struct work_msg *m,
                     struct result_file *ret)
{
    char name[WORK_NAME_MAX + 1];

    (void) snprintf(name, sizeof name, "%.*s", (int) m->len, (const char *) m->p);
    return results_take(p->env.results, j->w->id, name, p->spec->u.start.limits.out_bytes,
                        ret);
}

static void say_result(const struct work_msg *m, int rc, const struct result_file *f,
                       struct exec_done *d)
{
    bool is_file = m->type == WORK_RESULT_FILE;

    switch (rc) {
    case 0:
        d->result_path = f->path;
        d->result_size = f->path != NULL ? f->size : 0;
        d->result = f->path != NULL ? NULL : is_file ? f->bytes.p : m->p;
        d->result_len = f->path != NULL ? 0 : is_file ? f->bytes.len : m->len;
        break;
    case WEFT_ETOOBIG:
        d->reason = WIRE_R_OUTPUT;
        d->out_cut = f->size;
        break;
    case WEFT_ENOENT:
        d->code = 1;
        d->text = "what the worker named as its result is no file in its folder";
        break;
    default:
        d->reason = WIRE_R_LOST;
        d->text = "the result could not be kept on the node";
        break;
    }
}

void pool_on_result(struct exec_pool *p, struct job *j, const struct work_msg *m)
{
    struct exec_done d = {.reason = WIRE_R_EXIT, .code = m->code};
    struct result_file f = {.bytes = WF_BUF_INIT(0)};
    char text[WIRE_TEXT_MAX] = "";

    if (j->state == JOB_ENDING) {
        d.reason = j->reason;
        pool_drop_file(j->w, m);
    } else if (m->code != 0) {
        (void) snprintf(text, sizeof text, "%.*s", (int) wf_min_u64(m->len, 500),
                        (const char *) m->p);
        d.text = text;
    } else {
        int rc =
            m->type == WORK_RESULT_FILE ? take_file(p, j, m, &f) : keep_bytes(p, m, &f);

        say_result(m, rc, &f, &d);
    }
    pool_finish(p, j, &d);
    result_file_fini(&f);
}

void pool_drop_file(const struct worker *w, const struct work_msg *m)
{
    char name[WORK_NAME_MAX + 1];

    if (m->type == WORK_RESULT_FILE) {
        (void) snprintf(name, sizeof name, "%.*s", (int) m->len, (const char *) m->p);
        results_discard(w->pool->env.results, w->id, name);
    }
}

void pool_pass_output(struct exec_pool *p, struct job *j, int stream, const uint8_t *b,
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

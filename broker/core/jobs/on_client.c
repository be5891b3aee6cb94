/* Clients: watch, cancel, logs. */
#include "broker/core/jobs/ledger.h"
#include "broker/core/jobs/work.h"

#include "common/err.h"
#include "common/mem.h"

#include <stdio.h>

#define WATCHES_MAX       65536u /* of one session */
#define WATCHERS_MAX      128u /* of one job: its result goes to all of them in one step */
#define BUSY_RETRY_MS     200u
#define TAKEOVER_RETRY_MS 1000u

/* May this session see the job?  Operators all, clients their own. */
static int may_see(const struct session *s, const struct job *j)
{
    return s->role == WF_ROLE_OPERATOR || j->owner == s->principal;
}

/* Who comes from a broker of this site that died asks for jobs that are not taken over
 * yet: they are within two leases. */
static int may_be_taken_over(const struct turn *t)
{
    const struct core *c = t->c;

    return c->cfg.shared && c->now_us - t->s->began_us < 2 * c->cfg.lease_ms * 1000;
}

struct job *owned_job(struct turn *t, const struct wf_id *id, uint64_t req)
{
    struct job *j = jobs_get(&t->c->jobs, id);
    int rc;

    if (j == NULL || !may_see(t->s, j)) {
        if (t->msg->type == WF_MSG_watch && may_be_taken_over(t)) {
            refuse(t, WEFT_EBUSY, req, id, TAKEOVER_RETRY_MS,
                   "no such job here yet: another broker of this site may have it");
            return NULL;
        }
        rc = j == NULL ? seek_begin(t, id, req) : 0;
        if (rc == WEFT_EBUSY) {
            refuse(t, rc, req, id, SEEK_AGAIN_MS,
                   "no such job here, and too many are looked for elsewhere: ask again");
        } else if (rc == 0) {
            refuse(t, WEFT_ENOENT, req, id, 0, "no such job here");
        }
        return NULL;
    }
    return j;
}

void answer_when_safe(struct turn *t, unsigned job_class, uint64_t req, int code,
                      const char *text)
{
    const struct wf_done m = {
        .req = req, .code = (uint64_t) -code, .text = wf_slice_of(text)};

    core_promise(t->c, job_class == WF_CLASS_FAST ? 0 : PROMISE_STEP, t->s->peer, req, 0,
                 WF_MSG_done, &m, t->out);
}

struct watch *watch_find(const struct job *j, const struct session *s,
                         unsigned *ret_watchers)
{
    unsigned n = 0;

    for (struct wf_list_node *x = wf_list_first(&j->watches); x != NULL;
         x = wf_list_next(&j->watches, x), n++) {
        struct watch *w = CONTAINER_OF(x, struct watch, of_job);

        if (w->session == s) {
            return w;
        }
    }
    *ret_watchers = n;
    return NULL;
}

struct watch *watch_add(struct session *s, struct job *j, unsigned watchers)
{
    struct watch *w = s->nwatches < WATCHES_MAX && watchers < WATCHERS_MAX
                          ? wf_calloc(1, sizeof *w)
                          : NULL;

    if (w != NULL) {
        w->session = s;
        w->job = j;
        wf_list_push_back(&j->watches, &w->of_job);
        wf_list_push_back(&s->watches, &w->of_session);
        s->nwatches++;
    }
    return w;
}

/* -- watch and cancel ------------------------------------------------------------------
 */

static void send_log(const struct job *j, uint32_t peer, struct wf_effects *out)
{
    struct job_log_piece piece;
    size_t at = 0;

    while (job_log_next(j, &at, &piece)) {
        const struct wf_output m = {.job = j->id,
                                    .attempt = piece.attempt,
                                    .stream = piece.stream,
                                    .offset = piece.offset,
                                    .data = piece.data};

        wf_effects_send(out, peer, WF_MSG_output, &m);
    }
}

void query_logs(struct turn *t)
{
    const struct wf_query *q = &t->msg->u.query;
    char text[WF_ID_TEXT];
    struct wf_id id;
    struct job *j;

    if (wf_id_parse(wf_slice_str(q->key, text, sizeof text), &id) != 0) {
        refuse(t, WEFT_EINVAL, q->req, NULL, 0, "logs need a whole job id");
        return;
    }
    j = owned_job(t, &id, q->req);
    if (j != NULL) {
        send_log(j, t->s->peer, t->out);
        reply_done(t, q->req, 0, "");
    }
}

void on_watch(struct turn *t)
{
    const struct wf_watch *m = &t->msg->u.watch;
    struct job *j = owned_job(t, &m->job, m->req);
    struct wf_job_update now;
    unsigned watchers = 0;
    struct watch *w;

    if (j == NULL) {
        return;
    }
    if (m->output) {
        send_log(j, t->s->peer, t->out);
    }
    if (wf_job_is_final(j->state) && ledger_settled(t->c, j)) {
        work_send_outcome(j, t->s->peer, t->out);
        return;
    }
    w = watch_find(j, t->s, &watchers);
    if (w == NULL) {
        w = watch_add(t->s, j, watchers);
        if (w == NULL) {
            refuse(t, WEFT_EBUSY, m->req, &m->job, BUSY_RETRY_MS,
                   "too many watch it, or it watches too many");
            return;
        }
    }
    w->output = m->output != 0;
    w->states = m->states != 0;
    now = (struct wf_job_update){.job = j->id,
                                 .state = job_told_state(t->c, j),
                                 .attempt = j->attempt,
                                 .node = job_node(j)};
    wf_effects_send(t->out, t->s->peer, WF_MSG_job_update, &now);
}

void on_cancel(struct turn *t)
{
    const struct wf_cancel *m = &t->msg->u.cancel;
    struct job *j = owned_job(t, &m->job, m->req);
    struct work_end end = {.state = WF_JOB_CANCELLED, .code = WEFT_ECANCELLED};
    char reason[WF_TEXT_MAX + 1];

    if (j == NULL) {
        return;
    }
    if (wf_job_is_final(j->state)) {
        char text[WF_TEXT_MAX + 1];

        (void) snprintf(text, sizeof text, "the job is %s already",
                        wf_job_state_name(j->state));
        answer_when_safe(t, j->class_, m->req, WEFT_ESTATE, text);
        return;
    }
    (void) snprintf(reason, sizeof reason, "cancelled by %s", t->s->principal->name);
    end.reason = reason;
    work_stop(j, WEFT_ECANCELLED, t->out);
    answer_when_safe(t, j->class_, m->req, 0, "");
    work_finish(t->c, j, &end, t->out);
}

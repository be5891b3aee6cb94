/* What a broker asks of another for its jobs: run this, stop it, its outcome is kept. */
#include "broker/core/mesh/guests.h"

#include "broker/core/jobs/submit.h"
#include "broker/core/jobs/work.h"
#include "broker/core/mesh/data/folders.h"
#include "broker/core/place/place.h"
#include "common/err.h"
#include "common/plant.h"
#include "common/str.h"

#include <string.h>

static void refuse_guest(struct turn *t, int code, const char *text)
{
    const struct wf_assign *m = &t->msg->u.assign;
    const struct wf_refuse r = {.job = m->job,
                                .attempt = m->attempt,
                                .code = (uint64_t) -code,
                                .text =
                                    wf_slice_make(text, wf_utf8_cut(text, strlen(text))),
                                .left = m->numbers};

    t->c->count.guests_refused++;
    if (WF_PLANT(GUEST_UNANSWERED)) {
        return;
    }
    wf_effects_send(t->out, t->s->peer, WF_MSG_refuse, &r);
}

/* What becomes of it when an agent here is cut off is what its submitter asked for; when
 * its home is, only that it is to stop. */
static struct wf_submit submit_of(const struct wf_assign *m, const struct wf_id *id)
{
    const int stops = m->stop_after_ms != 0;

    return (struct wf_submit){.job = *id,
                              .capability = m->capability,
                              .version = m->version,
                              .payload = m->payload,
                              .class_ = m->class_,
                              .priority = m->priority,
                              .wall_ms = m->wall_ms,
                              .deadline_ms = m->left_ms,
                              .needs = m->needs,
                              .node = m->node,
                              .name = m->name,
                              .detached = 1,
                              .disconnect = stops                      ? WF_STOP_AFTER
                                            : m->disconnect == WF_KEEP ? WF_KEEP
                                                                       : WF_REPLACE_AFTER,
                              .disconnect_ms =
                                  stops ? m->stop_after_ms : m->disconnect_ms,
                              .goal = m->goal,
                              .rho_pusd = m->rho_pusd,
                              .max_cost_pusd = m->max_cost_pusd,
                              .prefers = m->prefers,
                              .payload_blob = m->payload_blob,
                              .payload_size = m->payload_size};
}

/* Can it be placed here, now?  The home broker has other places to try; what waits here
 * in vain it would hear of much later. */
static int find_place(struct turn *t, const struct job *j, const char **ret_why)
{
    const struct place_ask ask = {.admission = 1};
    struct decision d;

    decision_clear(&d);
    if (place_choose(t->c, j, &ask, &d) != NULL) {
        return 0;
    }
    if (guest_may_wait(&d)) {
        *ret_why = "all agents here are busy";
        return WEFT_EBUSY;
    }
    *ret_why = "no agent here may run it";
    return guest_cannot(&d);
}

static int take_guest(struct turn *t, const struct wf_assign *m, const struct wf_id *id,
                      const char **ret_why)
{
    const struct wf_submit s = submit_of(m, id);
    struct job_data data = {m->inputs, m->residency};
    struct turn quiet = *t;
    struct job *j;
    int rc;

    if (m->payload.len + m->inputs.len > t->c->cfg.max_bytes) {
        *ret_why = "it is more than this broker holds of all jobs";
        return WEFT_ETOOBIG;
    }
    if (!guest_fits(t->c, t->s->principal, m->payload.len + m->inputs.len, t->out)) {
        *ret_why = "its broker has as much here as it may";
        return WEFT_EBUSY;
    }
    quiet.quiet = 1; /* the answer is ours */
    rc = folders_rename(&t->s->principal->key, m->inputs, core_rows(t->c, 1),
                        &data.inputs);
    if (rc == 0) {
        rc = submit_prepare(&quiet, &s, &data, &j);
    }
    if (rc != 0) {
        /* That it is full is no fault of the job's. */
        rc = rc == WEFT_EFULL ? WEFT_EBUSY : rc;
        *ret_why = wf_err_sentence(rc);
        return rc;
    }
    j->owed = 0;
    j->acceptor = 0;
    rc = guest_new(m, &j->guest);
    if (rc == 0) {
        t->c->jobs.bytes += j->guest->size;
        guest_enters(j);
        j->guest->stop_after_ms = m->stop_after_ms;
        rc = find_place(t, j, ret_why);
    } else {
        *ret_why = "out of memory";
    }
    if (rc != 0) {
        jobs_undo(&t->c->jobs, j);
        return rc;
    }
    t->c->count.guests++;
    submit_begin(t->c, j, t->out);
    return 0;
}

void on_assign(struct turn *t)
{
    const struct wf_assign *m = &t->msg->u.assign;
    const struct wf_id id = guest_id(&t->s->principal->key, &m->job, m->attempt);
    struct agent *a = t->s->principal->agent;
    struct job *j = jobs_get(&t->c->jobs, &id);
    const char *why = "";
    int rc;

    if (a == NULL || a->session != t->s) {
        return;
    }
    a->neighbour->covered = wf_max_u64(a->neighbour->covered, m->seq);
    if (j != NULL && j->guest != NULL && j->owner == t->s->principal) {
        if (j->guest->acked) {
            /* Its home forgot that job, and has another one of that id. */
            refuse_guest(t, WEFT_EBUSY, "one of that id is not forgotten yet");
        }
        return; /* else said again: it is held, or its outcome is on its way */
    }
    if (j != NULL) {
        refuse_guest(t, WEFT_ECONFLICT, "its id here belongs to other work");
        return;
    }
    if (t->c->rolled_back) {
        refuse_guest(t, WEFT_ESTORAGE, "the broker's store went back in time");
        return;
    }
    if (!WF_PLANT(CAME_FROM) &&
        (guest_path_has(m->path, t->c->cfg.name) || m->path.count >= WF_HOPS_MAX)) {
        refuse_guest(t, WEFT_ENOCAP, "it came through here, or too far");
        return;
    }
    rc = take_guest(t, m, &id, &why);
    if (rc != 0) {
        refuse_guest(t, rc, why);
    }
}

struct job *guest_of(const struct turn *t, const struct wf_id *job, uint64_t attempt)
{
    const struct wf_id id = guest_id(&t->s->principal->key, job, attempt);
    struct job *j = jobs_get(&t->c->jobs, &id);

    return j != NULL && j->guest != NULL && j->owner == t->s->principal ? j : NULL;
}

void on_stop(struct turn *t)
{
    const struct wf_stop *m = &t->msg->u.stop;
    struct job *j = guest_of(t, &m->job, m->attempt);
    struct work_end end = {.state = WF_JOB_CANCELLED,
                           .code = m->code != 0 ? -(int) m->code : WEFT_ECANCELLED,
                           .reason = "stopped by the broker that it came from"};

    if (j == NULL || wf_job_is_final(j->state)) {
        return;
    }
    if (m->waiting) {
        /* One that an agent has is not given back: its start or result is the answer. */
        if (!j->unclaimed && (j->state == WF_JOB_QUEUED || j->state == WF_JOB_ACCEPTED)) {
            guest_give_back(t->c, j, end.code, "asked back", t->out);
        }
        return;
    }
    work_stop(j, end.code, t->out);
    work_finish(t->c, j, &end, t->out);
}

void on_result_ack(struct turn *t)
{
    const struct wf_result_ack *m = &t->msg->u.result_ack;
    struct job *j = guest_of(t, &m->job, m->attempt);

    if (WF_PLANT(GUEST_STAYS)) {
        return;
    }
    if (j != NULL && wf_job_is_final(j->state)) {
        if (wf_digest_is_zero(&j->blob)) {
            guest_let_go(t->c, j);
        } else {
            j->guest->acked = 1; /* its bytes are fetched from here */
        }
    }
}

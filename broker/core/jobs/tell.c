/* Who hears of what becomes of a job: its submitter, who watches it, its home broker. */
#include "broker/core/jobs/work.h"
#include "broker/core/mesh/guests.h"
#include "broker/core/mesh/numbers.h"
#include "common/err.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/plant.h"
#include "proto/words.h"

void work_tell_state(const struct core *c, const struct job *j, struct wf_effects *out)
{
    struct wf_job_update m;

    if (j->guest != NULL) {
        guest_tell_state(c, j, out);
    }
    if (wf_list_empty(&j->watches)) {
        return;
    }
    m = (struct wf_job_update){
        .job = j->id, .state = j->state, .attempt = j->attempt, .node = job_node(j)};
    for (struct wf_list_node *n = wf_list_first(&j->watches); n != NULL;
         n = wf_list_next(&j->watches, n)) {
        const struct watch *w = CONTAINER_OF(n, struct watch, of_job);

        if (w->states) {
            wf_effects_send(out, w->session->peer, WF_MSG_job_update, &m);
        }
    }
}

void work_send_outcome(const struct job *j, uint32_t peer, struct wf_effects *out)
{
    const struct wf_outcome m = {
        .job = j->id,
        .state = j->state,
        .code = (uint64_t) -j->code,
        .exit_code = j->exit_code,
        .signal = j->term_signal,
        .attempt = numbers_seen(j),
        .node = job_node(j),
        .reason = wf_slice_of(j->reason),
        .data = wf_slice_make(j->data, j->data_len),
        .wait_us = j->wait_us,
        .run_us = j->run_us,
        .cut = j->cut, /* what fell off the kept tail was passed on before */
        .reused = j->reused,
        .blob = j->blob,
        .blob_size = j->blob_size,
        .fetched = j->fetched,
        .cost_pusd = j->cost_pusd};

    wf_effects_send(out, peer, WF_MSG_outcome, &m);
}

void watch_free(struct watch *w)
{
    wf_list_remove(&w->of_job);
    wf_list_remove(&w->of_session);
    w->session->nwatches--;
    wf_free(w);
}

static void tell_news(struct core *c, const struct job *j, struct wf_effects *out)
{
    char id[WF_ID_TEXT];

    if (j->state == WF_JOB_DEAD || j->state == WF_JOB_EXPIRED) {
        core_news(c, out, WF_LOG_WARN,
                  j->state == WF_JOB_DEAD ? "job-dead" : "job-expired",
                  j->agent != NULL ? j->agent->principal->name : "", &j->id,
                  "job %.8s: %s", wf_id_text(&j->id, id),
                  j->reason != NULL ? j->reason : wf_err_sentence(j->code));
    }
}

void work_tell_outcome(struct core *c, struct job *j, struct wf_effects *out)
{
    struct wf_list_node *n;

    tell_news(c, j, out);
    if (j->guest != NULL && !j->guest->acked) {
        guest_tell_outcome(c, j, out);
    }
    if (j->submitter != 0 && session_get(&c->sessions, j->submitter) != NULL) {
        work_send_outcome(j, j->submitter, out);
    }
    if (WF_PLANT(WRONG_SESSION) && j->submitter != 0 &&
        session_get(&c->sessions, j->submitter ^ 1) != NULL) {
        work_send_outcome(j, j->submitter ^ 1, out);
    }
    while ((n = wf_list_first(&j->watches)) != NULL) {
        struct watch *w = CONTAINER_OF(n, struct watch, of_job);

        if (w->session->peer != j->submitter) {
            work_send_outcome(j, w->session->peer, out);
        }
        watch_free(w);
    }
}

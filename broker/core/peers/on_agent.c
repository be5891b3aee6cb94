/* Agents: what they offer, what they hold, how their attempts go. */
#include "broker/core/data/inputs.h"
#include "broker/core/jobs/asked.h"
#include "broker/core/jobs/hedge.h"
#include "broker/core/jobs/ledger.h"
#include "broker/core/jobs/notice.h"
#include "broker/core/jobs/preempt.h"
#include "broker/core/jobs/reclaim.h"
#include "broker/core/jobs/work.h"
#include "broker/core/mesh/guests.h"
#include "broker/core/mesh/numbers.h"
#include "broker/core/mesh/offers.h"
#include "broker/core/place/place.h"
#include "broker/core/place/routes.h"

#include "common/err.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/plant.h"
#include "common/str.h"

#include <string.h>

#define RATE_SHIFT 2 /* alpha 1/4 */
/* What a piece of output takes beside its bytes, at most. */
#define LOG_HEAD_MAX   64u
#define RATE_BYTES_MIN (256u << 10) /* less tells of the round trip, not of the rate */

/* The agent that speaks, if it is the one that the broker counts on. */
static struct agent *speaker(const struct turn *t)
{
    struct agent *a = t->s->principal->agent;

    return a != NULL && a->session == t->s ? a : NULL;
}

void on_agent_info(struct turn *t)
{
    struct agent *a = speaker(t);
    int rc;

    if (a == NULL) {
        return;
    }
    routes_info_before(t->c, a);
    rc = agent_set_info(a, &t->msg->u.agent_info, &t->c->capabilities);
    routes_info(t->c, a);
    if (rc == 0) {
        notice_heard(t->c, a, t->msg->u.agent_info.notice_ms, t->out);
    }
    if (rc != 0) {
        t->c->count.bad_messages++;
        refuse(t, rc, 0, NULL, 0, "agent_info holds a bad capability or label");
        return;
    }
    if (a->neighbour != NULL) {
        offers_heard(t->c, a, &t->msg->u.agent_info, t->out);
    }
    work_feed(t->c, a, t->out);
}

void on_telemetry(struct turn *t)
{
    struct agent *a = speaker(t);
    struct wf_rows rows = t->msg->u.telemetry.metrics;
    struct wf_metric_row row;

    while (a != NULL && wf_rows_next(&rows, wf_desc_metric_row(), &row)) {
        if (row.id < WF_METRICS) {
            a->metrics[row.id] = row.value;
            a->metrics_known |= 1u << row.id;
            a->metrics_us = t->c->now_us;
        }
    }
}

void on_drain(struct turn *t)
{
    struct agent *a = speaker(t);

    if (a != NULL) {
        a->draining = t->msg->u.drain.on != 0;
        routes_open(t->c, a);
        work_feed(t->c, a, t->out);
    }
}

/* -- resync ----------------------------------------------------------------------------
 */

/* It is at this agent still, or was before a restart or a takeover: then it is again. */
static int is_held(struct turn *t, struct agent *a, struct job *j,
                   const struct wf_run_row *row)
{
    return j->attempt == row->attempt &&
           ((j->agent == a && j->occupies) ||
            reclaim_attempt(t->c, a, j, (unsigned) row->state));
}

static void stop_lost(const struct turn *t, const struct wf_run_row *row)
{
    const struct wf_stop stop = {row->job, row->attempt, -WEFT_ELOST};

    wf_effects_send(t->out, t->s->peer, WF_MSG_stop, &stop);
}

/* Mark what the agent holds; tell it to drop what is not its own any more. */
static void match_held(struct turn *t, const struct agent *a)
{
    struct wf_rows rows = t->msg->u.resync.runs;
    struct wf_run_row row;

    while (wf_rows_next(&rows, wf_desc_run_row(), &row)) {
        struct job *j = jobs_get(&t->c->jobs, &row.job);

        if (j != NULL && hedge_held(t->c, a, j, row.attempt)) {
            continue;
        }
        if (j != NULL && is_held(t, t->s->principal->agent, j, &row)) {
            j->confirmed = 1;
            if (row.state == WF_RUN_RUNNING && j->state == WF_JOB_ASSIGNED) {
                work_started(t->c, j); /* its announcement was lost, or is forgotten */
            }
            work_came_back(t->c, j);
        } else if (row.state == WF_RUN_FINISHED) {
            /* Its result comes by itself and is acknowledged then. */
            continue;
        } else {
            stop_lost(t, &row);
        }
    }
}

/* Of jobs that are being taken over the last record may still be on its way: then nothing
 * can be said of which attempt is the present one. */
static int all_is_in(const struct core *c)
{
    return c->reclaim_us == 0 ||
           c->now_us + c->cfg.lease_ms * 1000 / 4 * 3 >= c->reclaim_us;
}

static void count_held(struct agent *a, struct job *j)
{
    /* The agent's reports have it: it stands before all that was sent to it here. */
    j->sent_seq = 0;
    wf_list_remove(&j->in_agent);
    wf_list_push_front(&a->attempts, &j->in_agent);
}

/* What an agent has from another broker that uses this store.  Known here are jobs that
 * were taken over. */
void on_claim(struct turn *t)
{
    struct wf_rows rows = t->msg->u.claim.runs;
    struct wf_buf *store = &t->c->row_store[0];
    struct agent *a = speaker(t);
    struct wf_claimed m = {{0}};
    struct wf_run_row row;

    wf_buf_clear(store);
    while (a != NULL && all_is_in(t->c) && wf_rows_next(&rows, wf_desc_run_row(), &row)) {
        if (jobs_get(&t->c->jobs, &row.job) != NULL) {
            /* One that finds no room is claimed once more. */
            (void) wf_rows_add(store, &m.runs, wf_desc_run_row(), &row);
        }
    }
    if (m.runs.count == 0) {
        return;
    }
    wf_effects_send(t->out, t->s->peer, WF_MSG_claimed, &m);
    rows = t->msg->u.claim.runs;
    while (wf_rows_next(&rows, wf_desc_run_row(), &row)) {
        struct job *j = jobs_get(&t->c->jobs, &row.job);

        if (j == NULL) {
            continue;
        }
        if (is_held(t, a, j, &row)) {
            j->confirmed = 1;
            count_held(a, j);
            work_came_back(t->c, j);
        } else if (row.state != WF_RUN_FINISHED) {
            stop_lost(t, &row);
        }
    }
}

/* It never arrived, or its result was acknowledged before the link broke, or the agent
 * died with it. */
static void not_held(struct core *c, const struct agent *a, struct job *j,
                     struct wf_effects *out)
{
    int ran = j->started_us != 0;

    work_release(c, j);
    if (wf_job_is_final(j->state)) {
        return;
    }
    c->count.lost_attempts++;
    if (!a->restarted) {
        work_retry(c, j, WEFT_ELOST, "the assignment was lost on the way", BLAME_NOBODY,
                   out);
    } else {
        work_retry(c, j, WEFT_ELOST, "the agent was restarted",
                   ran && a->neighbour == NULL ? BLAME_CRASH : BLAME_PLACE, out);
    }
}

void on_resync(struct turn *t)
{
    struct core *c = t->c;
    struct agent *a = speaker(t);
    struct wf_list_node *n, *next;

    if (a == NULL) {
        return;
    }
    for (n = wf_list_first(&a->attempts); n != NULL; n = wf_list_next(&a->attempts, n)) {
        CONTAINER_OF(n, struct job, in_agent)->confirmed = 0;
    }
    match_held(t, a);
    for (n = wf_list_first(&a->attempts); n != NULL; n = next) {
        struct job *j = CONTAINER_OF(n, struct job, in_agent);

        next = wf_list_next(&a->attempts, n);
        if (j->confirmed) {
            if (wf_job_is_final((j->original != NULL ? j->original : j)->state)) {
                work_stop(j, WEFT_ECANCELLED, t->out);
            }
            continue;
        }
        not_held(c, a, j, t->out);
    }
    a->synced = 1;
    a->restarted = 0;
    routes_load(c, a, NULL);
    routes_open(c, a);
    reclaim_agent_synced(c, a, t->out);
    work_feed(c, a, t->out);
}

/* -- attempts --------------------------------------------------------------------------
 */

/* The job of an attempt that is still the present one at this agent, or NULL. */
static struct job *present(const struct turn *t, const struct wf_id *id, uint64_t attempt)
{
    struct job *j = jobs_get(&t->c->jobs, id);
    struct agent *a = speaker(t);

    if (WF_PLANT(NO_FENCE)) {
        return j != NULL && a != NULL && !wf_job_is_final(j->state) && j->agent != NULL
                   ? j
                   : NULL;
    }
    return j != NULL && a != NULL && j->agent == a && j->attempt == attempt && j->occupies
               ? j
               : NULL;
}

void on_started(struct turn *t)
{
    const struct wf_started *m = &t->msg->u.started;
    struct job *j = present(t, &m->job, m->attempt);

    if (hedge_started(t, speaker(t)) || j == NULL) {
        return;
    }
    if (j->state != WF_JOB_ASSIGNED) {
        work_ran(t->c, j, m->ago_us); /* said again, after a restart or a move */
        return;
    }
    asked_started(t->c, j);
    work_started(t->c, j);
    routes_fetched(t->c, j);
    work_ran(t->c, j, m->ago_us);
    (void) job_plan(&t->c->jobs, j);
    /* So that an attempt that takes its site down is counted after the crash. */
    ledger_write(t->c, j, LEDGER_ATTEMPT);
    work_tell_state(t->c, j, t->out);
    hedge_plan(t->c, j);
    notice_started(t->c, j, t->out);
    preempt_at(t->c, j->agent, t->out);
}

/* Output is kept as far as live jobs leave room for it. */
static int has_room(struct core *c, const struct wf_output *m, struct wf_effects *out)
{
    size_t more = LOG_HEAD_MAX + m->data.len;

    if (more > c->cfg.max_bytes) {
        return 0;
    }
    work_retain(c, more, out);
    return c->jobs.bytes <= c->cfg.max_bytes - more;
}

void on_output(struct turn *t)
{
    const struct wf_output *m = &t->msg->u.output;
    struct job *j = present(t, &m->job, m->attempt);

    if (j == NULL || wf_job_is_final(j->state) || m->stream == 0) {
        t->c->count.output_dropped++;
        return;
    }
    if (has_room(t->c, m, t->out)) {
        job_log(&t->c->jobs, j, (unsigned) m->stream, (uint32_t) m->attempt, m->offset,
                m->data);
    } else {
        j->log_cut += m->data.len;
    }
    if (j->guest != NULL) {
        guest_tell_output(j, m, t->out);
    }
    for (struct wf_list_node *n = wf_list_first(&j->watches); n != NULL;
         n = wf_list_next(&j->watches, n)) {
        const struct watch *w = CONTAINER_OF(n, struct watch, of_job);

        if (w->output) {
            wf_effects_send(t->out, w->session->peer, WF_MSG_output, m);
        }
    }
}

/* Its inputs are on their way. */
void on_fetching(struct turn *t)
{
    const struct wf_fetching *m = &t->msg->u.fetching;
    struct job *j = present(t, &m->job, m->attempt);

    if (j != NULL && j->state == WF_JOB_ASSIGNED) {
        j->fetch_done = wf_min_u64(m->bytes, m->total);
        j->fetch_total = m->total;
        j->fetch_left_us = wf_us_of_ms(m->left_ms);
        j->fetch_us = t->c->now_us;
        j->fetch_stands = (uint8_t) m->stands;
        j->fetch_resume_us =
            m->resume_ms == 0
                ? 0
                : wf_add_sat(t->c->now_us, wf_min_u64(m->resume_ms, UINT32_MAX) * 1000);
        if (j->fetch_from == NULL || !wf_slice_is(m->from, j->fetch_from->name)) {
            j->fetch_from = registry_named(&t->c->registry, m->from);
        }
        if (j->guest != NULL) {
            guest_tell_fetching(j, m, t->out);
        }
    }
}

/* What moving data to an agent costs is learned from what it moved. */
static void learn_rate(struct core *c, struct agent *a, const struct wf_result *m)
{
    if (m->fetched >= RATE_BYTES_MIN && m->fetch_us != 0) {
        wf_ewma_add(&a->fetch_rate,
                    wf_min_u64(m->fetched, UINT64_MAX / 1000000) * 1000000 / m->fetch_us,
                    RATE_SHIFT);
        routes_measured(c, a);
    }
}

/* It was ended while it ran: that tells that such runs take at least so long. */
static int was_cut(int code)
{
    return code == WEFT_EWALL || code == WEFT_EPREEMPTED;
}

static void learn(struct core *c, struct job *j, int code, const struct wf_result *m)
{
    struct offer *o = agent_offer(j->agent, j->capability, j->ran_version);

    if (code != 0) {
        j->agent->failed++;
        if (o != NULL) {
            o->failed++;
        }
        if (was_cut(code)) {
            routes_learn(c, j, m, 1);
        }
        return;
    }
    j->agent->done++;
    if (o != NULL) {
        o->done++;
    }
    routes_learn(c, j, m, 0);
}

/* What the handler itself did wrong, as against what happened to it. */
static int is_handlers_fault(int code)
{
    return code == WEFT_EFAILED || code == WEFT_EWALL || code == WEFT_EOUTPUT ||
           code == WEFT_ERESOURCE || code == WEFT_ETOOBIG;
}

/* No attempt anywhere can do better: the job and the command do not go together. */
static int is_in_vain(int code)
{
    return code == WEFT_EINVAL;
}

/* Who was stopped by a broker that does not know of it any more is not to blame. */
static enum work_blame blame_of(const struct job *j, int code, const struct wf_result *m)
{
    if (code == WEFT_EPREEMPTED || code == WEFT_EDRAIN) {
        return BLAME_NOBODY;
    }
    if (agent_is_site(j->agent) && (code == WEFT_EBUSY || code == WEFT_ENOCAP ||
                                    code == WEFT_ERECALLED || code == WEFT_EPERM)) {
        return BLAME_NOBODY; /* it was given back while the link was cut */
    }
    if (code == WEFT_EDEAD) {
        return BLAME_CRASH; /* another site gave up on it, most often as poison */
    }
    return !is_handlers_fault(code)                 ? BLAME_PLACE
           : code == WEFT_EFAILED && m->signal != 0 ? BLAME_CRASH
                                                    : BLAME_HANDLER;
}

static void conclude(struct turn *t, struct job *j, const struct wf_result *m)
{
    struct core *c = t->c;
    int too_big = m->data.len > c->cfg.max_payload;
    int code = too_big ? WEFT_ETOOBIG : -(int) m->code;
    char reason[WF_TEXT_MAX + 1];
    struct work_end end = {.state = code == 0 ? WF_JOB_OK : WF_JOB_FAILED,
                           .code = code,
                           .exit_code = (unsigned) m->exit_code,
                           .term_signal = (unsigned) m->signal,
                           .run_us = m->run_us,
                           .cut = m->cut,
                           .reason = reason,
                           .data = too_big ? wf_slice_make(NULL, 0) : m->data};

    if (code == 0) {
        code = data_result_at(c, j, j->agent, m);
    }
    wf_slice_str(m->reason, reason, sizeof reason);
    j->fetched = wf_add_sat(j->fetched, m->fetched);
    j->fetch_total = 0;
    learn_rate(c, j->agent, m);
    if (j->state == WF_JOB_ASSIGNED) {
        work_started(c, j);
    }
    work_ran(c, j, m->run_us);
    end.wait_us = j->started_us - j->accepted_us;
    numbers_ended(j, m);
    routes_pay(c, j, m);
    j->cost_pusd = wf_add_sat(j->cost_pusd, m->cost_pusd);
    if (asked_ended(c, j, code, t->out)) {
        return;
    }
    learn(c, j, code, m);
    work_release(c, j);
    if (code != 0 && !is_in_vain(code) &&
        (!is_handlers_fault(code) || (j->retry_failed && j->tries + 1 < j->max_tries))) {
        work_retry(c, j, is_handlers_fault(code) ? WEFT_EFAILED : code,
                   reason[0] != '\0' ? reason : wf_err_sentence(code),
                   blame_of(j, code, m), t->out);
        return;
    }
    work_finish(c, j, &end, t->out);
}

void on_result(struct turn *t)
{
    struct core *c = t->c;
    const struct wf_result *m = &t->msg->u.result;
    const struct wf_result_ack ack = {m->job, m->attempt};
    struct agent *a = speaker(t);
    struct job *j;
    int safe = 1, in_vain = hedge_result(t, a);

    j = present(t, &m->job, m->attempt);
    if (j != NULL && !wf_job_is_final(j->state)) {
        safe = j->class_ == WF_CLASS_FAST; /* else it is not forgotten in here */
        conclude(t, j, m);
        /* When its copy goes on in its place, what is lost with a crash is that it
         * failed; and the copy may end before that is written. */
        safe |= j->occupies && j->attempt != m->attempt;
    } else if (j != NULL) {
        /* Cancelled or expired meanwhile: the agent confirms that the attempt is over. */
        work_release(c, j);
        safe = ledger_settled(c, j);
    } else {
        j = jobs_get(&c->jobs, &m->job);
        if (j != NULL && j->agent == a && j->attempt == m->attempt) {
            safe = ledger_settled(c, j); /* said again, because the answer was lost */
        } else {
            c->count.superseded += !in_vain;
            if (j != NULL) {
                j->superseded += !in_vain;
            }
        }
    }
    if (WF_PLANT(RESULT_ACK_BEFORE_SYNC)) {
        safe = 1;
    }
    if (safe) {
        wf_effects_send_lazy(t->out, t->s->peer, WF_MSG_result_ack, &ack);
    } else {
        j->acker = t->s->peer;
        j->ack_attempt = (uint32_t) m->attempt;
    }
    if (a != NULL) {
        data_result_told(c, a, &m->blob, t->out);
        work_feed(c, a, t->out);
    }
}

/* Where placement sees itself that its data is forbidden it is not put again.  What it
 * does not see (a file far behind in a folder) would be tried for ever. */
static enum work_blame blame_of_refusal(const struct core *c, const struct job *j,
                                        const struct wf_refuse *m)
{
    return m->code == -WEFT_EPERM && inputs_allow(c, j, j->agent) ? BLAME_PLACE
                                                                  : BLAME_NOBODY;
}

void on_refuse(struct turn *t)
{
    const struct wf_refuse *m = &t->msg->u.refuse;
    struct job *j = present(t, &m->job, m->attempt);
    char text[WF_TEXT_MAX + 1];

    if (hedge_refused(t, speaker(t)) || j == NULL) {
        return;
    }
    numbers_refused(j, m);
    if (!wf_job_is_final(j->state) && asked_ended(t->c, j, -(int) m->code, t->out)) {
        return;
    }
    t->c->count.refused_by_agent++;
    work_release(t->c, j);
    if (wf_job_is_final(j->state)) {
        return;
    }
    wf_slice_str(m->text, text, sizeof text);
    if (j->guest != NULL && agent_is_site(j->agent) && m->code == -WEFT_ENOCAP &&
        place_refusals(t->c, j) + 1 < WF_TRIES_MAX) {
        /* Not there, and perhaps elsewhere. */
        work_again(t->c, j, WEFT_ENOCAP, text, t->out);
        work_place(t->c, j, t->out);
        return;
    }
    if (j->guest != NULL && (agent_is_site(j->agent) || m->code == -WEFT_EPERM ||
                             m->code == -WEFT_ENOENT || m->code == -WEFT_EUNREACH)) {
        /* Its data cannot be had there, or a further broker does not take it. */
        guest_give_back(t->c, j, -(int) m->code, text, t->out);
        return;
    }
    if (m->code == -WEFT_EFULL || m->code == -WEFT_ETOOBIG || m->code == -WEFT_ENOENT) {
        /* Its data cannot be had there: no lost race, and not to be asked for ever. (What
         * is at nobody's who can be reached will be there again, and what is forbidden
         * there is allowed elsewhere: that counts as no attempt, as far as it is seen.)
         */
        work_retry(t->c, j, -(int) m->code,
                   text[0] != '\0' ? text : wf_err_sentence(-(int) m->code), BLAME_PLACE,
                   t->out);
        return;
    }
    if (m->code == -WEFT_EPERM && j->forbidden == NULL) {
        j->forbidden = wf_calloc(1, sizeof *j->forbidden);
        t->c->count.out_of_memory += j->forbidden == NULL;
    }
    work_retry(t->c, j, m->code != 0 ? -(int) m->code : WEFT_EREFUSED,
               text[0] != '\0' ? text : "the agent refused it",
               blame_of_refusal(t->c, j, m), t->out);
}

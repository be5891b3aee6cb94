#include "broker/core/jobs/work.h"

#include "broker/core/data/inputs.h"
#include "broker/core/jobs/asked.h"
#include "broker/core/jobs/hedge.h"
#include "broker/core/jobs/ledger.h"
#include "broker/core/jobs/preempt.h"
#include "broker/core/jobs/recall.h"
#include "broker/core/jobs/reuse.h"
#include "broker/core/mesh/guests.h"
#include "broker/core/mesh/numbers.h"
#include "broker/core/place/place.h"
#include "broker/core/place/routes.h"
#include "common/err.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/plant.h"
#include "common/str.h"
#include "proto/words.h"

#include <stdio.h>
#include <string.h>

#define PASSED_MAX 64u /* jobs that must stay, looked at by one call */
/* Jobs that one call finds out not to fit after all. */
#define MISSES_MAX 8u
#define AGE_RUNS   10u
/* How long beyond its limit an agent may stay silent about a run. */
#define OVERDUE_SLACK_MS 10000u

void work_send_assign(struct core *c, struct job *j, struct wf_effects *out)
{
    struct wf_assign m = {.job = j->id,
                          .attempt = j->attempt,
                          .capability = wf_slice_of(j->capability->name),
                          .version = j->ran_version,
                          .payload = job_payload(j),
                          .wall_ms = j->wall_ms,
                          .priority = j->priority,
                          .inputs = j->inputs,
                          .payload_blob = j->payload_blob,
                          .payload_size = j->payload_size,
                          .residency = wf_slice_of(j->residency)};

    j->unsent = 0;
    if (!j->occupies || j->agent->session == NULL || !j->agent->synced) {
        return; /* it will not know of it when it tells what it holds */
    }
    if (j->deadline_us != 0) {
        m.deadline_ms =
            c->wall_ms + (wf_max_u64(j->deadline_us, c->now_us) - c->now_us) / 1000;
    }
    if (j->disconnect == WF_STOP_AFTER) {
        m.stop_after_ms = wf_max_u64(j->disconnect_ms, 1);
    }
    if (j->agent->neighbour != NULL) {
        guest_terms(c, j, &m);
    } else {
        m.begin_ms = preempt_begin_ms(c, j);
        m.left_ms = m.begin_ms != 0 ? preempt_left_ms(c, j) : 0;
        m.yields = preempt_yields(c, j) != 0;
    }
    numbers_show(j, &m);
    m.work_us = j->work_us;
    m.seq = ++j->agent->session->assign_seq;
    j->sent_seq = m.seq;
    wf_effects_send(out, j->agent->session->peer, WF_MSG_assign, &m);
}

static void assign(struct core *c, struct job *j, struct offer *o,
                   const struct route_row *row, struct wf_effects *out)
{
    capability_dequeue(j->capability, j);
    job_move(&c->jobs, j, WF_JOB_ASSIGNED);
    j->agent = o->agent;
    j->attempt = numbers_next(j);
    j->numbers = numbers_for(j, j->attempt, j->agent);
    j->number = 0;
    j->started_us = 0;
    j->retry_us = 0;
    j->fetch_total = 0;
    work_occupy(c, j, o, row);
    (void) job_plan(&c->jobs, j);
    c->count.assigned++;
    if (j->class_ == WF_CLASS_DURABLE && (job_has_policy(j) || agent_is_site(j->agent))) {
        /* Whom it waits for must be known after a crash as well. */
        j->unsent = 1;
        ledger_write(c, j, LEDGER_ATTEMPT);
    } else {
        work_send_assign(c, j, out);
    }
    work_tell_state(c, j, out);
}

/* May it be assigned as far as its records go? */
static int is_reserved(const struct core *c, const struct job *j)
{
    if (WF_PLANT(NO_RESERVE)) {
        return 1;
    }
    return j->class_ != WF_CLASS_DURABLE ||
           (ledger_settled(c, j) && numbers_next(j) <= j->reserved);
}

/* It cannot run any more, anywhere. */
static void end_without(struct core *c, struct job *j, struct wf_slice ref,
                        struct wf_effects *out)
{
    char text[WF_TEXT_MAX + 1], name[128];
    const struct work_end end = {
        .state = WF_JOB_DEAD, .code = WEFT_EDEAD, .reason = text};

    (void) snprintf(text, sizeof text, "its input %s was removed",
                    wf_slice_str(ref, name, sizeof name));
    work_finish(c, j, &end, out);
}

/* It cannot be done in time any more: what waits behind it may. */
static void end_late(struct core *c, struct job *j, uint64_t best_us,
                     struct wf_effects *out)
{
    char text[WF_TEXT_MAX + 1];
    const struct work_end end = {
        .state = WF_JOB_EXPIRED, .code = WEFT_ELATE, .reason = text};

    (void) snprintf(text, sizeof text,
                    "it could not be done by its deadline any more: %u ms at the best",
                    (unsigned) wf_min_u64(best_us / 1000, UINT32_MAX));
    c->count.late++;
    work_finish(c, j, &end, out);
}

static void place(struct core *c, struct job *j, struct agent *sure,
                  struct wf_effects *out)
{
    const struct place_ask ask = {.sure = sure};
    struct decision *d;
    struct wf_slice ref;
    struct offer *o;
    uint64_t best_us;

    if (j->leader != NULL || j->unclaimed || c->rolled_back || !is_reserved(c, j)) {
        return; /* it is placed when that is over */
    }
    if (inputs_gone(c, j, &ref)) {
        end_without(c, j, ref, out);
        return;
    }
    if (numbers_used_up(j)) {
        guest_used_up(c, j, out);
        return;
    }
    d = decisions_next(&c->decisions);
    o = place_choose(c, j, &ask, d);
    if (o != NULL) {
        d->attempt = numbers_next(j);
        assign(c, j, o, &d->route.rows[d->route.best], out);
    } else if (j->deadline_us != 0 && place_is_late(d, &best_us)) {
        end_late(c, j, best_us, out);
    } else if (j->guest != NULL && !guest_may_wait(d)) {
        guest_give_back(c, j, guest_cannot(d), "no agent here may run it now", out);
    } else if (wf_list_empty(&j->in_queue)) {
        capability_enqueue(j->capability, j, j->attempt != 0);
    }
    if (j->guest != NULL && !wf_job_is_final(j->state) &&
        (j->guest->back_us == 0) == (j->state == WF_JOB_QUEUED)) {
        guest_waits(c, j);
    }
    preempt_for(c, j, d, out);
}

void work_place(struct core *c, struct job *j, struct wf_effects *out)
{
    place(c, j, NULL, out);
}

struct asked {
    const struct core *c;
    const struct offer *o;
};

static int fits(const struct job *j, void *arg)
{
    const struct asked *x = arg;

    return place_filter(x->c, j, x->o) == PLACE_PASSED;
}

/* The level of the jobs of a priority: one more for each ten runs that the first of them
 * has waited, so that none waits for ever. */
static uint64_t level_of(const struct core *c, const struct capability *cap, unsigned p,
                         uint64_t run_us)
{
    uint64_t oldest_us = capability_oldest_us(cap, p);

    if (oldest_us == UINT64_MAX) {
        return 0;
    }
    return 1 + p + (c->now_us - wf_min_u64(oldest_us, c->now_us)) / (AGE_RUNS * run_us);
}

/* The next job for which this offer has room; NULL: none.  Highest level first, of equal
 * ones the higher priority. */
static struct job *next_ready(const struct core *c, struct offer *o)
{
    struct asked asked = {c, o};
    const struct runtime_key key = {.capability = o->capability->number};
    uint64_t levels[PRIORITIES];
    struct run_guess guess;

    if (o->capability->nready == 0) {
        return NULL;
    }
    runtimes_guess(c->runtimes, &key, &guess);
    for (unsigned p = 0; p < PRIORITIES; p++) {
        levels[p] = level_of(c, o->capability, p, wf_max_u64(guess.mean_us, 1000));
    }
    for (;;) {
        unsigned best = 0;
        struct job *j;

        for (unsigned p = 1; p < PRIORITIES; p++) {
            best = levels[p] >= levels[best] ? p : best;
        }
        if (levels[best] == 0) {
            return NULL;
        }
        j = capability_pick(o->capability, best, fits, &asked);
        if (j != NULL) {
            return j;
        }
        levels[best] = 0;
    }
}

void work_feed(struct core *c, struct agent *a, struct wf_effects *out)
{
    unsigned misses = 0;
    int placed;

    if (a->state != AGENT_UP) {
        return;
    }
    /* One job a capability and round, so that none of them starves the others. */
    do {
        placed = 0;
        for (unsigned i = 0; i < a->noffers; i++) {
            struct offer *o = &a->offers[i];
            struct job *j = next_ready(c, o);

            if (j == NULL) {
                continue;
            }
            place(c, j, a, out);
            if (j->state != WF_JOB_QUEUED) {
                placed = 1;
            } else if (misses++ < MISSES_MAX) {
                /* It costs too much there, or the like. */
                capability_requeue(o->capability, j);
                placed = 1;
            }
        }
    } while (placed);
    recall_for(c, a, out);
}

/* 0: none.  At another site several attempts may follow each other, each with the limit
 * of its agent, or of one further on: that site sees to them. */
static uint64_t wall_limit_ms(const struct job *j)
{
    const struct offer *o = agent_offer(j->agent, j->capability, j->ran_version);
    uint64_t ms = j->wall_ms;

    if (agent_is_site(j->agent)) {
        return 0;
    }
    if (o != NULL && o->wall_ms != 0) {
        ms = ms != 0 ? wf_min_u64(ms, o->wall_ms) : o->wall_ms;
    }
    return ms;
}

void work_started(struct core *c, struct job *j)
{
    uint64_t wall_ms = wall_limit_ms(j);

    j->started_us = c->now_us;
    j->agent->running++;
    if (wall_ms != 0) {
        j->overdue_us =
            wf_add_sat(c->now_us, wf_us_of_ms(wf_add_sat(wall_ms, OVERDUE_SLACK_MS)));
    }
    job_move(&c->jobs, j, WF_JOB_RUNNING);
}

void work_ran(struct core *c, struct job *j, uint64_t run_us)
{
    const uint64_t age_us = wf_min_u64(run_us, c->now_us - j->accepted_us);

    if (age_us > c->now_us - j->started_us) {
        j->started_us = wf_max_u64(c->now_us - age_us, 1);
    }
}

void work_came_back(struct core *c, struct job *j)
{
    j->cut_us = 0;
    j->asked = ASKED_NOT; /* what was asked may have been lost with the session */
    if (j->overdue_us != 0) {
        j->overdue_us = wf_max_u64(j->overdue_us, c->now_us + OVERDUE_SLACK_MS * 1000);
    }
    (void) job_plan(&c->jobs, j);
}

void work_occupy(struct core *c, struct job *j, struct offer *o,
                 const struct route_row *row)
{
    struct agent *a = j->agent;

    j->occupies = 1;
    a->assigned++;
    a->bytes += job_weight(j);
    wf_list_push_back(&a->attempts, &j->in_agent);
    /* Without an offer it counts to none, until the agent offers that version. */
    j->ran_version = o != NULL ? o->version : j->version;
    if (o != NULL) {
        o->assigned++;
    }
    routes_sent(c, j, row, o != NULL);
}

void work_release(struct core *c, struct job *j)
{
    struct agent *a = j->agent;
    struct offer *o;

    if (!j->occupies) {
        return;
    }
    j->occupies = 0;
    j->asked = ASKED_NOT;
    j->cut_us = 0;
    j->unsent = 0;
    wf_list_remove(&j->in_agent);
    a->assigned--;
    a->bytes -= job_weight(j);
    a->running -= j->started_us != 0;
    o = agent_offer(a, j->capability, j->ran_version);
    if (o != NULL) {
        o->assigned--;
    }
    routes_ended(c, j, o != NULL);
}

void work_stop(struct job *j, int code, struct wf_effects *out)
{
    const struct wf_stop m = {j->id, j->attempt, (uint64_t) -code};

    if (j->occupies && j->agent->session != NULL) {
        wf_effects_send(out, j->agent->session->peer, WF_MSG_stop, &m);
    }
}

static void count_end(struct core *c, const struct job *j)
{
    uint64_t *const by_state[WF_JOB_STATES] = {
        [WF_JOB_OK] = &c->count.ok,           [WF_JOB_FAILED] = &c->count.failed,
        [WF_JOB_DEAD] = &c->count.dead,       [WF_JOB_CANCELLED] = &c->count.cancelled,
        [WF_JOB_EXPIRED] = &c->count.expired,
    };

    ++*by_state[j->state];
}

void work_accept(struct core *c, struct job *j, struct wf_effects *out)
{
    const int was_told = j->told; /* by the broker that we took it over from */
    struct wf_accepted m = {.job = j->id,
                            .class_ = j->class_,
                            .state = WF_JOB_QUEUED,
                            .known = (uint64_t) was_told,
                            .reused = j->reused};

    c->count.accepted += !was_told;
    j->told = 1;
    for (; j->owed != 0 && session_get(&c->sessions, j->acceptor) != NULL; j->owed--) {
        if (j->class_ == WF_CLASS_FAST && j->submitter != 0) {
            wf_effects_send_lazy(out, j->acceptor, WF_MSG_accepted, &m);
        } else {
            wf_effects_send(out, j->acceptor, WF_MSG_accepted, &m); /* it is waited for */
        }
        m.known = 1; /* the others were the same job again */
    }
    j->acceptor = 0;
    j->owed = 0;
    if (j->state == WF_JOB_ACCEPTED) {
        job_move(&c->jobs, j, WF_JOB_QUEUED);
    }
}

void work_finish(struct core *c, struct job *j, const struct work_end *end,
                 struct wf_effects *out)
{
    capability_dequeue(j->capability, j);
    wf_list_remove(&j->in_followers);
    j->leader = NULL;
    j->unclaimed = 0;
    job_move(&c->jobs, j, end->state);
    j->finished_us = c->now_us;
    j->finished_ms = c->wall_ms;
    j->code = end->code;
    j->exit_code = end->exit_code;
    j->term_signal = end->term_signal;
    j->wait_us = end->wait_us;
    j->run_us = end->run_us;
    j->cut = end->cut;
    if (job_set_result(&c->jobs, j, end->data, end->reason) != 0) {
        /* The outcome stands; its bytes could not be kept.  Say so rather than serve an
         * empty result as the true one. */
        c->count.out_of_memory++;
        j->code = WEFT_ERESULT;
    }
    count_end(c, j);
    hedge_over(c, j, out);
    if (j->occupies && j->agent->state == AGENT_OFFLINE) {
        work_release(c, j); /* nobody will confirm that the attempt is over */
    }
    if (j->class_ == WF_CLASS_DURABLE) {
        ledger_write(c, j, LEDGER_OUTCOME);
        if (WF_PLANT(OUTCOME_BEFORE_SYNC)) {
            work_tell_outcome(c, j, out);
        }
    } else {
        work_tell_outcome(c, j, out);
        reuse_finished(c, j, out);
    }
}

/* Its agent has still to confirm that the attempt is over, or its outcome is not safe and
 * told yet, or someone is at it. */
static int must_stay(const struct core *c, const struct job *j)
{
    return j->occupies || j->held || hedge_is_on(j) || !wf_list_empty(&j->followers) ||
           !ledger_settled(c, j);
}

void work_drop(struct core *c, struct job *j, struct wf_effects *out)
{
    if (!must_stay(c, j)) {
        ledger_drop(c, j, out);
        data_job_gone(c, j, out);
        jobs_forget(&c->jobs, j);
    }
}

void work_retain(struct core *c, size_t more, struct wf_effects *out)
{
    struct wf_list_node *n;

    for (unsigned passed = 0; passed < PASSED_MAX;) {
        struct job *j;
        int old;

        n = wf_list_first(&c->jobs.done);
        if (n == NULL) {
            return;
        }
        j = CONTAINER_OF(n, struct job, in_done);
        old = c->now_us - j->finished_us > c->cfg.retain_ms * 1000;
        if (!old && c->jobs.retained <= c->cfg.retain_jobs &&
            c->jobs.bytes <= c->cfg.max_bytes - more) {
            return;
        }
        if (must_stay(c, j)) {
            /* Looked at again when the others were. */
            wf_list_remove(n);
            wf_list_push_back(&c->jobs.done, n);
            passed++;
            continue;
        }
        c->count.results_evicted += !old;
        work_drop(c, j, out);
    }
}

static void expire(struct core *c, struct job *j, struct wf_effects *out)
{
    const struct work_end end = {.state = WF_JOB_EXPIRED,
                                 .code = WEFT_EEXPIRED,
                                 .reason = j->state == WF_JOB_RUNNING
                                               ? "the deadline passed while it ran"
                                               : "the deadline passed before it started"};

    work_stop(j, WEFT_EEXPIRED, out);
    work_finish(c, j, &end, out);
}

static void due(struct core *c, struct job *j, struct wf_effects *out)
{
    if (j->deadline_us != 0 && c->now_us >= j->deadline_us) {
        expire(c, j, out);
        return;
    }
    if (j->state == WF_JOB_RUNNING && j->overdue_us != 0 && c->now_us >= j->overdue_us &&
        j->cut_us == 0) {
        work_stop(j, WEFT_EWALL, out);
        work_release(c, j);
        work_retry(c, j, WEFT_EWALL, "the agent did not end the run at its limit",
                   BLAME_PLACE, out);
        return;
    }
    if (j->occupies && j->cut_us != 0 && c->now_us >= j->cut_us) {
        work_release(c, j);
        c->count.lost_attempts++;
        work_retry(c, j, WEFT_ELOST,
                   "the agent was cut off for longer than the job allows", BLAME_PLACE,
                   out);
        return;
    }
    if (j->state == WF_JOB_QUEUED && j->retry_us != 0 && c->now_us >= j->retry_us) {
        j->retry_us = 0;
        work_place(c, j, out);
    }
    if (j->guest != NULL) {
        guest_due(c, j, out);
    }
    hedge_due(c, j, out);
    (void) job_plan(&c->jobs, j);
}

void work_tick(struct core *c, struct wf_effects *out)
{
    struct wf_heap_node *n;

    while ((n = wf_heap_min(&c->jobs.timers)) != NULL && n->key <= c->now_us) {
        due(c, CONTAINER_OF(n, struct job, timer), out);
    }
}

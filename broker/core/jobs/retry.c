/* Attempts that failed, agents that were lost: again, later, or not any more. */
#include "broker/core/jobs/hedge.h"
#include "broker/core/jobs/ledger.h"
#include "broker/core/jobs/work.h"
#include "broker/core/mesh/numbers.h"

#include "common/err.h"
#include "common/str.h"

#include <stdio.h>
#include <string.h>

static uint64_t back_off_us(struct core *c, unsigned tries)
{
    uint64_t ms = c->cfg.retry_min_ms;

    for (unsigned i = 1; i < tries && ms < c->cfg.retry_max_ms; i++) {
        ms *= 2;
    }
    ms = wf_min_u64(ms, c->cfg.retry_max_ms);
    return (ms / 2 + wf_rng_below(&c->rng, ms / 2 + 1)) * 1000;
}

static void note_try(const struct core *c, struct job *j, int code, const char *reason)
{
    struct job_try try = {.agent = j->agent,
                          .attempt = j->attempt,
                          .code = code,
                          .end_us = c->now_us,
                          .start_ms = (j->started_us - j->accepted_us) / 1000,
                          .run_us = c->now_us - j->started_us};

    if (j->started_us == 0) {
        try.start_ms = 0;
        try.run_us = 0;
    }
    (void) wf_str_copy(try.reason, sizeof try.reason, reason);
    job_add_try(j, &try);
}

/* The job has used up what it may: DEAD, or FAILED when its handler was the last to say
 * no. */
static void give_up(struct core *c, struct job *j, int code, const char *reason,
                    enum work_blame blame, struct wf_effects *out)
{
    char text[WF_TEXT_MAX + 1];
    struct work_end end = {.state = WF_JOB_DEAD, .code = WEFT_EDEAD, .reason = text};

    if (blame == BLAME_CRASH && j->crashes >= c->cfg.crash_limit) {
        c->count.poisoned++;
        (void) snprintf(text, sizeof text,
                        "poison: %u attempts took their process with them; the last: %s",
                        j->crashes, reason);
    } else {
        (void) snprintf(text, sizeof text, "%s", reason);
        if (code == WEFT_EFAILED) {
            end.state = WF_JOB_FAILED;
            end.code = code;
        }
    }
    text[wf_utf8_cut(text, strlen(text))] = '\0';
    work_finish(c, j, &end, out);
}

void work_retry(struct core *c, struct job *j, int code, const char *reason,
                enum work_blame blame, struct wf_effects *out)
{
    int counts = blame != BLAME_NOBODY;

    if (j->original == NULL) {
        note_try(c, j, code, reason);
    }
    j->tries += counts;
    j->lost += blame == BLAME_PLACE;
    j->crashes += blame == BLAME_CRASH;
    j->avoid = j->agent;
    j->overdue_us = 0;
    if (hedge_goes_on(c, j, out)) {
        return;
    }
    hedge_number(j);
    if (j->tries >= j->max_tries || j->crashes >= c->cfg.crash_limit) {
        give_up(c, j, code, reason, blame, out);
        return;
    }
    c->count.retried++;
    job_move(&c->jobs, j, WF_JOB_QUEUED);
    j->started_us = 0;
    /* A lost race costs no attempt; but who is refused again and again asks less and less
     * often. */
    j->spared = counts ? 0 : j->spared + 1;
    j->retry_us = c->now_us + back_off_us(c, counts ? j->tries : j->spared);
    j->reserved = numbers_next(j);
    ledger_write(c, j, LEDGER_ATTEMPT);
    if (job_plan(&c->jobs, j) != 0) {
        /* No memory for a timer: let it wait in the queue instead. */
        j->retry_us = 0;
        if (ledger_settled(c, j)) {
            capability_enqueue(j->capability, j, 1);
        }
    }
    work_tell_state(c, j, out);
}

void work_again(struct core *c, struct job *j, int code, const char *reason,
                struct wf_effects *out)
{
    note_try(c, j, code, reason);
    j->avoid = j->agent;
    j->overdue_us = 0;
    job_move(&c->jobs, j, WF_JOB_QUEUED);
    j->started_us = 0;
    hedge_number(j);
    j->reserved = numbers_next(j);
    ledger_write(c, j, LEDGER_ATTEMPT);
    (void) job_plan(&c->jobs, j);
    work_tell_state(c, j, out);
}

void work_cut(struct core *c, struct agent *a)
{
    for (struct wf_list_node *n = wf_list_first(&a->attempts); n != NULL;
         n = wf_list_next(&a->attempts, n)) {
        struct job *j = CONTAINER_OF(n, struct job, in_agent);
        uint64_t ms = wf_min_u64(j->disconnect_ms, UINT64_MAX / 4000);

        if (wf_job_is_final(j->state) || a->principal->state != WF_KEY_ACTIVE) {
            continue;
        }
        if (j->disconnect == WF_KEEP) {
            j->cut_us = UINT64_MAX;
        } else if (j->disconnect == WF_STOP_AFTER) {
            /* The agent counts from when it heard us last; the stop itself takes time. */
            j->cut_us = c->now_us + (ms + c->cfg.lease_ms) * 1000;
        } else if (ms != 0) {
            j->cut_us = c->now_us + ms * 1000;
        }
        (void) job_plan(&c->jobs, j);
    }
}

void work_lose(struct core *c, struct agent *a, int all, const char *why,
               struct wf_effects *out)
{
    struct wf_list_node *n, *next;

    for (n = c->rolled_back ? NULL : wf_list_first(&a->attempts); n != NULL; n = next) {
        struct job *j = CONTAINER_OF(n, struct job, in_agent);

        next = wf_list_next(&a->attempts, n);
        if (wf_job_is_final(j->state)) {
            work_release(c, j);
        } else if (all || j->cut_us == 0) {
            work_release(c, j);
            c->count.lost_attempts++;
            work_retry(c, j, WEFT_ELOST, why,
                       a->notice_until_us != 0 ? BLAME_NOBODY : BLAME_PLACE, out);
        }
    }
}

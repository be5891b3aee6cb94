#include "broker/core/jobs/asked.h"

#include "broker/core/jobs/hedge.h"
#include "broker/core/jobs/ledger.h"
#include "broker/core/jobs/preempt.h"
#include "broker/core/jobs/work.h"
#include "common/err.h"

static const struct {
    int code;
    const char *reason;
} answers[] = {
    [ASKED_NOT] = {0, ""},
    [ASKED_BACK] = {WEFT_ERECALLED, "asked back for another agent"},
    [ASKED_WAY] = {WEFT_EPREEMPTED, "made way for more urgent work"},
    [ASKED_LEAVE] = {WEFT_EDRAIN, "the machine is to be taken away"},
};

int asked_may(const struct job *j)
{
    return (j->state == WF_JOB_ASSIGNED || j->state == WF_JOB_RUNNING) && !j->unsent &&
           j->asked == ASKED_NOT && j->cut_us == 0 && !hedge_is_on(j) &&
           j->agent->session != NULL && j->agent->synced;
}

void asked_ask(struct core *c, struct job *j, enum asked_why why, uint64_t grace_ms,
               struct wf_effects *out)
{
    const struct wf_stop m = {.job = j->id,
                              .attempt = j->attempt,
                              .code = (uint64_t) -answers[why].code,
                              .grace_ms = grace_ms,
                              .waiting = why == ASKED_BACK};

    j->asked = (uint8_t) why;
    c->count.asked_back += why == ASKED_BACK;
    wf_effects_send(out, j->agent->session->peer, WF_MSG_stop, &m);
}

void asked_started(struct core *c, struct job *j)
{
    if (j->asked == ASKED_BACK) {
        j->asked = ASKED_NOT;
        c->count.recalls_lost++;
    }
}

/* What was asked for.  A machine that goes away closes for new work, so that what it
 * gives back of its own accord does not come back to it; and an agent stops what yields.
 */
static unsigned answered(const struct core *c, const struct job *j, int code)
{
    if (j->asked != ASKED_NOT && code == answers[j->asked].code) {
        return j->asked;
    }
    if (code == WEFT_EDRAIN && j->agent->notice_until_us != 0) {
        return ASKED_LEAVE;
    }
    return code == WEFT_EPREEMPTED && preempt_yields(c, j) ? ASKED_WAY : ASKED_NOT;
}

int asked_ended(struct core *c, struct job *j, int code, struct wf_effects *out)
{
    const unsigned why = answered(c, j, code);
    struct agent *a = j->agent;

    if (why == ASKED_NOT || hedge_is_on(j)) {
        c->count.recalls_lost += j->asked == ASKED_BACK;
        return 0;
    }
    c->count.recalled += why == ASKED_BACK;
    c->count.preempted += why == ASKED_WAY;
    j->preempted += why == ASKED_WAY && j->preempted < UINT8_MAX;
    work_release(c, j);
    work_again(c, j, code, answers[why].reason, out);
    /* By priority: who it made way for comes first. */
    work_feed(c, a, out);
    if (j->state == WF_JOB_QUEUED && ledger_settled(c, j)) {
        work_place(c, j, out);
    }
    return 1;
}

#include "broker/core/jobs/notice.h"

#include "broker/core/jobs/asked.h"
#include "broker/core/place/routes.h"
#include "common/log.h"

#define GRACE_MS    5000u
#define EXPECTED_PM 500u /* the run is as likely to be longer as to be shorter */

void notice_started(struct core *c, struct job *j, struct wf_effects *out)
{
    const struct agent *a = j->agent;
    uint64_t left_us = a->notice_until_us - wf_min_u64(a->notice_until_us, c->now_us);
    uint64_t run_us;

    if (a->notice_until_us == 0 || j->state != WF_JOB_RUNNING || !asked_may(j)) {
        return;
    }
    run_us = routes_run_us(c, j, EXPECTED_PM);
    if (run_us != 0 && wf_add_sat(j->started_us, run_us) > c->now_us + left_us) {
        asked_ask(c, j, ASKED_LEAVE, wf_max_u64(1, wf_min_u64(GRACE_MS, left_us / 2000)),
                  out);
    }
}

void notice_heard(struct core *c, struct agent *a, uint64_t notice_ms,
                  struct wf_effects *out)
{
    int was = a->notice_until_us != 0;

    notice_ms = wf_min_u64(notice_ms, UINT64_MAX / 4000);
    a->notice_until_us = notice_ms != 0 ? c->now_us + notice_ms * 1000 : 0;
    if (notice_ms == 0) {
        return;
    }
    a->draining = 1;
    routes_open(c, a);
    if (!was) {
        c->count.notices++;
        core_news(
            c, out, WF_LOG_WARN, "agent-notice", a->principal->name, NULL,
            "the machine of agent %s is taken away in %llu s; it holds %llu attempts",
            a->principal->name, (unsigned long long) (notice_ms / 1000),
            (unsigned long long) a->assigned);
    }
    for (struct wf_list_node *n = wf_list_first(&a->attempts); n != NULL;
         n = wf_list_next(&a->attempts, n)) {
        notice_started(c, CONTAINER_OF(n, struct job, in_agent), out);
    }
}

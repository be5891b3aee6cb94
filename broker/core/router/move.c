/* Whether what waits at one node should move to another. */
#include "broker/core/router/router_int.h"

#include "proto/words.h"

/* How long the job that is there already waits: for all but itself. */
static uint64_t wait_there(const struct routing *r, const struct route_job *job,
                           const struct route_waiting *there)
{
    const struct rnode *n = &r->nodes[there->node];
    const struct entry *e = routing_entry(r, there->node, job->capability);
    const struct route_load l = routing_load(r, there->node);
    const uint64_t jobs = l.jobs - (l.jobs != 0);
    const uint64_t work_us = l.work_us - wf_min_u64(l.work_us, there->work_us);
    const uint64_t others = wf_max_u64(e->assigned, 1) - 1;

    return wf_max_u64(score_wait(jobs, work_us, n->slots, n->speed_pm),
                      score_wait(others, wf_min_u64(others * there->work_us, work_us),
                                 e->slots, n->speed_pm));
}

int routing_is_sooner(const struct routing *r, const struct route_job *job,
                      const struct route_waiting *there, uint32_t here, uint64_t least_us,
                      uint64_t now_us)
{
    const int occupies = job->goal == WF_GOAL_THROUGHPUT;
    struct route_job rest = *job;
    struct route_row to, from;
    uint64_t then_us, stay_us;

    rest.ninputs = there->fetched ? 0 : job->ninputs;
    if (!routing_score(r, job, here, now_us, &to) || to.filter != PLACE_PASSED ||
        !routing_score(r, &rest, there->node, now_us, &from)) {
        return 0;
    }
    /* Nobody comes after it, here or there; that it is full there is the point. */
    to.score.others_us = from.score.others_us = 0;
    from.score.wait_us = wait_there(r, job, there);
    then_us = score_total(&to.score, occupies);
    stay_us = score_total(&from.score, occupies);
    return wf_add_sat(then_us, least_us) <= stay_us && then_us <= stay_us / 4 * 3;
}

#include "broker/core/router/load.h"

#include "common/plant.h"

void load_init(struct load *l)
{
    *l = (struct load){.others = LOAD_ONE};
}

/* Of what arrived lately, how much was ours?  Both fade by a fifth at each report. */
static void count_others(struct load *l, uint64_t came, uint32_t brokers)
{
    uint64_t all = (uint64_t) l->all_x16 * 4 / 5 + wf_min_u64(came, 1u << 24) * 16;
    uint64_t own = (uint64_t) l->own_x16 * 4 / 5 + (uint64_t) l->sent * 16;

    l->all_x16 = (uint32_t) wf_min_u64(all, UINT32_MAX / 2);
    l->own_x16 = (uint32_t) wf_min_u64(own, UINT32_MAX / 2);
    l->others = (uint32_t) ((l->all_x16 + (uint64_t) brokers * 16) * LOAD_ONE /
                            (l->own_x16 + 16));
    l->others = (uint32_t) wf_min_u64(l->others, (uint64_t) brokers * LOAD_ONE);
    l->others = l->others < LOAD_ONE ? LOAD_ONE : l->others;
}

void load_report(struct load *l, const struct load_report *report, uint32_t brokers,
                 uint64_t now_us)
{
    if (brokers > 1) {
        /* A count that went back is another process's. */
        count_others(l, report->arrived - wf_min_u64(l->arrived, report->arrived),
                     brokers);
    }
    l->arrived = report->arrived;
    l->sent = 0;
    l->jobs = report->jobs;
    l->work_us = report->work_us;
    l->own_jobs = report->own_jobs;
    l->own_work_us = report->own_work_us;
    l->reported_us = now_us;
}

void load_sent(struct load *l, uint64_t work_us)
{
    l->own_jobs++;
    l->own_work_us = wf_add_sat(l->own_work_us, work_us);
    l->sent++;
}

void load_ended(struct load *l, uint64_t work_us, int covered)
{
    if (covered) {
        l->jobs -= l->jobs != 0;
        l->work_us -= wf_min_u64(l->work_us, work_us);
    } else {
        l->own_jobs -= l->own_jobs != 0;
        l->own_work_us -= wf_min_u64(l->own_work_us, work_us);
    }
}

struct route_load load_view(const struct load *l)
{
    if (WF_PLANT(STALE_LOAD)) {
        return (struct route_load){l->jobs, l->work_us};
    }
    return (struct route_load){
        l->jobs + ((uint64_t) l->own_jobs * l->others + LOAD_ONE / 2) / LOAD_ONE,
        wf_add_sat(l->work_us,
                   wf_min_u64(l->own_work_us, UINT64_MAX >> 16) * l->others / LOAD_ONE)};
}

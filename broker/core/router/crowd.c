#include "broker/core/router/crowd.h"

#define RISE_US UINT64_C(3000000) /* in which about half of a longer wait counts */
/* After a longer silence nobody knows what stood meanwhile. */
#define PAST_MAX_US UINT64_C(2000000)

static uint32_t clamp(uint64_t us)
{
    return (uint32_t) wf_min_u64(us, UINT32_MAX);
}

static uint32_t towards(uint32_t from, uint32_t to, uint64_t past_us)
{
    return to >= from ? from + (uint32_t) ((to - from) * past_us / (past_us + RISE_US))
                      : from - (uint32_t) ((from - to) * past_us / (past_us + RISE_US));
}

void crowd_report(struct crowd *c, const struct crowd_report *report)
{
    const uint64_t past_us = wf_min_u64(report->past_us, PAST_MAX_US);
    const uint32_t wait_us = clamp(report->wait_us);

    c->stand_us =
        wait_us <= c->stand_us ? wait_us : towards(c->stand_us, wait_us, past_us);
    if (report->jobs != 0) {
        const uint32_t mean_us = clamp(wf_max_u64(1, report->work_us / report->jobs));

        c->usual_us = c->usual_us == 0 ? mean_us : towards(c->usual_us, mean_us, past_us);
    }
}

uint16_t crowd_of(const struct crowd *c, uint64_t wait_us)
{
    const uint64_t us = wf_min_u64(wait_us, c->stand_us);

    return us == 0 || c->usual_us == 0
               ? 0
               : (uint16_t) wf_min_u64(us * CROWD_ONE / c->usual_us, UINT16_MAX);
}

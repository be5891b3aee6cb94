#include "broker/core/score.h"

static uint64_t mul_div_sat(uint64_t a, uint64_t b, uint64_t c)
{
    return a != 0 && b > UINT64_MAX / a ? UINT64_MAX / c : a * b / c;
}

uint64_t score_total(const struct score *s)
{
    uint64_t before = wf_max_u64(s->wait_us, wf_max_u64(s->fetch_us, s->warm_us));
    uint64_t t = wf_add_sat(wf_add_sat(s->link_us, before), s->run_us);

    return wf_add_sat(wf_add_sat(t, s->risk_us), s->money_us);
}

struct score score_agent(const struct score_in *in)
{
    struct score s = {.link_us = wf_add_sat(in->client_rtt_us, in->agent_rtt_us),
                      .fetch_us = in->fetch_us,
                      .warm_us = in->warm_us,
                      .run_us = in->run_us,
                      .risk_us = in->risk_us,
                      .money_us = in->money_us};

    /* With a slot free nothing is in the way; else this job starts when enough of those
     * ahead have ended that a slot comes to it. */
    if (in->ahead >= in->slots) {
        s.wait_us = mul_div_sat(in->ahead - in->slots + 1, in->queued_run_us, in->slots);
    }
    s.total_us = score_total(&s);
    return s;
}

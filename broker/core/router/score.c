#include "broker/core/router/score.h"

#define SECOND_US UINT64_C(1000000)

uint64_t score_mul_div_wide(uint64_t a, uint64_t b, uint64_t c)
{
    __extension__ unsigned __int128 q = a;

    q *= b;
    q = c != 0 ? q / c : UINT64_MAX;
    return q > UINT64_MAX ? UINT64_MAX : (uint64_t) q;
}

uint64_t score_total_wide(const struct score *s, int occupies)
{
    uint64_t t = wf_max_u64(s->wait_us, wf_max_u64(s->fetch_us, s->warm_us));

    t = wf_add_sat(t, s->link_us);
    t = wf_add_sat(t, s->run_us);
    t = wf_add_sat(t, s->risk_us);
    t = wf_add_sat(t, s->money_us);
    t = wf_add_sat(t, s->soft_us);
    t = wf_add_sat(t, s->others_us);
    return occupies ? wf_add_sat(t, s->fetch_us) : t;
}

uint64_t score_wait(uint64_t jobs, uint64_t work_us, uint32_t slots, uint32_t speed_pm)
{
    const uint64_t power = (uint64_t) slots * speed_pm;

    if (jobs < slots) {
        return 0;
    }
    /* It starts when all but slots - 1 of them have ended. */
    return score_mul_div(score_mul_div(work_us, jobs - slots + 1, jobs), 1000, power);
}

uint64_t score_others_wide(uint64_t before_us, uint64_t run_us, uint64_t work_us,
                           uint32_t crowd)
{
    const uint64_t later_us =
        score_mul_div(work_us, (uint64_t) crowd * OTHERS_CROWD, CROWD_ONE);

    return wf_add_sat(wf_add_sat(score_mul_div(before_us, OTHERS_BEFORE, 1), run_us),
                      later_us);
}

uint64_t score_risk(uint64_t hazard, uint64_t busy_us)
{
    const uint64_t events = score_mul_div(hazard, busy_us, SECOND_US); /* in 10^12 */

    return score_mul_div(events, busy_us, UINT64_C(2000000000000));
}

#include "broker/core/router/score.h"

#define SECOND_US  UINT64_C(1000000)
#define OTHERS_PCT 150u /* measured: 100 to 200 do about as well */

uint64_t score_mul_div(uint64_t a, uint64_t b, uint64_t c)
{
    __extension__ unsigned __int128 q;
    uint64_t small;

    if (!__builtin_mul_overflow(a, b, &small) && c != 0) {
        return small / c; /* several times faster, and nearly always the case */
    }
    q = a;
    q *= b;
    q = c != 0 ? q / c : UINT64_MAX;
    return q > UINT64_MAX ? UINT64_MAX : (uint64_t) q;
}

uint64_t score_total(const struct score *s, int occupies)
{
    uint64_t before = wf_max_u64(s->wait_us, wf_max_u64(s->fetch_us, s->warm_us));
    uint64_t t = wf_add_sat(wf_add_sat(s->link_us, before), s->run_us);

    t = wf_add_sat(wf_add_sat(t, s->risk_us), occupies ? s->fetch_us : 0);
    t = wf_add_sat(wf_add_sat(t, s->money_us), s->soft_us);
    return wf_add_sat(t, s->others_us);
}

uint64_t score_run(uint64_t work_us, uint32_t speed_pm)
{
    return score_mul_div(work_us, 1000, speed_pm);
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

uint64_t score_others(uint64_t wait_us)
{
    return score_mul_div(wait_us, OTHERS_PCT, 100);
}

uint64_t score_risk(uint64_t hazard, uint64_t busy_us)
{
    const uint64_t events = score_mul_div(hazard, busy_us, SECOND_US); /* in 10^12 */

    return score_mul_div(events, busy_us, UINT64_C(2000000000000));
}

uint64_t score_money(uint64_t pusd, uint64_t rho_pusd_s)
{
    return pusd == 0 ? 0 : score_mul_div(pusd, SECOND_US, rho_pusd_s);
}

/* score.h - how soon one node is expected to finish one job, and at what price
 *
 *     score = T + M / rho + O + P        T = L + max(Q, X, C) + R + S
 *
 * DESIGN section 6: L link, Q wait, X fetch, C warm-up, R run, S risk of losing a spot
 * node, M money, O others, P soft preferences that are not met.  max, not sum: inputs are
 * fetched and handlers warmed while a job queues.  Who queues makes those wait that come
 * after it; so does who uses a link, holds a slot, or adds its work to a queue that
 * stands: without O money and data are saved at the expense of others (measured in
 * docs/PLACEMENT.md).  A job that is placed for throughput pays for the link that it
 * occupies as well: T + X.  Microseconds, lower is better.
 *
 * Pure functions of their arguments, in saturating integers: the same terms give the same
 * score on every machine, so a decision can be checked from its explanation.
 */
#ifndef BROKER_CORE_ROUTER_SCORE_H
#define BROKER_CORE_ROUTER_SCORE_H

#include "broker/core/router/crowd.h"

struct score {
    uint64_t link_us, wait_us, fetch_us, warm_us, run_us, risk_us, money_us, soft_us;
    uint64_t others_us;
    uint64_t total_us;
};

/* Where the product does not fit, which is hardly ever the case and takes several times
 * as long. */
uint64_t score_mul_div_wide(uint64_t a, uint64_t b, uint64_t c);

/* a * b / c; UINT64_MAX where that does not fit or c is 0. */
static inline uint64_t score_mul_div(uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t small;

    return !__builtin_mul_overflow(a, b, &small) && c != 0 ? small / c
                                                           : score_mul_div_wide(a, b, c);
}

/* The same where one of them is larger than any time is. */
uint64_t score_total_wide(const struct score *s, int occupies);

#define SCORE_TERM_BITS 59u /* of a term: ten of them do not wrap */

/* The total of the other terms.  `occupies`: for throughput. */
static inline uint64_t score_total(const struct score *s, int occupies)
{
    const uint64_t before = wf_max_u64(s->wait_us, wf_max_u64(s->fetch_us, s->warm_us));
    const uint64_t all = before | s->link_us | s->run_us | s->risk_us | s->money_us |
                         s->soft_us | s->others_us;

    if (all >> SCORE_TERM_BITS != 0) {
        return score_total_wide(s, occupies);
    }
    return before + s->link_us + s->run_us + s->risk_us + s->money_us + s->soft_us +
           s->others_us + (occupies ? s->fetch_us : 0);
}

/* Q: `jobs` of so much expected work in all are there, in so many slots, each of which
 * does speed_pm / 1000 of work a second. */
uint64_t score_wait(uint64_t jobs, uint64_t work_us, uint32_t slots, uint32_t speed_pm);

#define OTHERS_BEFORE  3u /* measured, as is the next: docs/PLACEMENT.md */
#define OTHERS_CROWD   20u
#define OTHERS_BITS    60u
#define OTHERS_WORK_US (UINT64_C(1) << 42) /* with any crowd, it fits */

#define PRESS_ONE 64u

/* How much it counts, of PRESS_ONE, that a slot or a link is held: nothing where all are
 * idle, in full from half of the slots taken on. */
static inline uint32_t score_pressure(uint64_t taken, uint64_t slots)
{
    return slots == 0 ? 0
                      : (uint32_t) wf_min_u64(PRESS_ONE, taken * 2 * PRESS_ONE / slots);
}

static inline uint64_t score_pressed(uint64_t us, uint32_t pressure)
{
    return wf_min_u64(us, UINT64_MAX / PRESS_ONE) * pressure / PRESS_ONE;
}

/* The same where a time is longer than any is. */
uint64_t score_others_wide(uint64_t before_us, uint64_t run_us, uint64_t work_us,
                           uint32_t crowd);

/* O: of what takes so long, after so long in a queue or over links (both by the pressure,
 * but for the queue, which is there); and of so much work where there is such a crowd
 * (crowd.h). */
static inline uint64_t score_others(uint64_t before_us, uint64_t run_us, uint64_t work_us,
                                    uint16_t crowd)
{
    return (before_us | run_us) >> OTHERS_BITS == 0 && work_us < OTHERS_WORK_US
               ? before_us * OTHERS_BEFORE + run_us +
                     work_us * crowd * OTHERS_CROWD / CROWD_ONE
               : score_others_wide(before_us, run_us, work_us, crowd);
}

/* R: the time of so much work there. */
static inline uint64_t score_run(uint64_t work_us, uint32_t speed_pm)
{
    return score_mul_div(work_us, 1000, speed_pm);
}

/* S: the node is taken away `hazard` times in 10^12 seconds; what was done till then,
 * half of it on average, is lost and must be done again. */
uint64_t score_risk(uint64_t hazard, uint64_t busy_us);

/* M / rho: money in pusd, at so many pusd a second. */
static inline uint64_t score_money(uint64_t pusd, uint64_t rho_pusd_s)
{
    return pusd == 0 ? 0 : score_mul_div(pusd, 1000000, rho_pusd_s);
}

#endif

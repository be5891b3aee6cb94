#include "proto/transfer/meter.h"

#define DAY_US    (UINT64_C(86400) * 1000000)
#define BURST_US  100000u /* what may gather while nothing moves */
#define BURST_MIN (64u << 10)
#define RATE_MAX  (UINT64_C(1) << 37) /* bounds the product of rate and time */

void wf_meter_init(struct wf_meter *m, uint64_t rate, uint64_t day, uint64_t day_used)
{
    *m = (struct wf_meter){
        .rate = wf_min_u64(rate, RATE_MAX), .day = day, .day_used = day_used};
}

static void catch_up(struct wf_meter *m, uint64_t now_us)
{
    uint64_t burst = wf_max_u64(m->rate / (1000000 / BURST_US), BURST_MIN);
    /* More than a minute fills every bucket but one in deep debt, which then waits a
     * little longer; it keeps the product small. */
    uint64_t us = wf_min_u64(now_us - m->at_us, 60 * 1000000u);
    uint64_t gain = us * m->rate / 1000000;

    if (m->day_end_us == 0) {
        m->day_end_us = now_us + DAY_US;
    } else if (now_us >= m->day_end_us) {
        m->day_end_us += (now_us - m->day_end_us) / DAY_US * DAY_US + DAY_US;
        m->day_used = 0;
    }
    if (gain == 0 && us < 1000000) {
        return; /* fractions of a byte gather in time */
    }
    m->at_us = now_us;
    m->tokens += (int64_t) gain;
    if (m->tokens > (int64_t) burst) {
        m->tokens = (int64_t) burst;
    }
}

void wf_meter_set(struct wf_meter *m, uint64_t now_us, uint64_t rate, uint64_t day)
{
    catch_up(m, now_us);
    m->rate = wf_min_u64(rate, RATE_MAX);
    m->day = day;
    m->tokens = 0;
}

int wf_meter_day_over(struct wf_meter *m, uint64_t now_us)
{
    catch_up(m, now_us);
    return m->day != 0 && m->day_used >= m->day;
}

uint64_t wf_meter_free_us(struct wf_meter *m, uint64_t now_us)
{
    if (wf_meter_day_over(m, now_us)) {
        return m->day_end_us;
    }
    if (m->rate == 0 || m->tokens > 0) {
        return now_us;
    }
    return m->at_us + (uint64_t) (1 - m->tokens) * 1000000 / m->rate + 1;
}

void wf_meter_take(struct wf_meter *m, uint64_t now_us, uint64_t bytes)
{
    catch_up(m, now_us);
    m->day_used += bytes;
    if (m->rate != 0) {
        m->tokens -= (int64_t) bytes;
    }
}

void wf_meter_refund(struct wf_meter *m, uint64_t bytes)
{
    m->day_used -= wf_min_u64(bytes, m->day_used);
    if (m->rate != 0) {
        m->tokens += (int64_t) bytes;
    }
}

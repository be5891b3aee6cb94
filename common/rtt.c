#include "common/rtt.h"

#include <string.h>

#define SCALE 16u /* of level and deviation */
/* A change that is worth acting on: this share of the level, and at least so much. */
#define CHANGE_PART   10u
#define CHANGE_MIN_US 500u
/* Jitter explains medians up to so many deviations from the level. */
#define JITTER_DEVS 2u
/* A sample counts at most as far from the level as the level is large, and this. */
#define DEV_FLOOR_US 1000u
#define LEVEL_PART   4u /* medians near the level move it by one part in so many */
#define DEV_PART     8u
#define LOSS_FEW     16u
#define LOSS_NEWS_PM 100u

static uint32_t apart(uint32_t a, uint32_t b)
{
    return a > b ? a - b : b - a;
}

/* Move one part in `part` of the way, rounded to nearest. */
static uint32_t towards(uint32_t from, uint32_t to, uint32_t part)
{
    uint32_t step = (apart(from, to) + part / 2) / part;

    return to >= from ? from + step : from - step;
}

static uint32_t max_u32(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* The middle of the newest samples; of an even number the lower one, for what disturbs a
 * round trip makes it longer. */
static uint32_t median(const struct wf_rtt *r)
{
    uint32_t sorted[WF_RTT_WINDOW];
    uint32_t n = r->n < WF_RTT_WINDOW ? r->n : WF_RTT_WINDOW;

    for (uint32_t i = 0; i < n; i++) {
        uint32_t v = r->last[i];
        uint32_t at = i;

        for (; at > 0 && sorted[at - 1] > v; at--) {
            sorted[at] = sorted[at - 1];
        }
        sorted[at] = v;
    }
    return sorted[(n - 1) / 2];
}

/* Farther from this level than so much is another one. */
static uint32_t tolerance_us(const struct wf_rtt *r, uint32_t level_us)
{
    return max_u32(max_u32(level_us / CHANGE_PART, CHANGE_MIN_US),
                   JITTER_DEVS * (r->dev_x16 / SCALE));
}

static void probed(struct wf_rtt *r, unsigned lost)
{
    r->lost = r->lost << 1 | lost;
    if (r->probes < WF_RTT_PROBES) {
        r->probes++;
    }
}

/* How far the samples of a new level are from it: the median of their distances, to which
 * the leftovers of the old level are the outliers. */
static uint32_t fresh_dev_x16(const struct wf_rtt *r, uint32_t level_us)
{
    struct wf_rtt off = {.n = r->n};

    for (unsigned i = 0; i < WF_RTT_WINDOW; i++) {
        off.last[i] = apart(r->last[i], level_us);
    }
    return median(&off) * SCALE;
}

static void follow(struct wf_rtt *r, uint32_t sample_us)
{
    uint32_t level = r->level_x16 / SCALE;
    uint32_t mid = median(r);
    uint32_t off = apart(sample_us, level);
    uint32_t most = level + DEV_FLOOR_US;

    r->dev_x16 = towards(r->dev_x16, (off < most ? off : most) * SCALE, DEV_PART);
    if (r->n <= WF_RTT_WINDOW) {
        r->level_x16 = mid * SCALE;
    } else if (apart(mid, level) >= tolerance_us(r, level)) {
        r->level_x16 = mid * SCALE;
        r->dev_x16 = fresh_dev_x16(r, mid);
    } else {
        r->level_x16 = towards(r->level_x16, mid * SCALE, LEVEL_PART);
    }
}

int wf_rtt_add(struct wf_rtt *r, uint64_t rtt_us, uint64_t now_us)
{
    uint32_t sample = (uint32_t) rtt_us;
    int first = r->n == 0;

    if (rtt_us == 0 || rtt_us > WF_RTT_MAX_US) {
        r->refused += r->refused < UINT32_MAX;
        return 0;
    }
    memmove(r->last + 1, r->last, (WF_RTT_WINDOW - 1) * sizeof r->last[0]);
    r->last[0] = sample;
    r->n += r->n < UINT32_MAX;
    r->at_us = now_us;
    probed(r, 0);
    if (first) {
        r->level_x16 = sample * SCALE;
        r->dev_x16 = sample * SCALE / 8;
    } else {
        follow(r, sample);
    }
    return 1;
}

void wf_rtt_lost(struct wf_rtt *r)
{
    probed(r, 1);
}

uint32_t wf_rtt_us(const struct wf_rtt *r)
{
    return r->n == 0 ? 0 : max_u32((r->level_x16 + SCALE / 2) / SCALE, 1);
}

uint32_t wf_rtt_jitter_us(const struct wf_rtt *r)
{
    return (r->dev_x16 + SCALE / 2) / SCALE;
}

uint32_t wf_rtt_loss_pm(const struct wf_rtt *r)
{
    uint32_t lost = 0;

    for (uint64_t bits = r->lost; bits != 0; bits &= bits - 1) {
        lost++;
    }
    return lost * 1000 / max_u32(r->probes, LOSS_FEW);
}

int wf_rtt_unsure(const struct wf_rtt *r)
{
    uint32_t level = r->level_x16 / SCALE;

    return r->n != 0 && apart(r->last[0], level) >= tolerance_us(r, level);
}

int wf_rtt_news(const struct wf_rtt *r)
{
    uint32_t now_us = wf_rtt_us(r);

    return now_us != 0 &&
           (r->told_us == 0 || apart(now_us, r->told_us) >= tolerance_us(r, r->told_us) ||
            apart(wf_rtt_loss_pm(r), r->told_pm) >= LOSS_NEWS_PM);
}

void wf_rtt_told(struct wf_rtt *r)
{
    r->told_us = wf_rtt_us(r);
    r->told_pm = wf_rtt_loss_pm(r);
}

#include "proto/prober.h"

#include <string.h>

#define MS         UINT64_C(1000)
#define SECOND     (1000 * MS)
#define MINUTE     (60 * SECOND)
#define DAY        (24 * 60 * MINUTE)
#define EVERY_US   (15 * SECOND)
#define SILENT_US  (10 * MINUTE)
#define QUICK_US   (200 * MS)
#define TIMEOUT_US (2 * SECOND)
#define QUICK_JOIN 3u
#define QUICK_OFF  2u
#define LOST_MAX   5u
#define METERED    10u /* what a metered link gets is divided by it */
/* Ask, answer, and the headers of UDP and IPv4 of both. */
#define PROBE_COST (WF_PROBER_ASK_BYTES + WF_PROBE_BYTES + 2 * 28u)

void wf_prober_init(struct wf_prober *p, int metered, uint64_t seed)
{
    *p = (struct wf_prober){.due_us = UINT64_MAX, .metered = metered, .rng.s = seed};
}

void wf_prober_begin(struct wf_prober *p, uint64_t now_us, const uint8_t *cookie)
{
    memcpy(p->cookie, cookie, sizeof p->cookie);
    p->state = WF_PROBER_TRYING;
    p->sent_us = 0;
    p->lost = 0;
    p->quick = QUICK_JOIN - 1;
    p->due_us = now_us;
}

void wf_prober_end(struct wf_prober *p)
{
    p->state = WF_PROBER_IDLE;
    p->sent_us = 0;
    p->due_us = UINT64_MAX;
}

/* The pause until the next probe, a fifth more or less at random so that the agents of a
 * site do not probe in step. */
static uint64_t pause_us(struct wf_prober *p)
{
    uint64_t us = p->state == WF_PROBER_SILENT ? SILENT_US : EVERY_US;

    us *= p->metered ? METERED : 1;
    return us - us / 5 + wf_rng_below(&p->rng, us * 2 / 5);
}

static void plan(struct wf_prober *p, uint64_t now_us)
{
    if (p->state == WF_PROBER_TRYING) {
        p->due_us = now_us + QUICK_US;
    } else if (p->quick > 0 && p->state == WF_PROBER_ANSWERED) {
        p->due_us = now_us + QUICK_US;
        p->quick--;
    } else {
        p->due_us = now_us + pause_us(p);
    }
}

/* 1 when the day has bytes left for another probe; else the next one is due tomorrow. */
static int afford(struct wf_prober *p, uint64_t now_us)
{
    uint64_t most = WF_PROBER_DAY_BYTES / (p->metered ? METERED : 1);

    if (p->day_us == 0 || now_us - p->day_us >= DAY) {
        p->day_us = wf_max_u64(now_us, 1);
        p->used = 0;
    }
    if (PROBE_COST > most - p->used) {
        p->due_us = p->day_us + DAY;
        return 0;
    }
    p->used += PROBE_COST;
    return 1;
}

static unsigned give_up(struct wf_prober *p, uint64_t now_us)
{
    unsigned said = WF_PROBER_LOST;

    p->sent_us = 0;
    p->lost++;
    if (p->lost >= LOST_MAX && p->state != WF_PROBER_SILENT) {
        p->state = WF_PROBER_SILENT;
        said |= WF_PROBER_MUTE;
    }
    plan(p, now_us);
    return said;
}

unsigned wf_prober_tick(struct wf_prober *p, uint64_t now_us, struct wf_probe *ret_probe)
{
    if (p->state == WF_PROBER_IDLE || now_us < p->due_us) {
        return 0;
    }
    if (p->sent_us != 0) {
        return give_up(p, now_us);
    }
    if (!afford(p, now_us)) {
        return 0;
    }
    p->sent_us = wf_max_u64(now_us, 1);
    p->due_us = now_us + TIMEOUT_US;
    *ret_probe =
        (struct wf_probe){.kind = WF_PROBE_ASK, .seq = ++p->seq, .time_us = p->sent_us};
    memcpy(ret_probe->cookie, p->cookie, sizeof p->cookie);
    return WF_PROBER_SEND;
}

int wf_prober_heard(struct wf_prober *p, uint64_t now_us, const struct wf_probe *probe,
                    uint64_t *ret_rtt_us)
{
    if (p->sent_us == 0 || probe->kind != WF_PROBE_ANSWER || probe->seq != p->seq ||
        probe->time_us != p->sent_us || now_us < p->sent_us ||
        memcmp(probe->cookie, p->cookie, sizeof p->cookie) != 0) {
        return 0;
    }
    *ret_rtt_us = wf_max_u64(now_us - p->sent_us, 1);
    p->sent_us = 0;
    p->lost = 0;
    if (p->state == WF_PROBER_SILENT) {
        p->quick = QUICK_JOIN - 1;
    }
    p->state = WF_PROBER_ANSWERED;
    plan(p, now_us);
    return 1;
}

void wf_prober_hurry(struct wf_prober *p, uint64_t now_us)
{
    if (p->state == WF_PROBER_ANSWERED && p->sent_us == 0 && p->quick == 0) {
        p->quick = QUICK_OFF - 1;
        p->due_us = wf_min_u64(p->due_us, now_us + QUICK_US);
    }
}

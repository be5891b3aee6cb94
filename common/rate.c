#include "common/rate.h"

#include <string.h>

#define SECOND_US 1000000u
#define NEWS_PART 5u
#define BYTES_MAX (UINT64_C(1) << 44) /* times a million they fit */

static uint64_t slot_of(uint64_t now_us)
{
    return now_us / WF_RATE_SLOT_US + 1;
}

/* Empty the slots between the newest one and this one. */
static void advance(struct wf_rate *r, uint64_t slot)
{
    if (r->newest == 0 || slot - r->newest >= WF_RATE_SLOTS) {
        memset(r->best, 0, sizeof r->best);
    } else {
        for (uint64_t s = r->newest + 1; s <= slot; s++) {
            r->best[s % WF_RATE_SLOTS] = 0;
        }
    }
    r->newest = slot;
}

int wf_rate_add(struct wf_rate *r, uint64_t bytes, uint64_t took_us, uint64_t flows,
                uint64_t now_us)
{
    uint64_t slot = slot_of(now_us);
    uint64_t rate;
    uint64_t *best;

    if (bytes < WF_RATE_MIN_BYTES || took_us == 0) {
        return 0;
    }
    rate = wf_min_u64(bytes, BYTES_MAX) * SECOND_US / took_us;
    rate = wf_min_u64(rate, WF_RATE_MAX) *
           wf_min_u64(wf_max_u64(flows, 1), WF_RATE_FLOWS_MAX);
    if (rate == 0) {
        return 0;
    }
    /* A clock that went back adds to the newest slot. */
    if (slot > r->newest) {
        advance(r, slot);
    }
    best = &r->best[r->newest % WF_RATE_SLOTS];
    *best = wf_max_u64(*best, wf_min_u64(rate, WF_RATE_MAX));
    return 1;
}

uint64_t wf_rate_get(const struct wf_rate *r, uint64_t now_us)
{
    uint64_t now = wf_max_u64(slot_of(now_us), r->newest);
    uint64_t best = 0;

    for (uint64_t i = 0; i < WF_RATE_SLOTS && i < r->newest; i++) {
        uint64_t slot = r->newest - i;

        if (now - slot < WF_RATE_SLOTS) {
            best = wf_max_u64(best, r->best[slot % WF_RATE_SLOTS]);
        }
    }
    return best;
}

int wf_rate_news(const struct wf_rate *r, uint64_t now_us)
{
    uint64_t now = wf_rate_get(r, now_us);
    uint64_t by = now > r->told ? now - r->told : r->told - now;

    return by != 0 && by >= r->told / NEWS_PART;
}

void wf_rate_told(struct wf_rate *r, uint64_t now_us)
{
    r->told = wf_rate_get(r, now_us);
}

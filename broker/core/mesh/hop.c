#include "broker/core/mesh/hop.h"

#define STEP_BITS 3u

/* The doubling that it is in, and the bits that follow its first. */
static unsigned step_of(uint32_t us)
{
    const unsigned top = 31u - (unsigned) __builtin_clz(us);
    unsigned part;

    if (top >= HOP_DOUBLES) {
        return HOP_DOUBLES * HOP_STEPS - 1;
    }
    part = top >= STEP_BITS ? us >> (top - STEP_BITS) : us << (STEP_BITS - top);
    return top * HOP_STEPS + part % HOP_STEPS;
}

/* The middle of a step. */
static uint32_t us_of(unsigned step)
{
    const unsigned top = step / HOP_STEPS;
    const uint32_t part = HOP_STEPS + step % HOP_STEPS;

    return (uint32_t) (((uint64_t) (2 * part + 1) << top) >> (STEP_BITS + 1));
}

void hops_add(struct hops *h, uint32_t rtt_us)
{
    if (rtt_us != 0) {
        h->n++;
        h->of[step_of(rtt_us)]++;
    }
}

uint32_t hops_median(const struct hops *h)
{
    uint32_t below = 0;

    for (unsigned i = 0; i < HOP_DOUBLES * HOP_STEPS; i++) {
        below += h->of[i];
        if (2 * (uint64_t) below > h->n) {
            return us_of(i);
        }
    }
    return 0;
}

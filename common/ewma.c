#include "common/ewma.h"

#define SAMPLE_MAX ((UINT64_C(1) << 48) - 1)
#define SHIFT_MAX  16

/* Move `from` by 1/2^shift of the way to `to`, rounded to nearest. */
static uint64_t towards(uint64_t from, uint64_t to, unsigned shift)
{
    uint64_t half = (UINT64_C(1) << shift) >> 1;

    return to >= from ? from + ((to - from + half) >> shift)
                      : from - ((from - to + half) >> shift);
}

void wf_ewma_add(struct wf_ewma *e, uint64_t sample, unsigned shift)
{
    uint64_t x16 = wf_min_u64(sample, SAMPLE_MAX) * 16;
    uint64_t off_x16 = x16 > e->mean_x16 ? x16 - e->mean_x16 : e->mean_x16 - x16;

    if (shift > SHIFT_MAX) {
        shift = SHIFT_MAX;
    }
    if (e->n == 0) {
        e->mean_x16 = x16;
        e->dev_x16 = x16 / 2;
    } else {
        e->dev_x16 = towards(e->dev_x16, off_x16, shift);
        e->mean_x16 = towards(e->mean_x16, x16, shift);
    }
    if (e->n < UINT32_MAX) {
        e->n++;
    }
}

uint64_t wf_ewma_mean(const struct wf_ewma *e)
{
    return (e->mean_x16 + 8) / 16;
}

uint64_t wf_ewma_dev(const struct wf_ewma *e)
{
    return (e->dev_x16 + 8) / 16;
}

#include "broker/core/router/tail.h"

/* The quantile that is one and a half sigma above the median. */
#define SIDE_PM   933u
#define SIGMA_MIN (TAIL_STEPS / 4)
#define Z_STEPS   8u /* of the table below, for one sigma */

/* How many of a million are above the median by so many eighths of sigma. */
static const uint32_t normal[] = {500000, 450262, 401294, 353830, 308538, 265986, 226627,
                                  190787, 158655, 130295, 105650, 84566,  66807,  52081,
                                  40059,  30396,  22750,  16793,  12224,  8774,   6210,
                                  4332,   2980,   2020,   1350,   889,    577,    369,
                                  233,    144,    88,     53,     32,     19,     11,
                                  6,      3,      2,      1,      1,      0};
#define NORMALS ((uint32_t) (sizeof normal / sizeof normal[0]))

/* Where a quantile is: of its bin the samples share the room evenly. */
static uint32_t place_of(const struct sketch *s, unsigned pm)
{
    const uint32_t rank = s->total * pm; /* in thousandths */
    uint32_t seen = 0;
    unsigned at = s->lo;

    while (at < s->hi && (seen + s->count[at]) * 1000 < rank) {
        seen += s->count[at++];
    }
    return at * TAIL_STEPS +
           (rank - seen * 1000) * TAIL_STEPS / (1000u * (s->count[at] | !s->count[at]));
}

static uint32_t place_at(uint64_t us)
{
    const unsigned bin = sketch_bin(us);
    const uint64_t low = sketch_low(bin), high = sketch_low(bin + 1);

    return us <= low ? bin * TAIL_STEPS
           : us >= high
               ? (bin + 1) * TAIL_STEPS
               : bin * TAIL_STEPS + (uint32_t) ((us - low) * TAIL_STEPS / (high - low));
}

void tail_of(const struct sketch *s, struct tail *ret)
{
    *ret = (struct tail){0};
    if (s->total != 0) {
        ret->of = s;
        ret->mid = place_of(s, 500);
        ret->sigma = (place_of(s, SIDE_PM) - ret->mid) * 2 / 3;
        ret->sigma = ret->sigma * (s->total + 2u) / s->total;
        ret->sigma = (uint32_t) wf_max_u64(ret->sigma, SIGMA_MIN);
    }
}

/* Between two of the table in proportion, of a distance from the median. */
static uint32_t normal_above(uint32_t by, uint32_t sigma)
{
    const uint32_t at = by * Z_STEPS / sigma;
    const uint32_t part = by * Z_STEPS % sigma;

    if (at + 1 >= NORMALS) {
        return 0;
    }
    return normal[at] -
           (uint32_t) ((uint64_t) (normal[at] - normal[at + 1]) * part / sigma);
}

static uint32_t seen_above(const struct sketch *s, uint64_t us)
{
    uint32_t n = 0;

    for (unsigned i = sketch_bin(us) + 1; i <= s->hi; i++) {
        n += s->count[i];
    }
    return n;
}

uint32_t tail_above(const struct tail *t, uint64_t us)
{
    const uint32_t at = place_at(us), seen = seen_above(t->of, us);
    const uint32_t above = at >= t->mid ? normal_above(at - t->mid, t->sigma)
                                        : TAIL_ONE - normal_above(t->mid - at, t->sigma);

    if (seen == 0) {
        return (uint32_t) wf_min_u64(above, TAIL_ONE / (t->of->total + 2u));
    }
    return seen < TAIL_SEEN
               ? above
               : (uint32_t) wf_max_u64(above, seen * TAIL_ONE / t->of->total);
}

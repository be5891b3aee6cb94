#include "broker/core/router/sketch.h"

#define NBOUNDS SKETCH_OCTAVE

/* Lower bounds of the bins of an octave, and the value that stands for each: 2^(i/12),
 * and 2 g / (g + 1) times that with g = 2^(1/12), in 1 / 2^31. */
static const uint32_t bounds[NBOUNDS] = {2147483648, 2275179671, 2410468895, 2553802834,
                                         2705659853, 2866546760, 3037000500, 3217589948,
                                         3408917802, 3611622603, 3826380859, 4053909305};
static const uint32_t middles[NBOUNDS] = {2209488169, 2340871173, 2480066616, 2627539051,
                                          2783780654, 2949312865, 3124688135, 3310491760,
                                          3507343844, 3715901362, 3936860355, 4170958254};

unsigned sketch_bin(uint64_t us)
{
    unsigned log2, i = 0;
    uint32_t mantissa;

    if (us < UINT64_C(1) << SKETCH_LOG2_MIN) {
        return 0;
    }
    if (us >= UINT64_C(1) << SKETCH_LOG2_MAX) {
        return SKETCH_BINS - 1;
    }
    log2 = 63u - (unsigned) __builtin_clzll(us);
    mantissa = (uint32_t) (log2 > 31 ? us >> (log2 - 31) : us << (31 - log2));
    while (i + 1 < NBOUNDS && bounds[i + 1] <= mantissa) {
        i++;
    }
    return (log2 - SKETCH_LOG2_MIN) * SKETCH_OCTAVE + i;
}

uint64_t sketch_value(unsigned bin)
{
    const unsigned log2 = bin / SKETCH_OCTAVE + SKETCH_LOG2_MIN;
    const uint64_t middle = middles[bin % SKETCH_OCTAVE];

    return log2 > 31 ? middle << (log2 - 31) : (middle >> (31 - log2));
}

uint64_t sketch_low(unsigned bin)
{
    const unsigned log2 = bin / SKETCH_OCTAVE + SKETCH_LOG2_MIN;
    const uint64_t bound = bounds[bin % SKETCH_OCTAVE];

    return log2 > 31 ? bound << (log2 - 31) : bound >> (31 - log2);
}

/* Of n samples, counted from 1: the lower one of two. */
static unsigned median_rank(const struct sketch *s)
{
    return (s->total + 1u) / 2;
}

/* Step to the bin with the sample of that rank. */
static void find_mid(struct sketch *s)
{
    const unsigned rank = median_rank(s);

    while (s->below >= rank) {
        do {
            s->mid--;
        } while (s->count[s->mid] == 0);
        s->below = (uint16_t) (s->below - s->count[s->mid]);
    }
    while (s->below + s->count[s->mid] < rank) {
        s->below = (uint16_t) (s->below + s->count[s->mid]);
        s->mid++;
    }
}

void sketch_settle(struct sketch *s)
{
    s->mid = s->lo;
    s->below = 0;
    if (s->total != 0) {
        find_mid(s);
    }
}

/* Out of the range of bins in use, those that were emptied at its ends. */
static void shrink(struct sketch *s)
{
    while (s->total != 0 && s->count[s->lo] == 0) {
        s->lo++;
    }
    while (s->total != 0 && s->count[s->hi] == 0) {
        s->hi--;
    }
}

void sketch_halve(struct sketch *s)
{
    /* With one too many at the start the first of each two makes the pair. */
    unsigned carry = !s->upper;

    if (s->total == 0) {
        return;
    }
    s->upper = !s->upper;
    s->total = 0;
    for (unsigned i = s->lo; i <= s->hi; i++) {
        const unsigned n = s->count[i] + carry;

        s->count[i] = (uint8_t) (n / 2);
        s->total = (uint16_t) (s->total + n / 2);
        carry = n % 2;
    }
    shrink(s);
    sketch_settle(s);
}

void sketch_add(struct sketch *s, uint64_t us)
{
    const unsigned bin = sketch_bin(us);

    if (s->total == 0) {
        s->lo = s->hi = s->mid = (uint16_t) bin;
        s->below = 0;
    }
    s->lo = (uint16_t) (bin < s->lo ? bin : s->lo);
    s->hi = (uint16_t) (bin > s->hi ? bin : s->hi);
    s->count[bin]++;
    s->below = (uint16_t) (s->below + (bin < s->mid));
    if (++s->total == SKETCH_FULL) {
        sketch_halve(s);
    } else {
        find_mid(s);
    }
}

/* The value of the sample of a rank, counted from 1. */
static uint64_t ranked(const struct sketch *s, unsigned rank)
{
    unsigned at = s->lo, seen = s->count[at];

    while (seen < rank) {
        seen += s->count[++at];
    }
    return sketch_value(at);
}

uint64_t sketch_quantile(const struct sketch *s, unsigned pm)
{
    unsigned rank = ((s->total + 1u) * pm + (pm > 500 ? 999 : 0)) / 1000;

    if (s->total == 0) {
        return 0;
    }
    if (pm == 500) {
        return sketch_value(s->mid);
    }
    rank = rank > s->total ? s->total : rank;
    return ranked(s, rank == 0 ? 1 : rank);
}

uint64_t sketch_above(const struct sketch *s, uint64_t us)
{
    const unsigned bin = sketch_bin(us);
    unsigned below = 0;

    if (s->total == 0) {
        return 0;
    }
    for (unsigned i = s->lo; i <= s->hi && i <= bin; i++) {
        below += s->count[i];
    }
    return below == s->total ? 0 : ranked(s, below + (s->total - below + 1) / 2);
}

/* hist.h - histogram of durations in logarithmic buckets
 *
 * 64 buckets for each doubling, so a quantile is right within 1.6 %, from one nanosecond
 * to the end of 64 bits, in 30 KiB.  Pure.
 */
#ifndef TESTS_BENCH_HIST_H
#define TESTS_BENCH_HIST_H

#include <stddef.h>
#include <stdint.h>

#define HIST_STEPS   64
#define HIST_BITS    6
#define HIST_BUCKETS (HIST_STEPS * (64 - HIST_BITS + 1))

struct hist {
    uint64_t n;
    uint64_t buckets[HIST_BUCKETS];
};

/* Below 128 a bucket is one value; above, its number is the exponent over the six bits
 * behind the leading one. */
static inline size_t hist_bucket(uint64_t v)
{
    unsigned shift =
        v < 2 * HIST_STEPS ? 0 : 63 - HIST_BITS - (unsigned) __builtin_clzll(v);

    return shift * HIST_STEPS + (size_t) (v >> shift);
}

/* The smallest value of a bucket. */
static inline uint64_t hist_floor(size_t bucket)
{
    size_t shift = bucket < 2 * HIST_STEPS ? 0 : bucket / HIST_STEPS - 1;

    return (uint64_t) (bucket - shift * HIST_STEPS) << shift;
}

static inline void hist_add(struct hist *h, uint64_t v)
{
    h->buckets[hist_bucket(v)]++;
    h->n++;
}

/* The value that `permille` of 1000 samples do not exceed; 0 without samples. */
static inline uint64_t hist_quantile(const struct hist *h, unsigned permille)
{
    uint64_t rank = (h->n * permille + 999) / 1000;
    uint64_t seen = 0;
    size_t i;

    for (i = 0; i < HIST_BUCKETS && h->n != 0; i++) {
        seen += h->buckets[i];
        if (seen >= rank && seen != 0) {
            return hist_floor(i);
        }
    }
    return 0;
}

#endif

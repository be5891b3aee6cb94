/* sketch.h - the distribution of run times, of which any quantile can be asked
 *
 * Counts in bins whose bounds grow by 2^(1/12), so the value that stands for a bin is
 * within 3 % of all that is in it (SKETCH_ERROR_PM).  It covers 64 us to 12 days; what is
 * outside counts as the nearest of these.  When SKETCH_FULL samples are in, all counts
 * are halved, so the last two hundred or so are what is told, and the older ones fade: of
 * each two neighbours one is kept, the lower and the upper in turns, which moves no
 * quantile by more than one rank.  A byte a bin, no allocation.
 *
 * Source: Masson, Rim, Lee, "DDSketch: a fast and fully-mergeable quantile sketch with
 * relative-error guarantees", VLDB 2019, with a fixed range instead of collapsing bins.
 * Zeroed memory is a valid empty sketch.  Pure; not thread-safe.
 */
#ifndef BROKER_CORE_ROUTER_SKETCH_H
#define BROKER_CORE_ROUTER_SKETCH_H

#include "common/defs.h"

#define SKETCH_OCTAVE   12u /* bins for a factor of two */
#define SKETCH_LOG2_MIN 6u
#define SKETCH_LOG2_MAX 40u
#define SKETCH_BINS     ((SKETCH_LOG2_MAX - SKETCH_LOG2_MIN) * SKETCH_OCTAVE)
#define SKETCH_FULL     250u
#define SKETCH_ERROR_PM 29u /* relative error of a value within the range */

struct sketch {
    uint16_t lo, hi; /* no other bins are in use; of no meaning while it is empty */
    uint16_t total;  /* below SKETCH_FULL */
    uint16_t mid;    /* the bin of the median, */
    uint16_t below;  /* and how many are below it */
    uint8_t upper;   /* the next halving keeps the lower of each two, or the upper */
    uint8_t count[SKETCH_BINS];
};

void sketch_add(struct sketch *s, uint64_t us);

/* The value that `pm` per mille of the samples do not exceed: of n samples the one of
 * rank (n + 1) * pm / 1000, as a few samples rarely hold the extremes; rounded away from
 * the middle, and down at the median itself.  0 when it is empty. */
uint64_t sketch_quantile(const struct sketch *s, unsigned pm);

/* The median of those samples that are above `us`, 0: there is none. */
uint64_t sketch_above(const struct sketch *s, uint64_t us);

/* The bin of the median; it is not empty.  At once: the median is asked for all the time.
 */
static inline unsigned sketch_mid(const struct sketch *s)
{
    return s->mid;
}

/* Where the median is, after counts were written by hand. */
void sketch_settle(struct sketch *s);

/* Halve what is known. */
void sketch_halve(struct sketch *s);

/* The bin of a value, and the value that stands for a bin. */
unsigned sketch_bin(uint64_t us);
uint64_t sketch_value(unsigned bin);

/* The least value of a bin, and that of SKETCH_BINS the end of the range. */
uint64_t sketch_low(unsigned bin);

#endif

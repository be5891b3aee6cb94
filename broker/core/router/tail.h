/* tail.h - how likely a run takes longer than so long
 *
 * A sketch of a hundred samples tells little of what happens once in a hundred runs.  So
 * its tail is taken to be that of a log-normal distribution with the same median and the
 * same spread (from the median to the quantile at 1.5 sigma), as run times of one kind of
 * job are, nearly; and where TAIL_SEEN samples or more were longer, at least as thick as
 * they are many: of two kinds in one the longer ones are no tail.  What none was longer
 * than is no likelier than the next sample is to be the longest.  A spread that few
 * samples tell is taken for a wider one.
 *
 * Pure, integers.
 */
#ifndef BROKER_CORE_ROUTER_TAIL_H
#define BROKER_CORE_ROUTER_TAIL_H

#include "broker/core/router/sketch.h"

#define TAIL_SEEN 6u
#define TAIL_ONE  1000000u /* certain */

/* Places on the axis of a sketch, in 1 / TAIL_STEPS of a bin. */
#define TAIL_STEPS 256u

struct tail {
    const struct sketch *of; /* borrowed; NULL: nothing is known */
    uint32_t mid, sigma;
};

void tail_of(const struct sketch *s, struct tail *ret);

/* Of a million runs so many take longer. */
uint32_t tail_above(const struct tail *t, uint64_t us);

#endif

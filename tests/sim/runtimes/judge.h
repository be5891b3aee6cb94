/* judge.h - how far from the truth predictions were
 *
 * The error of one is |predicted - real| / real.  Each run is predicted before anything
 * of it is known, then learned from: at once, or, `late`, when it ended and before the
 * next one that begins after that.
 */
#ifndef TESTS_SIM_RUNTIMES_JUDGE_H
#define TESTS_SIM_RUNTIMES_JUDGE_H

#include "tests/sim/runtimes/trace.h"

struct judgement {
    double median, p90;    /* errors of the median that was predicted */
    double mean_median;    /* median error of the mean that was predicted */
    double mean_ratio;     /* sum of the means, by the sum of what was real */
    double in_p90, in_p95; /* share of the runs within the quantile that was predicted */
    double base_median, base_p90; /* errors of one mean per capability */
    double hindsight; /* median error of the mean of the whole trace per capability */
    double guess_ns, learn_ns; /* median time that each took */
};

/* 0; -1: no memory. */
int judge(const struct trace *t, int late, uint64_t seed, struct judgement *ret);

#endif

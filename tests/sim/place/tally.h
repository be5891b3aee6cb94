/* tally.h - what became of the jobs of a run, as one JSON object
 *
 * Jobs of the first 10 seconds warm the mesh up and are not counted.  Bytes and money are
 * those of all counted jobs, over the number of those that finished.
 */
#ifndef TESTS_SIM_PLACE_TALLY_H
#define TESTS_SIM_PLACE_TALLY_H

#include "common/defs.h"

#include <stdio.h>

#define TALLY_WARM_NS UINT64_C(10000000000)

struct tally {
    float *took_s;        /* owned; of jobs that finished */
    float *error;         /* owned; of what was expected of them, as a share of took_s */
    uint32_t *decided_ns; /* owned; how long decisions took */
    size_t max;
    size_t nfinished, ndecided, nexpected;
    double bias_s; /* took less expected, summed up */
    uint64_t counted, refused;
    uint64_t refused_rightly;  /* nobody could have ended it in time */
    uint64_t refused_expected; /* nor a job that runs as long as its like do on average */
    uint64_t due,
        due_missed; /* with a deadline and not refused; too late or unfinished */
    uint64_t with_data, local;
    double sum_s, bytes, usd;
    uint64_t made_way; /* runs that were stopped for others, */
    double lost_s;     /* and how long they had run */
    uint64_t reports;
    int64_t promised; /* transfers that brokers still expect at the end */
};

/* Room for `max` jobs.  WEFT_ENOMEM. */
int tally_init(struct tally *t, size_t max);
void tally_fini(struct tally *t);

/* `expected_s`: 0 when nothing was. */
void tally_finished(struct tally *t, double took_s, double expected_s);
void tally_decided(struct tally *t, uint64_t ns);

/* Print it.  Sorts what it holds. */
void tally_print(struct tally *t, const char *policy, FILE *out);

#endif

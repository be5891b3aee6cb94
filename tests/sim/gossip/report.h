/* report.h - what the gossip of a world costs, as one JSON object
 *
 * Counters of all brokers at one time; the difference of two over the seconds between
 * them is what a broker pays.
 */
#ifndef TESTS_SIM_GOSSIP_REPORT_H
#define TESTS_SIM_GOSSIP_REPORT_H

#include "tests/sim/gossip/world.h"

struct counters {
    uint64_t *bytes_out, *bytes_in; /* owned: of each broker */
    uint64_t frames, facts, verified, signed_, stops, pushes, twice, stalls;
};

struct outcome {
    struct counters from, to;
    double seconds;
    uint64_t warm_bytes; /* a broker, mean: until the world is quiet */
    uint64_t revoked_us; /* until all brokers have it; 0: they never did */
    uint64_t healed_us;  /* after the parts met again; 0: never */
    uint64_t heal_bytes; /* a broker, mean */
    double cpu_s;        /* of this process, in the time that was measured */
};

void counters_take(struct counters *c, const struct world *w);
void counters_free(struct counters *c);
uint64_t counters_mean_out(const struct counters *from, const struct counters *to,
                           unsigned brokers);

/* 1 when the bars hold, which are those of 1,000 brokers. */
int report(struct world *w, const struct outcome *r);

#endif

/* report.h - what a world of brokers costs, and how good its decisions are */
#ifndef TESTS_SIM_SCALE_REPORT_H
#define TESTS_SIM_SCALE_REPORT_H

#include "tests/sim/scale/world.h"

/* Sums over all brokers at one time. */
struct sums {
    uint64_t gossip_bytes, gossip_frames, link_bytes, link_frames, steps;
    uint64_t *each; /* owned; gossip bytes of each broker */
    double cpu_s;
    uint64_t at_ns;
};

void sums_take(struct sums *s, const struct world *w);
void sums_free(struct sums *s);

/* One mode, as a member of the JSON object that main prints.  `whole`: the run was not
 * stopped; `known_s`: when all brokers knew all, 0: never.  1 when nothing was lost and
 * no link broke. */
struct lived {
    struct sums from, to;
    double known_s;
    int whole;
};
int report_mode(struct world *w, struct lived *l, int last);

/* Mean seconds of the jobs that ended, as the report tells them. */
double report_mean_s(const struct world *w);

extern const char *const report_modes[WORLD_MODES];

#endif

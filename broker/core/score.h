/* score.h - how soon one agent is expected to finish one job, and at what price
 *
 *     score = L + max(Q, X, C) + R + S + M / rho        microseconds, lower is better
 *
 * DESIGN section 6; this first form measures L, Q and R, and takes X, C, S and M as
 * given. A pure function of one struct, in saturating integers: the same terms give the
 * same score on every machine, so a decision can be checked from its explanation.
 */
#ifndef BROKER_CORE_SCORE_H
#define BROKER_CORE_SCORE_H

#include "common/defs.h"

struct score_in {
    uint64_t client_rtt_us; /* client to broker: the same for all candidates */
    uint64_t agent_rtt_us;  /* broker to agent */
    uint64_t ahead;         /* jobs of this capability there: running and waiting */
    uint64_t slots;         /* at least 1 */
    uint64_t queued_run_us; /* expected run of one of those ahead */
    uint64_t run_us;        /* expected run of this job there */
    uint64_t fetch_us, warm_us, risk_us, money_us;
};

struct score {
    uint64_t link_us, wait_us, fetch_us, warm_us, run_us, risk_us, money_us;
    uint64_t total_us;
};

struct score score_agent(const struct score_in *in);

/* The total of given terms, as score_agent() adds them. */
uint64_t score_total(const struct score *s);

#endif

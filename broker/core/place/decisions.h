/* decisions.h - the last placement decisions, for `weft why`
 *
 * A ring: the record of a job's decision is there until that many later ones were made.
 * Each holds the filters' counts and the candidates term by term, enough to score them
 * again and get the same winner.
 */
#ifndef BROKER_CORE_DECISIONS_H
#define BROKER_CORE_DECISIONS_H

#include "broker/core/router/router.h"
#include "proto/msg.h"

#define DECISIONS_KEPT 4096 /* a power of two */

struct decision {
    struct wf_id job;
    uint32_t attempt; /* the attempt it led to; 0: the job waits */
    uint64_t known;   /* agents known */
    uint32_t filtered[PLACE_FILTER_COUNT];
    struct route_decision route; /* the ref of a row is its struct agent */
};

struct decisions {
    struct decision *ring; /* owned; DECISIONS_KEPT of them */
    uint64_t next;
};

int decisions_init(struct decisions *d);
void decisions_fini(struct decisions *d);

/* The next record to fill, cleared of its old content. */
struct decision *decisions_next(struct decisions *d);
void decision_clear(struct decision *d);

/* The newest record of a job, or NULL. */
const struct decision *decisions_of(const struct decisions *d, const struct wf_id *job);

/* Its candidates, the best first: those that passed, by score, then those refused, by
 * filter, the last asked first.  Indexes of rows; how many. */
unsigned decision_order(const struct decision *d, unsigned ret[ROUTE_ROWS_MAX]);

#endif

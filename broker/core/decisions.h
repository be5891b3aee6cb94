/* decisions.h - the last placement decisions, for `weft why`
 *
 * A ring: the record of a job's decision is there until that many later ones were made.
 * Each holds the filters' counts and the best candidates term by term, enough to score
 * them again and get the same winner.
 */
#ifndef BROKER_CORE_DECISIONS_H
#define BROKER_CORE_DECISIONS_H

#include "broker/core/score.h"
#include "proto/msg.h"

#define DECISIONS_KEPT 8192 /* a power of two */

/* Hard filters, in the order in which they are asked. */
#define PLACE_FILTERS(F)                                                                 \
    F(CAPABILITY, "capability")                                                          \
    F(VERSION, "version")                                                                \
    F(RESIDENCY, "residency")                                                            \
    F(DATA, "data-too-large")                                                            \
    F(REVOKED, "revoked")                                                                \
    F(OFFLINE, "offline")                                                                \
    F(SILENT, "silent")                                                                  \
    F(DRAINING, "draining")                                                              \
    F(PINNED, "other-node")                                                              \
    F(NEEDS, "needs")                                                                    \
    F(AVOIDED, "failed-there")                                                           \
    F(FULL, "full")

enum place_filter {
#define F(name, text) PLACE_##name,
    PLACE_FILTERS(F)
#undef F
        PLACE_FILTER_COUNT
};

struct agent;

struct decision_row {
    struct agent *agent; /* borrowed */
    struct score score;
    uint64_t ahead;
    uint64_t report_ms; /* age of what is known of the agent */
    int full;           /* passed every filter but had no room */
};

struct decision {
    struct wf_id job;
    uint32_t attempt; /* the attempt it led to; 0: the job waits */
    uint64_t at_us;
    uint64_t known; /* agents known */
    uint32_t filtered[PLACE_FILTER_COUNT];
    uint32_t passed; /* with room */
    unsigned nrows;  /* best first */
    struct decision_row rows[WF_SCORED_MAX];
};

struct decisions {
    struct decision *ring; /* owned; DECISIONS_KEPT of them */
    uint64_t next;
};

int decisions_init(struct decisions *d);
void decisions_fini(struct decisions *d);

/* The next record to fill, cleared of its old content. */
struct decision *decisions_next(struct decisions *d);

/* The newest record of a job, or NULL. */
const struct decision *decisions_of(const struct decisions *d, const struct wf_id *job);

/* Keep a candidate among the best, by score, then by order of insertion. */
void decision_add(struct decision *d, const struct decision_row *row);

const char *place_filter_name(unsigned filter);

#endif

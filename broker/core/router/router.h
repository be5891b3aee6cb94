/* router.h - where a piece of work goes: nodes, what they offer and hold, how far they
 * are
 *
 * The router knows nodes and capabilities by number, not by session: the core tells it
 * what it hears, asks it to decide, and tells it what was sent and what ended.  A
 * decision looks at about 20 candidates out of indexes: holders of the data, near ones,
 * nodes near the data, the rest at random by capacity.  It allocates nothing and takes
 * the same time with 100 nodes and with 100,000.
 *
 * Times are microseconds, money is 1e-12 $ (pusd).  "Work" is run time on a node of speed
 * 1: a node of speed 1500 per mille does 1.5 seconds of it a second in each slot.  Pure;
 * not thread-safe.
 */
#ifndef BROKER_CORE_ROUTER_ROUTER_H
#define BROKER_CORE_ROUTER_ROUTER_H

#include "broker/core/router/filters.h"
#include "broker/core/router/load.h"
#include "broker/core/router/score.h"
#include "common/rng.h"

#define ROUTE_BROKERS_MAX 32u /* to which a node may tell its distance */
#define ROUTE_HOLDERS_MAX 8u  /* of one input that are looked at */
#define ROUTE_AWAY_MAX    4u  /* other sites that may have one input */
#define ROUTE_INPUTS_MAX  17u /* as many as a job may have, and its payload */
#define ROUTE_SAMPLE      20u /* candidates, about */
#define ROUTE_ROWS_MAX    24u /* candidates, at most */
#define ROUTE_NONE        UINT32_MAX

struct routing;
struct prices;
struct runtimes;

struct routing_config {
    uint32_t max_nodes, max_capabilities;
    uint32_t brokers; /* that may send to the same nodes; at least 1 */
    uint32_t sample;  /* candidates; 0: ROUTE_SAMPLE */
    uint64_t seed;
};

/* What a node is. */
struct route_about {
    uint32_t site;   /* a number of the caller's; 0: none */
    uint32_t class_; /* node class: of the price book and the run times */
    uint8_t tier;    /* enum wf_tier */
    uint8_t spot;
    uint8_t whole; /* not a node but a whole site, behind another broker */
    uint32_t slots, speed_pm;
    uint64_t price_pusd_s; /* of a slot-second */
};

/* How far it is, as measured.  0: not known. */
struct route_links {
    uint32_t rtt_us, dev_us;               /* to this broker */
    uint64_t up, down;                     /* bytes a second */
    uint16_t to_broker[ROUTE_BROKERS_MAX]; /* RTT to each, in 0.1 ms */
};

/* WEFT_ENOMEM.  Prices and run times are borrowed; they may be shared by routers. */
int routing_new(const struct routing_config *cfg, struct prices *prices,
                struct runtimes *runtimes, struct routing **ret_routing);
void routing_free(struct routing *r);

/* -- nodes ----------------------------------------------------------------------------
 */

/* A number that is free; WEFT_EFULL. */
int routing_add(struct routing *r, uint32_t *ret_node);
void routing_remove(struct routing *r, uint32_t node);

void routing_describe(struct routing *r, uint32_t node, const struct route_about *about);
void routing_measured(struct routing *r, uint32_t node, const struct route_links *links);

/* A pair of nodes was measured: the RTT, and the rate from holder to getter (0: not). */
void routing_pair(struct routing *r, uint32_t holder, uint32_t getter, uint32_t rtt_us,
                  uint64_t rate, uint64_t now_us);

/* It may get work, or not at present. */
void routing_open(struct routing *r, uint32_t node, int open);

struct route_offer {
    uint32_t slots, queue;
    uint32_t assigned; /* by this broker and not ended */
    int warm;
    uint64_t price_pusd_s; /* where it is not what the node costs; 0: it is */
    void *ref;             /* comes back with the decision */
};

/* It offers a capability (a number below max_capabilities); again to change it.
 * WEFT_ENOMEM. */
int routing_offer(struct routing *r, uint32_t node, uint32_t capability,
                  const struct route_offer *offer);
void routing_withdraw(struct routing *r, uint32_t node, uint32_t capability);

/* -- load -----------------------------------------------------------------------------
 */

/* A report of the node's: jobs there and their expected work, assignments it ever took;
 * and of what this broker sent, what the report does not cover yet. */
struct route_report {
    uint32_t jobs;
    uint64_t work_us;
    uint64_t arrived;
    uint32_t own_jobs;
    uint64_t own_work_us;
    uint32_t up_flows, down_flows; /* of whoever sent for them */
    /* Of those that run, these make way for what would be late, of WF_WAY_PRIORITY or
     * more, and that is neither waiting there nor on its way. */
    uint32_t yielding;
};

void routing_report(struct routing *r, uint32_t node, const struct route_report *report,
                    uint64_t now_us);

/* A job was sent there; it ended, or never arrived.  `covered`: the last report counted
 * it. */
void routing_sent(struct routing *r, uint32_t node, uint32_t capability,
                  uint64_t work_us);
void routing_ended(struct routing *r, uint32_t node, uint32_t capability,
                   uint64_t work_us, int covered);

/* What was sent there may need that one of those makes way: nobody else counts on it. */
void routing_sent_due(struct routing *r, uint32_t node);

/* A transfer was promised (by is 1), or is over (-1): both links are shared.  Counts
 * when a report tells of fewer. */
void routing_flow(struct routing *r, uint32_t holder, uint32_t getter, int by);

/* What this broker believes, now. */
struct route_load routing_load(const struct routing *r, uint32_t node);

/* -- decisions ------------------------------------------------------------------------
 */

struct route_holder {
    uint32_t node;
    uint64_t have; /* bytes */
};

/* A node that is a whole site, and most likely has it, but gives it to nobody. */
struct route_site {
    uint32_t node;
    uint32_t way_us; /* or one has it that far behind it, where the job may go on */
    uint64_t have;
};

struct route_input {
    uint64_t bytes;
    unsigned nholders;
    struct route_holder holders[ROUTE_HOLDERS_MAX];
    unsigned nsites;
    struct route_site sites[ROUTE_AWAY_MAX];
};

struct route_job {
    uint32_t capability, version;
    uint64_t size; /* what may explain its run time: bytes of payload and inputs */
    unsigned goal; /* enum wf_goal */
    unsigned priority;
    uint64_t rho_pusd_s; /* what a second is worth; 0: as the goal */
    uint64_t client_rtt_us;
    uint64_t left_us;  /* until its result has to be here; 0: no deadline */
    unsigned try_pm;   /* it must be in time so likely, per mille; 0: as late_pm, */
    unsigned late_pm;  /* which is also the quantile of its run that the record tells */
    uint64_t max_pusd; /* 0: no limit */
    unsigned ninputs;
    const struct route_input *inputs;
    uint32_t avoid; /* where it failed last, or ROUTE_NONE */
    uint32_t sure;  /* looked at in any case, or ROUTE_NONE */
    /* Further filters of the caller's, and what is not as the job would have it; NULL:
     * none.  PLACE_PASSED or the number of the filter; *soft_us is added to. */
    unsigned (*filter)(void *arg, uint32_t node, void *ref, uint64_t *soft_us);
    void *arg;
};

/* One candidate, with all that is needed to score it again. */
struct route_row {
    uint32_t node;
    uint32_t from;      /* the holder that it would fetch most from, or ROUTE_NONE */
    uint8_t filter;     /* 0: it passed */
    uint32_t ahead;     /* jobs there before it */
    uint32_t report_ms; /* age of its report */
    uint64_t fetch_bytes, cost_pusd;
    uint64_t late_us; /* PLACE_DEADLINE: what nearly all such jobs would take */
    struct score score;
    void *ref;
};

struct route_decision {
    uint64_t at_us;
    uint64_t rho_pusd_s;
    uint32_t offers; /* nodes that offer the capability */
    uint32_t passed; /* candidates that no filter refused */
    uint32_t nrows;
    int occupies;  /* see score.h */
    int best;      /* index of a row, or -1 */
    int runner_up; /* or -1 */
    struct route_row rows[ROUTE_ROWS_MAX];
};

/* For checks: is it open, and how much of a capability is assigned to it? */
int routing_is_open(const struct routing *r, uint32_t node);
uint32_t routing_assigned(const struct routing *r, uint32_t node, uint32_t capability);

/* Fill `ret`, all of which but rows beyond nrows is written. */
void routing_decide(struct routing *r, const struct route_job *job, uint64_t now_us,
                    struct route_decision *ret);

/* The same of one node alone; 0: it does not offer that. */
int routing_score(const struct routing *r, const struct route_job *job, uint32_t node,
                  uint64_t now_us, struct route_row *ret);

/* A job that waits at a node, where it counts with so much work. */
struct route_waiting {
    uint32_t node;
    uint64_t work_us;
    int fetched; /* its inputs are there */
};

/* Would it be done clearly sooner at another node, by a quarter of the time and by
 * `least_us`, which is what moving it costs? */
int routing_is_sooner(const struct routing *r, const struct route_job *job,
                      const struct route_waiting *there, uint32_t here, uint64_t least_us,
                      uint64_t now_us);

/* How likely a job has to be in time, per mille: to be sure, to be taken in, and once it
 * was, to be tried.  The risk of being late counts in its score. */
#define ROUTE_SURE_PM     990u
#define ROUTE_ADMIT_PM    900u
#define ROUTE_POSSIBLE_PM 100u

/* Expected work, microseconds, of a job of this kind at a node. */
uint64_t routing_work(const struct routing *r, uint32_t node,
                      const struct route_job *job);

/* What a second is worth to a job by its goal, in pusd. */
uint64_t route_rho(unsigned goal);

/* The bytes that the tables take. */
size_t routing_bytes(const struct routing *r);

#endif

/* world.h - a mesh at work: clients, brokers, agents, links, on one virtual clock
 *
 * A job's way (placement.md 5.1): half a round trip from the client to its home broker,
 * the decision, half a round trip to the agent; there its missing inputs are fetched
 * while it queues, it runs in a slot, and half a round trip brings the result to the
 * broker, another half to the client.  After the last job is submitted the mesh gets 60
 * seconds to end what it has.
 *
 * The world knows everything.  What a policy may know is what policy.h hands to it.
 */
#ifndef TESTS_SIM_PLACE_WORLD_H
#define TESTS_SIM_PLACE_WORLD_H

#include "tests/sim/place/chance.h"
#include "tests/sim/place/flows.h"
#include "tests/sim/place/holdings.h"
#include "tests/sim/place/tally.h"

struct policy;

#define WORLD_DRAIN_NS (60 * EV_S)

struct world_options {
    uint64_t stale_ns; /* between reports; 0: everybody sees everything */
    unsigned admit_pm; /* of jobs with deadlines, instead of ROUTE_ADMIT_PM; 0: that */
    uint64_t seed;
    int cache;  /* agents keep what they fetched */
    double rho; /* $ a second for every job; 0: by its class */
};

struct job {
    struct event event;         /* its next step */
    struct event notice;        /* its broker hears that its inputs are there */
    struct event back;          /* it is asked back, and comes */
    struct wf_list_node queued; /* or among those that run, or the replies */
    const struct sc_job *spec;
    uint32_t agent;
    uint32_t missing; /* inputs */
    uint64_t work_us; /* what its broker expects on a node of speed 1, */
    uint64_t
        took_us; /* and of all its time until the client has the result; 0: nothing */
    uint64_t sent_ns, arrived_ns, ready_ns, started_ns, ended_ns;
    uint64_t begin_ns; /* its broker's, as `yields`: if it has not begun by then, one that
                          yields makes way for it; 0: never */
    uint64_t due_ns;   /* its broker's: when its result has to be there */
    int yields, helped; /* something made way for it */
    unsigned gave_way;
    uint32_t note; /* the policy's, as all that follow */
    int heard;
    int asked;
    uint32_t moves, was_at;
    struct wf_list_node sent;
};

/* An agent's side, as it is. */
struct host {
    uint32_t busy;     /* slots */
    uint32_t jobs;     /* there: fetching, queued or running, */
    uint32_t pressing; /* and of those that wait, these have to begin, */
    uint32_t yielding; /* and of those that run, these yield */
    uint64_t work_us;
    uint32_t air_jobs; /* on their way there */
    uint64_t air_work_us;
    uint64_t arrived;  /* ever */
    uint64_t press_ns; /* nothing makes way before that */
    struct wf_list_node queue, running;
    struct wf_list_node replies; /* on their way from there */
    struct event report;
};

/* What an agent last told, which is the same to all brokers. */
struct report {
    int64_t at_ns; /* -1: never */
    uint32_t jobs, yielding, up_flows, down_flows;
    uint64_t work_us, arrived;
};

/* One broker and one agent: what was sent, and of that what arrived. */
struct pair {
    int64_t own_work_us; /* sent and not covered by a report, less what ended since */
    int64_t own_jobs;
    uint64_t sent_work_us, came_work_us;
    uint32_t sent, came;
};

struct world {
    const struct scenario *sc;
    struct world_options opt;
    const struct policy *policy;
    void *self; /* the policy's */
    struct events ev;
    struct flows flows;
    struct holdings holdings;
    struct wf_rng rng;
    struct tally tally;
    struct host *hosts;          /* owned; of each agent */
    struct report *reports;      /* owned; of each agent */
    struct pair *pairs;          /* owned; brokers x agents */
    struct job *jobs;            /* owned */
    struct wf_list_node fetches; /* owned flows */
    struct event submit, tick;
    uint32_t next;   /* to be submitted */
    uint64_t end_ns; /* of submitting */
    int err;         /* sticks */
};

/* Live through a scenario.  WEFT_ENOMEM, WEFT_EFULL; to be freed in any case. */
int world_run(struct world *w, const struct scenario *sc, const struct policy *policy,
              const struct world_options *opt);
void world_fini(struct world *w);

/* A policy's decision that it did not take at once (POLICY_LATER). */
void world_send(struct world *w, struct job *j, uint32_t agent);

/* Ask a job back that waits at an agent with all its inputs: unless it has begun when
 * that is heard there, it comes back to its broker (policy.h, `back`), which sends it on.
 */
void world_ask_back(struct world *w, struct job *j);

/* A job has left its agent unfinished, and its broker will hear of that. */
void world_give_back(struct world *w, struct job *j);

/* $ that a second is worth to a job. */
double world_rho(const struct world *w, const struct sc_job *spec);

/* -- host.c: agents -------------------------------------------------------------------
 */

void host_arrive(struct world *w, struct job *j);
void host_ready(struct world *w, struct job *j);

/* So many runs would make way that nothing is to have the slots of; and one would for
 * what is expected to run for so long. */
uint32_t host_free_ways(const struct host *h);
int host_makes_way(const struct world *w, uint32_t agent, double run_s);

/* It leaves the queue, if it is there: 1. */
int host_give_back(struct world *w, struct job *j);

/* -- fetch.c: inputs ------------------------------------------------------------------
 */

/* Fetch what the agent lacks: host_ready is called when all is there. */
void fetch_begin(struct world *w, struct job *j);
void fetch_over(void *world, struct event *e);
void fetch_free(struct world *w);

/* -- reports.c ------------------------------------------------------------------------
 */

void reports_start(struct world *w);

/* An agent's load changed: it reports if the policy wants that. */
void reports_changed(struct world *w, uint32_t agent);

/* A broker sent a job, and it arrived; the broker heard that it ended. */
void reports_sent(struct world *w, const struct job *j);
void reports_arrived(struct world *w, const struct job *j);
void reports_ended(struct world *w, const struct job *j);

static inline struct pair *world_pair(const struct world *w, uint32_t broker,
                                      uint32_t agent)
{
    return &w->pairs[(size_t) broker * w->sc->nagents + agent];
}

/* Half a round trip between two nodes. */
static inline uint64_t world_half_ns(const struct world *w, uint32_t from, uint32_t to)
{
    return (uint64_t) scenario_rtt_us(w->sc, from, to) * 500;
}

static inline int world_counts(const struct job *j)
{
    return j->spec->at_ns >= TALLY_WARM_NS;
}

#endif

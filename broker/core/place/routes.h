/* routes.h - what the router is told of agents and jobs, and asked
 *
 * The router knows numbers.  Here each agent and capability has its own, and whatever
 * changes about an agent that placement looks at is passed on.
 */
#ifndef BROKER_CORE_ROUTES_H
#define BROKER_CORE_ROUTES_H

#include "broker/core/core_int.h"

/* An agent's first hello.  WEFT_EFULL, WEFT_ENOMEM. */
int routes_add(struct core *c, struct agent *a);

/* It may have come, gone, drained or been told apart: is it open for work? */
void routes_open(struct core *c, const struct agent *a);
int routes_is_open(const struct agent *a);

/* What it is and offers.  `before`: agent_set_info() is about to change that. */
void routes_info_before(struct core *c, const struct agent *a);
void routes_info(struct core *c, struct agent *a);

/* The round trip to it, microseconds: what it told of its link in this session, else what
 * its heartbeats took. */
uint32_t routes_rtt(const struct core *c, const struct agent *a, uint32_t *ret_dev_us);

/* A round trip or a rate was measured. */
void routes_measured(struct core *c, const struct agent *a);

/* It told its load; or (NULL) a session began, and it has what it holds. */
void routes_load(struct core *c, struct agent *a, const struct wf_ping *m);

/* The present attempt of the job goes to its agent, as that row of a decision said (NULL:
 * it is there already), and later holds its slot no longer.  `offered`: the agent offers
 * what it runs, as far as is known now. */
void routes_sent(struct core *c, struct job *j, const struct route_row *row, int offered);
void routes_ended(struct core *c, struct job *j, int offered);

/* The inputs of the present attempt are there, or are not waited for any more. */
void routes_fetched(struct core *c, struct job *j);

/* What a slot there costs for so long, by the price book. */
uint64_t routes_cost(struct core *c, const struct agent *a, uint64_t us);

/* What the attempt cost, by the price book, is added to the job. */
void routes_pay(struct core *c, struct job *j, const struct wf_result *m);

/* It ended: how long such runs take.  `cut`: it was stopped, and would have taken longer.
 */
void routes_learn(struct core *c, const struct job *j, const struct wf_result *m,
                  int cut);

/* So many per mille of such runs are over so long after their start, at the agent of the
 * present attempt; 0: nothing is known of them. */
uint64_t routes_run_us(struct core *c, const struct job *j, unsigned pm);

/* What a second is worth to the job, in pusd. */
uint64_t routes_rho(const struct core *c, const struct job *j);

/* The price book was changed. */
void routes_priced(struct core *c);

/* The agent of a router's number. */
struct agent *routes_agent(const struct core *c, uint32_t node);

/* The job as the router looks at it, but for filters. */
void routes_job(const struct core *c, const struct job *j, struct route_input *inputs,
                struct route_job *ret);

void routes_check(const struct core *c, const struct agent *a);

#endif

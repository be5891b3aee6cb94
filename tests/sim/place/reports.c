/* What agents tell brokers of their load, and what brokers count themselves. */
#include "tests/sim/place/policy/policy.h"

#define LEAST_NS (100 * EV_MS) /* between reports of what changed */

static void report(struct world *w, uint32_t agent)
{
    const struct host *h = &w->hosts[agent];
    const uint32_t node = w->sc->agents[agent];

    w->reports[agent] = (struct report){.at_ns = (int64_t) w->ev.now_ns,
                                        .jobs = h->jobs,
                                        .work_us = h->work_us,
                                        .yielding = host_free_ways(h),
                                        .arrived = h->arrived,
                                        .up_flows = w->flows.up[node].n,
                                        .down_flows = w->flows.down[node].n};
    w->tally.reports++;
    /* It says up to which job of that broker's it counts: the rest is still on its way.
     */
    for (uint32_t b = 0; b < w->sc->nbrokers; b++) {
        struct pair *p = world_pair(w, b, agent);

        p->own_jobs = p->sent - p->came;
        p->own_work_us = (int64_t) (p->sent_work_us - p->came_work_us);
    }
    if (w->policy->reported != NULL) {
        w->policy->reported(w, w->self, agent);
    }
}

static void on_time(void *world, struct event *e)
{
    struct world *w = world;
    struct host *h = CONTAINER_OF(e, struct host, report);

    report(w, (uint32_t) (h - w->hosts));
    events_set(&w->ev, e, w->ev.now_ns + w->opt.stale_ns, on_time);
}

void reports_start(struct world *w)
{
    for (uint32_t a = 0; a < w->sc->nagents; a++) {
        w->reports[a].at_ns = -1;
        if (w->opt.stale_ns != 0) {
            events_set(&w->ev, &w->hosts[a].report,
                       (uint64_t) (chance_unit(&w->rng) * (double) w->opt.stale_ns),
                       on_time);
        }
    }
}

void reports_changed(struct world *w, uint32_t agent)
{
    const struct report *r = &w->reports[agent];
    const uint32_t slots = scenario_agent(w->sc, agent)->slots;
    const uint32_t now = w->hosts[agent].jobs;

    if (w->opt.stale_ns == 0) {
        report(w, agent);
    } else if (w->policy->eager &&
               (r->at_ns < 0 || w->ev.now_ns - (uint64_t) r->at_ns >= LEAST_NS) &&
               (now > r->jobs ? now - r->jobs : r->jobs - now) >=
                   wf_max_u64(1, slots / 2)) {
        report(w, agent);
    }
}

void reports_sent(struct world *w, const struct job *j)
{
    struct pair *p = world_pair(w, j->spec->broker, j->agent);

    p->sent++;
    p->sent_work_us += j->work_us;
    p->own_jobs++;
    p->own_work_us += (int64_t) j->work_us;
    w->hosts[j->agent].air_jobs++;
    w->hosts[j->agent].air_work_us += j->work_us;
}

void reports_arrived(struct world *w, const struct job *j)
{
    struct pair *p = world_pair(w, j->spec->broker, j->agent);

    p->came++;
    p->came_work_us += j->work_us;
    w->hosts[j->agent].air_jobs--;
    w->hosts[j->agent].air_work_us -= j->work_us;
}

void reports_ended(struct world *w, const struct job *j)
{
    struct pair *p = world_pair(w, j->spec->broker, j->agent);

    /* A report from after its end does not count it any more. */
    if ((int64_t) j->ended_ns > w->reports[j->agent].at_ns) {
        p->own_jobs--;
        p->own_work_us -= (int64_t) j->work_us;
    }
}

#include "tests/sim/place/policy/estimate.h"

#include "tests/sim/place/policy/policy.h"

#include <math.h>

static int sees_all(const struct world *w)
{
    return w->policy->exact || w->opt.stale_ns == 0;
}

static struct estimate_load load_of(const struct world *w, uint32_t agent, double work_us,
                                    double jobs)
{
    const struct sc_node *node = scenario_agent(w->sc, agent);

    jobs = fmax(jobs, 0);
    work_us = fmax(work_us, 0);
    return (struct estimate_load){
        .wait_s = jobs < node->slots ? 0 : work_us / 1e6 / (node->slots * node->speed),
        .jobs = jobs / node->slots};
}

static struct estimate_load exact_load(const struct world *w, uint32_t agent)
{
    const struct host *h = &w->hosts[agent];

    return load_of(w, agent, (double) (h->work_us + h->air_work_us),
                   (double) h->jobs + h->air_jobs);
}

struct estimate_load estimate_load(const struct world *w, uint32_t broker, uint32_t agent)
{
    const struct report *r = &w->reports[agent];
    const struct pair *p = world_pair(w, broker, agent);
    double work_us = (double) r->work_us, jobs = r->jobs;

    if (sees_all(w)) {
        return exact_load(w, agent);
    }
    if (w->policy->own) {
        work_us += (double) p->own_work_us;
        jobs += (double) p->own_jobs;
    }
    return load_of(w, agent, work_us, jobs);
}

static uint32_t up_flows(const struct world *w, uint32_t node, int exact)
{
    const struct sc_node *n = &w->sc->nodes[node];

    if (exact) {
        return w->flows.up[node].n;
    }
    return n->role == SC_AGENT ? w->reports[n->index].up_flows : 0;
}

static double fetch_s(const struct world *w, const struct job *j, uint32_t agent,
                      int exact)
{
    const uint32_t to = w->sc->agents[agent];
    const uint32_t down = exact ? w->flows.down[to].n : w->reports[agent].down_flows;
    double worst = 0, bytes = 0;

    for (uint32_t i = 0; i < j->spec->nblobs; i++) {
        const uint32_t blob = w->sc->refs[j->spec->first + i];
        const struct holding *of = &w->holdings.of[blob];
        const double size = (double) w->sc->blobs[blob].bytes;
        double best = INFINITY;

        if (holdings_has(&w->holdings, to, blob)) {
            continue;
        }
        for (uint32_t k = 0; k < of->n; k++) {
            const uint32_t from = of->nodes[k];
            double took_s =
                1.5e-6 * scenario_rtt_us(w->sc, from, to) +
                flows_time_s(w->sc, from, to, up_flows(w, from, exact), down, size);

            best = took_s < best ? took_s : best;
        }
        worst = fmax(worst, best);
        bytes += size;
    }
    return fmax(worst, bytes * w->sc->nodes[to].down_s * (down + 1));
}

double estimate_fetch_s(const struct world *w, const struct job *j, uint32_t agent)
{
    return fetch_s(w, j, agent, sees_all(w));
}

double estimate_run_s(const struct world *w, const struct job *j, uint32_t agent)
{
    return w->sc->caps[j->spec->capability].mean_us / 1e6 /
           scenario_agent(w->sc, agent)->speed;
}

/* What is about to be late need not wait where something yields. */
static double wait_s(const struct world *w, const struct job *j, uint32_t agent)
{
    return host_makes_way(w, agent, estimate_run_s(w, j, agent))
               ? 0
               : exact_load(w, agent).wait_s;
}

int estimate_late(const struct world *w, const struct job *j, double run_ns)
{
    const struct sc_job *spec = j->spec;
    const struct sc_capability *cap = &w->sc->caps[spec->capability];
    const uint32_t broker = w->sc->brokers[spec->broker];
    const double gone_s = (double) (w->ev.now_ns - spec->at_ns) / 1e9 +
                          (double) world_half_ns(w, broker, spec->client) / 1e9;

    for (uint32_t i = 0; i < cap->nagents; i++) {
        const uint32_t a = cap->agents[i];
        double took_s = gone_s + scenario_rtt_us(w->sc, broker, w->sc->agents[a]) / 1e6 +
                        fmax(wait_s(w, j, a), fetch_s(w, j, a, 1)) +
                        run_ns / 1e9 / scenario_agent(w->sc, a)->speed;

        if (took_s * 1e9 <= (double) spec->deadline_ns) {
            return 0;
        }
    }
    return 1;
}

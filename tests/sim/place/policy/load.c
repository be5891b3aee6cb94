/* Policies that look at load alone: all agents, or two of them. */
#include "tests/sim/place/policy/estimate.h"
#include "tests/sim/place/policy/policy.h"

#define TIE_S     1e-9 /* what chance adds */
#define PER_JOB_S 1e-3 /* so that free agents differ by how full they are */

static double cost(struct world *w, const struct job *j, uint32_t agent)
{
    struct estimate_load load = estimate_load(w, j->spec->broker, agent);

    return load.wait_s + PER_JOB_S * load.jobs + TIE_S * chance_unit(&w->rng);
}

static uint32_t choose_least_loaded(struct world *w, void *self, struct job *j)
{
    const struct sc_capability *cap = &w->sc->caps[j->spec->capability];
    uint32_t best = 0;
    double least = 0;

    (void) self;
    j->work_us = (uint64_t) cap->mean_us;
    for (uint32_t i = 0; i < cap->nagents; i++) {
        double c = cost(w, j, cap->agents[i]);

        if (i == 0 || c < least) {
            best = cap->agents[i];
            least = c;
        }
    }
    return best;
}

static uint32_t choose_p2c(struct world *w, void *self, struct job *j)
{
    const struct sc_capability *cap = &w->sc->caps[j->spec->capability];
    uint32_t two[2];
    uint32_t n = chance_some(&w->rng, cap->share, cap->nagents, 2, two);
    uint32_t first = cap->agents[two[0]], second;

    (void) self;
    j->work_us = (uint64_t) cap->mean_us;
    if (n < 2) {
        return first;
    }
    second = cap->agents[two[1]];
    return cost(w, j, first) <= cost(w, j, second) ? first : second;
}

const struct policy policy_least_loaded = {.name = "least-loaded",
                                           .choose = choose_least_loaded};
const struct policy policy_least_loaded_own = {
    .name = "least-loaded+l", .own = 1, .choose = choose_least_loaded};
const struct policy policy_p2c = {.name = "p2c", .choose = choose_p2c};
const struct policy policy_p2c_own = {.name = "p2c+l", .own = 1, .choose = choose_p2c};

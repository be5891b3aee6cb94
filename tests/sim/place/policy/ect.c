/* Expected completion time without money: the study's "ECT d=20 +l", over all agents, and
 * with perfect knowledge (placement.md 5.2). */
#include "client/include/weft/error.h"
#include "common/mem.h"
#include "tests/sim/place/policy/estimate.h"
#include "tests/sim/place/policy/policy.h"

#include <math.h>

#define SAMPLE 20u
#define NEAR   (SAMPLE / 4)
#define TIE_S  1e-9

/* The agents nearest to a node, for each capability, found when first asked for. */
struct near {
    uint32_t n; /* 0: not found yet */
    uint32_t agents[NEAR];
};

struct ect {
    struct near *near; /* owned; nodes x capabilities */
    uint32_t *mark;    /* owned; of each agent: the decision that looked at it */
    uint32_t decisions;
    uint32_t best;
    double least_s;
};

static int start(struct world *w, void **ret_self)
{
    struct ect *ect = wf_calloc(1, sizeof *ect);

    *ret_self = ect;
    if (ect == NULL) {
        return WEFT_ENOMEM;
    }
    ect->near =
        wf_calloc((size_t) w->sc->nnodes * w->sc->capabilities.n + 1, sizeof *ect->near);
    ect->mark = wf_calloc(w->sc->nagents + 1u, sizeof *ect->mark);
    return ect->near != NULL && ect->mark != NULL ? 0 : WEFT_ENOMEM;
}

static void stop(void *self)
{
    struct ect *ect = self;

    wf_free(ect->near);
    wf_free(ect->mark);
    wf_free(ect);
}

static void consider(struct world *w, struct ect *ect, const struct job *j,
                     uint32_t agent)
{
    const uint32_t broker = w->sc->brokers[j->spec->broker];
    double s;

    if (ect->mark[agent] == ect->decisions) {
        return;
    }
    ect->mark[agent] = ect->decisions;
    s = scenario_rtt_us(w->sc, broker, w->sc->agents[agent]) / 1e6 +
        fmax(estimate_load(w, j->spec->broker, agent).wait_s,
             estimate_fetch_s(w, j, agent)) +
        estimate_run_s(w, j, agent) + TIE_S * chance_unit(&w->rng);
    if (ect->best == UINT32_MAX || s < ect->least_s) {
        ect->best = agent;
        ect->least_s = s;
    }
}

/* Insertion into the few nearest. */
static const struct near *near_to(const struct world *w, struct ect *ect, uint32_t node,
                                  uint32_t capability)
{
    const struct sc_capability *cap = &w->sc->caps[capability];
    struct near *near = &ect->near[(size_t) node * w->sc->capabilities.n + capability];

    if (near->n != 0) {
        return near;
    }
    for (uint32_t i = 0; i < cap->nagents; i++) {
        const uint32_t a = cap->agents[i];
        const uint32_t rtt = scenario_rtt_us(w->sc, node, w->sc->agents[a]);
        uint32_t at = near->n;

        for (; at > 0; at--) {
            const uint32_t before = w->sc->agents[near->agents[at - 1]];

            if (scenario_rtt_us(w->sc, node, before) <= rtt) {
                break;
            }
            if (at < NEAR) {
                near->agents[at] = near->agents[at - 1];
            }
        }
        if (at < NEAR) {
            near->agents[at] = a;
            near->n += near->n < NEAR;
        }
    }
    return near;
}

static void consider_near(struct world *w, struct ect *ect, const struct job *j,
                          uint32_t node)
{
    const struct near *near = near_to(w, ect, node, j->spec->capability);

    for (uint32_t i = 0; i < near->n; i++) {
        consider(w, ect, j, near->agents[i]);
    }
}

static int offers(const struct sc_node *node, uint32_t capability)
{
    for (uint32_t i = 0; i < node->ncaps; i++) {
        if (node->caps[i] == capability) {
            return 1;
        }
    }
    return 0;
}

/* Who holds an input and can run it, and those near the first holder of the first input
 * that has one. */
static void consider_data(struct world *w, struct ect *ect, const struct job *j)
{
    int near = 0;

    for (uint32_t i = 0; i < j->spec->nblobs; i++) {
        const struct holding *of = &w->holdings.of[w->sc->refs[j->spec->first + i]];

        for (uint32_t k = 0; k < of->n; k++) {
            const struct sc_node *node = &w->sc->nodes[of->nodes[k]];

            if (node->role == SC_AGENT && offers(node, j->spec->capability)) {
                consider(w, ect, j, node->index);
            }
        }
        if (of->n != 0 && !near) {
            near = 1;
            consider_near(w, ect, j, of->nodes[0]);
        }
    }
}

static void begin(struct world *w, struct ect *ect, struct job *j)
{
    j->work_us = (uint64_t) w->sc->caps[j->spec->capability].mean_us;
    ect->decisions++;
    ect->best = UINT32_MAX;
}

static uint32_t choose_all(struct world *w, void *self, struct job *j)
{
    const struct sc_capability *cap = &w->sc->caps[j->spec->capability];
    struct ect *ect = self;

    begin(w, ect, j);
    for (uint32_t i = 0; i < cap->nagents; i++) {
        consider(w, ect, j, cap->agents[i]);
    }
    return ect->best;
}

static uint32_t choose_sample(struct world *w, void *self, struct job *j)
{
    const struct sc_capability *cap = &w->sc->caps[j->spec->capability];
    struct ect *ect = self;
    uint32_t some[SAMPLE - 2 * NEAR];
    uint32_t n;

    if (cap->nagents <= SAMPLE) {
        return choose_all(w, self, j);
    }
    begin(w, ect, j);
    consider_data(w, ect, j);
    consider_near(w, ect, j, w->sc->brokers[j->spec->broker]);
    n = chance_some(&w->rng, cap->share, cap->nagents, ARRAY_LEN(some), some);
    for (uint32_t i = 0; i < n; i++) {
        consider(w, ect, j, cap->agents[some[i]]);
    }
    return ect->best;
}

const struct policy policy_ect = {
    .name = "ect", .own = 1, .start = start, .stop = stop, .choose = choose_sample};
const struct policy policy_ect_all = {
    .name = "ect-all", .own = 1, .start = start, .stop = stop, .choose = choose_all};
const struct policy policy_oracle = {
    .name = "oracle", .exact = 1, .start = start, .stop = stop, .choose = choose_all};

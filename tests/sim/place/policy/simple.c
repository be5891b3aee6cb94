/* Policies that look at one thing alone. */
#include "tests/sim/place/policy/policy.h"

static uint32_t by_chance(struct world *w, const struct sc_capability *cap)
{
    return cap->agents[chance_weighted(&w->rng, cap->share, cap->nagents)];
}

static const struct sc_capability *expect(const struct world *w, struct job *j)
{
    const struct sc_capability *cap = &w->sc->caps[j->spec->capability];

    j->work_us = (uint64_t) cap->mean_us;
    return cap;
}

static uint32_t choose_random(struct world *w, void *self, struct job *j)
{
    const struct sc_capability *cap = expect(w, j);

    (void) self;
    return cap->agents[wf_rng_below(&w->rng, cap->nagents)];
}

static uint32_t choose_nearest(struct world *w, void *self, struct job *j)
{
    const struct sc_capability *cap = expect(w, j);
    uint32_t best = cap->agents[0];

    (void) self;
    for (uint32_t i = 1; i < cap->nagents; i++) {
        if (scenario_rtt_us(w->sc, j->spec->client, w->sc->agents[cap->agents[i]]) <
            scenario_rtt_us(w->sc, j->spec->client, w->sc->agents[best])) {
            best = cap->agents[i];
        }
    }
    return best;
}

static uint64_t bytes_at(const struct world *w, const struct job *j, uint32_t agent)
{
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < j->spec->nblobs; i++) {
        const uint32_t blob = w->sc->refs[j->spec->first + i];

        if (holdings_has(&w->holdings, w->sc->agents[agent], blob)) {
            /* An empty one is data as well. */
            bytes += w->sc->blobs[blob].bytes + 1;
        }
    }
    return bytes;
}

/* Where most of the inputs are, of those the nearest to the broker; by capacity when
 * nobody who can run it has any. */
static uint32_t choose_data_local(struct world *w, void *self, struct job *j)
{
    const struct sc_capability *cap = expect(w, j);
    const uint32_t broker = w->sc->brokers[j->spec->broker];
    uint32_t best = UINT32_MAX;
    uint64_t most = 0;

    (void) self;
    for (uint32_t i = 0; i < cap->nagents && j->spec->nblobs != 0; i++) {
        const uint32_t a = cap->agents[i];
        uint64_t bytes = bytes_at(w, j, a);

        if (bytes > most || (bytes == most && most != 0 &&
                             scenario_rtt_us(w->sc, broker, w->sc->agents[a]) <
                                 scenario_rtt_us(w->sc, broker, w->sc->agents[best]))) {
            best = a;
            most = bytes;
        }
    }
    return best != UINT32_MAX ? best : by_chance(w, cap);
}

const struct policy policy_random = {.name = "random", .choose = choose_random};
const struct policy policy_nearest = {.name = "nearest", .choose = choose_nearest};
const struct policy policy_data_local = {.name = "data-local",
                                         .choose = choose_data_local};

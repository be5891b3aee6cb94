#include "tests/sim/place/world.h"

#include "client/include/weft/error.h"
#include "common/mem.h"
#include "tests/sim/place/policy/estimate.h"
#include "tests/sim/place/policy/policy.h"

#include <string.h>
#include <time.h>

#define TICK_NS (100 * EV_MS)

double world_rho(const struct world *w, const struct sc_job *spec)
{
    static const struct {
        const char *class_;
        double rho;
    } worth[] = {{"latency", 1e-2}, {"cost", 3e-5}};
    const char *class_ = names_text(&w->sc->job_classes, spec->class_);

    if (w->opt.rho > 0) {
        return w->opt.rho;
    }
    for (size_t i = 0; i < ARRAY_LEN(worth); i++) {
        if (strcmp(worth[i].class_, class_) == 0) {
            return worth[i].rho;
        }
    }
    return 1e-4;
}

static void arrive(void *world, struct event *e)
{
    struct world *w = world;
    struct job *j = CONTAINER_OF(e, struct job, event);

    reports_arrived(w, j);
    host_arrive(w, j);
}

void world_send(struct world *w, struct job *j, uint32_t agent)
{
    const uint32_t broker = w->sc->brokers[j->spec->broker];

    j->agent = agent;
    j->sent_ns = w->ev.now_ns;
    j->arrived_ns = j->ready_ns = j->started_ns = j->ended_ns = 0;
    reports_sent(w, j);
    if (w->policy->sent != NULL) {
        w->policy->sent(w, w->self, j);
    }
    events_set(&w->ev, &j->event,
               w->ev.now_ns + world_half_ns(w, broker, w->sc->agents[agent]), arrive);
}

static void come_back(void *world, struct event *e)
{
    struct world *w = world;
    struct job *j = CONTAINER_OF(e, struct job, back);

    wf_list_remove(&j->queued);
    reports_ended(w, j);
    w->policy->back(w, w->self, j);
}

static uint64_t half_ns(const struct world *w, const struct job *j)
{
    return world_half_ns(w, w->sc->brokers[j->spec->broker], w->sc->agents[j->agent]);
}

static void hear_ask(void *world, struct event *e)
{
    struct world *w = world;
    struct job *j = CONTAINER_OF(e, struct job, back);

    if (host_give_back(w, j)) {
        world_give_back(w, j);
    }
}

void world_give_back(struct world *w, struct job *j)
{
    events_set(&w->ev, &j->back, w->ev.now_ns + half_ns(w, j), come_back);
}

void world_ask_back(struct world *w, struct job *j)
{
    /* Unless it is on its way anyway. */
    if (!wf_heap_in(&j->back.node)) {
        events_set(&w->ev, &j->back, w->ev.now_ns + half_ns(w, j), hear_ask);
    }
}

static uint64_t clock_ns(void)
{
    struct timespec t;

    (void) clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t) t.tv_sec * EV_S + (uint64_t) t.tv_nsec;
}

/* Was that right?  For one who knows all but how long the job runs, and all. */
static void refuse(struct world *w, const struct job *j)
{
    if (world_counts(j)) {
        w->tally.refused++;
        w->tally.refused_rightly += estimate_late(w, j, (double) j->spec->run_ns);
        w->tally.refused_expected +=
            estimate_late(w, j, w->sc->caps[j->spec->capability].mean_us * 1e3);
        w->tally.due -= j->spec->deadline_ns != 0;
        w->tally.due_missed -= j->spec->deadline_ns != 0;
    }
}

static void decide(void *world, struct event *e)
{
    struct world *w = world;
    struct job *j = CONTAINER_OF(e, struct job, event);
    uint64_t began;
    uint32_t agent;

    /* Nobody offers it: it waits for one who will. */
    if (w->sc->caps[j->spec->capability].nagents == 0) {
        return;
    }
    began = clock_ns();
    agent = w->policy->choose(w, w->self, j);
    tally_decided(&w->tally, clock_ns() - began);
    if (agent == POLICY_REFUSE) {
        refuse(w, j);
    } else if (agent != POLICY_LATER) {
        world_send(w, j, agent);
    }
}

/* The next client speaks.  A job with a deadline counts as missed until it is finished.
 */
static void submit(void *world, struct event *e)
{
    struct world *w = world;
    struct job *j = &w->jobs[w->next];
    const struct sc_job *spec = &w->sc->jobs[w->next++];

    *j = (struct job){.spec = spec, .agent = UINT32_MAX};
    if (world_counts(j)) {
        w->tally.counted++;
        w->tally.due += spec->deadline_ns != 0;
        w->tally.due_missed += spec->deadline_ns != 0;
    }
    events_set(&w->ev, &j->event,
               spec->at_ns + world_half_ns(w, spec->client, w->sc->brokers[spec->broker]),
               decide);
    if (w->next < w->sc->njobs) {
        events_set(&w->ev, e, w->sc->jobs[w->next].at_ns, submit);
    }
}

static void tick(void *world, struct event *e)
{
    struct world *w = world;

    w->policy->tick(w, w->self);
    events_set(&w->ev, e, w->ev.now_ns + TICK_NS, tick);
}

static int init(struct world *w)
{
    const struct scenario *sc = w->sc;
    int rc = flows_init(&w->flows, sc, &w->ev, fetch_over);

    rc = rc != 0 ? rc : holdings_init(&w->holdings, sc);
    rc = rc != 0 ? rc : tally_init(&w->tally, sc->njobs);
    w->hosts = wf_calloc(sc->nagents + 1u, sizeof *w->hosts);
    w->reports = wf_calloc(sc->nagents + 1u, sizeof *w->reports);
    w->pairs = wf_calloc((size_t) sc->nbrokers * sc->nagents + 1, sizeof *w->pairs);
    w->jobs = wf_calloc(sc->njobs + 1u, sizeof *w->jobs);
    if (rc != 0 || w->hosts == NULL || w->reports == NULL || w->pairs == NULL ||
        w->jobs == NULL) {
        return WEFT_ENOMEM;
    }
    for (uint32_t a = 0; a < sc->nagents; a++) {
        wf_list_init(&w->hosts[a].queue);
        wf_list_init(&w->hosts[a].running);
        wf_list_init(&w->hosts[a].replies);
    }
    return w->policy->start != NULL ? w->policy->start(w, &w->self) : 0;
}

int world_run(struct world *w, const struct scenario *sc, const struct policy *policy,
              const struct world_options *opt)
{
    int rc;

    *w = (struct world){.sc = sc, .policy = policy, .opt = *opt, .rng = {opt->seed}};
    events_init(&w->ev);
    wf_list_init(&w->fetches);
    w->end_ns = sc->njobs != 0 ? sc->jobs[sc->njobs - 1].at_ns : 0;
    rc = init(w);
    if (rc != 0) {
        return rc;
    }
    reports_start(w);
    if (policy->tick != NULL) {
        events_set(&w->ev, &w->tick, 0, tick);
    }
    if (sc->njobs != 0) {
        events_set(&w->ev, &w->submit, sc->jobs[0].at_ns, submit);
    }
    while (events_step(&w->ev, w->end_ns + WORLD_DRAIN_NS, w)) {
        if (w->err != 0) {
            return w->err;
        }
    }
    return w->ev.err;
}

void world_fini(struct world *w)
{
    if (w->self != NULL && w->policy->stop != NULL) {
        w->policy->stop(w->self);
    }
    events_fini(&w->ev);
    fetch_free(w);
    flows_fini(&w->flows);
    holdings_fini(&w->holdings);
    tally_fini(&w->tally);
    wf_free(w->hosts);
    wf_free(w->reports);
    wf_free(w->pairs);
    wf_free(w->jobs);
    *w = (struct world){0};
}

/* Inputs on their way to agents: from the best holder, each on its own. */
#include "common/mem.h"
#include "tests/sim/place/policy/policy.h"

static void hear_fetched(void *world, struct event *e)
{
    struct world *w = world;

    w->policy->fetched(w, w->self, CONTAINER_OF(e, struct job, notice));
}

/* All is there, perhaps from the start: the job may run, and its broker hears of it. */
static void complete(struct world *w, struct job *j)
{
    if (j->spec->nblobs != 0 && w->policy->fetched != NULL) {
        events_set(&w->ev, &j->notice,
                   w->ev.now_ns + world_half_ns(w, w->sc->agents[j->agent],
                                                w->sc->brokers[j->spec->broker]),
                   hear_fetched);
    }
    host_ready(w, j);
}

void fetch_over(void *world, struct event *e)
{
    struct world *w = world;
    struct flow *f = CONTAINER_OF(e, struct flow, event);
    struct job *j = f->job;

    flows_end(&w->flows, f);
    if (w->policy->moved != NULL) {
        w->policy->moved(w, w->self, f);
    }
    if (w->opt.cache && holdings_add(&w->holdings, f->to, f->blob) != 0) {
        w->err = WEFT_ENOMEM;
    }
    wf_list_remove(&f->all);
    wf_free(f);
    if (--j->missing == 0) {
        complete(w, j);
    }
}

static void begin(void *world, struct event *e)
{
    struct world *w = world;

    flows_begin(&w->flows, CONTAINER_OF(e, struct flow, event));
}

/* The one whose link is least shared, and near. */
static uint32_t best_holder(const struct world *w, uint32_t to, uint32_t blob)
{
    const struct holding *of = &w->holdings.of[blob];
    uint32_t best = UINT32_MAX;
    double best_cost = 0;

    for (uint32_t i = 0; i < of->n; i++) {
        const uint32_t from = of->nodes[i];
        double cost = (w->flows.up[from].n + 1) / w->sc->nodes[from].up +
                      scenario_rtt_us(w->sc, from, to) / 1e6 / FLOW_WINDOW;

        if (best == UINT32_MAX || cost < best_cost) {
            best = from;
            best_cost = cost;
        }
    }
    return best;
}

static void fetch(struct world *w, struct job *j, uint32_t to, uint32_t blob)
{
    const uint32_t from = best_holder(w, to, blob);
    const uint64_t bytes = w->sc->blobs[blob].bytes;
    struct flow *f;

    /* Nobody has it: the job waits for one who will. */
    if (from == UINT32_MAX) {
        return;
    }
    f = wf_calloc(1, sizeof *f);
    if (f == NULL) {
        w->err = WEFT_ENOMEM;
        return;
    }
    f->from = from;
    f->to = to;
    f->blob = blob;
    f->bytes = (double) bytes;
    f->job = j;
    wf_list_push_back(&w->fetches, &f->all);
    if (world_counts(j)) {
        w->tally.bytes += f->bytes;
        w->tally.usd += f->bytes * scenario_egress(w->sc, from, to);
    }
    /* The want has to get there, and the first byte back. */
    events_set(&w->ev, &f->event,
               w->ev.now_ns + (uint64_t) scenario_rtt_us(w->sc, from, to) * 1000, begin);
}

void fetch_begin(struct world *w, struct job *j)
{
    const uint32_t to = w->sc->agents[j->agent];
    /* Where no job needs data there are no references at all. */
    const uint32_t *refs = j->spec->nblobs != 0 ? &w->sc->refs[j->spec->first] : NULL;

    for (uint32_t i = 0; i < j->spec->nblobs; i++) {
        j->missing += !holdings_has(&w->holdings, to, refs[i]);
    }
    if (world_counts(j) && j->spec->nblobs != 0) {
        w->tally.with_data++;
        w->tally.local += j->missing == 0;
    }
    if (j->missing == 0) {
        complete(w, j);
        return;
    }
    for (uint32_t i = 0; i < j->spec->nblobs; i++) {
        if (!holdings_has(&w->holdings, to, refs[i])) {
            fetch(w, j, to, refs[i]);
        }
    }
}

void fetch_free(struct world *w)
{
    struct wf_list_node *n;

    while ((n = wf_list_first(&w->fetches)) != NULL) {
        wf_list_remove(n);
        wf_free(CONTAINER_OF(n, struct flow, all));
    }
}

/* Agents at work: a queue in front of their slots, and the way back of a result. */
#include "tests/sim/place/policy/policy.h"

static void reply(void *world, struct event *e)
{
    struct world *w = world;
    struct job *j = CONTAINER_OF(e, struct job, event);
    const struct sc_job *spec = j->spec;
    uint64_t at =
        w->ev.now_ns + world_half_ns(w, w->sc->brokers[spec->broker], spec->client);

    wf_list_remove(&j->queued);
    reports_ended(w, j);
    if (w->policy->ended != NULL) {
        w->policy->ended(w, w->self, j);
    }
    if (world_counts(j)) {
        tally_finished(&w->tally, (double) (at - spec->at_ns) / 1e9,
                       (double) j->took_us / 1e6);
        w->tally.due_missed -=
            spec->deadline_ns != 0 && at - spec->at_ns <= spec->deadline_ns;
    }
}

static uint64_t due_ns(const struct job *j)
{
    return j->spec->deadline_ns != 0 ? j->spec->at_ns + j->spec->deadline_ns : UINT64_MAX;
}

/* First come first served, but among jobs of the class whose turn it is the one that is
 * due first. */
static struct job *next_job(const struct world *w, const struct host *h)
{
    struct wf_list_node *n = wf_list_first(&h->queue);
    struct job *best = CONTAINER_OF(n, struct job, queued);
    const uint32_t class_ = best->spec->class_;

    if (!w->sc->deadlines) {
        return best;
    }
    for (; n != NULL; n = wf_list_next(&h->queue, n)) {
        struct job *j = CONTAINER_OF(n, struct job, queued);

        if (j->spec->class_ == class_ && due_ns(j) < due_ns(best)) {
            best = j;
        }
    }
    return best;
}

static void start(struct world *w, struct job *j);

static void end(void *world, struct event *e)
{
    struct world *w = world;
    struct job *j = CONTAINER_OF(e, struct job, event);
    struct host *h = &w->hosts[j->agent];

    h->busy--;
    h->jobs--;
    h->work_us -= j->work_us;
    j->ended_ns = w->ev.now_ns;
    if (!wf_list_empty(&h->queue)) {
        struct job *next = next_job(w, h);

        wf_list_remove(&next->queued);
        start(w, next);
    }
    wf_list_push_back(&h->replies, &j->queued);
    reports_changed(w, j->agent);
    events_set(&w->ev, &j->event,
               w->ev.now_ns + world_half_ns(w, w->sc->agents[j->agent],
                                            w->sc->brokers[j->spec->broker]),
               reply);
}

static void start(struct world *w, struct job *j)
{
    const struct sc_node *node = scenario_agent(w->sc, j->agent);
    double run_s = (double) j->spec->run_ns / 1e9 / node->speed;

    w->hosts[j->agent].busy++;
    j->started_ns = w->ev.now_ns;
    if (world_counts(j)) {
        w->tally.usd += node->usd_slot_s * run_s;
    }
    events_set(&w->ev, &j->event, w->ev.now_ns + (uint64_t) (run_s * 1e9 + 0.5), end);
}

void host_ready(struct world *w, struct job *j)
{
    struct host *h = &w->hosts[j->agent];

    j->ready_ns = w->ev.now_ns;
    if (h->busy < scenario_agent(w->sc, j->agent)->slots) {
        start(w, j);
    } else {
        wf_list_push_back(&h->queue, &j->queued);
    }
}

void host_arrive(struct world *w, struct job *j)
{
    struct host *h = &w->hosts[j->agent];

    h->jobs++;
    h->work_us += j->work_us;
    h->arrived++;
    j->arrived_ns = w->ev.now_ns;
    reports_changed(w, j->agent);
    fetch_begin(w, j);
}

int host_give_back(struct world *w, struct job *j)
{
    struct host *h = &w->hosts[j->agent];

    if (j->ready_ns == 0 || j->started_ns != 0) {
        return 0;
    }
    wf_list_remove(&j->queued);
    h->jobs--;
    h->work_us -= j->work_us;
    j->ended_ns = w->ev.now_ns;
    wf_list_push_back(&h->replies, &j->queued);
    reports_changed(w, j->agent);
    return 1;
}

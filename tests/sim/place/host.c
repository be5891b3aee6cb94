/* Agents at work: a queue in front of their slots, and the way back of a result. */
#include "tests/sim/place/policy/policy.h"

#define STOP_NS (10 * EV_MS) /* until what was stopped has ended */
/* As in agent/core/node_queue.c. */
#define PRESS_RUNS     4u
#define PRESS_LEAST_NS (2 * EV_S)
#define PRESS_PAUSE_NS (3 * EV_S)

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

/* The first that something made way for. */
static struct job *helped(const struct host *h)
{
    for (struct wf_list_node *n = wf_list_first(&h->queue); n != NULL;
         n = wf_list_next(&h->queue, n)) {
        struct job *j = CONTAINER_OF(n, struct job, queued);

        if (j->helped) {
            return j;
        }
    }
    return NULL;
}

/* What something made way for; then first come first served, but among jobs of the class
 * whose turn it is the one that is due first. */
static struct job *next_job(const struct world *w, const struct host *h)
{
    struct wf_list_node *n = wf_list_first(&h->queue);
    struct job *best = helped(h);
    uint32_t class_;

    if (best != NULL) {
        return best;
    }
    best = CONTAINER_OF(n, struct job, queued);
    class_ = best->spec->class_;
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

/* Its slot is free for the next one. */
static void leave(struct world *w, struct job *j)
{
    struct host *h = &w->hosts[j->agent];

    h->busy--;
    h->yielding -= j->yields != 0;
    h->jobs--;
    h->work_us -= j->work_us;
    j->ended_ns = w->ev.now_ns;
    wf_list_remove(&j->queued);
    wf_list_push_back(&h->replies, &j->queued);
    if (!wf_list_empty(&h->queue)) {
        start(w, next_job(w, h));
    }
}

static void end(void *world, struct event *e)
{
    struct world *w = world;
    struct job *j = CONTAINER_OF(e, struct job, event);

    leave(w, j);
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
    w->hosts[j->agent].pressing -= j->begin_ns != 0 && !j->helped;
    w->hosts[j->agent].yielding += j->yields != 0;
    j->helped = 0;
    wf_list_remove(&j->queued);
    wf_list_push_back(&w->hosts[j->agent].running, &j->queued);
    j->started_ns = w->ev.now_ns;
    if (world_counts(j)) {
        w->tally.usd += node->usd_slot_s * run_s;
    }
    events_set(&w->ev, &j->event, w->ev.now_ns + (uint64_t) (run_s * 1e9 + 0.5), end);
}

/* -- making way -----------------------------------------------------------------------
 *
 * As agent/core/node_queue.c does it: what was started last loses least.
 */

static void stopped(void *world, struct event *e)
{
    struct world *w = world;
    struct job *j = CONTAINER_OF(e, struct job, event);
    const struct sc_node *node = scenario_agent(w->sc, j->agent);
    const double ran_s = (double) (w->ev.now_ns - j->started_ns) / 1e9;

    if (world_counts(j)) {
        w->tally.usd -=
            node->usd_slot_s * ((double) j->spec->run_ns / 1e9 / node->speed - ran_s);
        w->tally.lost_s += ran_s;
    }
    leave(w, j);
    reports_changed(w, j->agent);
    world_give_back(w, j);
}

/* What was started last and yields, if it has not run for too long for one that is
 * expected to run for so long. */
static struct job *last_started(const struct world *w, const struct host *h,
                                uint64_t run_ns)
{
    const uint64_t most_ns = wf_max_u64(PRESS_RUNS * run_ns, PRESS_LEAST_NS);

    for (struct wf_list_node *n = h->running.prev; n != &h->running; n = n->prev) {
        struct job *v = CONTAINER_OF(n, struct job, queued);

        if (v->yields) {
            return w->ev.now_ns - v->started_ns < most_ns ? v : NULL;
        }
    }
    return NULL;
}

static uint64_t expected_ns(const struct world *w, const struct job *j)
{
    return (uint64_t) ((double) j->work_us * 1e3 /
                       scenario_agent(w->sc, j->agent)->speed);
}

/* It waits since it has its inputs, and would be late. */
static void press(void *world, struct event *e)
{
    struct world *w = world;
    struct job *j = CONTAINER_OF(e, struct job, event);
    struct host *h = &w->hosts[j->agent];
    const uint64_t run_ns = expected_ns(w, j);
    const uint64_t share_ns = PRESS_PAUSE_NS / scenario_agent(w->sc, j->agent)->slots;
    struct job *v = last_started(w, h, run_ns);

    if (v == NULL || w->ev.now_ns + run_ns / 2 > j->due_ns) {
        return;
    }
    if (w->ev.now_ns + PRESS_PAUSE_NS < h->press_ns + share_ns) {
        events_set(&w->ev, &j->event, h->press_ns + share_ns - PRESS_PAUSE_NS, press);
        return;
    }
    h->press_ns = wf_max_u64(h->press_ns, w->ev.now_ns) + share_ns;
    j->helped = 1;
    v->yields = 0;
    v->gave_way++;
    h->yielding--;
    h->pressing--;
    w->tally.made_way++;
    events_set(&w->ev, &v->event, w->ev.now_ns + STOP_NS, stopped);
}

uint32_t host_free_ways(const struct host *h)
{
    return h->yielding - (uint32_t) wf_min_u64(h->yielding, h->pressing);
}

int host_makes_way(const struct world *w, uint32_t agent, double run_s)
{
    const struct host *h = &w->hosts[agent];

    return host_free_ways(h) != 0 && last_started(w, h, (uint64_t) (run_s * 1e9)) != NULL;
}

void host_ready(struct world *w, struct job *j)
{
    struct host *h = &w->hosts[j->agent];

    j->ready_ns = w->ev.now_ns;
    wf_list_init(&j->queued);
    if (h->busy < scenario_agent(w->sc, j->agent)->slots) {
        start(w, j);
        return;
    }
    wf_list_push_back(&h->queue, &j->queued);
    if (j->begin_ns != 0) {
        events_set(&w->ev, &j->event, wf_max_u64(j->begin_ns, w->ev.now_ns), press);
    }
}

void host_arrive(struct world *w, struct job *j)
{
    struct host *h = &w->hosts[j->agent];

    h->jobs++;
    h->pressing += j->begin_ns != 0;
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
    events_unset(&w->ev, &j->event);
    wf_list_remove(&j->queued);
    h->jobs--;
    h->pressing -= j->begin_ns != 0 && !j->helped;
    j->helped = 0;
    h->work_us -= j->work_us;
    j->ended_ns = w->ev.now_ns;
    wf_list_push_back(&h->replies, &j->queued);
    reports_changed(w, j->agent);
    return 1;
}

#include "broker/core/jobs/recall.h"

#include "broker/core/jobs/asked.h"
#include "broker/core/place/place.h"
#include "broker/core/place/routes.h"
#include "common/err.h"

#define AGENTS_LOOKED   8u
#define ATTEMPTS_LOOKED 8u

/* More is there than can run: something waits. */
static int holds_waiting(const struct offer *o)
{
    const struct agent *a = o->agent;

    return a->state == AGENT_UP && a->synced &&
           (a->assigned > a->slots || o->assigned > o->slots);
}

static int is_sooner(struct core *c, const struct job *j, const struct offer *there,
                     const struct agent *here)
{
    const uint64_t least_us =
        wf_add_sat(RECALL_GAIN_US, wf_ewma_mean(&there->agent->rtt_us));

    return place_is_sooner(c, j, there->agent, here, least_us);
}

/* It may move there: it was not there yet, and did not move too often. */
static int may_move(const struct job *j, const struct agent *to)
{
    unsigned moves = 0;

    for (unsigned i = 0; i < j->nhistory; i++) {
        if (j->history[i].agent == to) {
            return 0;
        }
        moves += j->history[i].code == WEFT_ERECALLED;
    }
    return moves < RECALL_MOVES_MAX;
}

/* Of what waits there the last, which waits longest, that would be done here sooner. */
static struct job *pick(struct core *c, struct offer *there, struct offer *here)
{
    const struct wf_list_node *head = &there->agent->attempts;
    const struct wf_list_node *n = head->prev;

    for (unsigned i = 0; i < ATTEMPTS_LOOKED && n != head; i++, n = n->prev) {
        struct job *j = CONTAINER_OF(n, struct job, in_agent);

        if (j->capability == here->capability && j->state == WF_JOB_ASSIGNED &&
            asked_may(j) && place_filter(c, j, here) == PLACE_PASSED &&
            may_move(j, here->agent)) {
            return is_sooner(c, j, there, here->agent) ? j : NULL;
        }
    }
    return NULL;
}

/* Of the next few agents that offer the same, the one that makes its work wait longest.
 */
static struct offer *busiest(const struct core *c, const struct offer *here)
{
    struct wf_list_node *head = &here->capability->offers;
    struct offer *best = NULL;
    uint64_t most_us = 0;

    for (unsigned i = 0; i < AGENTS_LOOKED && i < here->capability->noffers; i++) {
        struct wf_list_node *n = wf_list_first(head);
        struct offer *o = CONTAINER_OF(n, struct offer, peers);
        uint64_t us;

        wf_list_remove(n);
        wf_list_push_back(head, n); /* so that each gets its turn */
        if (o->agent == here->agent || !holds_waiting(o)) {
            continue;
        }
        us = score_mul_div(routing_load(c->routing, o->agent->node).work_us, 1000,
                           o->agent->slots * o->agent->speed_pm);
        if (best == NULL || us > most_us) {
            best = o;
            most_us = us;
        }
    }
    return best;
}

void recall_for(struct core *c, struct agent *a, struct wf_effects *out)
{
    if (c->now_us < a->recall_us || a->assigned >= a->slots || !routes_is_open(a)) {
        return;
    }
    for (unsigned i = 0; i < a->noffers; i++) {
        struct offer *here = &a->offers[i];
        struct offer *there;
        struct job *j;

        if (here->capability->noffers < 2 || here->assigned >= here->slots) {
            continue;
        }
        there = busiest(c, here);
        j = there != NULL ? pick(c, there, here) : NULL;
        if (j != NULL) {
            a->recall_us = c->now_us + RECALL_PAUSE_US;
            asked_ask(c, j, ASKED_BACK, 0, out);
            return;
        }
    }
}

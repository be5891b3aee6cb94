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

/* How long the job that is there already waits: for all but itself. */
static uint64_t wait_there(const struct core *c, const struct job *j,
                           const struct offer *o)
{
    const struct agent *a = o->agent;
    struct route_load l = routing_load(c->routing, a->node);
    uint64_t others = wf_max_u64(o->assigned, 1) - 1;

    l.jobs -= l.jobs != 0;
    l.work_us -= wf_min_u64(l.work_us, j->work_us);
    return wf_max_u64(score_wait(l.jobs, l.work_us, (uint32_t) a->slots, a->speed_pm),
                      score_wait(others, wf_min_u64(others * j->work_us, l.work_us),
                                 (uint32_t) o->slots, a->speed_pm));
}

/* All terms of the job at one agent; 1 when it would be let go there. */
static int score_at(struct core *c, const struct job *j, struct agent *a,
                    struct score *ret)
{
    const struct place_ask ask = {.sure = a};
    struct decision d;

    decision_clear(&d);
    (void) place_choose(c, j, &ask, &d);
    for (uint32_t i = 0; i < d.route.nrows; i++) {
        const struct route_row *row = &d.route.rows[i];

        if (row->node == a->node) {
            *ret = row->score;
            ret->others_us = 0; /* nobody comes after it, here or there */
            return row->filter == PLACE_PASSED;
        }
    }
    return 0;
}

static int is_sooner(struct core *c, const struct job *j, struct offer *there,
                     struct agent *here)
{
    uint64_t now_us, then_us, least_us;
    struct score s = {0};

    if (!score_at(c, j, here, &s)) {
        return 0;
    }
    then_us = score_total(&s, j->goal == WF_GOAL_THROUGHPUT);
    (void) score_at(c, j, there->agent, &s); /* it is full, and that is the point */
    s.wait_us = wait_there(c, j, there);
    now_us = score_total(&s, j->goal == WF_GOAL_THROUGHPUT);
    least_us = wf_add_sat(RECALL_GAIN_US, wf_ewma_mean(&there->agent->rtt_us));
    return wf_add_sat(then_us, least_us) <= now_us && then_us <= now_us / 4 * 3;
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

#include "broker/core/jobs/preempt.h"

#include "broker/core/jobs/asked.h"
#include "broker/core/place/place.h"
#include "broker/core/place/routes.h"
#include "common/err.h"

#define ATTEMPTS_LOOKED 32u /* of one agent */
#define BACK_TIMES      3u  /* one job is asked back, for whatever reason */
#define EXPECTED_PM     500u

static int is_urgent(const struct core *c, const struct job *j)
{
    return c->cfg.preempt && j->priority >= PREEMPT_PRIORITY;
}

static int is_below(const struct job *j, const struct job *urgent)
{
    return j->priority + PREEMPT_LEVELS <= urgent->priority;
}

/* Would its end make room there?  Where the offer itself is full, only one of its own. */
static int is_in_the_way(const struct job *j, const struct offer *o, uint64_t queue)
{
    return o->assigned < o->slots + queue ||
           (j->capability == o->capability && j->ran_version == o->version);
}

/* More than runs there: what comes now waits. */
static int has_no_slot(const struct offer *o)
{
    return o->agent->assigned > o->agent->slots || o->assigned > o->slots;
}

/* What may be tried once is to have been begun once at most. */
static int may_be_stopped(const struct job *j)
{
    return j->deadline_us == 0 && j->max_tries != 1 && j->preempted < PREEMPT_TIMES;
}

static int was_asked_often(const struct job *j)
{
    unsigned n = 0;

    for (unsigned i = 0; i < j->nhistory; i++) {
        n += j->history[i].code == WEFT_ERECALLED;
    }
    return n >= BACK_TIMES;
}

uint64_t preempt_begin_ms(const struct core *c, const struct job *j)
{
    const uint64_t run_us = score_run(j->work_us, j->agent->speed_pm);
    uint64_t need_us = PREEMPT_BEGIN_US, left_us;

    if (!c->cfg.preempt || j->deadline_us == 0) {
        return 0;
    }
    need_us = wf_add_sat(need_us, score_mul_div(run_us, PREEMPT_BEGIN_RUNS, 1));
    left_us = j->deadline_us - wf_min_u64(j->deadline_us, c->now_us);
    return (left_us - wf_min_u64(left_us, need_us)) / 1000 + 1;
}

uint64_t preempt_left_ms(const struct core *c, const struct job *j)
{
    return (j->deadline_us - wf_min_u64(j->deadline_us, c->now_us)) / 1000 + 1;
}

int preempt_yields(const struct core *c, const struct job *j)
{
    return c->cfg.preempt && may_be_stopped(j);
}

/* -- what waits -----------------------------------------------------------------------
 */

/* The last sent of what waits there, as far below the urgent one as there is. */
static struct job *waiting_victim(const struct job *urgent, const struct offer *o)
{
    const struct wf_list_node *head = &o->agent->attempts;
    const struct wf_list_node *n = head->prev;
    struct job *best = NULL;

    if (!has_no_slot(o)) {
        return NULL;
    }
    for (unsigned i = 0; i < ATTEMPTS_LOOKED && n != head; i++, n = n->prev) {
        struct job *j = CONTAINER_OF(n, struct job, in_agent);

        if (j->state == WF_JOB_ASSIGNED && asked_may(j) && is_below(j, urgent) &&
            is_in_the_way(j, o, o->queue) && !was_asked_often(j) &&
            (best == NULL || j->priority < best->priority)) {
            best = j;
        }
    }
    return best;
}

/* -- what runs ------------------------------------------------------------------------
 */

static uint64_t ran_us(const struct core *c, const struct job *j)
{
    return c->now_us - wf_min_u64(j->started_us, c->now_us);
}

static uint64_t rest_us(struct core *c, const struct job *j)
{
    uint64_t run_us = routes_run_us(c, j, EXPECTED_PM);

    return run_us > ran_us(c, j) ? run_us - ran_us(c, j) : ran_us(c, j);
}

static uint64_t worth(const struct core *c, const struct job *j, uint64_t us)
{
    return score_mul_div(us, routes_rho(c, j), 1000000);
}

struct look {
    uint64_t first_us; /* until one of those that run there ends by itself */
    uint64_t loss;     /* in pusd, of the victim */
    struct job *victim;
};

static void look_at(struct core *c, const struct job *urgent, const struct offer *o,
                    struct look *ret)
{
    const struct wf_list_node *head = &o->agent->attempts;
    const struct wf_list_node *n = head->next;

    *ret = (struct look){.first_us = UINT64_MAX};
    for (unsigned i = 0; i < ATTEMPTS_LOOKED && n != head; i++, n = n->next) {
        struct job *j = CONTAINER_OF(n, struct job, in_agent);
        uint64_t loss;

        if (j->state != WF_JOB_RUNNING || !is_in_the_way(j, o, 0)) {
            continue;
        }
        ret->first_us = wf_min_u64(ret->first_us, rest_us(c, j));
        if (!asked_may(j) || !is_below(j, urgent) || !may_be_stopped(j)) {
            continue;
        }
        loss = worth(c, j, wf_add_sat(ran_us(c, j), PREEMPT_RESTART_US)) >>
               ((urgent->priority - j->priority) / 2);
        if (ret->victim == NULL || loss < ret->loss) {
            ret->loss = loss;
            ret->victim = j;
        }
    }
}

/* Stop one that runs there, if the urgent job, which is to start there next, gains more
 * by it than is lost. */
static void stop_one(struct core *c, const struct job *urgent, const struct offer *o,
                     struct wf_effects *out)
{
    struct agent *a = o->agent;
    struct look l;
    uint64_t saved_us;

    if (c->now_us < a->preempt_us) {
        return;
    }
    look_at(c, urgent, o, &l);
    if (l.victim == NULL || l.first_us == UINT64_MAX) {
        return;
    }
    saved_us = l.first_us - wf_min_u64(l.first_us, 2 * wf_ewma_mean(&a->rtt_us));
    if (saved_us >= PREEMPT_LEAST_US && worth(c, urgent, saved_us) > l.loss) {
        a->preempt_us = c->now_us + PREEMPT_PAUSE_US;
        asked_ask(c, l.victim, ASKED_WAY, 0, out);
    }
}

/* -- when -----------------------------------------------------------------------------
 */

static void make_room(struct core *c, const struct job *j, const struct offer *o,
                      struct wf_effects *out)
{
    struct job *victim = waiting_victim(j, o);

    if (victim != NULL) {
        asked_ask(c, victim, ASKED_BACK, 0, out);
    } else if (!has_no_slot(o)) {
        /* Nothing waits there that would take the slot before it comes. */
        stop_one(c, j, o, out);
    }
}

/* It has no place at any agent: make one where it would be best off. */
static void make_room_for(struct core *c, const struct job *j, const struct decision *d,
                          struct wf_effects *out)
{
    const struct route_row *best = NULL;
    struct offer *o;

    for (uint32_t i = 0; i < d->route.nrows; i++) {
        const struct route_row *row = &d->route.rows[i];

        if (row->filter == PLACE_FULL &&
            (best == NULL || row->score.total_us < best->score.total_us)) {
            best = row;
        }
    }
    o = best != NULL ? agent_offer(best->ref, j->capability, j->version) : NULL;
    if (o != NULL && place_filter(c, j, o) == PLACE_FULL) {
        make_room(c, j, o, out);
    }
}

static void hurry(struct core *c, const struct job *j, struct wf_effects *out)
{
    const struct offer *o = agent_offer(j->agent, j->capability, j->ran_version);

    if (o != NULL && has_no_slot(o)) {
        stop_one(c, j, o, out);
    }
}

void preempt_for(struct core *c, struct job *j, const struct decision *d,
                 struct wf_effects *out)
{
    if (!is_urgent(c, j)) {
        return;
    }
    if (j->state == WF_JOB_QUEUED) {
        make_room_for(c, j, d, out);
    } else if (j->state == WF_JOB_ASSIGNED) {
        hurry(c, j, out);
    }
}

/* Urgent work that waits at the agent. */
static const struct job *urgent_there(const struct core *c, const struct agent *a)
{
    const struct wf_list_node *head = &a->attempts;
    const struct wf_list_node *n = head->next;

    for (unsigned i = 0; i < ATTEMPTS_LOOKED && n != head; i++, n = n->next) {
        const struct job *j = CONTAINER_OF(n, struct job, in_agent);

        if (j->state == WF_JOB_ASSIGNED && !j->unsent && is_urgent(c, j)) {
            return j;
        }
    }
    return NULL;
}

/* An answer is on its way, which may make room. */
static int has_asked(const struct agent *a)
{
    const struct wf_list_node *head = &a->attempts;
    const struct wf_list_node *n = head->prev;
    unsigned asked = 0;

    for (unsigned i = 0; i < ATTEMPTS_LOOKED && n != head; i++, n = n->prev) {
        asked |= CONTAINER_OF(n, struct job, in_agent)->asked;
    }
    return asked != ASKED_NOT;
}

struct full {
    const struct core *c;
    const struct offer *o;
};

static int is_shut_out(const struct job *j, void *arg)
{
    const struct full *x = arg;

    return place_filter(x->c, j, x->o) == PLACE_FULL;
}

/* Urgent work that waits in the broker for a place there. */
static const struct job *urgent_for(const struct core *c, struct offer *o)
{
    struct full x = {c, o};

    for (unsigned p = PRIORITIES; o->capability->nready != 0 && p-- > PREEMPT_PRIORITY;) {
        const struct job *j = capability_pick(o->capability, p, is_shut_out, &x);

        if (j != NULL) {
            return j;
        }
    }
    return NULL;
}

void preempt_at(struct core *c, struct agent *a, struct wf_effects *out)
{
    const struct job *j;

    if (!c->cfg.preempt || c->now_us < a->preempt_us || !routes_is_open(a)) {
        return;
    }
    j = urgent_there(c, a);
    if (j != NULL) {
        hurry(c, j, out);
        return;
    }
    for (unsigned i = 0; i < a->noffers && !has_asked(a); i++) {
        j = urgent_for(c, &a->offers[i]);
        if (j != NULL) {
            make_room(c, j, &a->offers[i], out);
            return;
        }
    }
}

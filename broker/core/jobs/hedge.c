#include "broker/core/jobs/hedge.h"

#include "broker/core/jobs/ledger.h"
#include "broker/core/jobs/work.h"
#include "broker/core/mesh/numbers.h"
#include "broker/core/place/place.h"
#include "broker/core/place/pricing.h"
#include "broker/core/place/routes.h"
#include "broker/core/place/wishes.h"
#include "common/check.h"
#include "common/err.h"
#include "common/mem.h"
#include "common/plant.h"

#include <stdio.h>

#define FULL_PCT   80u
#define AGAIN_US   1000000u
#define TOKEN      1000u
#define TOKENS_MAX (10 * TOKEN)

static struct job *copy_of(const struct job *j)
{
    return j->original == NULL && j->wishes != NULL ? j->wishes->hedged.copy : NULL;
}

int hedge_is_on(const struct job *j)
{
    return j->original != NULL || copy_of(j) != NULL;
}

int hedge_is_at(const struct job *j, const struct agent *a)
{
    const struct job *copy = copy_of(j);

    return copy != NULL && copy->agent == a;
}

/* The copy of a job with this number, if it is at that agent; else NULL. */
static struct job *copy_at(const struct job *j, const struct agent *a, uint64_t attempt)
{
    struct job *x = j != NULL ? copy_of(j) : NULL;

    return x != NULL && a != NULL && x->agent == a && x->attempt == attempt ? x : NULL;
}

/* It holds its slot no longer, and nobody knows of it any more. */
static void drop(struct core *c, struct job *copy)
{
    copy->original->wishes->hedged.copy = NULL;
    work_release(c, copy);
    wf_heap_remove(&c->jobs.timers, &copy->timer);
    wf_free(copy);
}

/* -- starting -------------------------------------------------------------------------
 */

void hedge_plan(struct core *c, struct job *j)
{
    uint64_t slow_us;

    if (j->original != NULL || j->wishes == NULL || !j->wishes->hedge ||
        job_has_policy(j)) {
        return;
    }
    slow_us = routes_run_us(c, j, (unsigned) c->cfg.hedge_at_pm);
    j->wishes->hedged.due_us =
        slow_us != 0 ? wf_add_sat(j->started_us,
                                  wf_add_sat(slow_us, wf_ewma_mean(&j->agent->rtt_us)))
                     : 0;
    (void) job_plan(&c->jobs, j);
}

/* Are the agents that were looked at too busy for work that is only a precaution? */
static int is_busy(const struct decision *d)
{
    uint64_t slots = 0, used = 0;

    for (uint32_t i = 0; i < d->route.nrows; i++) {
        const struct agent *a = d->route.rows[i].ref;

        if (routes_is_open(a)) {
            slots += a->slots;
            used += wf_min_u64(a->assigned, a->slots);
        }
    }
    return used * 100 > slots * FULL_PCT;
}

/* Of the most that it may cost, is there enough for both? */
static int can_pay(struct core *c, const struct job *j, const struct route_row *row)
{
    uint64_t most = j->wishes->max_cost_pusd, first_us;

    if (most == 0) {
        return 1;
    }
    first_us = wf_add_sat(c->now_us - j->started_us, row->score.run_us);
    return wf_add_sat(wf_add_sat(j->cost_pusd, row->cost_pusd),
                      routes_cost(c, j->agent, first_us)) <= most;
}

/* A free slot elsewhere than `key`=`value`; NULL: there is none. */
static struct offer *look(struct core *c, const struct job *j, const char *key,
                          const char *value, struct decision *ret)
{
    char text[WF_LABEL_MAX + 1];
    struct wf_label_row row = {.text = {0}};
    struct wf_buf *store = core_rows(c, 0);
    struct wf_rows without = {0};
    const struct place_ask ask = {.sure = NULL, .without = &without};
    struct offer *o;

    (void) snprintf(text, sizeof text, "%s=%s", key, value);
    row.text = wf_slice_of(text);
    if (value[0] == '\0' ||
        wf_rows_add(store, &without, wf_desc_label_row(), &row) != 0) {
        return NULL;
    }
    decision_clear(ret);
    o = place_choose(c, j, &ask, ret);
    return o != NULL && o->agent != j->agent && o->agent->assigned < o->agent->slots &&
                   o->assigned < o->slots && !is_busy(ret) &&
                   can_pay(c, j, &ret->route.rows[ret->route.best])
               ? o
               : NULL;
}

static struct offer *choose(struct core *c, const struct job *j, struct decision *ret)
{
    const struct principal *p = j->agent->principal;
    struct offer *o = look(c, j, "site", p->site, ret);

    return o != NULL ? o : look(c, j, "node", p->name, ret);
}

static struct job *make_copy(struct job *j)
{
    struct job *copy = wf_calloc(1, sizeof *copy);

    if (copy == NULL) {
        return NULL;
    }
    copy->original = j;
    copy->id = j->id;
    copy->state = WF_JOB_ASSIGNED;
    copy->class_ = WF_CLASS_FAST; /* no records */
    copy->priority = j->priority;
    copy->owner = j->owner;
    copy->capability = j->capability;
    copy->version = j->version;
    copy->wall_ms = j->wall_ms;
    copy->accepted_us = j->accepted_us;
    copy->client_rtt_us = j->client_rtt_us;
    copy->goal = j->goal;
    copy->wishes = j->wishes;
    copy->pin = j->pin;
    copy->name = j->name;
    copy->needs = j->needs;
    copy->inputs = j->inputs;
    copy->residency = j->residency;
    copy->payload_blob = j->payload_blob;
    copy->payload_size = j->payload_size;
    copy->payload_len = j->payload_len;
    copy->data_bytes = j->data_bytes;
    wf_list_init(&copy->in_queue);
    wf_list_init(&copy->in_agent);
    wf_list_init(&copy->in_done);
    wf_list_init(&copy->in_all);
    wf_list_init(&copy->in_inputs);
    wf_list_init(&copy->watches);
    wf_list_init(&copy->in_ledger);
    wf_list_init(&copy->followers);
    wf_list_init(&copy->in_followers);
    return copy;
}

static uint32_t next_number(const struct job *j)
{
    return (uint32_t) wf_max_u64(numbers_last(j), j->wishes->hedged.last) + 1;
}

static void start(struct core *c, struct job *j, struct offer *o,
                  const struct route_row *row, struct wf_effects *out)
{
    struct hedge *h = &j->wishes->hedged;
    struct job *copy = make_copy(j);

    if (copy == NULL) {
        c->count.out_of_memory++;
        return;
    }
    h->copy = copy;
    h->copies++;
    copy->agent = o->agent;
    copy->attempt = next_number(j);
    copy->numbers = numbers_for(j, copy->attempt, o->agent);
    h->last = numbers_last(copy);
    j->capability->hedge_tokens -= TOKEN;
    work_occupy(c, copy, o, row);
    c->count.assigned++;
    c->count.hedged++;
    copy->deadline_us = j->deadline_us; /* for its handler; it is kept by the job */
    work_send_assign(c, copy, out);
    copy->deadline_us = 0;
}

/* A copy is wanted, and its number may be given as far as the records go. */
static void try_start(struct core *c, struct job *j, struct wf_effects *out)
{
    struct hedge *h = &j->wishes->hedged;
    struct decision d;
    struct offer *o = choose(c, j, &d);

    h->wanted = 0;
    if (o == NULL) {
        h->due_us = c->now_us + AGAIN_US;
        (void) job_plan(&c->jobs, j);
        return;
    }
    d.attempt = next_number(j);
    start(c, j, o, &d.route.rows[d.route.best], out);
    *decisions_next(&c->decisions) = d;
}

static int may_start(const struct core *c, const struct job *j)
{
    return j->state == WF_JOB_RUNNING && j->original == NULL && !hedge_is_on(j) &&
           j->cut_us == 0 && j->asked == 0 && !c->rolled_back &&
           j->agent->session != NULL && j->agent->synced;
}

void hedge_due(struct core *c, struct job *j, struct wf_effects *out)
{
    struct hedge *h = j->wishes != NULL ? &j->wishes->hedged : NULL;
    struct decision d;

    if (h == NULL || h->due_us == 0 || c->now_us < h->due_us || j->original != NULL) {
        return;
    }
    h->due_us = 0;
    if (!may_start(c, j)) {
        return;
    }
    if (j->capability->hedge_tokens < TOKEN || choose(c, j, &d) == NULL) {
        h->due_us = c->now_us + AGAIN_US;
    } else if (j->class_ != WF_CLASS_DURABLE) {
        try_start(c, j, out);
    } else {
        h->wanted = 1;
        j->reserved = (uint32_t) wf_max_u64(j->reserved, next_number(j));
        ledger_write(c, j, LEDGER_ATTEMPT);
    }
}

void hedge_settled(struct core *c, struct job *j, struct wf_effects *out)
{
    if (j->wishes != NULL && j->wishes->hedged.wanted && ledger_settled(c, j)) {
        j->wishes->hedged.wanted = 0;
        if (may_start(c, j) && j->reserved >= next_number(j) &&
            j->capability->hedge_tokens >= TOKEN) {
            try_start(c, j, out);
        }
    }
}

/* -- what is heard --------------------------------------------------------------------
 */

int hedge_started(struct turn *t, struct agent *a)
{
    const struct wf_started *m = &t->msg->u.started;
    struct core *c = t->c;
    struct job *copy = copy_at(jobs_get(&c->jobs, &m->job), a, m->attempt);

    if (copy == NULL) {
        return 0;
    }
    if (copy->state == WF_JOB_ASSIGNED) {
        work_started(c, copy);
        routes_fetched(c, copy);
        work_ran(c, copy, m->ago_us);
        (void) job_plan(&c->jobs, copy);
    }
    return 1;
}

int hedge_refused(struct turn *t, struct agent *a)
{
    const struct wf_refuse *m = &t->msg->u.refuse;
    struct job *copy = copy_at(jobs_get(&t->c->jobs, &m->job), a, m->attempt);

    if (copy != NULL) {
        t->c->count.refused_by_agent++;
        drop(t->c, copy);
    }
    return copy != NULL;
}

int hedge_held(struct core *c, const struct agent *a, struct job *j, uint64_t attempt)
{
    struct job *copy = copy_at(j, a, attempt);

    if (copy != NULL) {
        copy->confirmed = 1;
        work_came_back(c, copy);
    }
    return copy != NULL;
}

int hedge_result(struct turn *t, struct agent *a)
{
    const struct wf_result *m = &t->msg->u.result;
    struct core *c = t->c;
    struct job *j = jobs_get(&c->jobs, &m->job);
    struct job *copy = copy_at(j, a, m->attempt);

    if (copy == NULL) {
        return 0;
    }
    if (m->code == 0 && !wf_job_is_final(j->state)) {
        c->count.hedges_won++;
        jobs_change_places(&c->jobs, j, copy);
        return 0;
    }
    c->count.hedges_lost++;
    routes_pay(c, copy, m);
    j->cost_pusd = wf_add_sat(j->cost_pusd, copy->cost_pusd);
    drop(c, copy);
    return 1;
}

/* -- what becomes of the job ----------------------------------------------------------
 */

int hedge_goes_on(struct core *c, struct job *j, struct wf_effects *out)
{
    struct job *copy = copy_of(j);

    if (j->original != NULL) {
        drop(c, j);
        return 1;
    }
    if (copy == NULL) {
        return 0;
    }
    jobs_change_places(&c->jobs, j, copy);
    drop(c, copy);
    ledger_write(c, j, LEDGER_ATTEMPT);
    work_tell_state(c, j, out);
    return 1;
}

void hedge_number(struct job *j)
{
    if (j->wishes != NULL) {
        j->wishes->hedged.due_us = 0;
        j->wishes->hedged.wanted = 0;
        if (!WF_PLANT(COPY_NUMBER) && j->wishes->hedged.last > numbers_last(j)) {
            j->attempt = j->wishes->hedged.last;
            j->numbers = 1;
            /* On record with the copy, whose numbers it was to take. */
            j->reserved = (uint32_t) wf_max_u64(j->reserved, j->attempt);
        }
    }
}

void hedge_over(struct core *c, struct job *j, struct wf_effects *out)
{
    struct job *copy = copy_of(j);

    j->capability->hedge_tokens =
        (uint32_t) wf_min_u64(j->capability->hedge_tokens + c->cfg.hedge_pm, TOKENS_MAX);
    if (copy == NULL) {
        return;
    }
    if (copy->agent->state == AGENT_OFFLINE) {
        drop(c, copy); /* nobody will confirm that it is over */
    } else {
        work_stop(copy, WEFT_ECANCELLED, out);
    }
}

void hedge_check(const struct core *c, const struct job *j)
{
    const struct job *copy = copy_of(j);

    (void) c;
    WF_CHECK(j->original == NULL);
    if (copy != NULL) {
        WF_CHECK(copy->original == j && copy->occupies && copy->attempt != j->attempt);
        WF_CHECK(!j->occupies || copy->agent != j->agent);
        WF_CHECK(wf_job_is_final(j->state) || j->occupies);
        WF_CHECK(j->class_ != WF_CLASS_DURABLE || copy->attempt <= j->reserved);
        WF_CHECK(copy->attempt <= j->wishes->hedged.last ||
                 j->attempt <= j->wishes->hedged.last);
        WF_CHECK(!wf_job_is_final(copy->state));
    }
}

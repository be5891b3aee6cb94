#include "broker/core/place/place.h"

#include "broker/core/data/inputs.h"
#include "broker/core/mesh/guests.h"
#include "broker/core/mesh/told.h"
#include "broker/core/place/need.h"
#include "broker/core/place/routes.h"
#include "broker/core/place/wishes.h"
#include "common/plant.h"

/* An agent that comes to a long queue may be sent all that it holds at once: no more than
 * the bus queues for one peer, which would be cut as too slow, again and again. */
#define AGENT_FEW   128u
#define AGENT_BYTES (16u << 20)
#define REFUSED_US  UINT64_C(10000000)
#define REFUSED_MAX 7u /* doublings of that */

static int needs_met(const struct core *c, const struct job *j, struct agent *a)
{
    struct wf_rows rows = j->needs;
    struct wf_label_row row;
    char room[32];

    while (wf_rows_next(&rows, wf_desc_label_row(), &row)) {
        struct need need;

        if (need_parse(row.text, &need) != 0) {
            return 0;
        }
        /* A neighbour knows its agents, and refuses at once what none of them meets. */
        if (a->neighbour != NULL
                ? !told_may_meet(c, a, &need, row.text)
                : !need_met(&need, agent_attribute(a, need.key, room, sizeof room))) {
            return 0;
        }
    }
    return 1;
}

/* A node of that name is one of this broker's own: no other site has it. */
static int is_ours(const struct core *c, const char *name)
{
    const struct principal *p = registry_named(&c->registry, wf_slice_of(name));

    return p != NULL && !p->foreign;
}

static int is_refusal(const struct core *c, const struct job_try *try)
{
    return try->code == WEFT_ENOCAP && c->now_us - try->end_us < REFUSED_US;
}

/* A site that said that none of its agents may run it is not asked again at once: what it
 * offers may be all further away, at brokers that this job came through.  Then it is
 * asked less and less often, or when it offers something else. */
int place_refused(const struct core *c, const struct job *j, const struct agent *a)
{
    const uint64_t us = REFUSED_US << wf_min_u64(j->spared, REFUSED_MAX);

    for (unsigned i = 0; i < j->nhistory; i++) {
        const struct job_try *try = &j->history[i];

        if (try->agent == a && try->code == WEFT_ENOCAP &&
            (is_refusal(c, try) ||
             (c->now_us - try->end_us < us && a->neighbour != NULL &&
              a->neighbour->offers_us <= try->end_us))) {
            return 1;
        }
    }
    return 0;
}

unsigned place_refusals(const struct core *c, const struct job *j)
{
    unsigned n = 0;

    for (unsigned i = 0; i < j->nhistory; i++) {
        n += is_refusal(c, &j->history[i]);
    }
    return n;
}

static int has_room(const struct job *j, const struct offer *o)
{
    const struct agent *a = o->agent;

    return o->assigned < o->slots + o->queue && a->assigned < a->slots + o->queue &&
           (a->assigned < AGENT_FEW || a->bytes + job_weight(j) <= AGENT_BYTES);
}

/* What is said by now of where the data of a job may be that an agent was refused;
 * empty: anywhere.  It takes a look at hundreds of files, so that it is kept until a
 * dataset comes or goes. */
static const char *residency_now(const struct core *c, const struct job *j)
{
    struct job_region *r = j->forbidden;

    if (r == NULL) {
        return "";
    }
    if (r->changes != c->data.catalogue.changes) {
        r->changes = c->data.catalogue.changes;
        inputs_residency(c, j, r->text);
    }
    return r->text;
}

/* `now`: residency_now(). */
static unsigned filter_offer(const struct core *c, const struct job *j, const char *now,
                             const struct offer *o)
{
    const struct agent *a = o->agent;
    const unsigned closed = agent_closed(a);

    if (j->version != 0 && o->version != j->version) {
        return PLACE_VERSION;
    }
    if ((j->residency[0] != '\0' && !residency_allows(j->residency, a)) ||
        (now[0] != '\0' && !residency_allows(now, a))) {
        return PLACE_RESIDENCY;
    }
    /* What fits in further away the broker there knows. */
    if (j->data_bytes > a->data_cap && o->hops == 0) {
        return PLACE_DATA;
    }
    if (closed != PLACE_PASSED) {
        return closed;
    }
    if (j->pin[0] != '\0' && !wf_slice_is(wf_slice_of(j->pin), a->principal->name) &&
        (a->neighbour == NULL || is_ours(c, j->pin))) {
        return PLACE_PINNED;
    }
    if (j->needs.count != 0 && !needs_met(c, j, o->agent)) {
        return PLACE_NEEDS;
    }
    if (!WF_PLANT(CAME_FROM) && j->guest != NULL && a->neighbour != NULL &&
        (j->owner == a->principal || j->guest->path.count >= WF_HOPS_MAX ||
         guest_path_has(j->guest->path, a->principal->name))) {
        return PLACE_CAME_FROM;
    }
    if (j->wishes != NULL && !wishes_allow(c, j, a)) {
        return PLACE_NEAR;
    }
    if (agent_is_site(a) && place_refused(c, j, a)) {
        return PLACE_AVOIDED;
    }
    if (!has_room(j, o)) {
        return PLACE_FULL;
    }
    return PLACE_PASSED;
}

unsigned place_filter(const struct core *c, const struct job *j, const struct offer *o)
{
    return filter_offer(c, j, residency_now(c, j), o);
}

struct asked {
    const struct core *core;
    const struct job *job;
    const struct place_ask *ask;
    const char *now; /* residency_now() */
};

/* The offer of an agent that passes, and otherwise what refuses the one that comes
 * furthest. */
static unsigned best_offer(const struct asked *x, struct agent *a, struct offer **ret)
{
    const struct job *j = x->job;
    unsigned furthest = PLACE_CAPABILITY;

    for (unsigned i = 0; i < a->noffers; i++) {
        struct offer *o = &a->offers[i];
        unsigned f = o->capability == j->capability ? filter_offer(x->core, j, x->now, o)
                                                    : PLACE_CAPABILITY;

        if (f == PLACE_PASSED) {
            *ret = o;
            return f;
        }
        furthest = f > furthest ? f : furthest;
    }
    *ret = NULL;
    return furthest;
}

int place_is_meant(struct wf_slice away, const struct agent *a)
{
    struct need need;
    char room[32];

    if (need_parse(away, &need) != 0) {
        return 0;
    }
    if (wf_slice_is(need.key, "node")) {
        need.key = wf_slice_of("name");
    }
    return need_met(&need, agent_attribute(a, need.key, room, sizeof room));
}

static int is_without(const struct place_ask *ask, const struct agent *a)
{
    struct wf_rows rows = *ask->without;
    struct wf_label_row row;

    while (wf_rows_next(&rows, wf_desc_label_row(), &row)) {
        if (place_is_meant(row.text, a)) {
            return 1;
        }
    }
    return 0;
}

static unsigned filter(void *arg, uint32_t node, void *ref, uint64_t *soft_us)
{
    const struct asked *x = arg;
    struct agent *a = ref;
    struct offer *o;

    (void) node;
    if (x->job->wishes != NULL) {
        *soft_us = wf_add_sat(*soft_us, wishes_unmet_us(x->core, x->job, a));
    }
    if (x->ask->without != NULL && is_without(x->ask, a)) {
        return PLACE_WHAT_IF;
    }
    return best_offer(x, a, &o);
}

static void count(const struct core *c, const struct job *j, struct decision *d)
{
    const uint64_t offers = d->route.offers;

    d->known = c->agents.n;
    d->filtered[PLACE_CAPABILITY] =
        (uint32_t) (c->agents.n - wf_min_u64(c->agents.n, offers));
    for (uint32_t i = 0; i < d->route.nrows; i++) {
        struct route_row *row = &d->route.rows[i];

        d->filtered[row->filter] += row->filter != PLACE_PASSED;
        d->filtered[PLACE_AVOIDED] += row->filter == PLACE_PASSED && j->avoid != NULL &&
                                      row->ref == j->avoid && (int) i != d->route.best;
    }
}

/* What the router says of what nobody offers, without asking it: jobs may come for it by
 * the hundred thousand before the first agent does. */
static void decide_none(const struct core *c, const struct job *j, struct decision *ret)
{
    struct route_decision *d = &ret->route;

    d->at_us = c->now_us;
    d->rho_pusd_s = routes_rho(c, j);
    d->offers = d->passed = d->nrows = 0;
    d->occupies = j->goal == WF_GOAL_THROUGHPUT;
    d->best = d->runner_up = -1;
}

/* The job as it is put to the router; borrows the others. */
static void describe(struct asked *asked, struct route_input *inputs,
                     struct route_job *ret)
{
    routes_job(asked->core, asked->job, inputs, ret);
    ret->sure = asked->ask->sure != NULL ? asked->ask->sure->node : ROUTE_NONE;
    ret->late_pm = ROUTE_SURE_PM;
    ret->try_pm = asked->ask->admission ? ROUTE_ADMIT_PM : ROUTE_POSSIBLE_PM;
    ret->filter = filter;
    ret->arg = asked;
}

struct offer *place_choose(struct core *c, const struct job *j,
                           const struct place_ask *ask, struct decision *ret)
{
    struct route_input inputs[ROUTE_INPUTS_MAX];
    struct asked asked = {c, j, ask, residency_now(c, j)};
    struct route_job rj;
    struct offer *o = NULL;

    ret->job = j->id;
    if (j->capability->noffers == 0) {
        decide_none(c, j, ret);
        count(c, j, ret);
        return NULL;
    }
    describe(&asked, inputs, &rj);
    routing_decide(c->routing, &rj, c->now_us, &ret->route);
    count(c, j, ret);
    if (ret->route.best >= 0) {
        (void) best_offer(&asked, ret->route.rows[ret->route.best].ref, &o);
    }
    return o;
}

int place_is_sooner(const struct core *c, const struct job *j, const struct agent *there,
                    const struct agent *here, uint64_t least_us)
{
    const struct place_ask ask = {.sure = NULL};
    const struct route_waiting waiting = {.node = there->node, .work_us = j->work_us};
    struct route_input inputs[ROUTE_INPUTS_MAX];
    struct asked asked = {c, j, &ask, residency_now(c, j)};
    struct route_job rj;

    describe(&asked, inputs, &rj);
    return routing_is_sooner(c->routing, &rj, &waiting, here->node, least_us, c->now_us);
}

int place_is_late(const struct decision *d, uint64_t *ret_best_us)
{
    uint64_t best_us = UINT64_MAX;

    for (uint32_t i = 0; i < d->route.nrows; i++) {
        const struct route_row *row = &d->route.rows[i];

        switch (row->filter) {
        case PLACE_DEADLINE:
            best_us = wf_min_u64(best_us, row->late_us);
            break;
        case PLACE_PASSED:
        case PLACE_FULL:
        case PLACE_OFFLINE:
        case PLACE_SILENT:
        case PLACE_DRAINING:
            return 0; /* that may change */
        default:
            break;
        }
    }
    *ret_best_us = best_us;
    return best_us != UINT64_MAX;
}

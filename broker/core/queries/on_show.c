/* Queries that show one thing in full: a node, a job, why a job is where it is. */
#include "broker/core/data/inputs.h"
#include "broker/core/jobs/ledger.h"
#include "broker/core/jobs/work.h"
#include "broker/core/mesh/guests.h"
#include "broker/core/mesh/numbers.h"
#include "broker/core/place/unmet.h"
#include "broker/core/place/wishes.h"

#include "common/err.h"
#include "common/str.h"

#include <stdio.h>
#include <string.h>

#define PREFIX_MIN 4 /* hex digits of a job id that may stand for it, here */

/* -- node ------------------------------------------------------------------------------
 */

static void add_offers(const struct agent *a, struct wf_buf *store, struct wf_rows *rows)
{
    for (unsigned i = 0; i < a->noffers; i++) {
        const struct offer *o = &a->offers[i];
        const struct wf_cap_row row = {.name = wf_slice_of(o->capability->name),
                                       .version = o->version,
                                       .kind = o->kind,
                                       .slots = o->slots,
                                       .queue = o->queue,
                                       .wall_ms = o->wall_ms,
                                       .net = o->net != 0,
                                       .warm = o->warm != 0};

        (void) wf_rows_add(store, rows, wf_desc_cap_row(), &row);
    }
}

static void add_labels(const struct agent *a, struct wf_buf *store, struct wf_rows *rows)
{
    const struct principal *p = a->principal;

    for (unsigned i = 0; i < p->nlabels + a->nlabels && rows->count < WF_LABELS_MAX;
         i++) {
        const struct wf_label_row row = {
            wf_slice_of(i < p->nlabels ? p->labels[i] : a->labels[i - p->nlabels])};

        (void) wf_rows_add(store, rows, wf_desc_label_row(), &row);
    }
}

static void add_metrics(const struct agent *a, struct wf_buf *store, struct wf_rows *rows)
{
    for (unsigned id = 0; id < WF_METRICS; id++) {
        const struct wf_metric_row row = {id, a->metrics[id]};

        if (a->metrics_known & (1u << id)) {
            (void) wf_rows_add(store, rows, wf_desc_metric_row(), &row);
        }
    }
}

/* By name or digits of the key; also one that was revoked. */
static const struct agent *find_agent(const struct core *c, const char *text)
{
    const struct wf_list_node *head = &c->agents.all;
    struct principal *p;

    if (registry_find(&c->registry, text, &p) == 0 && p->agent != NULL) {
        return p->agent;
    }
    for (const struct wf_list_node *n = wf_list_first(head); n != NULL;
         n = wf_list_next(head, n)) {
        const struct agent *a = CONTAINER_OF(n, struct agent, in_all);

        if (strcmp(a->principal->name, text) == 0) {
            return a;
        }
    }
    return NULL;
}

void query_node(struct turn *t)
{
    struct core *c = t->c;
    const struct wf_query *q = &t->msg->u.query;
    struct wf_node_info m = {.req = q->req};
    char name[WF_TEXT_MAX + 1];
    struct wf_node_row row;
    const struct agent *a = find_agent(c, wf_slice_str(q->key, name, sizeof name));

    if (a == NULL) {
        refuse(t, WEFT_ENOENT, q->req, NULL, 0, "no node %s was seen here", name);
        return;
    }
    row = node_row_of(c, a);
    (void) wf_rows_add(core_rows(c, 0), &m.node, wf_desc_node_row(), &row);
    add_offers(a, core_rows(c, 1), &m.caps);
    add_labels(a, core_rows(c, 2), &m.labels);
    add_metrics(a, core_rows(c, 3), &m.metrics);
    m.accels = a->accels;
    m.cpu = wf_slice_of(a->cpu);
    m.disk = a->disk;
    m.sandbox_why = wf_slice_of(a->sandbox_why);
    m.metrics_age_ms = a->metrics_us != 0 ? (c->now_us - a->metrics_us) / 1000 : 0;
    m.software = wf_slice_of(a->software);
    m.epoch = a->epoch;
    wf_effects_send(t->out, t->s->peer, WF_MSG_node_info, &m);
}

/* -- job -------------------------------------------------------------------------------
 */

/* An operator has no jobs elsewhere: he is none there. */
static int may_seek(const struct turn *t)
{
    const struct wf_query *q = &t->msg->u.query;

    return t->s->role == WF_ROLE_CLIENT && q->key.len >= SEEK_DIGITS &&
           q->key.len < WF_ID_TEXT - 1;
}

/* The one job whose id begins with the query's key; NULL after a refusal. */
static struct job *find_job(struct turn *t)
{
    const struct wf_query *q = &t->msg->u.query;
    struct job *found = NULL, *j;
    char text[WF_ID_TEXT];
    struct wf_id id;
    size_t it = 0;
    unsigned n = 0;
    int rc;

    wf_slice_str(q->key, text, sizeof text);
    if (wf_id_parse(text, &id) == 0) {
        found = jobs_get(&t->c->jobs, &id);
        rc = found == NULL ? seek_begin(t, &id, q->req) : 0;
        if (rc == WEFT_EBUSY) {
            refuse(t, rc, q->req, NULL, SEEK_AGAIN_MS,
                   "no such job here, and too many are looked for elsewhere: ask again");
        }
        if (rc != 0) {
            return NULL;
        }
    } else if (q->key.len >= PREFIX_MIN && q->key.len < sizeof text) {
        while ((j = wf_map_next(t->c->jobs.by_id, &it)) != NULL) {
            char hex[WF_ID_TEXT];

            if ((t->s->role == WF_ROLE_OPERATOR || j->owner == t->s->principal) &&
                strncmp(wf_id_text(&j->id, hex), text, q->key.len) == 0) {
                found = j;
                n++;
            }
        }
    }
    if (n == 0 && found == NULL && may_seek(t)) {
        rc = seek_begin_digits(t, q->key, q->req);
        if (rc == WEFT_EBUSY) {
            refuse(t, rc, q->req, NULL, SEEK_AGAIN_MS,
                   "no job %s here, and too many are looked for elsewhere: ask again",
                   text);
        }
        if (rc != 0) {
            return NULL;
        }
    }
    if (n > 1) {
        refuse(t, WEFT_EINVAL, q->req, NULL, 0, "%u jobs begin with %s: give more digits",
               n, text);
        return NULL;
    }
    if (found == NULL ||
        (t->s->role != WF_ROLE_OPERATOR && found->owner != t->s->principal)) {
        refuse(t, WEFT_ENOENT, q->req, NULL, 0, "no job %s is kept here%s", text,
               q->key.len < SEEK_DIGITS ? "; elsewhere it is looked for by 8 digits"
                                        : "");
        return NULL;
    }
    return found;
}

/* What it says of its end is everybody's to know. */
static int is_told(const struct core *c, const struct job *j)
{
    return job_told_state(c, j) == j->state;
}

static void add_tries(const struct core *c, const struct job *j, struct wf_buf *store,
                      struct wf_rows *rows)
{
    for (unsigned i = 0; i < j->nhistory; i++) {
        const struct wf_try_row row = try_row_of(&j->history[i]);

        (void) wf_rows_add(store, rows, wf_desc_try_row(), &row);
    }
    /* The present or last attempt is in the history only when it was retried. */
    if (is_told(c, j) && j->attempt != 0 && rows->count < WF_TRIES_MAX &&
        (j->nhistory == 0 || j->history[j->nhistory - 1].attempt != j->attempt)) {
        const struct wf_try_row row = {
            .attempt = j->attempt,
            .node = job_node(j),
            .code = (uint64_t) -j->code,
            .reason = wf_slice_of(j->reason),
            .start_ms = j->started_us != 0 ? (j->started_us - j->accepted_us) / 1000 : 0,
            .run_us = j->run_us};

        (void) wf_rows_add(store, rows, wf_desc_try_row(), &row);
    }
}

static void add_data(const struct core *c, const struct job *j, struct wf_job_info *m)
{
    m->inputs = j->inputs;
    m->fetched = j->fetched;
    if (is_told(c, j) && wf_job_is_final(j->state)) {
        m->result_blob = j->blob;
        m->result_len = wf_max_u64(m->result_len, j->blob_size);
    }
    m->payload_len = wf_max_u64(m->payload_len, j->payload_size);
    if (j->state == WF_JOB_ASSIGNED && j->fetch_total != 0) {
        uint64_t ago_us = c->now_us - j->fetch_us;

        m->fetch_done = j->fetch_done;
        m->fetch_total = j->fetch_total;
        m->fetch_left_ms =
            (j->fetch_left_us - wf_min_u64(j->fetch_left_us, ago_us)) / 1000;
        m->fetch_from = wf_slice_of(j->fetch_from != NULL ? j->fetch_from->name : "");
        m->fetch_stands = j->fetch_stands;
        if (j->fetch_resume_us > c->now_us) {
            m->fetch_resume_ms = (j->fetch_resume_us - c->now_us) / 1000;
        }
    }
}

/* Attempts have numbers that are never used twice, those as well that no agent took: what
 * is left of max_tries they do not tell. */
static uint64_t uncounted(const struct job *j)
{
    const uint64_t seen = numbers_seen(j);
    uint64_t counted = (uint64_t) j->tries + 1;

    if (j->state == WF_JOB_QUEUED || j->state == WF_JOB_ACCEPTED) {
        counted = j->tries;
    } else if (j->state == WF_JOB_FAILED || j->state == WF_JOB_DEAD) {
        counted = wf_max_u64(j->tries, 1);
    }
    return seen - wf_min_u64(counted, seen);
}

/* Its other names, at the brokers on either side; and whether its node can be seen.  One
 * that waits is nowhere: its node is only the last one. */
static void add_whereabouts(const struct core *c, const struct job *j,
                            struct wf_job_info *m)
{
    const struct agent *a = j->agent;
    const int waits = j->state == WF_JOB_QUEUED || j->state == WF_JOB_ACCEPTED;

    if (j->guest != NULL) {
        m->of = j->guest->job;
    }
    if (a == NULL || j->attempt == 0 || waits) {
        return;
    }
    if (agent_is_site(a)) {
        m->there = guest_id(&c->cfg.key, &j->id, j->attempt);
    }
    if (a->state != AGENT_UP && !wf_job_is_final(j->state)) {
        const uint64_t since_us = a->heard_us != 0 ? a->heard_us : a->since_us;

        m->silent_ms = wf_max_u64((c->now_us - since_us) / 1000, 1);
        m->cut_off = a->session == NULL;
    }
}

void query_job(struct turn *t)
{
    struct core *c = t->c;
    const struct job *j = find_job(t);
    struct wf_job_info m;
    struct wf_job_row row;
    char missing[WF_TEXT_MAX + 1], what[WF_LABEL_MAX + 1];
    struct wf_slice need;

    if (j == NULL) {
        return;
    }
    row = job_row_of(c, j);
    m = (struct wf_job_info){
        .req = t->msg->u.query.req,
        .reason = wf_slice_of(j->reason),
        .exit_code = j->exit_code,
        .signal = j->term_signal,
        .payload_len = j->payload_len,
        .result_len = j->data_len,
        .log_len = j->log.len,
        .cut = j->cut + j->log_cut,
        .max_attempts = j->max_tries,
        .uncounted = uncounted(j),
        .wait_us = j->wait_us,
        .needs = j->needs,
        .superseded = j->superseded,
        .disconnect = j->disconnect,
        .disconnect_ms = j->disconnect_ms,
        .goal = j->goal,
        .rho_pusd = j->wishes != NULL ? j->wishes->rho_pusd : 0,
        .max_cost_pusd = j->wishes != NULL ? j->wishes->max_cost_pusd : 0,
        .cost_pusd = j->cost_pusd,
        .retry_of = j->retry_of,
        .reused = j->reused,
        .crashes = j->crashes,
        .lost = j->lost,
        .preempted = j->preempted,
        .hedged = j->wishes != NULL ? j->wishes->hedged.copies : 0,
        .stored = j->class_ == WF_CLASS_DURABLE && ledger_settled(c, j)};
    add_data(c, j, &m);
    add_whereabouts(c, j, &m);
    if (!is_told(c, j)) {
        m.reason = wf_slice_of("");
        m.exit_code = m.signal = m.result_len = m.wait_us = m.cut = 0;
    }
    if (m.fetch_total != 0 && m.fetch_done < m.fetch_total &&
        inputs_missing(c, j, missing, sizeof missing)) {
        m.reason = wf_slice_of(missing);
    }
    if (j->state == WF_JOB_QUEUED && unmet_need(c, j, 0, &need)) {
        (void) snprintf(missing, sizeof missing,
                        "it waits: no agent that is known meets %s",
                        wf_slice_str(need, what, sizeof what));
        m.reason = wf_slice_of(missing);
    }
    if (j->deadline_us > c->now_us && !wf_job_is_final(j->state)) {
        m.deadline_left_ms = (j->deadline_us - c->now_us) / 1000;
    }
    if (j->state == WF_JOB_QUEUED && j->retry_us > c->now_us) {
        m.retry_in_ms = (j->retry_us - c->now_us) / 1000;
    }
    (void) wf_rows_add(core_rows(c, 0), &m.job, wf_desc_job_row(), &row);
    add_tries(c, j, core_rows(c, 1), &m.tries);
    wf_effects_send(t->out, t->s->peer, WF_MSG_job_info, &m);
}

/* -- why -------------------------------------------------------------------------------
 */

static struct wf_scored_row scored_row_of(const struct route_row *r)
{
    const struct agent *a = r->ref;

    return (struct wf_scored_row){
        .node = wf_slice_of(a->principal->name),
        .link_us = r->score.link_us,
        .wait_us = r->score.wait_us,
        .fetch_us = r->score.fetch_us,
        .warm_us = r->score.warm_us,
        .run_us = r->score.run_us,
        .risk_us = r->score.risk_us,
        .money_us = r->score.money_us,
        .score_us = r->score.total_us,
        .ahead = r->ahead,
        .report_ms = r->report_ms,
        .cost_pusd = r->cost_pusd,
        .fetch_bytes = r->fetch_bytes,
        .filter = r->filter,
        .refused =
            wf_slice_of(r->filter != PLACE_PASSED ? place_filter_name(r->filter) : ""),
        .site = wf_slice_of(a->principal->site),
        .tier = a->principal->tier,
        .free = a->slots - wf_min_u64(a->slots, r->ahead)};
}

void show_decision(struct core *c, const struct decision *d, struct wf_why_info *m)
{
    struct wf_buf *filters = core_rows(c, 0), *rows = core_rows(c, 1);
    unsigned order[ROUTE_ROWS_MAX], n = decision_order(d, order);

    for (unsigned f = 0; f < PLACE_FILTER_COUNT; f++) {
        const struct wf_count_row row = {wf_slice_of(place_filter_name(f)),
                                         d->filtered[f]};

        if (d->filtered[f] != 0) {
            (void) wf_rows_add(filters, &m->filters, wf_desc_count_row(), &row);
        }
    }
    for (unsigned i = 0; i < n; i++) {
        const struct wf_scored_row row = scored_row_of(&d->route.rows[order[i]]);

        (void) wf_rows_add(rows, &m->rows, wf_desc_scored_row(), &row);
    }
    m->age_ms = (c->now_us - d->route.at_us) / 1000;
    m->known = d->known;
    m->capable = (uint64_t) d->route.passed + d->filtered[PLACE_FULL];
    m->scored = d->route.nrows;
    m->chosen = d->attempt != 0;
    m->rho_pusd = d->route.rho_pusd_s;
    if (m->goal == WF_GOAL_NONE && m->rho_pusd == c->cfg.rho_pusd[WF_GOAL_NONE]) {
        m->goal = WF_GOAL_BALANCED; /* what it is without saying so */
    }
    m->broker = wf_slice_of(c->cfg.name);
}

static const char *waits_for(const struct core *c, const struct job *j,
                             const struct decision *d, char *text, size_t cap)
{
    char what[WF_LABEL_MAX + 1];
    struct wf_slice need;

    if (j->state != WF_JOB_QUEUED) {
        return "";
    }
    if (j->retry_us > c->now_us) {
        (void) snprintf(text, cap, "waits %u ms before attempt %u, after: %s",
                        (unsigned) ((j->retry_us - c->now_us) / 1000), numbers_next(j),
                        j->nhistory != 0 ? j->history[j->nhistory - 1].reason : "");
        text[wf_utf8_cut(text, strlen(text))] = '\0';
        return text;
    }
    if (unmet_need(c, j, 0, &need)) {
        (void) snprintf(text, cap, "waits for an agent: none that is known meets %s",
                        wf_slice_str(need, what, sizeof what));
        return text;
    }
    if (d != NULL && d->filtered[PLACE_FULL] != 0) {
        return "waits for a slot: every capable agent is full";
    }
    return "waits for an agent that may take it: none passes the filters";
}

void query_why(struct turn *t)
{
    struct core *c = t->c;
    const struct job *j = find_job(t);
    char text[WF_TEXT_MAX + 1];
    const struct decision *d;
    struct wf_why_info m;

    if (j == NULL) {
        return;
    }
    d = decisions_of(&c->decisions, &j->id);
    m = (struct wf_why_info){.req = t->msg->u.query.req,
                             .job = j->id,
                             .state = job_told_state(c, j),
                             .attempt = numbers_seen(j),
                             .capability = wf_slice_of(j->capability->name),
                             .version = j->version,
                             .node = job_node(j),
                             .took_wait_us = is_told(c, j) ? j->wait_us : 0,
                             .took_run_us = is_told(c, j) ? j->run_us : 0,
                             .goal = j->goal,
                             .data_bytes = j->data_bytes};
    if (is_told(c, j) && wf_job_is_final(j->state)) {
        m.took_us = j->finished_us - j->accepted_us;
        m.took_fetched = j->fetched;
        m.took_cost_pusd = j->cost_pusd;
    }
    if (d != NULL) {
        show_decision(c, d, &m);
        m.text = wf_slice_of(waits_for(c, j, d, text, sizeof text));
    } else {
        m.text = wf_slice_of("the decision is not kept any more");
    }
    wf_effects_send(t->out, t->s->peer, WF_MSG_why_info, &m);
}

/* Queries that list: status, nodes, jobs, events, keys, tokens. */
#include "broker/core/jobs/ledger.h"
#include "broker/core/jobs/work.h"
#include "broker/core/mesh/numbers.h"
#include "broker/core/place/need.h"
#include "broker/core/place/routes.h"

#include "common/err.h"

#include <stdio.h>
#include <string.h>

static unsigned page_limit(const struct wf_query *q)
{
    return (unsigned) (q->limit != 0 ? q->limit : WF_PAGE_MAX);
}

/* -- nodes -----------------------------------------------------------------------------
 */

struct wf_node_row node_row_of(const struct core *c, const struct agent *a)
{
    const struct principal *p = a->principal;
    uint32_t dev_us;

    return (struct wf_node_row){
        .name = wf_slice_of(p->name),
        .key = p->key,
        .role = p->role,
        .tier = p->tier,
        .site = wf_slice_of(p->site),
        .state = agent_view_state(a),
        .state_ms = (c->now_us - a->since_us) / 1000,
        .age_ms = (c->now_us - a->heard_us) / 1000,
        .rtt_us = routes_rtt(c, a, &dev_us),
        .jitter_us = dev_us,
        .slots = a->slots,
        .running = wf_min_u64(a->running, a->assigned),
        .waiting = a->assigned - wf_min_u64(a->running, a->assigned),
        .cpu_pm = a->metrics_known & (1u << WF_METRIC_CPU_PM)
                      ? wf_min_u64(a->metrics[WF_METRIC_CPU_PM], 1000)
                      : 0,
        .done = a->done,
        .failed = a->failed,
        .caps = a->noffers,
        .arch = wf_slice_of(a->arch),
        .cpus = a->cpus,
        .mem = a->mem,
        .sandbox = wf_slice_of(a->sandbox),
        .accels = a->accels.count};
}

/* Take the next of the terms that stand between commas: 1, or 0 when there is none. */
static int next_term(struct wf_slice *rest, struct wf_slice *ret_term)
{
    const uint8_t *comma = rest->len != 0 ? memchr(rest->p, ',', rest->len) : NULL;
    uint32_t len = comma != NULL ? (uint32_t) (comma - rest->p) : rest->len;
    uint32_t step = len + (comma != NULL);

    if (rest->len == 0) {
        return 0;
    }
    *ret_term = wf_slice_make(rest->p, len);
    *rest = wf_slice_make(rest->p + step, rest->len - step);
    return 1;
}

/* Does the agent meet every need of a list separated by commas?  What is not a need, none
 * meets. */
static int meets(const struct agent *a, struct wf_slice filter)
{
    struct wf_slice term;
    struct need need;
    char room[32];

    while (next_term(&filter, &term)) {
        if (need_parse(term, &need) != 0 ||
            !need_met(&need, agent_attribute(a, need.key, room, sizeof room))) {
            return 0;
        }
    }
    return 1;
}

static void query_nodes(struct turn *t)
{
    const struct wf_query *q = &t->msg->u.query;
    struct wf_nodes_page page = {.req = q->req};
    struct wf_buf *store = core_rows(t->c, 0);
    const struct wf_list_node *head = &t->c->agents.all;
    uint64_t at = 0;

    for (struct wf_list_node *n = wf_list_first(head); n != NULL;
         n = wf_list_next(head, n)) {
        const struct agent *a = CONTAINER_OF(n, struct agent, in_all);
        struct wf_node_row row = node_row_of(t->c, a);

        if (at++ < q->after || !meets(a, q->filter)) {
            continue;
        }
        if (page.rows.count == page_limit(q) ||
            wf_rows_add(store, &page.rows, wf_desc_node_row(), &row) != 0) {
            page.more = at - 1;
            break;
        }
    }
    wf_effects_send(t->out, t->s->peer, WF_MSG_nodes_page, &page);
}

/* -- jobs ------------------------------------------------------------------------------
 */

/* An outcome is nobody's to see before it is on stable storage. */
unsigned job_told_state(const struct core *c, const struct job *j)
{
    if (!wf_job_is_final(j->state) || ledger_settled(c, j)) {
        return j->state;
    }
    return j->attempt != 0 ? WF_JOB_RUNNING : WF_JOB_QUEUED;
}

struct wf_try_row try_row_of(const struct job_try *try)
{
    return (struct wf_try_row){
        .attempt = try->attempt,
        .node = wf_slice_of(try->agent != NULL ? try->agent->principal->name : ""),
        .code = (uint64_t) -try->code,
        .reason = wf_slice_of(try->reason),
        .start_ms = try->start_ms,
        .run_us = try->run_us};
}

struct wf_job_row job_row_of(const struct core *c, const struct job *j)
{
    int told = job_told_state(c, j) == j->state;

    return (struct wf_job_row){
        .job = j->id,
        .capability = wf_slice_of(j->capability->name),
        .version = j->version,
        .state = job_told_state(c, j),
        .class_ = j->class_,
        .priority = j->priority,
        .attempt = numbers_seen(j),
        .node = job_node(j),
        .owner = wf_slice_of(j->owner->name),
        .age_ms = (c->now_us - j->accepted_us) / 1000,
        .run_us = j->state == WF_JOB_RUNNING ? c->now_us - j->started_us : j->run_us,
        .code = told ? (uint64_t) -j->code : 0,
        .name = wf_slice_of(j->name),
        .reason = wf_slice_of(told && j->state != WF_JOB_OK ? j->reason : NULL)};
}

/* One term "key=value" of a filter. */
static int term_matches(const struct core *c, const struct job *j, struct wf_slice key,
                        struct wf_slice value)
{
    if (wf_slice_is(key, "state")) {
        return wf_slice_is(value, wf_job_state_name(job_told_state(c, j)));
    }
    if (wf_slice_is(key, "cap")) {
        return wf_slice_is(value, j->capability->name);
    }
    if (wf_slice_is(key, "node")) {
        return j->agent != NULL && wf_slice_is(value, j->agent->principal->name);
    }
    if (wf_slice_is(key, "owner")) {
        return wf_slice_is(value, j->owner->name);
    }
    return wf_slice_is(key, "name") && wf_slice_is(value, j->name);
}

static int filter_matches(const struct core *c, const struct job *j,
                          struct wf_slice filter)
{
    struct wf_slice term;

    while (next_term(&filter, &term)) {
        const uint8_t *eq = term.len != 0 ? memchr(term.p, '=', term.len) : NULL;

        if (eq == NULL ||
            !term_matches(c, j, wf_slice_make(term.p, (size_t) (eq - term.p)),
                          wf_slice_make(eq + 1, (size_t) (term.p + term.len - eq - 1)))) {
            return 0;
        }
    }
    return 1;
}

static void query_jobs(struct turn *t)
{
    const struct wf_query *q = &t->msg->u.query;
    struct wf_jobs_page page = {.req = q->req};
    struct wf_buf *store = core_rows(t->c, 0);
    const struct wf_list_node *head = &t->c->jobs.all;

    for (const struct wf_list_node *n = head->prev; n != head; n = n->prev) {
        const struct job *j = CONTAINER_OF(n, struct job, in_all);
        struct wf_job_row row;

        if ((q->after != 0 && j->seq >= q->after) ||
            (t->s->role != WF_ROLE_OPERATOR && j->owner != t->s->principal) ||
            !filter_matches(t->c, j, q->filter)) {
            continue;
        }
        row = job_row_of(t->c, j);
        if (page.rows.count == page_limit(q) ||
            wf_rows_add(store, &page.rows, wf_desc_job_row(), &row) != 0) {
            page.more = j->seq + 1;
            break;
        }
    }
    wf_effects_send(t->out, t->s->peer, WF_MSG_jobs_page, &page);
}

/* -- keys and tokens -------------------------------------------------------------------
 */

static void query_keys(struct turn *t, const struct wf_map *map)
{
    const struct wf_query *q = &t->msg->u.query;
    struct wf_keys_page page = {.req = q->req};
    struct wf_buf *store = core_rows(t->c, 0);
    const struct principal *p;
    size_t it = 0;
    uint64_t at = 0;

    while ((p = wf_map_next(map, &it)) != NULL) {
        const struct wf_key_row row = {
            .key = p->key,
            .role = p->role,
            .name = wf_slice_of(p->name),
            .site = wf_slice_of(p->site),
            .tier = p->tier,
            .state = p->state == WF_KEY_ACTIVE && p->expires_ms != 0 &&
                             t->c->wall_ms >= p->expires_ms
                         ? WF_KEY_EXPIRED
                         : p->state,
            .created_ms = p->created_ms,
            .expires_ms = p->expires_ms,
            .seen_ms = p->agent != NULL && p->agent->session != NULL ? t->c->wall_ms
                                                                     : p->seen_ms};

        if (at++ < q->after) {
            continue;
        }
        if (page.rows.count == page_limit(q) ||
            wf_rows_add(store, &page.rows, wf_desc_key_row(), &row) != 0) {
            page.more = at - 1;
            break;
        }
    }
    wf_effects_send(t->out, t->s->peer, WF_MSG_keys_page, &page);
}

/* -- status ----------------------------------------------------------------------------
 */

static void count_sessions(const struct core *c, struct wf_status_info *m)
{
    const struct session *s;
    size_t it = 0;

    while ((s = wf_map_next(c->sessions.by_peer, &it)) != NULL) {
        m->clients += s->state == SESSION_READY && !role_runs(s->role);
    }
    for (const struct wf_list_node *n = c->agents.all.next; n != &c->agents.all;
         n = n->next) {
        const struct agent *a = CONTAINER_OF(n, struct agent, in_all);

        if (agent_is_site(a)) {
            continue; /* its agents are its own */
        }
        m->agents++;
        m->agents_up += a->state == AGENT_UP;
        m->slots += a->state == AGENT_UP ? a->slots : 0;
        m->running += wf_min_u64(a->running, a->assigned);
    }
}

static void add_count(struct wf_buf *store, struct wf_status_info *m, const char *name,
                      uint64_t value)
{
    const struct wf_count_row row = {wf_slice_of(name), value};

    (void) wf_rows_add(store, &m->counts, wf_desc_count_row(), &row);
}

static void query_status(struct turn *t)
{
    static const struct bus_counts none;
    struct core *c = t->c;
    const struct bus_counts *bus = c->bus != NULL ? c->bus : &none;
    struct wf_buf *store = core_rows(c, 0);
    const char *name;
    uint64_t value;
    struct wf_status_info m = {.req = t->msg->u.query.req,
                               .broker = wf_slice_of(c->cfg.name),
                               .site = wf_slice_of(c->cfg.site),
                               .software = wf_slice_of(c->cfg.software),
                               .up_ms = (c->now_us - c->started_us) / 1000,
                               .queued = c->jobs.live,
                               .retained = c->jobs.retained,
                               .bytes = c->jobs.bytes,
                               .bytes_max = c->cfg.max_bytes,
                               .store = wf_slice_of(c->cfg.store),
                               .store_failing = c->store_failing || c->rolled_back,
                               .store_lsn = c->durable_lsn,
                               .live = c->jobs.live,
                               .key = c->cfg.key,
                               .draining = c->stopping != 0};

    count_sessions(c, &m);
    for (const struct wf_list_node *n = c->agents.all.next; n != &c->agents.all;
         n = n->next) {
        const struct agent *a = CONTAINER_OF(n, struct agent, in_all);

        m.queued -= wf_min_u64(m.queued, a->assigned);
    }
#define C(name) add_count(store, &m, #name, c->count.name);
    COUNTERS(C)
#undef C
#define C(name) add_count(store, &m, #name, bus->name);
    BUS_COUNTS(C)
#undef C
    for (unsigned i = 0; word_count(c, i, &name, &value); i++) {
        add_count(store, &m, name, value);
    }
    add_count(store, &m, "run_error_pm", wf_ewma_mean(&c->run_error_pm));
    wf_effects_send(t->out, t->s->peer, WF_MSG_status_info, &m);
}

/* -- which -----------------------------------------------------------------------------
 */

void on_query(struct turn *t)
{
    const struct wf_query *q = &t->msg->u.query;

    if (t->s->role == WF_ROLE_AGENT && q->kind != WF_QUERY_DATASET) {
        t->c->count.denied++;
        refuse(t, WEFT_EPERM, q->req, NULL, 0, "an agent asks for datasets only");
        return;
    }
    if (t->s->role == WF_ROLE_BROKER && q->kind != WF_QUERY_EVENTS &&
        q->kind != WF_QUERY_DATASET) {
        t->c->count.denied++;
        refuse(t, WEFT_EPERM, q->req, NULL, 0, "a broker asks for events and datasets");
        return;
    }
    switch (q->kind) {
    case WF_QUERY_DATASETS:
        query_datasets(t);
        return;
    case WF_QUERY_DATASET:
        query_dataset(t);
        return;
    case WF_QUERY_STATUS:
        query_status(t);
        return;
    case WF_QUERY_NODES:
        query_nodes(t);
        return;
    case WF_QUERY_NODE:
        query_node(t);
        return;
    case WF_QUERY_JOBS:
        query_jobs(t);
        return;
    case WF_QUERY_JOB:
        query_job(t);
        return;
    case WF_QUERY_WHY:
        query_why(t);
        return;
    case WF_QUERY_LINKS:
        query_links(t);
        return;
    case WF_QUERY_MAP:
        query_map(t);
        return;
    case WF_QUERY_PRICES:
        query_prices(t);
        return;
    case WF_QUERY_EVENTS:
        query_events(t);
        return;
    case WF_QUERY_LOGS:
        query_logs(t);
        return;
    case WF_QUERY_KEYS:
    case WF_QUERY_TOKENS:
        if (t->s->role == WF_ROLE_OPERATOR) {
            query_keys(t, q->kind == WF_QUERY_KEYS ? t->c->registry.keys
                                                   : t->c->registry.tokens);
        } else {
            refuse(t, WEFT_EPERM, q->req, NULL, 0, "keys are for operators");
        }
        return;
    default:
        refuse(t, WEFT_ESUPPORT, q->req, NULL, 0, "this broker does not know that query");
    }
}

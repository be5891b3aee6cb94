#include "broker/core/jobs/ledger.h"
#include "broker/core/jobs/reclaim.h"
#include "broker/core/jobs/replay.h"
#include "broker/core/jobs/work.h"
#include "broker/core/mesh/data/folders.h"
#include "broker/core/mesh/guests.h"

#include "common/check.h"
#include "common/err.h"
#include "common/fnv.h"
#include "common/mem.h"
#include "common/str.h"
#include "proto/words.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define CAPABILITIES_MAX 4096
#define RUNTIMES_MAX     16384u
#define RETAIN_TICK_US   1000000u
#define DIRTY_TICK_US    10000u
#define JOBS_MAX         (1u << 28) /* of the table; the caps are checked on submission */

/* The core's clock runs a century ahead of the shell's, so that what happened before the
 * machine was booted has a time as well. */
#define AHEAD_US (UINT64_C(100) * 365 * 24 * 3600 * 1000000)

void core_config_init(struct core_config *cfg)
{
    *cfg = (struct core_config){
        .software = "weft-broker",
        .store = "memory",
        .heartbeat_ms = 5000,
        .lease_ms = 15000,
        .grace_ms = 5000,
        .site_grace_ms = 120000,
        .max_payload = WF_INLINE_DEF,
        .max_jobs = 200000,
        .max_bytes = 512u << 20,
        .max_nodes = 20000,
        .max_blobs = 2000000,
        .retain_ms = 7ull * 24 * 3600 * 1000,
        .retain_jobs = 100000,
        .max_attempts = 5,
        .crash_limit = 3,
        .retry_min_ms = 200,
        .retry_max_ms = 30000,
        .preempt = 1,
        .hedge_at_pm = 950,
        .hedge_pm = 20,
        .log_bytes = 64u << 10,
    };
    for (unsigned goal = 0; goal < WF_GOALS; goal++) {
        cfg->rho_pusd[goal] = route_rho(goal);
    }
}

static int routing_start(struct core *c, uint64_t seed)
{
    const struct routing_config cfg = {.max_nodes = (uint32_t) c->cfg.max_nodes,
                                       .max_capabilities = CAPABILITIES_MAX,
                                       .brokers = 1,
                                       .seed = seed};

    c->by_node = wf_calloc(c->cfg.max_nodes, sizeof(struct agent *));
    return c->by_node == NULL
               ? WEFT_ENOMEM
               : routing_new(&cfg, c->pricing.book, c->runtimes, &c->routing);
}

int core_new(const struct core_config *cfg, struct core **ret_core)
{
    struct core *c = wf_calloc(1, sizeof *c);
    uint64_t seed = cfg->seed;

    if (c == NULL) {
        return WEFT_ENOMEM;
    }
    c->cfg = *cfg;
    c->rng.s = seed;
    c->cookies.s = cfg->probe_seed;
    mesh_init(&c->mesh);
    wf_list_init(&c->promises);
    wf_list_init(&c->dirty);
    wf_list_init(&c->pending);
    c->lsn = c->durable_lsn = c->synced_lsn = cfg->lsn;
    c->shared_id = cfg->shared ? cfg->store_id : 0;
    if (cfg->store_id != 0) {
        /* Of brokers that share a store each has its own count of records. */
        c->cfg.store_id = wf_fnv_bytes(cfg->store_id, cfg->name, strlen(cfg->name));
    }
    wf_buf_init(&c->record, 2 * WF_FRAME_MAX);
    for (size_t i = 0; i < ARRAY_LEN(c->row_store); i++) {
        wf_buf_init(&c->row_store[i], WF_FRAME_TARGET);
    }
    wf_buf_init(&c->news_store, WF_FRAME_TARGET);
    if (registry_init(&c->registry, cfg->max_nodes, seed) != 0 ||
        session_table_init(&c->sessions, cfg->max_nodes, seed + 1) != 0 ||
        agents_init(&c->agents, cfg->max_nodes) != 0 ||
        runtimes_new(RUNTIMES_MAX, seed + 6, &c->runtimes) != 0 ||
        capabilities_init(&c->capabilities, CAPABILITIES_MAX, c->runtimes, seed + 2) !=
            0 ||
        estimates_init(&c->estimates, CAPABILITIES_MAX) != 0 ||
        jobs_init(&c->jobs, JOBS_MAX, cfg->log_bytes, seed + 3) != 0 ||
        decisions_init(&c->decisions) != 0 || news_init(&c->news) != 0 ||
        pricing_init(&c->pricing, seed + 4) != 0 || routing_start(c, seed + 7) != 0 ||
        data_init(&c->data, cfg->max_blobs, &c->rng, seed + 10) != 0 ||
        word_init(c) != 0) {
        core_free(c);
        return WEFT_ENOMEM;
    }
    *ret_core = c;
    return 0;
}

void core_free(struct core *c)
{
    struct wf_list_node *n;

    if (c == NULL) {
        return;
    }
    while (c->promises.next != NULL && (n = wf_list_first(&c->promises)) != NULL) {
        wf_list_remove(n);
        wf_free(CONTAINER_OF(n, struct promise, node));
    }
    /* Jobs free their watches and so unlink them from the sessions, which go last. */
    jobs_fini(&c->jobs);
    imports_fini(c);
    data_fini(&c->data);
    agents_fini(&c->agents);
    mesh_fini(&c->mesh);
    word_fini(&c->word);
    session_table_fini(&c->sessions);
    capabilities_fini(&c->capabilities);
    registry_fini(&c->registry);
    decisions_fini(&c->decisions);
    routing_free(c->routing);
    runtimes_free(c->runtimes);
    estimates_fini(&c->estimates);
    wf_free(c->by_node);
    pricing_fini(&c->pricing);
    news_fini(&c->news);
    for (size_t i = 0; i < ARRAY_LEN(c->row_store); i++) {
        wf_buf_fini(&c->row_store[i]);
    }
    wf_buf_fini(&c->news_store);
    wf_buf_fini(&c->record);
    wf_free(c);
}

struct wf_buf *core_rows(struct core *c, unsigned i)
{
    wf_buf_clear(&c->row_store[i]);
    return &c->row_store[i];
}

/* -- messages --------------------------------------------------------------------------
 */

#define A (1u << WF_ROLE_AGENT)
#define C (1u << WF_ROLE_CLIENT)
#define O (1u << WF_ROLE_OPERATOR)
#define B (1u << WF_ROLE_BROKER)

/* Least privilege: which roles may say what, asked on every message. */
static const struct route {
    void (*handle)(struct turn *);
    unsigned roles;
    int before_ready; /* also on a session that has not said hello */
    int changes;      /* what must not change while the store is behind */
} routes[128] = {
    [WF_MSG_hello] = {on_hello, A | C | O | B, 1},
    [WF_MSG_join] = {on_join, A | C | O | B, 0, 1},
    [WF_MSG_ping] = {on_ping, A | C | O | B, 0},
    [WF_MSG_pong] = {on_pong, A | C | O | B, 0},
    [WF_MSG_bye] = {on_bye, A | C | O | B, 1},
    [WF_MSG_error] = {on_error, A | C | O | B, 1},
    [WF_MSG_agent_info] = {on_agent_info, A | B, 0},
    [WF_MSG_telemetry] = {on_telemetry, A | B, 0},
    [WF_MSG_resync] = {on_resync, A | B, 0, 1},
    [WF_MSG_claim] = {on_claim, A, 0, 1},
    [WF_MSG_started] = {on_started, A | B, 0, 1},
    [WF_MSG_output] = {on_output, A | B, 0},
    [WF_MSG_result] = {on_result, A | B, 0, 1},
    [WF_MSG_refuse] = {on_refuse, A | B, 0, 1},
    [WF_MSG_drain] = {on_drain, A, 0},
    [WF_MSG_links] = {on_links, A | B, 0},
    [WF_MSG_fetching] = {on_fetching, A | B, 0},
    [WF_MSG_seen] = {on_seen, B, 0},
    [WF_MSG_facts] = {on_facts, B, 0},
    [WF_MSG_assign] = {on_assign, B, 0},
    [WF_MSG_seek] = {on_seek, B, 0},
    [WF_MSG_sought] = {on_sought, A | B, 0},
    [WF_MSG_stop] = {on_stop, B, 0, 1},
    [WF_MSG_result_ack] = {on_result_ack, B, 0, 1},
    [WF_MSG_holdings] = {on_holdings, A, 0},
    [WF_MSG_fetched] = {on_fetched, A, 0},
    [WF_MSG_locate] = {on_locate, A | C | O | B, 0},
    [WF_MSG_located] = {on_located, B, 0},
    [WF_MSG_grant] = {on_grant, B, 0},
    [WF_MSG_dataset_info] = {on_dataset_info, B, 0},
    [WF_MSG_stage] = {on_stage, C | O, 0},
    [WF_MSG_dataset_put] = {on_dataset_put, C | O, 0, 1},
    [WF_MSG_dataset_rm] = {on_dataset_rm, C | O, 0, 1},
    [WF_MSG_data_pin] = {on_data_pin, C | O, 0},
    [WF_MSG_submit] = {on_submit, C | O, 0, 1},
    [WF_MSG_watch] = {on_watch, C | O, 0},
    [WF_MSG_cancel] = {on_cancel, C | O, 0, 1},
    [WF_MSG_job_retry] = {on_job_retry, C | O, 0, 1},
    [WF_MSG_plan] = {on_plan, C | O, 0},
    [WF_MSG_query] = {on_query, A | C | O | B, 0},
    [WF_MSG_events_page] = {on_events, B, 0},
    [WF_MSG_node_ping] = {on_node_ping, C | O | B, 0},
    [WF_MSG_node_pong] = {on_node_pong, B, 0},
    [WF_MSG_token_put] = {on_token_put, O, 0, 1},
    [WF_MSG_node_set] = {on_node_set, O, 0, 1},
    [WF_MSG_key_revoke] = {on_key_revoke, O, 0, 1},
};

#undef A
#undef C
#undef O
#undef B

/* The request number that a refusal should carry. */
static uint64_t req_of(const struct wf_msg *m)
{
    switch (m->type) {
    case WF_MSG_query:
        return m->u.query.req;
    case WF_MSG_plan:
        return m->u.plan.req;
    case WF_MSG_watch:
        return m->u.watch.req;
    case WF_MSG_cancel:
        return m->u.cancel.req;
    case WF_MSG_job_retry:
        return m->u.job_retry.req;
    case WF_MSG_node_ping:
        return m->u.node_ping.req;
    case WF_MSG_token_put:
        return m->u.token_put.req;
    case WF_MSG_node_set:
        return m->u.node_set.req;
    case WF_MSG_key_revoke:
        return m->u.key_revoke.req;
    case WF_MSG_stage:
        return m->u.stage.req;
    case WF_MSG_dataset_put:
        return m->u.dataset_put.req;
    case WF_MSG_dataset_rm:
        return m->u.dataset_rm.req;
    case WF_MSG_data_pin:
        return m->u.data_pin.req;
    case WF_MSG_locate:
        return m->u.locate.req;
    default:
        return 0;
    }
}

static void on_msg(struct core *c, const struct broker_event *ev, struct wf_effects *out)
{
    const int dealt_with = mesh_heard(c, ev, out);
    struct session *s = session_get(&c->sessions, ev->peer);
    struct turn t = {c, s, ev->msg, out, 0};
    const struct route *r = &routes[ev->msg->type];

    WF_CHECK((size_t) ev->msg->type < ARRAY_LEN(routes));
    if (s == NULL || dealt_with) {
        return;
    }
    on_peer_heard(c, s, out);
    if (s->principal->state == WF_KEY_REVOKED) {
        session_end(c, s, WEFT_EREVOKED, "this key was revoked", out);
        return;
    }
    if (r->handle == NULL || (s->state != SESSION_READY && !r->before_ready)) {
        c->count.unknown_messages++;
        return;
    }
    if ((r->roles & (1u << s->principal->role)) == 0 ||
        (s->by_token && r->handle != on_hello && r->handle != on_join &&
         r->handle != on_ping && r->handle != on_bye)) {
        c->count.denied++;
        refuse(&t, WEFT_EPERM, req_of(ev->msg), NULL, 0,
               "the role `%s` may not send `%s`", wf_role_name(s->principal->role),
               wf_desc_of(ev->msg->type)->name);
        return;
    }
    if (r->changes && c->rolled_back) {
        c->count.storage_refused++;
        refuse(&t, WEFT_ESTORAGE, req_of(ev->msg),
               ev->msg->type == WF_MSG_submit ? &ev->msg->u.submit.job : NULL, 0,
               "the broker's store went back in time: its operator must look at it");
        return;
    }
    r->handle(&t);
}

void refuse(struct turn *t, int code, uint64_t req, const struct wf_id *job,
            uint64_t retry_ms, const char *fmt, ...)
{
    char text[WF_TEXT_MAX + 1];
    struct wf_error m = {.code = (uint64_t) -code,
                         .about = t->msg->type,
                         .req = req != 0 ? req : req_of(t->msg),
                         .retry_ms = retry_ms,
                         .again = t->early != 0};
    va_list ap;

    if (t->quiet) {
        return;
    }
    va_start(ap, fmt);
    (void) vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    m.text = wf_slice_make(text, wf_utf8_cut(text, strlen(text)));
    if (job != NULL) {
        m.job = *job;
    }
    wf_effects_send(t->out, t->s->peer, WF_MSG_error, &m);
}

void reply_done(struct turn *t, uint64_t req, int code, const char *text)
{
    const struct wf_done m = {.req = req,
                              .code = (uint64_t) -code,
                              .text =
                                  wf_slice_make(text, wf_utf8_cut(text, strlen(text)))};

    wf_effects_send(t->out, t->s->peer, WF_MSG_done, &m);
}

/* On the bulk lane: of those who connected to us, or to a neighbour that we dialled. */
static void on_lane(struct core *c, const struct broker_event *ev, struct wf_effects *out)
{
    const int dialled = (ev->peer & MESH_DIALLED) != 0;

    if (ev->kind == BROKER_LANE_MSG) {
        mesh_came(c, ev->peer, ev->record.len);
        relay_msg(&c->data.relay, &c->data.tickets, &c->data.catalogue, c->now_us,
                  ev->peer, ev->msg, ev->record, out);
    } else if (ev->kind == BROKER_LANE_ROOM) {
        relay_room(&c->data.relay, ev->peer, ev->queued);
    } else if (ev->kind == BROKER_LANE_UP && dialled) {
        mesh_lane_up(c, ev->peer, out);
    } else if (ev->kind == BROKER_LANE_DOWN && dialled) {
        mesh_lane_down(c, ev->peer);
    } else if (ev->kind == BROKER_LANE_DOWN) {
        relay_down(&c->data.relay, ev->peer);
    } else if (relay_up(&c->data.relay, ev->peer, &ev->key) != 0) {
        wf_effects_add(out, WF_EFFECT_LANE_CLOSE, ev->peer, 0, NULL, 0, NULL);
    }
}

static void handle(struct core *c, const struct broker_event *ev, struct wf_effects *out)
{
    switch (ev->kind) {
    case BROKER_PEER_UP:
        on_peer_up(c, ev->peer, &ev->key, out);
        break;
    case BROKER_PEER_DOWN:
        on_peer_down(c, ev->peer, out);
        break;
    case BROKER_MSG:
        on_msg(c, ev, out);
        break;
    case BROKER_LANE_UP:
    case BROKER_LANE_DOWN:
    case BROKER_LANE_ROOM:
    case BROKER_LANE_MSG:
        on_lane(c, ev, out);
        break;
    case BROKER_TICK:
        on_sessions_tick(c, out);
        if (!c->rolled_back) {
            reclaim_tick(c, out);
            work_tick(c, out);
            estimates_tick(c, out);
        }
        break;
    case BROKER_DURABLE:
        promises_durable(c, ev->lsn, out);
        break;
    case BROKER_STORE_ERROR:
        promises_failed(c, ev->lsn, out);
        break;
    case BROKER_TAKEN:
        ledger_taken(c, ev->lsn, out);
        break;
    case BROKER_RECORD:
        replay_record(c, ev, out);
        break;
    case BROKER_LOADED:
        reclaim_begin(c, out);
        break;
    case BROKER_PRICES:
        on_prices(c, ev, out);
        break;
    case BROKER_DIAL:
        mesh_dial(c, ev->dial, out);
        break;
    case BROKER_DIAL_UP:
    case BROKER_DIAL_DOWN:
    case BROKER_DIAL_REFUSED:
        mesh_on_dial(c, ev, out);
        break;
    case BROKER_PROBED:
    case BROKER_UNPROBED:
        mesh_on_probe(c, ev);
        break;
    case BROKER_FORGETFUL:
        on_forgetful(c, out);
        break;
    case BROKER_STOPPING:
        estimates_stop(c, out);
        on_stopping(c, out);
        break;
    }
}

void core_step(struct core *c, const struct broker_event *ev, struct wf_effects *out)
{
    uint64_t lsn = c->lsn;

    /* Time never goes back in here, whatever the shell was told. */
    c->now_us = wf_max_u64(c->now_us, ev->now_us + AHEAD_US);
    c->wall_ms = ev->wall_ms;
    c->bus = ev->bus;
    if (c->started_us == 0) {
        c->started_us = c->now_us;
    }
    handle(c, ev, out);
    if (!c->rolled_back && (c->loaded || !c->cfg.durable)) {
        work_retain(c, 0, out);
    }
    data_step(c, out);
    mesh_step(c, out);
    word_step(c, out);
    ledger_flush(c, out);
    promises_date(c, out);
    if (c->lsn > c->synced_lsn && out->err == 0) {
        wf_effects_add(out, WF_EFFECT_SYNC, 0, c->lsn, NULL, 0, NULL);
        c->synced_lsn = out->err == 0 ? c->lsn : c->synced_lsn;
    }
    if (out->err != 0) {
        /* Some of what was to be written never reaches the store, and nobody knows what:
         * jobs are marked until their records are taken, but keys are not. */
        promises_break(c, lsn + 1, out);
    }
}

void core_expect(const struct core *c, const struct wf_msg *m)
{
    if (m->type == WF_MSG_submit) {
        jobs_expect(&c->jobs, &m->u.submit.job);
    } else if (m->type == WF_MSG_result) {
        jobs_expect(&c->jobs, &m->u.result.job);
    }
}

uint64_t core_wakeup_us(const struct core *c)
{
    const struct wf_heap_node *job = wf_heap_min(&c->jobs.timers);
    const struct wf_heap_node *lease = wf_heap_min(&c->sessions.leases);
    const struct wf_heap_node *grace = wf_heap_min(&c->agents.graces);
    const struct wf_list_node *done = wf_list_first(&c->jobs.done);
    uint64_t due_us = UINT64_MAX;

    if (!wf_list_empty(&c->dirty) || c->synced_lsn < c->lsn) {
        return c->now_us - AHEAD_US + DIRTY_TICK_US;
    }
    if (c->rolled_back) {
        job = NULL;
        done = NULL;
    } else if (c->reclaim_us != 0) {
        due_us = c->reclaim_us;
    }
    due_us = wf_min_u64(due_us, estimates_due_us(c));
    due_us = wf_min_u64(due_us, wf_min_u64(mesh_due_us(c), word_due_us(c)));
    if (data_due(c)) {
        due_us = wf_min_u64(due_us, wf_max_u64(c->data_due_us, AHEAD_US + 1));
    }
    due_us = job != NULL ? wf_min_u64(due_us, job->key) : due_us;
    due_us = lease != NULL ? wf_min_u64(due_us, lease->key) : due_us;
    due_us = grace != NULL ? wf_min_u64(due_us, grace->key) : due_us;
    if (done != NULL) {
        const struct job *j = CONTAINER_OF(done, struct job, in_done);

        due_us = wf_min_u64(due_us, wf_max_u64(j->finished_us + c->cfg.retain_ms * 1000,
                                               c->now_us + RETAIN_TICK_US));
    }
    return due_us == UINT64_MAX ? due_us : due_us > AHEAD_US ? due_us - AHEAD_US : 0;
}

int core_admits(const struct core *c, const struct wf_key *key)
{
    const struct principal *p = registry_key(&c->registry, key);

    /* Used and expired tokens come in as well: to be told so. */
    return p != NULL ? p->state == WF_KEY_ACTIVE && p->lsn <= c->durable_lsn
                     : registry_token(&c->registry, key) != NULL || word_admits(c, key);
}

int core_has_operator(const struct core *c)
{
    return c->registry.operators != 0;
}

int core_put_token(struct core *c, const struct wf_key *key, unsigned role,
                   const char *name, uint64_t expires_ms, struct wf_effects *out)
{
    struct principal p = {.key = *key,
                          .role = role,
                          .state = WF_KEY_ACTIVE,
                          .created_ms = c->wall_ms,
                          .expires_ms = expires_ms};
    struct principal *entry;
    int rc;

    (void) wf_str_copy(p.name, sizeof p.name, name);
    (void) wf_str_copy(p.site, sizeof p.site, c->cfg.site);
    rc = registry_add(&c->registry, REGISTRY_TOKENS, &p, &entry);
    if (rc != 0) {
        return rc;
    }
    (void) core_persist(c, REGISTRY_TOKENS, entry, out);
    wf_effects_add(out, WF_EFFECT_SYNC, 0, c->lsn, NULL, 0, NULL);
    return 0;
}

size_t core_live_jobs(const struct core *c)
{
    return c->jobs.live;
}

size_t core_fast_jobs(const struct core *c)
{
    size_t n = 0;

    for (const struct wf_list_node *x = wf_list_first(&c->jobs.all); x != NULL;
         x = wf_list_next(&c->jobs.all, x)) {
        const struct job *j = CONTAINER_OF(x, struct job, in_all);

        n += !wf_job_is_final(j->state) && j->class_ == WF_CLASS_FAST;
    }
    return n;
}

uint64_t core_bad_records(const struct core *c)
{
    return c->count.bad_records;
}

int core_is_settled(const struct core *c)
{
    return wf_list_empty(&c->dirty) && wf_list_empty(&c->pending) &&
           wf_list_empty(&c->promises) && c->lsn == c->durable_lsn;
}

unsigned core_endpoints(const struct core *c)
{
    return c->cfg.nendpoints;
}

const char *core_endpoint(const struct core *c, unsigned i)
{
    return c->cfg.endpoints[i];
}

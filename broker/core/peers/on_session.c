/* Sessions: who connects, hello, heartbeats, enrolment, silence. */
#include "broker/core/jobs/ledger.h"
#include "broker/core/jobs/preempt.h"
#include "broker/core/jobs/work.h"
#include "broker/core/mesh/guests.h"
#include "broker/core/place/routes.h"

#include "common/err.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/plant.h"
#include "common/str.h"
#include "proto/name.h"

#include <stdio.h>
#include <string.h>

#define RTT_SHIFT        3
#define SESSIONS_PER_KEY 256 /* of one client's processes */
#define RTT_MAX_US       10000000u

/* When a silent agent counts as torpid; the lease ends the session later. */
static uint64_t silence_us(const struct core *c)
{
    return wf_min_u64(2 * c->cfg.heartbeat_ms + c->cfg.heartbeat_ms / 2,
                      c->cfg.lease_ms) *
           1000;
}

void on_peer_heard(struct core *c, struct session *s, struct wf_effects *out)
{
    struct agent *a = s->by_token ? NULL : s->principal->agent;

    session_heard(&c->sessions, s, c->now_us, silence_us(c));
    if (a != NULL && a->session == s) {
        a->heard_us = c->now_us;
        if (a->state == AGENT_TORPID) {
            agent_move(a, AGENT_UP, c->now_us);
            routes_open(c, a);
            work_feed(c, a, out);
            data_agent_back(c, a, out);
        }
    }
}

/* One key cannot fill the table of sessions.  A walk, but beside a CURVE handshake it is
 * short. */
static int has_too_many(const struct core *c, const struct principal *p)
{
    const struct session *s;
    unsigned n = 0;
    size_t it = 0;

    while ((s = wf_map_next(c->sessions.by_peer, &it)) != NULL) {
        n += s->principal == p;
    }
    return n >= SESSIONS_PER_KEY;
}

void on_peer_up(struct core *c, uint32_t peer, const struct wf_key *key,
                struct wf_effects *out)
{
    struct principal *p = registry_key(&c->registry, key);
    int by_token = p == NULL;
    struct session *s;

    if (by_token) {
        p = registry_token(&c->registry, key);
    }
    if (p == NULL) {
        p = word_adopt(c, key, 0, out);
        by_token = 0;
    }
    /* Who was told that this broker stops need not be let in again to hear it once more.
     */
    if (p == NULL || c->stopping || has_too_many(c, p) ||
        session_open(&c->sessions, peer, c->now_us + silence_us(c), &s) != 0) {
        c->count.sessions_refused++;
        wf_effects_close(out, peer);
        return;
    }
    s->principal = p;
    s->by_token = by_token;
    s->heard_us = c->now_us;
    c->count.sessions_opened++;
}

static void drop_watches(struct session *s)
{
    struct wf_list_node *n;

    while ((n = wf_list_first(&s->watches)) != NULL) {
        struct watch *w = CONTAINER_OF(n, struct watch, of_session);

        wf_list_remove(&w->of_job);
        wf_list_remove(&w->of_session);
        wf_free(w);
    }
}

/* What events call it: to its neighbour a broker is an agent in all but name. */
static const char *noun_of(const struct agent *a)
{
    return agent_is_site(a) ? "broker" : "agent";
}

static void agent_lost(struct core *c, struct agent *a, struct wf_effects *out)
{
    a->session = NULL;
    agent_move(a, AGENT_LOST, c->now_us);
    routes_open(c, a);
    a->lost_until_us =
        c->now_us + (agent_is_site(a) ? c->cfg.site_grace_ms : c->cfg.grace_ms) * 1000;
    core_news(c, out, WF_LOG_WARN, "agent-lost", a->principal->name, NULL,
              "%s %s is gone; %u attempts wait for its return", noun_of(a),
              a->principal->name, (unsigned) a->assigned);
    work_cut(c, a);
    if (a->neighbour != NULL) {
        guests_cut(c, a);
    }
    if (wf_heap_push(&c->agents.graces, &a->grace, a->lost_until_us) != 0) {
        work_lose(c, a, 0, "the agent was lost", out);
    }
}

void session_gone(struct core *c, struct session *s, struct wf_effects *out)
{
    struct agent *a = s->by_token ? NULL : s->principal->agent;

    mesh_session_gone(c, s->peer, out);
    word_gone(c, s, out);
    drop_watches(s);
    if (!s->by_token) {
        s->principal->seen_ms = c->wall_ms;
    }
    if (a != NULL && a->session == s) {
        agent_lost(c, a, out);
    }
    data_session_gone(c, s, out);
    session_close(&c->sessions, s);
}

void on_peer_down(struct core *c, uint32_t peer, struct wf_effects *out)
{
    struct session *s = session_get(&c->sessions, peer);

    if (s != NULL) {
        c->count.sessions_lost += s->state == SESSION_READY;
        session_gone(c, s, out);
    }
}

void session_end(struct core *c, struct session *s, int code, const char *text,
                 struct wf_effects *out)
{
    const struct wf_bye m = {(uint64_t) -code, wf_slice_of(text)};

    wf_effects_send(out, s->peer, WF_MSG_bye, &m);
    wf_effects_close(out, s->peer);
    session_gone(c, s, out);
}

/* After a restart the broker waits for the agents that were connected. */
static void set_up(struct core *c, const struct agent *a, int up, struct wf_effects *out)
{
    struct principal *p = a->principal;

    if (p->up != up && c->cfg.durable && p->state == WF_KEY_ACTIVE && !c->store_failing) {
        p->up = up;
        (void) core_persist(c, REGISTRY_KEYS, p, out);
    }
}

void agent_opened(struct core *c, struct session *s, uint64_t epoch,
                  struct wf_slice software, struct wf_effects *out)
{
    struct agent *a;

    if (agents_need(&c->agents, s->principal, &a) != 0 || routes_add(c, a) != 0) {
        session_end(c, s, WEFT_EFULL, "the broker knows as many agents as it may", out);
        return;
    }
    if (a->session != NULL && a->session != s) {
        /* The older connection is half-open, or the key was copied to a second machine.
         */
        core_news(c, out, WF_LOG_WARN, "agent-replaced", a->principal->name, NULL,
                  "%s %s opened a second session; the first is closed%s", noun_of(a),
                  a->principal->name,
                  a->epoch != epoch ? " (another process: is its key on two machines?)"
                                    : "");
        session_end(c, a->session, WEFT_ECLOSED,
                    "a newer session of this key replaced it", out);
    }
    wf_heap_remove(&c->agents.graces, &a->grace);
    if (a->epoch != epoch) {
        a->restarted = a->epoch != 0; /* it may still have results of that life */
        a->metrics_known = 0;
        a->info_seq = 0;
    }
    a->epoch = epoch;
    a->synced = 0;
    a->session = s;
    a->heard_us = c->now_us;
    wf_slice_str(software, a->software, sizeof a->software);
    agent_move(a, AGENT_UP, c->now_us);
    routes_open(c, a);
    routes_load(c, a, NULL);
    set_up(c, a, 1, out);
    if (a->principal->drained) {
        const struct wf_drain drain = {1};

        wf_effects_send(out, s->peer, WF_MSG_drain, &drain);
    }
    core_news(c, out, WF_LOG_INFO, "agent-up", a->principal->name, NULL, "%s %s is up",
              noun_of(a), a->principal->name);
    if (s->role == WF_ROLE_BROKER) {
        events_follow(s, out);
        mesh_greet(c, s, out);
    }
}

/* A peer was told of a record that the store does not have: an old copy of it was put
 * back. One peer alone could be lying, unless it is an operator or the only agent; two
 * agents are believed. */
static void hear_of_rollback(struct core *c, struct session *s, struct wf_effects *out)
{
    unsigned agents = 0;
    size_t it = 0;
    const struct principal *p;

    if (c->rolled_back || s->by_token || s->principal->claimed_rollback ||
        s->role == WF_ROLE_CLIENT) {
        return;
    }
    while ((p = wf_map_next(c->registry.keys, &it)) != NULL) {
        agents += p->role == WF_ROLE_AGENT && p->state == WF_KEY_ACTIVE;
    }
    s->principal->claimed_rollback = 1;
    c->rollback_claims += s->role == WF_ROLE_AGENT;
    core_news(
        c, out, WF_LOG_ERROR, "store-behind", s->principal->name, NULL,
        "%s was told of records that this store does not have: was an old copy of it "
        "put back?",
        s->principal->name);
    if (s->role == WF_ROLE_OPERATOR ||
        (agents != 0 && c->rollback_claims >= wf_min_u64(agents, 2))) {
        core_news(c, out, WF_LOG_ERROR, "read-only", "", NULL,
                  "the store went back in time: nothing is accepted, placed or finished. "
                  "Put the newest copy back, or start with --accept-rollback");
        c->rolled_back = 1;
    }
}

void on_hello(struct turn *t)
{
    struct core *c = t->c;
    struct session *s = t->s;
    const struct wf_hello *m = &t->msg->u.hello;
    const struct principal *p = s->principal;
    struct wf_welcome w = {.proto = wf_min_u64(m->proto_max, WF_PROTO_MAX),
                           .broker = wf_slice_of(c->cfg.name),
                           .site = wf_slice_of(c->cfg.site),
                           .epoch = c->cfg.epoch,
                           .heartbeat_ms = c->cfg.heartbeat_ms,
                           .lease_ms = c->cfg.lease_ms,
                           .max_payload = c->cfg.max_payload,
                           .name = wf_slice_of(p->name),
                           .role = p->role,
                           .tier = p->tier,
                           .wall_ms = c->wall_ms,
                           .store = s->by_token ? 0 : c->cfg.store_id,
                           .store_lsn = c->durable_lsn,
                           .bulk_port = s->by_token ? 0 : c->cfg.bulk_port,
                           .sign = word_sign(c),
                           .shared = s->by_token ? 0 : c->shared_id};
    uint64_t probe_port = s->by_token ? 0 : c->cfg.probe_port;

    if (s->state != SESSION_NEW) {
        return;
    }
    if (m->proto_min > WF_PROTO_MAX || m->proto_max < WF_PROTO_MIN) {
        session_end(c, s, WEFT_EVERSION,
                    "this broker speaks protocol version 1: upgrade the older side",
                    t->out);
        return;
    }
    if (m->role != p->role) {
        char text[WF_TEXT_MAX + 1];

        (void) snprintf(text, sizeof text, "this key is enrolled as `%s`, not as `%s`",
                        wf_role_name(p->role), wf_role_name(m->role));
        c->count.sessions_refused++;
        session_end(c, s, s->by_token ? WEFT_ETOKENROLE : WEFT_EPERM, text, t->out);
        return;
    }
    s->role = (unsigned) m->role;
    s->principal->seen_ms = c->wall_ms;
    s->epoch = m->epoch;
    s->began_us = c->now_us;
    session_move(s, SESSION_READY);
    if (c->cfg.store_id != 0 && m->store == c->cfg.store_id &&
        m->store_lsn > c->durable_lsn && !c->cfg.accept_rollback) {
        hear_of_rollback(c, s, t->out);
    }
    if (probe_port != 0) {
        links_give_cookie(c, s);
        w.probe = wf_slice_make(s->probe, sizeof s->probe);
        w.probe_port = probe_port;
    }
    wf_effects_send(t->out, s->peer, WF_MSG_welcome, &w);
    if (role_runs(s->role) && !s->by_token) {
        const uint32_t peer = s->peer;

        agent_opened(c, s, m->epoch, m->software, t->out);
        if (session_get(&c->sessions, peer) != s) {
            return; /* there was no room for it */
        }
    }
    if (s->role == WF_ROLE_BROKER && !s->by_token) {
        word_opened(c, s, m->sign, t->out);
    } else {
        word_tell_brokers(c, s, t->out);
    }
}

void session_rtt(struct core *c, struct session *s, uint64_t rtt_us)
{
    struct agent *a = s->principal->agent;

    /* A peer's word, so it is bounded; it can make placement worse, nothing else. */
    if (rtt_us == 0 || rtt_us > RTT_MAX_US) {
        return;
    }
    wf_ewma_add(&s->rtt_us, rtt_us, RTT_SHIFT);
    if (!s->by_token && a != NULL && a->session == s) {
        if (agent_is_site(a) && a->rtt_us.n == 0) {
            figures_measured(&c->word.figures);
        }
        wf_ewma_add(&a->rtt_us, rtt_us, RTT_SHIFT);
        routes_measured(c, a);
    }
}

void on_ping(struct turn *t)
{
    const struct wf_ping *m = &t->msg->u.ping;
    const struct wf_pong pong = {m->seq, m->time_us, t->c->durable_lsn};
    struct agent *a = t->s->by_token ? NULL : t->s->principal->agent;

    wf_effects_send(t->out, t->s->peer, WF_MSG_pong, &pong);
    session_rtt(t->c, t->s, m->rtt_us);
    if (a != NULL && a->session == t->s && (m->seq & WF_PING_APART) == 0) {
        routes_load(t->c, a, m);
        /* Looks at what waits are bounded: an agent that stays idle gets another. */
        work_feed(t->c, a, t->out);
        preempt_at(t->c, a, t->out);
    }
}

void on_bye(struct turn *t)
{
    struct agent *a = t->s->by_token ? NULL : t->s->principal->agent;

    if (a != NULL && a->session == t->s && a->neighbour == NULL) {
        /* It leaves in order: its attempts need not wait for it. */
        core_news(t->c, t->out, WF_LOG_INFO, "agent-left", a->principal->name, NULL,
                  "%s %s left", noun_of(a), a->principal->name);
        a->session = NULL;
        agent_move(a, AGENT_OFFLINE, t->c->now_us);
        routes_open(t->c, a);
        work_lose(t->c, a, 1, "the agent left", t->out);
        set_up(t->c, a, 0, t->out);
    }
    wf_effects_close(t->out, t->s->peer);
    session_gone(t->c, t->s, t->out);
}

/* -- enrolment -------------------------------------------------------------------------
 */

static void refuse_join(struct turn *t, int code, const char *text)
{
    t->c->count.joins_refused++;
    core_news(t->c, t->out, WF_LOG_WARN, "join-refused", "", NULL, "%s", text);
    session_end(t->c, t->s, code, text, t->out);
}

static int token_stands(struct turn *t, const struct principal *token)
{
    struct core *c = t->c;

    if (token->state == WF_KEY_USED) {
        refuse_join(t, WEFT_ETOKENUSED, "this join token was used before");
    } else if (token->state == WF_KEY_REVOKED) {
        refuse_join(t, WEFT_EREVOKED, "this join token was revoked");
    } else if (token->state == WF_KEY_EXPIRED || c->wall_ms >= token->expires_ms) {
        refuse_join(t, WEFT_ETOKENEXPIRED, "this join token has expired");
    } else {
        return 1;
    }
    return 0;
}

/* The key that this very request enrolled before: the device asks again, because the
 * answer was lost or refused by the store. */
static struct principal *joined_before(const struct turn *t)
{
    const struct principal *token = t->s->principal;
    struct principal *p = registry_key(&t->c->registry, &t->msg->u.join.key);

    return token->state == WF_KEY_USED && p != NULL && p->state == WF_KEY_ACTIVE &&
                   p->role == token->role && p->tier == token->tier &&
                   (token->name[0] == '\0' || strcmp(token->name, p->name) == 0)
               ? p
               : NULL;
}

/* Enrol the key under the token; NULL after a refusal. */
static struct principal *enrol(struct turn *t, const struct principal *token)
{
    struct core *c = t->c;
    const struct wf_join *m = &t->msg->u.join;
    struct principal p = {.key = m->key,
                          .role = token->role,
                          .tier = token->tier,
                          .state = WF_KEY_ACTIVE,
                          .created_ms = c->wall_ms,
                          .lsn = UINT64_MAX};
    struct principal *entry;
    int rc;

    memcpy(p.site, token->site, sizeof p.site);
    if (token->name[0] != '\0') {
        memcpy(p.name, token->name, sizeof p.name);
    } else {
        wf_slice_str(m->name, p.name, sizeof p.name);
    }
    if (!wf_name_ok(wf_slice_of(p.name))) {
        refuse_join(t, WEFT_EINVAL, "the node needs a name of a-z 0-9 . _ -");
        return NULL;
    }
    rc = registry_add(&c->registry, REGISTRY_KEYS, &p, &entry);
    if (rc != 0) {
        char text[WF_TEXT_MAX + 1];

        (void) snprintf(text, sizeof text,
                        rc == WEFT_EEXIST
                            ? "the name %s is taken: revoke that node, or choose another"
                            : "the broker cannot take `%s` now",
                        p.name);
        refuse_join(t, rc, text);
        return NULL;
    }
    c->count.joined++;
    core_news(c, t->out, WF_LOG_INFO, "joined", entry->name, NULL, "%s joined as %s",
              entry->name, wf_role_name(entry->role));
    return entry;
}

void on_join(struct turn *t)
{
    struct core *c = t->c;
    struct principal *token = t->s->principal;
    struct principal *entry;
    struct wf_joined reply;

    if (!t->s->by_token) {
        refuse(t, WEFT_ESTATE, 0, NULL, 0, "this key is enrolled already");
        return;
    }
    if (core_promised(c, t->s->peer, WF_MSG_joined)) {
        return; /* the answer is on its way */
    }
    if (c->store_failing) {
        c->count.storage_refused++;
        session_end(c, t->s, WEFT_ESTORAGE, wf_err_sentence(WEFT_ESTORAGE), t->out);
        return;
    }
    entry = joined_before(t);
    if (entry == NULL) {
        entry = token_stands(t, token) ? enrol(t, token) : NULL;
        if (entry == NULL) {
            return;
        }
        registry_set_state(&c->registry, token, WF_KEY_USED);
        (void) core_persist(c, REGISTRY_TOKENS, token, t->out);
        /* Neither without the other. */
        entry->lsn = token->lsn = core_persist(c, REGISTRY_KEYS, entry, t->out);
    }
    reply = (struct wf_joined){.name = wf_slice_of(entry->name),
                               .role = entry->role,
                               .site = wf_slice_of(entry->site),
                               .tier = entry->tier,
                               .broker = wf_slice_of(c->cfg.name)};
    core_promise(c, entry->lsn, t->s->peer, 0, 0, WF_MSG_joined, &reply, t->out);
}

/* -- time ------------------------------------------------------------------------------
 */

/* The check of a session came up and its lease is not over: it spoke since, or it is a
 * silent agent. */
static void still_open(struct core *c, struct session *s, uint64_t end_us,
                       struct wf_effects *out)
{
    struct agent *a = s->by_token ? NULL : s->principal->agent;
    uint64_t torpid_us = s->heard_us + silence_us(c);

    if (torpid_us > c->now_us) {
        wf_heap_update(&c->sessions.leases, &s->lease, torpid_us);
        return;
    }
    if (a != NULL && a->session == s && a->state == AGENT_UP) {
        agent_move(a, AGENT_TORPID, c->now_us);
        routes_open(c, a);
        core_news(c, out, WF_LOG_WARN, "agent-silent", a->principal->name, NULL,
                  "%s %s is silent: it gets no new work", noun_of(a), a->principal->name);
    }
    wf_heap_update(&c->sessions.leases, &s->lease, end_us);
}

void on_sessions_tick(struct core *c, struct wf_effects *out)
{
    struct wf_heap_node *n;

    while ((n = wf_heap_min(&c->sessions.leases)) != NULL && n->key <= c->now_us) {
        struct session *s = CONTAINER_OF(n, struct session, lease);
        uint64_t end_us = s->heard_us + c->cfg.lease_ms * 1000;

        if (end_us > c->now_us) {
            still_open(c, s, end_us, out);
            continue;
        }
        c->count.sessions_lost++;
        session_end(c, s, WEFT_ETIMEOUT, "nothing was heard within the lease", out);
    }
    while ((n = wf_heap_min(&c->agents.graces)) != NULL && n->key <= c->now_us) {
        struct agent *a = CONTAINER_OF(n, struct agent, grace);

        wf_heap_remove(&c->agents.graces, n);
        if (WF_PLANT(LOST_LEASE)) {
            continue;
        }
        agent_move(a, AGENT_OFFLINE, c->now_us);
        routes_open(c, a);
        set_up(c, a, 0, out);
        work_lose(c, a, 0, "the agent was lost", out);
    }
}

/* Who knows what was not sent: every session begins anew, and with it comes what each
 * side holds. */
void on_forgetful(struct core *c, struct wf_effects *out)
{
    struct session *s;
    size_t it = 0;

    c->count.out_of_memory++;
    while ((s = wf_map_next(c->sessions.by_peer, &it)) != NULL) {
        wf_effects_close(out, s->peer);
        session_gone(c, s, out);
    }
}

/* The process is about to end: nobody need wait for a lease to notice. */
void on_stopping(struct core *c, struct wf_effects *out)
{
    struct session *s;
    size_t it = 0;

    c->stopping = 1;
    while ((s = wf_map_next(c->sessions.by_peer, &it)) != NULL) {
        const struct wf_bye m = {(uint64_t) -WEFT_EUNREACH,
                                 wf_slice_of("the broker is stopping")};

        wf_effects_send(out, s->peer, WF_MSG_bye, &m);
    }
}

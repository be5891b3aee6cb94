/* Operators: tokens, drain, labels, revocation; and pings to a node. */
#include "broker/core/jobs/work.h"
#include "broker/core/mesh/guests.h"
#include "broker/core/place/routes.h"

#include "common/err.h"
#include "common/log.h"
#include "common/str.h"
#include "proto/name.h"

#include <stdio.h>
#include <string.h>

#define TTL_MAX_MS (30ull * 24 * 3600 * 1000)

/* -- tokens ----------------------------------------------------------------------------
 */

/* The table is full: forget the oldest token that is of no use any more. */
static int drop_ended_token(struct core *c, struct wf_effects *out)
{
    struct principal *p;
    size_t it = 0;

    while ((p = wf_map_next(c->registry.tokens, &it)) != NULL) {
        if ((p->state != WF_KEY_ACTIVE || c->wall_ms >= p->expires_ms) &&
            !core_in_use(c, p)) {
            core_forget(c, REGISTRY_TOKENS, p, out);
            return 1;
        }
    }
    return 0;
}

/* As registry_add(), but the same token again is no error: the answer to the first may
 * have been lost, or refused by the store. */
static int add_token(struct turn *t, const struct principal *p,
                     struct principal **ret_token)
{
    struct registry *r = &t->c->registry;
    struct principal *was = registry_token(r, &p->key);
    int rc;

    if (was != NULL && was->state == WF_KEY_ACTIVE && was->role == p->role &&
        strcmp(was->name, p->name) == 0 && strcmp(was->site, p->site) == 0) {
        *ret_token = was;
        return 0;
    }
    rc = registry_add(r, REGISTRY_TOKENS, p, ret_token);
    if (rc == WEFT_EFULL && drop_ended_token(t->c, t->out)) {
        rc = registry_add(r, REGISTRY_TOKENS, p, ret_token);
    }
    return rc;
}

void on_token_put(struct turn *t)
{
    struct core *c = t->c;
    const struct wf_token_put *m = &t->msg->u.token_put;
    struct principal p = {.key = m->key,
                          .role = (unsigned) m->role,
                          .tier = (unsigned) m->tier,
                          .state = WF_KEY_ACTIVE,
                          .created_ms = c->wall_ms,
                          .expires_ms = c->wall_ms + wf_min_u64(m->ttl_ms, TTL_MAX_MS)};
    struct wf_done reply = {.req = m->req};
    struct principal *entry;
    struct wf_buf *store = core_rows(c, 0);
    int rc;

    wf_slice_str(m->name, p.name, sizeof p.name);
    wf_slice_str(m->site.len != 0 ? m->site : wf_slice_of(c->cfg.site), p.site,
                 sizeof p.site);
    if (m->role == WF_ROLE_NONE || m->ttl_ms == 0 ||
        (m->name.len != 0 && !wf_name_ok(m->name)) ||
        (m->site.len != 0 && !wf_name_ok(m->site))) {
        reply_done(t, m->req, WEFT_EINVAL,
                   "a token needs a role, a time to live, and names of a-z 0-9 . _ -");
        return;
    }
    if (m->name.len != 0 && registry_named(&c->registry, m->name) != NULL) {
        reply_done(t, m->req, WEFT_EEXIST, "a node of that name is enrolled already");
        return;
    }
    rc = add_token(t, &p, &entry);
    if (rc != 0) {
        reply_done(t, m->req, rc, "the broker cannot take the token");
        return;
    }
    for (unsigned i = 0; i < c->cfg.nendpoints; i++) {
        const struct wf_label_row row = {wf_slice_of(c->cfg.endpoints[i])};

        (void) wf_rows_add(store, &reply.endpoints, wf_desc_label_row(), &row);
    }
    core_news(c, t->out, WF_LOG_INFO, "token", p.name, NULL,
              "%s made a join token for role %s", t->s->principal->name,
              wf_role_name(m->role));
    entry->lsn = core_persist(c, REGISTRY_TOKENS, entry, t->out);
    core_promise(c, entry->lsn, t->s->peer, m->req, 0, WF_MSG_done, &reply, t->out);
}

/* -- revocation ------------------------------------------------------------------------
 */

/* End every session of a principal but the one that speaks; that one ends by itself with
 * its next message. */
static void end_sessions(struct core *c, const struct principal *p,
                         const struct session *but, struct wf_effects *out)
{
    struct session *s;
    size_t it = 0;

    while ((s = wf_map_next(c->sessions.by_peer, &it)) != NULL) {
        if (s->principal == p && s != but) {
            session_end(c, s, WEFT_EREVOKED, "this key was revoked", out);
        }
    }
}

void key_revoked(struct core *c, struct principal *p, const struct session *but,
                 struct wf_effects *out)
{
    registry_set_state(&c->registry, p, WF_KEY_REVOKED);
    if (p->agent != NULL) {
        routes_open(c, p->agent);
        data_agent_gone(c, p->agent);
    }
    end_sessions(c, p, but, out);
    if (p->agent != NULL && p->agent->session == NULL) {
        work_lose(c, p->agent, 1, "its key was revoked", out);
    }
    guests_orphaned(c, p, out);
}

static void revoke(struct turn *t, struct principal *p, uint64_t req)
{
    struct core *c = t->c;
    const struct wf_done reply = {.req = req};
    unsigned table =
        registry_token(&c->registry, &p->key) == p ? REGISTRY_TOKENS : REGISTRY_KEYS;

    if (p == t->s->principal && c->registry.operators == 1) {
        reply_done(t, req, WEFT_ESTATE,
                   "this is the last operator key: enrol another first");
        return;
    }
    if (p->state != WF_KEY_REVOKED) {
        core_news(c, t->out, WF_LOG_WARN, "revoked", p->name, NULL, "%s revoked %s",
                  t->s->principal->name, p->name[0] != '\0' ? p->name : "a token");
        key_revoked(c, p, t->s, t->out);
    }
    /* Asked again, it is written again: the first time the store may have failed. */
    core_promise(c, core_persist(c, table, p, t->out), t->s->peer, req, 0, WF_MSG_done,
                 &reply, t->out);
}

/* By name or digits; NULL after a refusal. */
static struct principal *find(struct turn *t, struct wf_slice key, uint64_t req)
{
    char text[WF_TEXT_MAX + 1], line[WF_TEXT_MAX + 1];
    struct principal *p;
    struct wf_key foreign;
    int rc = registry_find(&t->c->registry, wf_slice_str(key, text, sizeof text), &p);

    if (rc == WEFT_ENOENT && word_named(t->c, key, &foreign, NULL) == 0) {
        /* Enrolled at another broker, and never seen here. */
        p = word_adopt(t->c, &foreign, 1, t->out);
        rc = p != NULL ? 0 : WEFT_EFULL;
    }
    if (rc == 0) {
        return p;
    }
    if (rc == WEFT_ENOENT && registry_was_revoked(&t->c->registry, text)) {
        (void) snprintf(line, sizeof line, "%.200s is revoked already", text);
    } else {
        (void) snprintf(line, sizeof line,
                        rc == WEFT_ENOENT ? "nothing here is called %.200s"
                                          : "several keys begin with %.200s",
                        text);
    }
    reply_done(t, req, rc, line);
    return NULL;
}

void on_key_revoke(struct turn *t)
{
    const struct wf_key_revoke *m = &t->msg->u.key_revoke;
    struct principal *p = find(t, m->key, m->req);

    if (p != NULL) {
        revoke(t, p, m->req);
    }
}

/* -- nodes -----------------------------------------------------------------------------
 */

/* "key=value" sets, "key=" removes.  0, WEFT_EINVAL, WEFT_EFULL. */
static int set_label(struct principal *p, struct wf_slice text)
{
    const uint8_t *eq = text.len != 0 ? memchr(text.p, '=', text.len) : NULL;
    size_t key = eq != NULL ? (size_t) (eq - text.p) + 1 : 0;
    unsigned at = 0;

    if (!wf_label_ok(text)) {
        return WEFT_EINVAL;
    }
    while (at < p->nlabels && strncmp(p->labels[at], (const char *) text.p, key) != 0) {
        at++;
    }
    if (key == text.len) {
        if (at < p->nlabels) {
            p->nlabels--;
            memmove(p->labels[at], p->labels[at + 1],
                    (p->nlabels - at) * sizeof p->labels[0]);
        }
        return 0;
    }
    if (at == REGISTRY_LABELS) {
        return WEFT_EFULL;
    }
    wf_slice_str(text, p->labels[at], sizeof p->labels[at]);
    p->nlabels += at == p->nlabels;
    return 0;
}

static void drain(struct turn *t, struct principal *p, int on)
{
    const struct wf_drain m = {(uint64_t) on};

    p->drained = on;
    p->agent->since_us = t->c->now_us;
    routes_open(t->c, p->agent);
    core_news(t->c, t->out, WF_LOG_INFO, on ? "drain" : "undrain", p->name, NULL,
              "%s %s %s", t->s->principal->name, on ? "drains" : "undrains", p->name);
    if (p->agent->session != NULL) {
        wf_effects_send(t->out, p->agent->session->peer, WF_MSG_drain, &m);
    }
    work_feed(t->c, p->agent, t->out);
}

void on_node_set(struct turn *t)
{
    struct core *c = t->c;
    const struct wf_node_set *m = &t->msg->u.node_set;
    const struct wf_done reply = {.req = m->req};
    struct principal *p = find(t, m->node, m->req);
    int rc = 0;

    if (p == NULL) {
        return;
    }
    if (m->action == WF_NODE_ACT_REVOKE) {
        revoke(t, p, m->req);
        return;
    }
    if (p->agent == NULL) {
        reply_done(t, m->req, WEFT_ESTATE, "this is not a node, or it was not seen yet");
        return;
    }
    switch (m->action) {
    case WF_NODE_ACT_DRAIN:
    case WF_NODE_ACT_UNDRAIN:
        drain(t, p, m->action == WF_NODE_ACT_DRAIN);
        break;
    case WF_NODE_ACT_LABEL:
        rc = set_label(p, m->text);
        work_feed(c, p->agent, t->out);
        break;
    default:
        rc = WEFT_ESUPPORT;
    }
    if (rc != 0) {
        reply_done(t, m->req, rc,
                   rc == WEFT_EINVAL ? "a label is KEY=VALUE, or KEY= to remove it"
                                     : wf_err_sentence(rc));
        return;
    }
    core_promise(c, core_persist(c, REGISTRY_KEYS, p, t->out), t->s->peer, m->req, 0,
                 WF_MSG_done, &reply, t->out);
}

/* Round trips that are measured because somebody asks: node_ping, here or by a neighbour
 * on our behalf. */
#include "broker/core/core_int.h"

#include "broker/core/mesh/data/folders.h"
#include "common/err.h"

#define PROBE_US       5000000u /* when an answer is not waited for any more */
#define PROBE_RETRY_MS 200u

/* The probe that a peer's answer belongs to, or NULL. */
static struct probe *probe_of(struct core *c, const struct session *s, uint64_t seq)
{
    for (size_t i = 0; i < PROBES_MAX; i++) {
        struct probe *p = &c->probes[i];

        if (p->seq != 0 && p->seq == seq && p->agent_peer == s->peer) {
            return p;
        }
    }
    return NULL;
}

/* A free place, of a probe that goes to this node; NULL: it was refused. */
static struct probe *begin(struct turn *t, struct wf_slice name)
{
    struct core *c = t->c;
    const uint64_t req = t->msg->u.node_ping.req;
    const struct principal *p = registry_named(&c->registry, name);
    struct probe *probe = &c->probes[c->probe_seq % PROBES_MAX];

    if (p == NULL || p->agent == NULL) {
        refuse(t, WEFT_ENOENT, req, NULL, 0, "no such node");
        return NULL;
    }
    if (p->agent->session == NULL) {
        refuse(t, WEFT_EUNREACH, req, NULL, 0, "the node is not connected");
        return NULL;
    }
    if (probe->seq != 0 && c->now_us - probe->sent_us < PROBE_US) {
        refuse(t, WEFT_EBUSY, req, NULL, PROBE_RETRY_MS, "too many pings are under way");
        return NULL;
    }
    *probe = (struct probe){.seq = ++c->probe_seq | WF_PING_APART,
                            .peer = t->s->peer,
                            .agent_peer = p->agent->session->peer,
                            .req = req,
                            .sent_us = c->now_us};
    return probe;
}

/* From a neighbour, which is one link away: it cannot be told to ask further. */
static void ping_from(struct turn *t)
{
    const struct wf_node_ping *m = &t->msg->u.node_ping;
    const struct principal *p = registry_named(&t->c->registry, m->from);
    const struct probe *probe;
    struct wf_node_ping ask;

    if (t->s->role == WF_ROLE_BROKER || p == NULL || p->role != WF_ROLE_BROKER) {
        refuse(t, WEFT_ESUPPORT, m->req, NULL, 0,
               "only this broker and its neighbours measure for it: use a context of "
               "the other one");
        return;
    }
    probe = begin(t, m->from);
    if (probe != NULL) {
        ask = (struct wf_node_ping){.req = probe->seq, .node = m->node};
        wf_effects_send(t->out, probe->agent_peer, WF_MSG_node_ping, &ask);
    }
}

void on_node_ping(struct turn *t)
{
    const struct wf_node_ping *m = &t->msg->u.node_ping;
    const struct probe *probe;
    struct wf_ping ping;

    if (m->from.len != 0 && !wf_slice_is(m->from, t->c->cfg.name)) {
        ping_from(t);
        return;
    }
    probe = begin(t, m->node);
    if (probe != NULL) {
        ping = (struct wf_ping){.seq = probe->seq, .time_us = t->c->now_us};
        wf_effects_send(t->out, probe->agent_peer, WF_MSG_ping, &ping);
    }
}

static void tell(struct turn *t, struct probe *p, enum wf_type type, const void *body)
{
    if (session_get(&t->c->sessions, p->peer) != NULL) {
        wf_effects_send(t->out, p->peer, type, body);
    }
    p->seq = 0;
}

/* The answer to a ping of ours: only node_ping sends those. */
void on_pong(struct turn *t)
{
    struct probe *p = probe_of(t->c, t->s, t->msg->u.pong.seq);

    if (p != NULL) {
        const struct wf_node_pong r = {.req = p->req,
                                       .rtt_us = t->c->now_us - p->sent_us,
                                       .node = wf_slice_of(t->s->principal->name)};

        tell(t, p, WF_MSG_node_pong, &r);
        session_rtt(t->c, t->s, r.rtt_us);
    }
}

/* What a neighbour measured. */
void on_node_pong(struct turn *t)
{
    struct wf_node_pong r = t->msg->u.node_pong;
    struct probe *p = probe_of(t->c, t->s, r.req);

    if (p != NULL) {
        r.req = p->req;
        tell(t, p, WF_MSG_node_pong, &r);
    }
}

/* Peers may refuse what we said; but for what somebody waits for nothing hangs on it, and
 * it is counted. */
void on_error(struct turn *t)
{
    struct wf_error e = t->msg->u.error;
    struct probe *p = e.about == WF_MSG_node_ping ? probe_of(t->c, t->s, e.req) : NULL;

    if (p != NULL) {
        e.req = p->req;
        tell(t, p, WF_MSG_error, &e);
        return;
    }
    if (folders_refused(t)) {
        return;
    }
    t->c->count.bad_messages++;
}

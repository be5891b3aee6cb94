#include "broker/core/mesh/dial.h"

#include "broker/core/core_int.h"
#include "broker/core/jobs/work.h"
#include "broker/core/place/routes.h"
#include "common/check.h"
#include "common/err.h"
#include "common/log.h"
#include "common/str.h"

#include <string.h>

#define REDIAL_MIN_MS 250u
#define REDIAL_MAX_MS 5000u
#define DIAL_MS       10000u

static uint32_t peer_of(const struct core *c, const struct dial *d)
{
    return MESH_DIALLED | (uint32_t) (d - c->mesh.dials);
}

struct dial *mesh_dial_of(struct core *c, uint32_t peer)
{
    const uint32_t i = peer & ~MESH_DIALLED;

    return (peer & MESH_DIALLED) != 0 && i < c->mesh.ndials ? &c->mesh.dials[i] : NULL;
}

/* The link speaks of one peer, which it calls 0. */
static void label(struct wf_effects *out, size_t from, uint32_t peer)
{
    for (size_t i = from; i < out->n; i++) {
        struct wf_effect *x = &out->v[i];

        if (x->kind == WF_EFFECT_SEND || x->kind == WF_EFFECT_CONNECT ||
            x->kind == WF_EFFECT_DISCONNECT) {
            x->peer = peer;
        }
    }
}

static struct principal *neighbour_key(struct core *c, const struct mesh_dial *d,
                                       struct wf_effects *out, int *ret_rc)
{
    struct principal *p = registry_key(&c->registry, &d->key);
    struct principal made = {.key = d->key,
                             .role = WF_ROLE_BROKER,
                             .state = WF_KEY_ACTIVE,
                             .created_ms = c->wall_ms};

    *ret_rc = 0;
    if (p == NULL) {
        (void) wf_str_copy(made.name, sizeof made.name, d->name);
        *ret_rc = registry_add(&c->registry, REGISTRY_KEYS, &made, &p);
        if (*ret_rc == 0) {
            (void) core_persist(c, REGISTRY_KEYS, p, out); /* in use at once */
        }
    }
    return p;
}

void mesh_dial(struct core *c, const struct mesh_dial *d, struct wf_effects *out)
{
    struct wf_link_config cfg = {.role = WF_ROLE_BROKER,
                                 .epoch = c->cfg.epoch,
                                 .nendpoints = d->nendpoints,
                                 .retry_min_ms = REDIAL_MIN_MS,
                                 .retry_max_ms = REDIAL_MAX_MS,
                                 .dial_ms = DIAL_MS,
                                 .seed = wf_rng_next(&c->cookies)};
    struct dial *to = &c->mesh.dials[c->mesh.ndials];
    const struct principal *p;
    size_t from;
    int rc;

    WF_CHECK(c->mesh.ndials < MESH_DIALS_MAX);
    c->mesh.ndials++;
    *to = (struct dial){.key = d->key};
    dial_lane_init(&to->lane);
    (void) wf_str_copy(to->name, sizeof to->name, d->name);
    (void) wf_str_copy(cfg.software, sizeof cfg.software, c->cfg.software);
    cfg.sign = word_sign(c);
    wf_link_init(&to->link, &cfg);
    p = neighbour_key(c, d, out, &rc);
    if (rc != 0 || p->role != WF_ROLE_BROKER) {
        core_news(c, out, WF_LOG_ERROR, "link-refused", d->name, NULL,
                  "the neighbour %s is not dialled: %s", d->name,
                  rc == WEFT_EEXIST || rc == 0 ? "its name or key is another node's"
                                               : wf_err_sentence(rc));
        return;
    }
    from = out->n;
    wf_link_start(&to->link, c->now_us, out);
    label(out, from, peer_of(c, to));
}

/* The link gave up, or was never up: so is the session gone. */
static void look_at_link(struct core *c, const struct dial *d, struct wf_effects *out)
{
    struct session *s = session_get(&c->sessions, peer_of(c, d));

    if (s != NULL && d->link.state != WF_LINK_READY) {
        c->count.sessions_lost++;
        session_gone(c, s, out);
    }
}

void mesh_on_dial(struct core *c, const struct broker_event *ev, struct wf_effects *out)
{
    struct dial *d = mesh_dial_of(c, ev->peer);
    size_t from = out->n;

    if (d == NULL) {
        return;
    }
    if (ev->kind == BROKER_DIAL_UP) {
        wf_link_up(&d->link, c->now_us, out);
    } else if (ev->kind == BROKER_DIAL_DOWN) {
        wf_link_down(&d->link, c->now_us, out);
    } else {
        wf_link_refused(&d->link, c->now_us, out);
    }
    label(out, from, ev->peer);
    look_at_link(c, d, out);
}

void mesh_session_gone(struct core *c, uint32_t peer, struct wf_effects *out)
{
    struct dial *d = mesh_dial_of(c, peer);
    size_t from = out->n;

    if (d != NULL && d->link.state == WF_LINK_READY) {
        wf_link_down(&d->link, c->now_us, out);
        label(out, from, peer);
    }
}

static void dial_opened(struct core *c, struct dial *d, struct wf_effects *out)
{
    const struct wf_link_welcome *w = &d->link.welcome;
    struct principal *p = registry_key(&c->registry, &d->key);
    const size_t from = out->n;
    struct session *s;

    if (p == NULL || p->state == WF_KEY_REVOKED ||
        session_open(&c->sessions, peer_of(c, d), c->now_us + c->cfg.lease_ms * 1000,
                     &s) != 0) {
        /* A link without a session would stay like that for good. */
        wf_link_down(&d->link, c->now_us, out);
        label(out, from, peer_of(c, d));
        return;
    }
    s->principal = p;
    s->role = WF_ROLE_BROKER;
    s->epoch = w->epoch;
    s->began_us = s->heard_us = c->now_us;
    session_move(s, SESSION_READY);
    c->count.sessions_opened++;
    (void) wf_str_copy(p->site, sizeof p->site, w->site);
    agent_opened(c, s, w->epoch, wf_slice_of(""), out);
    if (session_get(&c->sessions, peer_of(c, d)) == s) {
        word_opened(c, s, wf_slice_make(d->sign, d->nsign), out);
    }
}

/* How busy it is, as an agent would tell. */
static void hear_load(struct core *c, struct session *s, const struct wf_ping *m,
                      struct wf_effects *out)
{
    struct agent *a = s->principal->agent;

    if (a != NULL && a->session == s && (m->seq & WF_PING_APART) == 0) {
        routes_load(c, a, m);
        work_feed(c, a, out);
    }
}

/* What the link to it is measured with; NULL: there is no session. */
static struct meter *meter_of(const struct session *s)
{
    const struct agent *a = s != NULL ? s->principal->agent : NULL;

    return a != NULL && a->session == s && a->neighbour != NULL ? &a->neighbour->meter
                                                                : NULL;
}

void mesh_on_probe(struct core *c, const struct broker_event *ev)
{
    const struct session *s = session_get(&c->sessions, ev->peer);
    struct meter *m = meter_of(s);

    if (m == NULL || mesh_dial_of(c, ev->peer) == NULL) {
        return;
    }
    if (ev->kind == BROKER_PROBED) {
        meter_probed(m, ev->rtt_us, c->now_us);
    } else {
        meter_unprobed(m);
    }
    routes_measured(c, s->principal->agent);
}

const struct wf_link *mesh_dial_link(const struct core *c, uint32_t peer)
{
    const uint32_t i = peer & ~MESH_DIALLED;

    return i < c->mesh.ndials ? &c->mesh.dials[i].link : NULL;
}

int mesh_dial_unsure(struct core *c, uint32_t peer)
{
    const struct meter *m = meter_of(session_get(&c->sessions, peer));

    return m != NULL && wf_rtt_unsure(&m->rtt);
}

static void hear_pong(struct core *c, struct session *s, uint64_t rtt_us)
{
    struct meter *m = meter_of(s);

    if (m != NULL) {
        meter_ponged(m, rtt_us, c->now_us);
    }
    session_rtt(c, s, rtt_us);
}

int mesh_heard(struct core *c, const struct broker_event *ev, struct wf_effects *out)
{
    struct dial *d = mesh_dial_of(c, ev->peer);
    size_t from = out->n;
    enum wf_link_verdict verdict;
    struct session *s;

    if (d == NULL) {
        return 0;
    }
    if (ev->msg->type == WF_MSG_welcome) {
        d->nsign = wf_min_u64(ev->msg->u.welcome.sign.len, sizeof d->sign);
        memcpy(d->sign, ev->msg->u.welcome.sign.p, d->nsign);
    }
    verdict = wf_link_msg(&d->link, c->now_us, ev->msg, out);
    label(out, from, ev->peer);
    look_at_link(c, d, out);
    if (verdict == WF_LINK_OPENED) {
        dial_opened(c, d, out);
    }
    s = session_get(&c->sessions, ev->peer);
    if (s == NULL || verdict == WF_LINK_PASS) {
        return s == NULL;
    }
    on_peer_heard(c, s, out);
    if (ev->msg->type == WF_MSG_ping) {
        hear_load(c, s, &ev->msg->u.ping, out);
    } else if (d->link.ponged_seq != d->rtt_seq) {
        d->rtt_seq = d->link.ponged_seq;
        hear_pong(c, s, d->link.last_rtt_us);
    }
    /* The link takes no sample of a pong with another's number. */
    return ev->msg->type != WF_MSG_pong || (ev->msg->u.pong.seq & WF_PING_APART) == 0;
}

void mesh_tick_dials(struct core *c, struct wf_effects *out)
{
    for (unsigned i = 0; i < c->mesh.ndials; i++) {
        struct dial *d = &c->mesh.dials[i];
        size_t from = out->n;

        if (d->link.due_us <= c->now_us) {
            wf_link_tick(&d->link, c->now_us, out);
            label(out, from, peer_of(c, d));
            look_at_link(c, d, out);
        }
    }
}

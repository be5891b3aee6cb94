#include "tests/sim/sim.h"

#include "common/check.h"

#include <stdio.h>

static void tell(struct sim *s, struct port *p, enum broker_event_kind kind)
{
    struct broker_event ev = {.kind = kind, .peer = p->peer};

    host_step(s, p->of, &ev);
}

void port_start(struct sim *s, struct port *p)
{
    struct mesh_dial dial = {.key = p->a.home->key, .nendpoints = 1};
    struct broker_event ev = {.kind = BROKER_DIAL, .dial = &dial};

    p->a.up = 1;
    p->a.inc++;
    p->a.paused_until_us = 0;
    (void) snprintf(dial.name, sizeof dial.name, "%s", p->a.home->name);
    host_step(s, p->of, &ev);
}

void port_crash(struct sim *s, struct port *p)
{
    if (p->a.up) {
        net_cut_all(s, &p->a, percent(&s->clock, 30));
        p->a.up = 0;
        p->a.conn = NULL;
        wf_buf_clear(&p->a.frame);
    }
}

void port_flush(struct sim *s, struct port *p)
{
    if (p->a.conn != NULL) {
        net_send(s, p->a.conn, NET_TO_BROKER, &p->a.frame);
    }
    wf_buf_clear(&p->a.frame);
}

void port_effect(struct sim *s, struct port *p, const struct wf_effect *x)
{
    switch (x->kind) {
    case WF_EFFECT_CONNECT:
        net_hang_up(s, p->a.conn); /* as uplink_connect() does: a step may be forgotten */
        net_dial(s, &p->a);
        break;
    case WF_EFFECT_DISCONNECT:
        port_flush(s, p);
        net_hang_up(s, p->a.conn);
        break;
    default:
        actor_put(&p->a, wf_effect_bytes(&p->of->fx, x), x->len);
        break;
    }
}

static void port_link(struct sim *s, struct actor *a, enum link_news news)
{
    static const enum broker_event_kind kinds[] = {BROKER_DIAL_UP, BROKER_DIAL_DOWN,
                                                   BROKER_DIAL_REFUSED};

    if (news == LINK_NEWS_DOWN) {
        net_hang_up(s, a->conn);
    }
    tell(s, port_of(a), kinds[news]);
}

static void port_msg(struct sim *s, struct actor *a, const struct wf_msg *msg,
                     struct wf_slice raw)
{
    struct port *p = port_of(a);
    struct broker_event ev = {.kind = BROKER_MSG, .peer = p->peer, .msg = msg};

    (void) raw;
    host_heard(s, p->of, a->conn, msg);
    host_step(s, p->of, &ev);
}

static uint64_t port_wakeup_us(const struct actor *a)
{
    (void) a;
    return UINT64_MAX; /* its broker has the time */
}

const struct actor_ops port_ops = {
    .link = port_link, .msg = port_msg, .wakeup_us = port_wakeup_us};

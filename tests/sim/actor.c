#include "tests/sim/sim.h"

#include "common/check.h"

#include <stdio.h>

#include "tests/sim/roam/whose.h"

#define AGAIN_MAX 1000u

static const uint8_t frame_header[2] = {WF_FRAME_MAGIC, WF_FRAME_VERSION};

void actor_put(struct actor *a, const void *p, size_t len)
{
    int rc = 0;

    if (a->frame.len == 0) {
        rc = wf_buf_put(&a->frame, frame_header, sizeof frame_header);
    }
    WF_CHECK(rc == 0);
    rc = wf_buf_put(&a->frame, p, len);
    WF_CHECK(rc == 0);
}

void actor_settle(struct actor *a, struct host *h)
{
    a->home = a->at = h;
}

static void flush(struct sim *s, struct actor *a)
{
    if (a->conn != NULL) {
        net_send(s, a->conn, NET_TO_BROKER, &a->frame);
    }
    wf_buf_clear(&a->frame);
}

struct event *actor_at(struct sim *s, struct actor *a, uint64_t at_us,
                       enum event_kind kind)
{
    struct event *e = clock_add(&s->clock, at_us, kind);

    e->who = a;
    e->inc = a->inc;
    return e;
}

uint64_t actor_us(const struct sim *s, const struct actor *a)
{
    return local_us(&a->own, &s->clock);
}

static void plan_tick(struct sim *s, struct actor *a)
{
    uint64_t due_us = a->up ? local_due_us(&a->own, a->ops->wakeup_us(a)) : UINT64_MAX;

    if (a->tick != NULL && (due_us == UINT64_MAX || a->tick->at.key > due_us + 1)) {
        clock_drop(&s->clock, a->tick);
        a->tick = NULL;
    }
    if (a->tick == NULL && due_us != UINT64_MAX) {
        a->tick = actor_at(s, a, due_us, EV_TICK);
    }
}

/* What one that roams says, as far as it matters where. */
static void note_said(struct sim *s, struct actor *a, const uint8_t *p, size_t len,
                      int *leaves)
{
    /* An array, of more than 15 for a submit, then the type: few are worth decoding. */
    unsigned type = len > 3 && p[0] == 0xdc ? p[3] : len > 1 ? p[1] : 0;
    struct wf_cursor cur;
    struct wf_msg m;

    *leaves |= type == WF_MSG_bye;
    wf_cur_init(&cur, p, len);
    if (type == WF_MSG_submit && a->conn != NULL && wf_msg_decode(&cur, &m) == 0) {
        whose_sent(s, a, a->conn->to, &m.u.submit.job);
    }
}

static void dial(struct sim *s, struct actor *a, uint64_t way, int leaves)
{
    struct host *to = roam_to(s, a, way);

    if (leaves) {
        roam_left(s, a, way);
    }
    if (to != NULL) {
        a->at = to;
        net_dial(s, a);
    }
}

static void carry_once(struct sim *s, struct actor *a)
{
    struct wf_effects *fx = &a->fx;
    int leaves = 0;

    if (fx->err != 0 && a->ops->again == NULL) {
        sim_fail(s, "%s: effects failed with %d", a->name, fx->err);
    }
    a->forgetful = fx->err != 0 ? 1 : a->forgetful;
    for (size_t i = 0; i < fx->n; i++) {
        const struct wf_effect *x = &fx->v[i];

        switch (x->kind) {
        case WF_EFFECT_SEND:
            actor_put(a, wf_effect_bytes(fx, x), x->len);
            if (a->roam.on) {
                note_said(s, a, wf_effect_bytes(fx, x), x->len, &leaves);
            }
            break;
        case WF_EFFECT_CONNECT:
            dial(s, a, x->arg, leaves);
            break;
        case WF_EFFECT_TRY:
            roam_try(s, a, x->arg);
            break;
        case WF_EFFECT_UNTRY:
            roam_untry(s, a);
            break;
        case WF_EFFECT_DISCONNECT:
            flush(s, a);
            net_hang_up(s, a->conn);
            break;
        default:
            if (a->ops->effect != NULL) {
                a->ops->effect(s, a, x);
            }
            break;
        }
    }
    flush(s, a);
    wf_effects_clear(fx);
}

static void carry(struct sim *s, struct actor *a)
{
    unsigned steps = 0;

    do {
        carry_once(s, a);
        if (++steps == AGAIN_MAX) {
            sim_fail(s, "%s: a step brings on another, for ever", a->name);
            return;
        }
    } while (a->ops->again != NULL && a->ops->again(s, a));
    roam_keep(s, a);
    plan_tick(s, a);
}

void actor_say(struct sim *s, struct actor *a, enum wf_type type, const void *body)
{
    (void) s;
    wf_effects_send(&a->fx, 0, type, body);
}

void actor_start(struct sim *s, struct actor *a)
{
    if (a->up || a->dead) {
        return;
    }
    a->up = 1;
    a->inc++;
    a->paused_until_us = 0;
    a->starved = 0;
    a->forgetful = 0;
    wf_effects_clear(&a->fx);
    a->ops->start(s, a);
    carry(s, a);
}

void actor_crash(struct sim *s, struct actor *a)
{
    if (!a->up) {
        return;
    }
    if (a->tick != NULL) {
        clock_drop(&s->clock, a->tick);
        a->tick = NULL;
    }
    roam_untry(s, a);
    net_cut_all(s, a, percent(&s->clock, 30));
    a->conn = NULL;
    a->up = 0;
    a->ops->end(s, a);
    wf_effects_clear(&a->fx);
    wf_buf_clear(&a->frame);
}

void actor_leave(struct sim *s, struct actor *a)
{
    if (a->up && a->ops->leave != NULL) {
        a->ops->leave(s, a);
        carry(s, a);
        net_hang_up(s, a->conn);
    }
    actor_crash(s, a);
}

static void read_frame(struct sim *s, struct actor *a, struct conn *conn,
                       const struct event *e)
{
    struct wf_cursor cur;
    struct wf_msg msg;

    wf_cur_init(&cur, e->bytes.p + 2, e->bytes.len - 2);
    while (wf_cur_left(&cur) > 0 && a->up && a->conn == conn && conn->here) {
        const uint8_t *at = cur.p;
        int rc = wf_msg_decode(&cur, &msg);

        if (rc == WEFT_ESUPPORT) {
            continue;
        }
        if (rc != 0) {
            a->ops->link(s, a, LINK_NEWS_DOWN);
            carry(s, a);
            return;
        }
        sim_log_msg(s, conn->to->name, a->name, &msg);
        if (e->arg == 0 && !actor_is_port(a)) {
            history_saw(s, a, conn, &msg);
        }
        a->ops->msg(s, a, &msg, wf_slice_make(at, (size_t) (cur.p - at)));
        carry(s, a);
    }
}

/* What the connection brings; `now` is the one it has. */
static void take_conn(struct sim *s, struct actor *a, struct event *e)
{
    struct conn *c = e->conn;
    int now = a->up && c->who_inc == a->inc && a->conn == c && c->here;
    struct event *parcel;

    switch (e->kind) {
    case EV_UP:
        if (now && !c->broken) {
            a->ops->link(s, a, LINK_NEWS_UP);
        }
        break;
    case EV_REFUSED:
        if (now) {
            a->ops->link(s, a, LINK_NEWS_REFUSED);
        }
        break;
    case EV_GONE_HERE:
        if (now) {
            c->broken = 1;
            a->ops->link(s, a, LINK_NEWS_DOWN);
        }
        break;
    default:
        parcel = net_arrive(c, NET_TO_ACTOR);
        if (now && !c->broken) {
            read_frame(s, a, c, parcel);
        }
        clock_drop(&s->clock, parcel);
        return;
    }
    carry(s, a);
}

void actor_take(struct sim *s, struct actor *a, struct event *e)
{
    if (e->conn != NULL) {
        take_conn(s, a, e);
        return;
    }
    if (!a->up || e->inc != a->inc) {
        return;
    }
    switch (e->kind) {
    case EV_TICK:
        a->tick = NULL;
        a->ops->tick(s, a);
        break;
    case EV_WORK:
        a->ops->work(s, a);
        break;
    case EV_TRIAL:
        roam_take(s, a, e);
        break;
    case EV_RUN:
        a->ops->run(s, a, e->arg);
        break;
    default:
        if (a->ops->event != NULL) {
            a->ops->event(s, a, e);
        }
        break;
    }
    carry(s, a);
}

/* The lane to the broker is one for pull and give: it is open while pull asked for it or
 * a ticket is alive.  So pull's wishes about it are taken out of the effects, and one for
 * both is put in.  A session with another broker ends it: nobody there knows the tickets
 * of this one.
 */
#include "agent/core/node_data.h"

/* -- wishes ----------------------------------------------------------------------------
 */

static void wish(struct node *n, enum wf_effect_kind kind, struct wf_effects *out)
{
    int open = kind == WF_EFFECT_LANE_OPEN;
    struct wf_lane_to broker;

    memset(&broker, 0, sizeof broker);
    n->data->lane_asked = open;
    n->data->lane_up = 0;
    n->data->lane_home = n->home;
    wf_effects_add(out, kind, WF_LANE_BROKER, 0, &broker, open ? sizeof broker : 0, NULL);
}

enum { OPENED = 1, CLOSED = 2 };

/* Take pull's wishes out of what was appended from `first` on. */
static unsigned take_wishes(struct node_data *d, size_t first, struct wf_effects *out)
{
    size_t to = first;
    unsigned seen = 0;

    for (size_t i = first; i < out->n; i++) {
        const struct wf_effect *x = &out->v[i];

        if (x->peer != WF_LANE_BROKER ||
            (x->kind != WF_EFFECT_LANE_OPEN && x->kind != WF_EFFECT_LANE_CLOSE)) {
            out->v[to++] = *x;
            continue;
        }
        d->lane_pull = x->kind == WF_EFFECT_LANE_OPEN;
        seen = (seen & ~(unsigned) OPENED) | (unsigned) (d->lane_pull ? OPENED : CLOSED);
    }
    out->n = to;
    return seen;
}

/* It is no more: both open it again when they need it. */
static void lose(struct node *n, struct wf_effects *out)
{
    struct node_data *d = n->data;

    d->lane_asked = d->lane_up = 0;
    d->lane_us = n->now_us + wf_backoff_next(&d->lane_pause, &d->rng) * 1000;
    wf_give_lane_down(d->give, n->now_us, WF_LANE_BROKER, out);
    if (d->lane_pull) {
        d->lane_pull = 0;
        wf_pull_lane_down(d->pull, n->now_us, WF_LANE_BROKER, out);
    }
}

static int is_of_another(const struct node *n)
{
    return n->data->lane_asked && node_is_open(n) &&
           !wf_home_same_broker(&n->data->lane_home, &n->home);
}

void node_lanes_after(struct node *n, size_t first, struct wf_effects *out)
{
    struct node_data *d = n->data;
    unsigned seen = take_wishes(d, first, out);
    int wanted;

    if (is_of_another(n)) {
        wish(n, WF_EFFECT_LANE_CLOSE, out);
        lose(n, out);
        seen = 0;
    }
    wanted = d->lane_pull || wf_give_tickets(d->give) != 0;
    if ((seen & CLOSED) != 0 && d->lane_asked && !d->lane_up) {
        wish(n, WF_EFFECT_LANE_CLOSE, out); /* pull has waited long enough for it */
    }
    if ((seen & OPENED) != 0 && d->lane_up) {
        first = out->n;
        wf_pull_lane_up(d->pull, n->now_us, WF_LANE_BROKER, out);
        (void) take_wishes(d, first, out);
    }
    if (wanted && !d->lane_asked && ((seen & OPENED) != 0 || n->now_us >= d->lane_us)) {
        wish(n, WF_EFFECT_LANE_OPEN, out);
    } else if (!wanted && d->lane_asked) {
        wish(n, WF_EFFECT_LANE_CLOSE, out);
    }
}

/* When give wants it back. */
uint64_t node_lanes_due_us(const struct node *n)
{
    const struct node_data *d = n->data;

    return !d->lane_asked && wf_give_tickets(d->give) != 0 ? d->lane_us : UINT64_MAX;
}

/* -- what happens on lanes -------------------------------------------------------------
 */

static void broker_up(struct node *n, struct wf_effects *out)
{
    struct node_data *d = n->data;

    if (!d->lane_asked || d->lane_up) {
        return;
    }
    d->lane_up = 1;
    wf_backoff_reset(&d->lane_pause);
    if (d->lane_pull) {
        wf_pull_lane_up(d->pull, n->now_us, WF_LANE_BROKER, out);
    }
}

static void broker_down(struct node *n, struct wf_effects *out)
{
    if (n->data->lane_asked) {
        lose(n, out);
    }
}

static void heard(struct node *n, const struct node_event *ev, struct wf_effects *out)
{
    const struct wf_msg *m = ev->msg;

    if (m->type != WF_MSG_want) {
        if (ev->lane < WF_PULL_LANES) {
            wf_pull_msg(n->data->pull, n->now_us, ev->lane, m, out);
        }
    } else if (ev->lane == WF_LANE_BROKER) {
        wf_give_want(n->data->give, n->now_us, ev->lane, NULL, &m->u.want, out);
    } else if (ev->lane >= WF_LANE_GIVE && ev->peer != NULL) {
        wf_give_want(n->data->give, n->now_us, ev->lane, ev->peer, &m->u.want, out);
    }
}

void node_on_lane(struct node *n, const struct node_event *ev, struct wf_effects *out)
{
    struct node_data *d = n->data;

    if (ev->kind == NODE_LANE_MSG) {
        heard(n, ev, out);
    } else if (ev->kind == NODE_LANE_ROOM) {
        wf_give_room(d->give, n->now_us, ev->lane, ev->bytes, out);
    } else if (ev->lane == WF_LANE_BROKER) {
        if (ev->kind == NODE_LANE_UP) {
            broker_up(n, out);
        } else {
            broker_down(n, out);
        }
    } else if (ev->lane >= WF_LANE_GIVE) {
        if (ev->kind == NODE_LANE_DOWN) {
            wf_give_lane_down(d->give, n->now_us, ev->lane, out);
        }
    } else if (ev->kind == NODE_LANE_UP) {
        wf_pull_lane_up(d->pull, n->now_us, ev->lane, out);
    } else {
        wf_pull_lane_down(d->pull, n->now_us, ev->lane, out);
    }
}

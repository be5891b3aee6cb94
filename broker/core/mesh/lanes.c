#include "broker/core/mesh/lanes.h"

#include "broker/core/core_int.h"
#include "proto/transfer/transfer.h"

#define PAUSE_MIN_MS 250u
#define PAUSE_MAX_MS 5000u
#define LOOK_US      1000000u

void dial_lane_init(struct dial_lane *l)
{
    *l = (struct dial_lane){.state = DIAL_LANE_CLOSED};
    wf_backoff_init(&l->pause, PAUSE_MIN_MS, PAUSE_MAX_MS);
}

static struct dial *dial_at(struct core *c, uint32_t peer)
{
    const uint32_t i = peer & ~MESH_DIALLED;

    return i < c->mesh.ndials ? &c->mesh.dials[i] : NULL;
}

static void later(struct core *c, struct dial_lane *l)
{
    l->state = DIAL_LANE_CLOSED;
    l->retry_us = c->now_us + wf_backoff_next(&l->pause, &c->rng) * 1000;
}

void mesh_lane_up(struct core *c, uint32_t peer, struct wf_effects *out)
{
    struct dial *d = dial_at(c, peer);
    const struct session *s = session_get(&c->sessions, peer);
    const struct wf_lane m = {.epoch = c->cfg.epoch};

    if (d == NULL || d->lane.state != DIAL_LANE_OPENING) {
        return;
    }
    if (s == NULL || relay_up_to(&c->data.relay, peer, &d->key, s->epoch) != 0) {
        wf_effects_add(out, WF_EFFECT_LANE_CLOSE, peer, 0, NULL, 0, NULL);
        later(c, &d->lane);
        return;
    }
    d->lane.state = DIAL_LANE_UP;
    d->lane.look_us = c->now_us + LOOK_US;
    wf_backoff_reset(&d->lane.pause);
    wf_lane_send(out, peer, WF_MSG_lane, &m);
}

void mesh_lane_down(struct core *c, uint32_t peer)
{
    struct dial *d = dial_at(c, peer);

    relay_down(&c->data.relay, peer);
    if (d != NULL && d->lane.state != DIAL_LANE_CLOSED) {
        later(c, &d->lane);
    }
}

/* Something may pass between the two: a ticket either way. */
static int is_wanted(const struct session *s)
{
    return s != NULL && s->state == SESSION_READY &&
           !(wf_list_empty(&s->fetches) && wf_list_empty(&s->gives));
}

static void close_lane(struct core *c, struct dial *d, uint32_t peer,
                       struct wf_effects *out)
{
    d->lane.state = DIAL_LANE_CLOSED;
    d->lane.retry_us = c->now_us;
    relay_down(&c->data.relay, peer);
    wf_effects_add(out, WF_EFFECT_LANE_CLOSE, peer, 0, NULL, 0, NULL);
}

static void look_at(struct core *c, struct dial *d, uint32_t peer, struct wf_effects *out)
{
    struct session *s = session_get(&c->sessions, peer);
    struct dial_lane *l = &d->lane;

    if (s != NULL && l->state == DIAL_LANE_UP && l->look_us <= c->now_us) {
        l->look_us = c->now_us + LOOK_US;
        data_expire_all(c, s);
    }
    if (l->state == DIAL_LANE_CLOSED && is_wanted(s) && l->retry_us <= c->now_us &&
        d->link.welcome.bulk_port != 0) {
        l->state = DIAL_LANE_OPENING;
        wf_effects_add(out, WF_EFFECT_LANE_OPEN, peer, d->link.welcome.bulk_port, NULL, 0,
                       NULL);
    } else if (l->state != DIAL_LANE_CLOSED && !is_wanted(s)) {
        close_lane(c, d, peer, out);
    }
}

void mesh_lanes_step(struct core *c, struct wf_effects *out)
{
    for (unsigned i = 0; i < c->mesh.ndials; i++) {
        look_at(c, &c->mesh.dials[i], MESH_DIALLED | i, out);
    }
}

uint64_t mesh_lanes_due_us(const struct core *c)
{
    uint64_t due_us = UINT64_MAX;

    for (unsigned i = 0; i < c->mesh.ndials; i++) {
        const struct dial_lane *l = &c->mesh.dials[i].lane;

        if (l->state == DIAL_LANE_UP) {
            due_us = wf_min_u64(due_us, l->look_us);
        } else if (l->state == DIAL_LANE_CLOSED && l->retry_us > c->now_us) {
            due_us = wf_min_u64(due_us, l->retry_us);
        }
    }
    return due_us;
}

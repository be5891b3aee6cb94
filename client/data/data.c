#include "client/data/data.h"

#include "client/core/data.h"
#include "client/data/intake.h"
#include "client/data/lanes.h"
#include "client/data/shelf.h"
#include "common/map.h"
#include "common/mem.h"

#include <string.h>

#define INTAKES_MAX 262144u
#define ROUNDS_MAX  64u /* of effects in one turn */

/* Files that are open at once, most of them tiny: few programs may have more than 1024.
 */
#define ACTIVE_MAX 32u
#define SMALL_MAX  192u

struct data *data_need(struct weft_client *c)
{
    struct data *d = c->data;
    uint64_t seed[2];

    if (d != NULL) {
        return d;
    }
    d = wf_calloc(1, sizeof *d);
    if (d == NULL) {
        return NULL;
    }
    keys_random(seed, sizeof seed);
    d->client = c;
    d->timer_us = UINT64_MAX;
    wf_list_init(&d->transfers);
    wf_effects_init(&d->fx[0]);
    wf_effects_init(&d->fx[1]);
    d->intakes = wf_map_new(INTAKES_MAX, seed[0]);
    d->shelf = wf_map_new(INTAKES_MAX, seed[1]);
    if (d->intakes == NULL || d->shelf == NULL) {
        wf_map_free(d->intakes);
        wf_map_free(d->shelf);
        wf_free(d);
        return NULL;
    }
    c->data = d;
    return d;
}

static void on_time(void *arg)
{
    struct data *d = arg;

    client_lock(d->client);
    d->timer_us = UINT64_MAX;
    data_settle(d);
    client_unlock(d->client);
}

static void take_tasks(struct data *d)
{
    struct desk_task *task;

    while ((task = desk_take(d->desk)) != NULL) {
        task->done(task);
    }
}

static void on_tasks(void *arg)
{
    struct data *d = arg;

    client_lock(d->client);
    take_tasks(d);
    data_settle(d);
    client_unlock(d->client);
}

/* What stands on the loop, made on its thread with the first transfer. */
static int make_parts(struct data *d)
{
    struct weft_client *c = d->client;
    int rc = 0;

    if (d->timer == NULL) {
        rc = wf_timer_new(&c->loop, on_time, d, &d->timer);
    }
    if (rc == 0 && d->desk == NULL) {
        rc = desk_new(&c->loop, on_tasks, d, &d->desk);
    }
    return rc == 0 && d->lanes == NULL ? lanes_new(d, &d->lanes) : rc;
}

void data_free(struct weft_client *c)
{
    struct data *d = c->data;

    if (d == NULL) {
        return;
    }
    if (d->desk != NULL) {
        desk_close(d->desk);
        take_tasks(d);
    }
    transfers_fini(d);
    lanes_free(d->lanes);
    wf_pull_free(d->pull);
    wf_give_free(d->give);
    wf_timer_free(d->timer);
    desk_free(d->desk);
    wf_map_free(d->intakes);
    wf_map_free(d->shelf);
    wf_effects_fini(&d->fx[0]);
    wf_effects_fini(&d->fx[1]);
    wf_free(d);
    c->data = NULL;
}

/* -- for its parts ---------------------------------------------------------------------
 */

struct wf_effects *data_out(struct data *d)
{
    return &d->fx[d->filling];
}

struct wf_pull *data_pull(struct data *d)
{
    struct wf_pull_config cfg = {.max_active = ACTIVE_MAX, .max_small = SMALL_MAX};

    if (d->pull == NULL) {
        keys_random(&cfg.seed, sizeof cfg.seed);
        if (wf_pull_new(&cfg, &d->pull) != 0) {
            return NULL;
        }
        wf_pull_session(d->pull, wf_now_us(), d->up, data_out(d));
    }
    return d->pull;
}

struct wf_give *data_give(struct data *d)
{
    struct wf_give_config cfg = {0};

    if (d->give == NULL) {
        keys_random(&cfg.seed, sizeof cfg.seed);
        if (wf_give_new(&cfg, &d->give) != 0) {
            return NULL;
        }
    }
    return d->give;
}

void data_user_begin(struct weft_client *c)
{
    c->inside++;
    client_unlock(c);
}

void data_user_end(struct weft_client *c)
{
    client_lock(c);
    c->inside--;
}

void data_settle(struct data *d)
{
    client_settle(d->client, NULL);
}

/* -- the control lane ------------------------------------------------------------------
 */

/* Pull numbers its requests by itself: ours are told apart by a bit. */
static void send_locate(struct data *d, const struct wf_effects *fx,
                        const struct wf_effect *x)
{
    struct wf_msg msg;

    if (wf_msg_read(wf_slice_make(wf_effect_bytes(fx, x), x->len), WF_MSG_locate, &msg) ==
        0) {
        msg.u.locate.req |= WF_REQ_FOREIGN;
        wf_effects_send(client_out(d->client), 0, WF_MSG_locate, &msg.u.locate);
    }
}

static void tell_stage(struct data *d, const struct wf_stage_info *m)
{
    for (struct wf_list_node *n = wf_list_first(&d->transfers); n != NULL;
         n = wf_list_next(&d->transfers, n)) {
        struct transfer *t = CONTAINER_OF(n, struct transfer, node);

        if (t->inner != NULL && t->inner->call.req == m->req && t->ops->told != NULL &&
            t->state == TRANSFER_RUNNING) {
            t->ops->told(t, m);
        }
    }
}

/* The session began or ended: a new one knows nothing of old tickets. */
static void follow_session(struct data *d, uint64_t now_us)
{
    int up = wf_calls_ready(&d->client->calls);

    if (up == d->up) {
        return;
    }
    d->up = up;
    if (d->pull != NULL) {
        wf_pull_session(d->pull, now_us, up, data_out(d));
    }
    if (up && d->lanes != NULL) {
        lanes_session(d->lanes, now_us);
    }
    if (d->give != NULL && !up) {
        wf_give_end_all(d->give, now_us, data_out(d));
    }
}

void data_msg(struct weft_client *c, uint64_t now_us, const struct wf_msg *msg)
{
    struct data *d = c->data;

    if (d == NULL) {
        return;
    }
    follow_session(d, now_us);
    if (!d->up) {
        return;
    }
    if (msg->type == WF_MSG_grant && d->give != NULL) {
        (void) wf_give_grant(d->give, now_us, &msg->u.grant, data_out(d));
    } else if (msg->type == WF_MSG_located && d->pull != NULL &&
               (msg->u.located.req & WF_REQ_FOREIGN) != 0) {
        struct wf_located m = msg->u.located;

        m.req &= ~WF_REQ_FOREIGN;
        wf_pull_located(d->pull, now_us, &m, data_out(d));
    } else if (msg->type == WF_MSG_stage_info) {
        tell_stage(d, &msg->u.stage_info);
    }
}

/* -- turns -----------------------------------------------------------------------------
 */

static void carry_out_one(struct data *d, uint64_t now_us, const struct wf_effects *fx,
                          const struct wf_effect *x)
{
    struct wf_blob_read read;
    struct wf_lane_to to;

    switch (x->kind) {
    case WF_EFFECT_SEND:
        send_locate(d, fx, x);
        break;
    case WF_EFFECT_LANE_OPEN:
        wf_lane_to_of(fx, x, &to);
        lanes_open(d->lanes, now_us, x->peer, &to);
        break;
    case WF_EFFECT_LANE_SEND:
        lanes_send(d->lanes, now_us, x->peer, wf_effect_bytes(fx, x), x->len);
        break;
    case WF_EFFECT_LANE_CLOSE:
        lanes_close(d->lanes, x->peer);
        break;
    case WF_EFFECT_BLOB_READ:
        wf_blob_read_of(fx, x, &read);
        shelf_read(d, now_us, &read);
        break;
    case WF_EFFECT_BLOB_BEGIN:
    case WF_EFFECT_BLOB_LEAVES:
    case WF_EFFECT_BLOB_WRITE:
        intake_effect(d, now_us, fx, x);
        break;
    default:
        break;
    }
}

/* The machines make good for what memory did not allow.  0: there was nothing. */
static int carry_out(struct data *d, uint64_t now_us)
{
    struct wf_effects *fx = data_out(d);
    int some = fx->n != 0;

    d->filling ^= 1;
    for (size_t i = 0; i < fx->n; i++) {
        carry_out_one(d, now_us, fx, &fx->v[i]);
    }
    wf_effects_clear(fx);
    return some;
}

static int take_ends(struct data *d)
{
    struct wf_pull_end end;
    struct wf_pull_bad bad;
    int some = 0;

    while (d->pull != NULL && wf_pull_next_end(d->pull, &end)) {
        intake_ended(d, &end);
        some = 1;
    }
    /* A holder with wrong bytes is left by pull; the agents tell the broker of theirs. */
    while (d->pull != NULL && wf_pull_next_bad(d->pull, &bad)) {
    }
    return some;
}

static uint64_t due_us(const struct data *d)
{
    uint64_t us = wf_min_u64(transfers_due_us(d), lanes_due_us(d->lanes));

    if (d->pull != NULL) {
        us = wf_min_u64(us, wf_pull_due_us(d->pull));
    }
    return d->give != NULL ? wf_min_u64(us, wf_give_due_us(d->give)) : us;
}

static void tick(struct data *d, uint64_t now_us)
{
    lanes_tick(d->lanes, now_us);
    if (d->pull != NULL && wf_pull_due_us(d->pull) <= now_us) {
        wf_pull_tick(d->pull, now_us, data_out(d));
    }
    if (d->give != NULL && wf_give_due_us(d->give) <= now_us) {
        wf_give_tick(d->give, now_us, data_out(d));
    }
}

void data_turn(struct weft_client *c)
{
    struct data *d = c->data;
    uint64_t now_us = wf_now_us(), at_us;
    int some = 1;

    if (c->calls.closed && wf_list_empty(&d->transfers)) {
        return;
    }
    if (make_parts(d) != 0) {
        return; /* no memory: the next turn tries again */
    }
    follow_session(d, now_us);
    for (unsigned i = 0; i < ROUNDS_MAX && some; i++) {
        transfers_step(d, now_us);
        tick(d, now_us);
        some = carry_out(d, now_us);
        some |= take_ends(d);
        now_us = wf_now_us();
    }
    at_us = some ? now_us : due_us(d);
    if (at_us != d->timer_us) {
        d->timer_us = at_us;
        wf_timer_start_at(d->timer, at_us);
    }
}

#include "client/data/lanes.h"

#include "common/backoff.h"
#include "common/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PENDING_CAP  ((size_t) 24 << 20) /* more than what may be given at once */
#define FRAMES_TURN  4                   /* read in one turn of the loop: 256 KiB */
#define FRAMES_QUEUE 32                  /* in ZeroMQ, each way */
#define DIAL_MS      4000
#define RETRY_MIN_MS 100
#define RETRY_MAX_MS 5000

struct lane {
    struct lanes *all;
    uint32_t number;
    struct uplink *uplink; /* NULL: closed */
    int dialled;           /* an attempt or a connection is there */
};

struct lanes {
    struct data *data;
    struct lane v[WF_PULL_LANES];
    int pulls, gives; /* who wants the broker's lane */
    unsigned at;      /* the endpoint that it was dialled at */
    struct wf_backoff backoff;
    struct wf_rng rng;
    uint64_t retry_us; /* UINT64_MAX: not */
};

int lanes_new(struct data *d, struct lanes **ret_lanes)
{
    struct lanes *l = wf_calloc(1, sizeof *l);
    uint64_t seed;

    if (l == NULL) {
        return WEFT_ENOMEM;
    }
    keys_random(&seed, sizeof seed);
    l->rng.s = seed;
    wf_backoff_init(&l->backoff, RETRY_MIN_MS, RETRY_MAX_MS);
    l->data = d;
    l->retry_us = UINT64_MAX;
    for (uint32_t i = 0; i < WF_PULL_LANES; i++) {
        l->v[i].all = l;
        l->v[i].number = i;
    }
    *ret_lanes = l;
    return 0;
}

void lanes_free(struct lanes *l)
{
    for (uint32_t i = 0; l != NULL && i < WF_PULL_LANES; i++) {
        uplink_free(l->v[i].uplink);
    }
    wf_free(l);
}

/* -- news of the connections -----------------------------------------------------------
 */

static void went_up(struct lanes *l, uint64_t now_us, const struct lane *x)
{
    struct data *d = l->data;

    if (d->pull != NULL && (x->number != WF_LANE_BROKER || l->pulls)) {
        wf_pull_lane_up(d->pull, now_us, x->number, data_out(d));
    }
    if (d->give != NULL && x->number == WF_LANE_BROKER) {
        wf_give_room(d->give, now_us, x->number, 0, data_out(d));
    }
}

static void went_down(struct lanes *l, uint64_t now_us, struct lane *x)
{
    struct data *d = l->data;

    x->dialled = 0;
    if (d->give != NULL && x->number == WF_LANE_BROKER) {
        wf_give_lane_down(d->give, now_us, x->number, data_out(d));
    }
    if (d->pull != NULL && (x->number != WF_LANE_BROKER || l->pulls)) {
        l->pulls = x->number == WF_LANE_BROKER ? 0 : l->pulls;
        wf_pull_lane_down(d->pull, now_us, x->number, data_out(d));
    }
    if (x->number == WF_LANE_BROKER && l->gives) {
        l->retry_us = now_us + wf_backoff_next(&l->backoff, &l->rng) * 1000;
    }
}

static void on_up(void *arg)
{
    struct lane *x = arg;
    struct data *d = x->all->data;
    const struct wf_lane m = {.epoch = d->client->calls.link.cfg.epoch};
    struct wf_buf bytes = WF_BUF_INIT(64);

    client_lock(d->client);
    wf_backoff_reset(&x->all->backoff);
    if (wf_msg_encode(&bytes, WF_MSG_lane, &m) == 0) {
        (void) uplink_send(x->uplink, bytes.p, bytes.len);
    }
    wf_buf_fini(&bytes);
    went_up(x->all, wf_now_us(), x);
    data_settle(d);
    client_unlock(d->client);
}

static void on_down(void *arg, int why)
{
    struct lane *x = arg;
    struct data *d = x->all->data;

    (void) why;
    client_lock(d->client);
    went_down(x->all, wf_now_us(), x);
    data_settle(d);
    client_unlock(d->client);
}

static void on_refused(void *arg)
{
    on_down(arg, WEFT_EAUTH);
}

static void take(struct lane *x, uint64_t now_us, const struct wf_msg *msg)
{
    struct data *d = x->all->data;

    if (msg->type == WF_MSG_want) {
        /* The broker has looked at who asks; nobody else may ask a client. */
        if (d->give != NULL && x->number == WF_LANE_BROKER) {
            wf_give_want(d->give, now_us, x->number, NULL, &msg->u.want, data_out(d));
        }
    } else if (d->pull != NULL) {
        wf_pull_msg(d->pull, now_us, x->number, msg, data_out(d));
    }
}

static void on_frame(void *arg, const uint8_t *bytes, size_t len)
{
    struct lane *x = arg;
    struct data *d = x->all->data;
    uint64_t now_us = wf_now_us();
    struct wf_cursor cur;
    struct wf_msg msg;

    wf_cur_init(&cur, bytes, len);
    client_lock(d->client);
    while (wf_cur_left(&cur) != 0) {
        int rc = wf_msg_decode(&cur, &msg);

        if (rc == WEFT_ESUPPORT) {
            continue;
        }
        if (rc != 0) {
            uplink_disconnect(x->uplink);
            went_down(x->all, now_us, x);
            break;
        }
        take(x, now_us, &msg);
    }
    data_settle(d);
    client_unlock(d->client);
}

static void on_room(void *arg, size_t pending)
{
    struct lane *x = arg;
    struct data *d = x->all->data;

    if (x->number != WF_LANE_BROKER || d->give == NULL) {
        return;
    }
    client_lock(d->client);
    wf_give_room(d->give, wf_now_us(), x->number, pending, data_out(d));
    data_settle(d);
    client_unlock(d->client);
}

static const struct uplink_cbs cbs = {on_up,    on_down, on_refused,
                                      on_frame, NULL,    on_room};

/* -- dialling --------------------------------------------------------------------------
 */

/* The bulk lane stands on the host that the control lane reaches. */
static int broker_endpoint(const struct weft_client *c, char *text, size_t cap)
{
    const struct wf_link *link = &c->calls.link;
    const char *control = client_broker(c)->endpoint;
    const char *colon = strrchr(control, ':');

    if (!wf_calls_ready(&c->calls) || link->welcome.bulk_port == 0 || colon == NULL) {
        return WEFT_EUNREACH;
    }
    return snprintf(text, cap, "%.*s:%u", (int) (colon - control), control,
                    link->welcome.bulk_port) < (int) cap
               ? 0
               : WEFT_EUNREACH;
}

static int make_uplink(struct lanes *l, struct lane *x)
{
    struct weft_client *c = l->data->client;
    struct uplink_opts opts = {.sock = {.hwm = FRAMES_QUEUE, .budget = FRAMES_TURN},
                               .pending_cap = PENDING_CAP,
                               .dial_ms = DIAL_MS};
    struct keys keys;
    int rc;

    if (x->uplink != NULL) {
        return 0;
    }
    rc = profile_keys(&c->profile, &keys, NULL);
    if (rc == 0) {
        opts.keys = &keys;
        rc = uplink_new(&c->loop, c->zctx, &opts, &cbs, x, &x->uplink, NULL);
    }
    keys_wipe(&keys, sizeof keys);
    return rc;
}

static int dial(struct lanes *l, struct lane *x, const struct wf_lane_to *to)
{
    struct weft_client *c = l->data->client;
    char endpoint[WF_ENDPOINT_MAX + 1];
    struct wf_key key = to->key;
    int rc = make_uplink(l, x);

    if (rc == 0 && to->endpoint[0] == '\0') {
        rc = broker_endpoint(c, endpoint, sizeof endpoint);
        if (rc == 0) {
            key = client_broker(c)->key;
        }
    }
    if (rc == 0) {
        rc = uplink_connect(x->uplink, to->endpoint[0] != '\0' ? to->endpoint : endpoint,
                            key.b, NULL);
    }
    x->dialled = rc == 0;
    return rc;
}

static void dial_broker(struct lanes *l, uint64_t now_us)
{
    static const struct wf_lane_to to;
    struct lane *x = &l->v[WF_LANE_BROKER];

    l->retry_us = UINT64_MAX;
    l->at = l->data->client->calls.link.endpoint;
    if (dial(l, x, &to) != 0) {
        went_down(l, now_us, x);
    }
}

static void hang_up(struct lane *x)
{
    if (x->uplink != NULL) {
        uplink_disconnect(x->uplink);
    }
    x->dialled = 0;
}

static void drop_unwanted(struct lanes *l)
{
    if (!l->pulls && !l->gives) {
        l->retry_us = UINT64_MAX;
        hang_up(&l->v[WF_LANE_BROKER]);
    }
}

void lanes_session(struct lanes *l, uint64_t now_us)
{
    struct lane *x = &l->v[WF_LANE_BROKER];

    if (x->dialled && l->at != l->data->client->calls.link.endpoint) {
        hang_up(x);
        went_down(l, now_us, x);
    }
}

void lanes_give(struct lanes *l, uint64_t now_us, int on)
{
    if (l->gives == on) {
        return;
    }
    l->gives = on;
    if (on && !l->v[WF_LANE_BROKER].dialled) {
        wf_backoff_reset(&l->backoff);
        dial_broker(l, now_us);
    }
    drop_unwanted(l);
}

void lanes_open(struct lanes *l, uint64_t now_us, uint32_t lane,
                const struct wf_lane_to *to)
{
    struct lane *x = &l->v[lane];

    if (lane != WF_LANE_BROKER) {
        if (dial(l, x, to) != 0) {
            went_down(l, now_us, x);
        }
        return;
    }
    l->pulls = 1;
    if (x->dialled && uplink_is_up(x->uplink)) {
        went_up(l, now_us, x);
    } else if (!x->dialled) {
        dial_broker(l, now_us);
    }
}

void lanes_close(struct lanes *l, uint32_t lane)
{
    if (lane != WF_LANE_BROKER) {
        hang_up(&l->v[lane]);
        return;
    }
    l->pulls = 0;
    drop_unwanted(l);
}

void lanes_send(struct lanes *l, uint64_t now_us, uint32_t lane, const uint8_t *bytes,
                size_t len)
{
    struct lane *x = &l->v[lane];

    /* A lane that is down is told by itself; one that cannot take what give bounds, or
     * for want of memory, begins anew. */
    if (x->dialled && uplink_is_up(x->uplink) &&
        uplink_send(x->uplink, bytes, len) != 0) {
        uplink_disconnect(x->uplink);
        went_down(l, now_us, x);
    }
}

uint64_t lanes_due_us(const struct lanes *l)
{
    return l->retry_us;
}

void lanes_tick(struct lanes *l, uint64_t now_us)
{
    if (now_us >= l->retry_us) {
        dial_broker(l, now_us);
    }
}

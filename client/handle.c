#include "client/handle.h"

#include "client/data/data.h"
#include "common/failpoint.h"

#include <errno.h>
#include <stdio.h>

void client_lock(struct weft_client *c)
{
    if (c->mode == WEFT_MODE_THREAD) {
        (void) pthread_mutex_lock(&c->mutex);
    }
}

void client_unlock(struct weft_client *c)
{
    if (c->mode == WEFT_MODE_THREAD) {
        (void) pthread_mutex_unlock(&c->mutex);
    }
}

struct wf_effects *client_out(struct weft_client *c)
{
    return &c->fx[c->filling];
}

int client_is_inside(const struct weft_client *c)
{
    return c->mode == WEFT_MODE_THREAD
               ? c->has_thread && pthread_equal(pthread_self(), c->thread)
               : c->inside != 0;
}

/* -- carrying out ------------------------------------------------------------------- */

const struct wf_broker *client_broker(const struct weft_client *c)
{
    return &c->calls.link.ways.brokers.v[c->calls.link.endpoint];
}

/* Only steps of the loop's own thread change the table. */
static int connect_to(struct weft_client *c, size_t i)
{
    const struct wf_broker *b = &c->calls.link.ways.brokers.v[i];

    return uplink_connect(c->uplink, b->endpoint, b->key.b, NULL);
}

/* 0, or why the session cannot go on. */
static int carry_out_one(struct weft_client *c, const struct wf_effects *fx,
                         const struct wf_effect *x)
{
    int rc;

    switch (x->kind) {
    case WF_EFFECT_SEND:
        WF_FAILPOINT_MESSAGE("client.send", wf_effect_bytes(fx, x), x->len, "before");
        rc = uplink_send(c->uplink, wf_effect_bytes(fx, x), x->len);
        WF_FAILPOINT_MESSAGE("client.send", wf_effect_bytes(fx, x), x->len, "after");
        /* A connection that is gone is reported by itself. */
        return rc == WEFT_EUNREACH ? 0 : rc;
    case WF_EFFECT_CONNECT:
        WF_FAILPOINT("client.connect.before");
        return connect_to(c, (size_t) x->arg);
    case WF_EFFECT_DISCONNECT:
        uplink_flush(c->uplink);
        uplink_disconnect(c->uplink);
        return 0;
    case WF_EFFECT_TRY:
    case WF_EFFECT_UNTRY:
        roster_effect(c->roster, &c->calls.link, x);
        return 0;
    default:
        return 0;
    }
}

void client_carry_out(struct weft_client *c)
{
    uint64_t due_us;

    while (client_out(c)->n != 0 || client_out(c)->err != 0) {
        struct wf_effects *fx = client_out(c);
        int rc = 0;

        c->filling ^= 1;
        client_unlock(c);
        for (size_t i = 0; i < fx->n && rc == 0; i++) {
            rc = carry_out_one(c, fx, &fx->v[i]);
        }
        if (rc == 0) {
            rc = fx->err;
        }
        wf_effects_clear(fx);
        client_lock(c);
        if (rc != 0) {
            /* The next session repairs what was lost. */
            uplink_disconnect(c->uplink);
            c->down_why = rc;
            wf_calls_down(&c->calls, wf_now_us(), client_out(c));
        }
        if (roster_failed(c->roster)) {
            wf_calls_tried(&c->calls, wf_now_us(), 0, client_out(c));
        }
    }
    due_us = wf_calls_due_us(&c->calls);
    if (due_us != c->timer_us) {
        c->timer_us = due_us;
        wf_timer_start_at(c->timer, due_us);
    }
}

void client_stepped(struct weft_client *c)
{
    if (client_is_inside(c)) {
        return; /* the event being handled ends with it */
    }
    if (c->mode == WEFT_MODE_LOOP && wf_list_empty(&c->calls.news)) {
        client_carry_out(c);
    } else if (!c->woken) {
        c->woken = 1;
        wf_wake_send(c->wake);
    }
}

/* -- what happens on the loop's thread ---------------------------------------------- */

void client_settle(struct weft_client *c, const struct wf_msg *msg)
{
    future_dispatch(c, msg);
    if (c->data != NULL) {
        data_turn(c);
        future_dispatch(c, NULL);
    }
    client_carry_out(c);
    if (c->opening) {
        client_news(c);
    }
}

static void on_up(void *arg)
{
    struct weft_client *c = arg;

    client_lock(c);
    c->down_why = 0;
    wf_calls_up(&c->calls, wf_now_us(), client_out(c));
    client_settle(c, NULL);
    client_unlock(c);
}

static void on_down(void *arg, int why)
{
    struct weft_client *c = arg;

    client_lock(c);
    c->down_why = why;
    wf_calls_down(&c->calls, wf_now_us(), client_out(c));
    client_settle(c, NULL);
    client_unlock(c);
}

static void on_refused(void *arg)
{
    struct weft_client *c = arg;

    client_lock(c);
    c->down_why = WEFT_EAUTH;
    wf_calls_refused(&c->calls, wf_now_us(), client_out(c));
    client_settle(c, NULL);
    client_unlock(c);
}

void client_on_tried(void *arg, int answered)
{
    struct weft_client *c = arg;

    client_lock(c);
    wf_calls_tried(&c->calls, wf_now_us(), answered, client_out(c));
    client_settle(c, NULL);
    client_unlock(c);
}

static void on_frame(void *arg, const uint8_t *bytes, size_t len)
{
    struct weft_client *c = arg;
    uint64_t now_us = wf_now_us();
    struct wf_cursor cur;
    struct wf_msg msg;

    wf_cur_init(&cur, bytes, len);
    client_lock(c);
    while (wf_cur_left(&cur) != 0 && !c->calls.closed) {
        const uint8_t *at = cur.p;
        int rc = wf_msg_decode(&cur, &msg);

        if (rc == WEFT_ESUPPORT) {
            continue;
        }
        if (rc != 0) {
            uplink_disconnect(c->uplink);
            c->down_why = WEFT_EPROTO;
            wf_calls_down(&c->calls, now_us, client_out(c));
            break;
        }
        wf_calls_msg(&c->calls, now_us, &msg, wf_slice_make(at, (size_t) (cur.p - at)),
                     client_out(c));
        data_msg(c, now_us, &msg);
        future_dispatch(c, &msg);
    }
    client_settle(c, NULL);
    client_unlock(c);
    /* Nobody misses the file if it cannot be written: the next session tells it again. */
    (void) roster_keep(c->roster, &c->calls.link, NULL);
}

void client_on_time(void *arg)
{
    struct weft_client *c = arg;

    client_lock(c);
    c->timer_us = UINT64_MAX;
    wf_calls_tick(&c->calls, wf_now_us(), client_out(c));
    client_settle(c, NULL);
    client_unlock(c);
}

void client_on_wake(void *arg)
{
    struct weft_client *c = arg;

    client_lock(c);
    c->woken = 0;
    client_settle(c, NULL);
    if (c->calls.closed && c->has_thread) {
        wf_loop_stop(&c->loop);
    }
    client_unlock(c);
}

void client_on_wait_time(void *arg)
{
    struct weft_client *c = arg;

    client_news(c);
}

const struct uplink_cbs client_uplink_cbs = {on_up, on_down, on_refused, on_frame, NULL};

/* -- waiting ------------------------------------------------------------------------ */

void client_news(struct weft_client *c)
{
    if (c->mode == WEFT_MODE_THREAD) {
        (void) pthread_cond_broadcast(&c->cond);
    } else if (c->running) {
        wf_loop_stop(&c->loop);
    }
}

static int wait_for_thread(struct weft_client *c, uint64_t until_us)
{
    struct timespec at = {.tv_sec = (time_t) (until_us / 1000000),
                          .tv_nsec = (long) (until_us % 1000000) * 1000};

    if (c->closed) {
        return WEFT_ECLOSED;
    }
    if (until_us == UINT64_MAX) {
        (void) pthread_cond_wait(&c->cond, &c->mutex);
        return 0;
    }
    return pthread_cond_timedwait(&c->cond, &c->mutex, &at) == ETIMEDOUT ? WEFT_ETIMEOUT
                                                                         : 0;
}

static int run_loop(struct weft_client *c, uint64_t until_us)
{
    if (c->closed || c->close_later) {
        return WEFT_ECLOSED;
    }
    if (until_us <= wf_now_us()) {
        (void) weft_process(c);
        return WEFT_ETIMEOUT;
    }
    c->running = 1;
    wf_timer_start_at(c->wait_timer, until_us);
    wf_loop_run(&c->loop);
    wf_timer_stop(c->wait_timer);
    c->running = 0;
    if (c->close_later) {
        weft_close(c); /* whose memory the future we wait for keeps */
        return WEFT_ECLOSED;
    }
    return until_us <= wf_now_us() ? WEFT_ETIMEOUT : 0;
}

int client_wait(struct weft_client *c, uint64_t until_us)
{
    return c->mode == WEFT_MODE_THREAD ? wait_for_thread(c, until_us)
                                       : run_loop(c, until_us);
}

/* The broker whose word counts: of one that was only heard of it says little that it is
 * away or refuses this key, when those of the context were tried as well. */
static unsigned spokesman(const struct wf_link *l)
{
    const struct wf_ways *w = &l->ways;

    for (unsigned i = 0; w->brokers.v[l->endpoint].learned && i < w->brokers.n; i++) {
        if (wf_ways_is(w, i) && !w->brokers.v[i].learned && w->v[i].error != 0) {
            return i;
        }
    }
    return l->endpoint;
}

static void say_of(const struct wf_link *l, unsigned i, char *text, size_t cap)
{
    const char *where = l->ways.brokers.v[i].endpoint;
    const char *others =
        l->error == WEFT_EAUTH
            ? "; another broker, of which it told, does not know this key"
            : "";

    if (l->ways.v[i].error == WEFT_EUNREACH) {
        (void) snprintf(text, cap, "cannot reach %s: is weft-broker running?%s", where,
                        others);
    } else {
        (void) snprintf(text, cap, "%s: %s%s", where,
                        l->ways.v[i].error == WEFT_EAUTH
                            ? "the broker does not know this key, or it was revoked"
                            : weft_strerror(l->ways.v[i].error),
                        others);
    }
}

int client_trouble(const struct weft_client *c, char *text, size_t cap)
{
    const struct wf_link *l = &c->calls.link;
    const char *where = client_broker(c)->endpoint;
    const unsigned who = spokesman(l);

    if (wf_calls_ready(&c->calls)) {
        (void) snprintf(text, cap, "%s at %s", l->welcome.broker, where);
        return 0;
    }
    if (l->error == 0) {
        (void) snprintf(text, cap, "no answer from %s yet", where);
        return WEFT_EUNREACH;
    }
    if (who != l->endpoint) {
        say_of(l, who, text, cap);
        return l->ways.v[who].error;
    }
    if (c->down_why == WEFT_EUNREACH) {
        (void) snprintf(text, cap, "cannot reach %s: is weft-broker running?", where);
    } else if (c->down_why == WEFT_EPROTO) {
        (void) snprintf(text, cap,
                        "%s answers, but not as the broker that context `%s` knows",
                        where, c->profile.name);
    } else {
        (void) snprintf(text, cap, "%s: %s", where, l->error_text);
    }
    return l->error;
}

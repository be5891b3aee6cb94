#include "common/io/enrol.h"

#include "common/io/uplink.h"
#include "common/str.h"

#include <stdio.h>
#include <string.h>

#define DIAL_MS   4000
#define LINGER_MS 500

struct shell {
    const struct enrol *e;
    struct wf_loop loop;
    void *zctx;
    struct uplink *uplink;
    struct wf_timer *timer;
    struct wf_joiner join;
    struct wf_effects fx;
};

/* 0, or why this try cannot go on. */
static int carry_out_one(struct shell *s, const struct wf_effect *x)
{
    switch (x->kind) {
    case WF_EFFECT_SEND:
        return uplink_send(s->uplink, wf_effect_bytes(&s->fx, x), x->len);
    case WF_EFFECT_CONNECT:
        return uplink_connect(s->uplink, s->e->token->endpoints[x->arg],
                              s->e->token->broker.b, NULL);
    case WF_EFFECT_DISCONNECT:
        uplink_flush(s->uplink);
        uplink_disconnect(s->uplink);
        return 0;
    default:
        return 0;
    }
}

static void carry_out(struct shell *s)
{
    while (s->fx.n != 0 || s->fx.err != 0) {
        int rc = s->fx.err;

        for (size_t i = 0; i < s->fx.n && rc == 0; i++) {
            rc = carry_out_one(s, &s->fx.v[i]);
        }
        wf_effects_clear(&s->fx);
        if (rc != 0) {
            uplink_disconnect(s->uplink);
            wf_joiner_down(&s->join, wf_now_us(), wf_err_sentence(rc), &s->fx);
        }
    }
    if (s->join.state == WF_JOIN_RUNNING) {
        wf_timer_start_at(s->timer, wf_joiner_due_us(&s->join));
    } else {
        wf_loop_stop(&s->loop);
    }
}

static void on_up(void *arg)
{
    struct shell *s = arg;

    wf_joiner_up(&s->join, wf_now_us(), &s->fx);
    carry_out(s);
}

static void on_down(void *arg, int why)
{
    struct shell *s = arg;
    const char *where = s->e->token->endpoints[s->join.link.endpoint];
    char line[WF_ERR_TEXT];

    if (why == WEFT_EUNREACH) {
        (void) snprintf(line, sizeof line, "cannot reach %s: is weft-broker running?",
                        where);
    } else if (why == WEFT_EPROTO) {
        (void) snprintf(line, sizeof line,
                        "%s answers, but not as the broker that made this token", where);
    } else {
        (void) snprintf(line, sizeof line, "the connection to %s broke", where);
    }
    wf_joiner_down(&s->join, wf_now_us(), line, &s->fx);
    carry_out(s);
}

static void on_refused(void *arg)
{
    struct shell *s = arg;

    wf_joiner_refused(&s->join, wf_now_us(), &s->fx);
    carry_out(s);
}

static void on_frame(void *arg, const uint8_t *bytes, size_t len)
{
    struct shell *s = arg;
    struct wf_cursor cur;
    struct wf_msg msg;

    wf_cur_init(&cur, bytes, len);
    while (wf_cur_left(&cur) != 0) {
        int rc = wf_msg_decode(&cur, &msg);

        if (rc == WEFT_EPROTO) {
            uplink_disconnect(s->uplink);
            wf_joiner_down(&s->join, wf_now_us(), "the broker sent garbage", &s->fx);
            break;
        }
        if (rc == 0) {
            wf_joiner_msg(&s->join, wf_now_us(), &msg, &s->fx);
        }
    }
    carry_out(s);
}

static void on_time(void *arg)
{
    struct shell *s = arg;

    wf_joiner_tick(&s->join, wf_now_us(), &s->fx);
    carry_out(s);
}

static int init_join(struct shell *s, struct wf_err *err)
{
    const struct enrol *e = s->e;
    struct wf_join_config cfg = {.role = e->token->role,
                                 .nendpoints = e->token->nendpoints};

    memcpy(cfg.key.b, e->key, sizeof cfg.key.b);
    keys_random(&cfg.epoch, sizeof cfg.epoch);
    keys_random(&cfg.seed, sizeof cfg.seed);
    if (wf_str_copy(cfg.name, sizeof cfg.name, e->name != NULL ? e->name : "") != 0 ||
        wf_str_copy(cfg.software, sizeof cfg.software, e->software) != 0) {
        return wf_err_set(err, WEFT_EINVAL, "the name is too long");
    }
    wf_joiner_init(&s->join, &cfg);
    return 0;
}

static int init_io(struct shell *s, struct wf_err *err)
{
    static const struct uplink_cbs cbs = {on_up, on_down, on_refused, on_frame, NULL};
    struct uplink_opts opts = {.sock = {.linger_ms = LINGER_MS}, .dial_ms = DIAL_MS};
    struct wf_key pub;
    struct keys keys;
    int rc;

    wf_token_keypair(s->e->token->seed, &pub, keys.sec);
    memcpy(keys.pub, pub.b, sizeof keys.pub);
    opts.keys = &keys;
    rc = zctx_new(0, &s->zctx);
    if (rc == 0) {
        rc = uplink_new(&s->loop, s->zctx, &opts, &cbs, s, &s->uplink, err);
    }
    keys_wipe(&keys, sizeof keys);
    return rc == 0 ? wf_timer_new(&s->loop, on_time, s, &s->timer) : rc;
}

static void run(struct shell *s)
{
    uint64_t now_us = wf_now_us();

    wf_joiner_start(&s->join, now_us, now_us + s->e->timeout_ms * 1000, &s->fx);
    carry_out(s);
    while (s->join.state == WF_JOIN_RUNNING) {
        wf_loop_run(&s->loop);
    }
}

int enrol_run(const struct enrol *e, struct wf_join_result *ret_result,
              struct wf_err *err)
{
    struct shell s = {.e = e};
    int rc = init_join(&s, err);

    if (rc != 0) {
        return rc;
    }
    rc = wf_loop_init(&s.loop, err);
    if (rc != 0) {
        return rc;
    }
    wf_effects_init(&s.fx);
    rc = init_io(&s, err);
    if (rc == 0) {
        run(&s);
        if (s.join.state == WF_JOIN_DONE) {
            *ret_result = s.join.result;
        } else {
            rc = wf_err_set(err, s.join.err.code, "%s", s.join.err.text);
        }
    }
    uplink_free(s.uplink);
    wf_timer_free(s.timer);
    wf_loop_fini(&s.loop);
    zctx_free(&s.zctx);
    wf_effects_fini(&s.fx);
    return rc;
}

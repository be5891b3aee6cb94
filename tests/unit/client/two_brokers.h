/* two_brokers.h - a client core between two brokers, with the answers of either */
#ifndef TESTS_UNIT_CLIENT_TWO_BROKERS_H
#define TESTS_UNIT_CLIENT_TWO_BROKERS_H

#include "proto/words.h"
#include "tests/unit/client/session.h"

/* Which broker speaks. */
struct who {
    unsigned way;
    uint64_t store, shared;
};

WF_UNUSED static const struct who A = {0, 11, 0}, B = {1, 12, 0}; /* a store each */
WF_UNUSED static const struct who N = {0, 21, 5}, S = {1, 22, 5}; /* one store */

static inline void greet(struct session *s, const struct who *w)
{
    const struct wf_welcome m = {.proto = 1,
                                 .heartbeat_ms = 60000,
                                 .lease_ms = 180000,
                                 .max_payload = 500,
                                 .store = w->store,
                                 .shared = w->shared,
                                 .role = 2};

    must(s->calls.link.endpoint == w->way);
    wf_effects_clear(&s->out);
    wf_calls_up(&s->calls, s->now_us, &s->out);
    session_tell(s, WF_MSG_welcome, &m);
    must(wf_calls_ready(&s->calls));
}

static inline void open_two(struct session *s, const struct who *w)
{
    struct wf_calls_config cfg = session_config();
    struct wf_broker_table t = {0};

    for (unsigned i = 0; i < 2; i++) {
        struct wf_key k;

        memset(k.b, (int) i + 1, sizeof k.b);
        must(wf_brokers_give(&t, &k, i == 0 ? "tcp://a:1" : "tcp://b:1") == 0);
    }
    cfg.link.brokers = &t;
    session_init(s, &cfg);
    wf_calls_start(&s->calls, s->now_us, &s->out);
    greet(s, w);
}

/* The connection breaks, and the other broker is there. */
static inline void fall_over(struct session *s, const struct who *w)
{
    wf_calls_down(&s->calls, s->now_us, &s->out);
    s->now_us = s->calls.link.due_us;
    wf_calls_tick(&s->calls, s->now_us, &s->out);
    greet(s, w);
}

static inline void submit(struct session *s, struct wf_call *call, uint8_t x)
{
    const struct wf_submit job = session_job(x, "data");

    wf_call_init(call);
    wf_effects_clear(&s->out);
    must(wf_calls_submit(&s->calls, s->now_us, call, &job, &s->out) == 0);
}

static inline void accept_as(struct session *s, uint8_t x, unsigned class_)
{
    const struct wf_accepted a = {.job = session_id(x), .class_ = class_};

    wf_effects_clear(&s->out);
    session_tell(s, WF_MSG_accepted, &a);
}

static inline void accept(struct session *s, uint8_t x)
{
    accept_as(s, x, WF_CLASS_DURABLE);
}

static inline void outcome(struct session *s, uint8_t x)
{
    const struct wf_outcome o = {.job = session_id(x), .state = WF_JOB_OK};

    wf_effects_clear(&s->out);
    session_tell(s, WF_MSG_outcome, &o);
}

static inline void no_news(struct session *s)
{
    struct wf_call *call;

    while ((call = wf_calls_news(&s->calls)) != NULL) {
        call->news = 0;
    }
}

/* Until it moves back, or for ten minutes. */
static inline unsigned live(struct session *s)
{
    uint64_t until = s->now_us + UINT64_C(600000000);
    unsigned way = s->calls.link.endpoint;

    while (s->now_us < until && s->calls.link.endpoint == way) {
        const struct wf_ping p = {.seq = 1};

        s->now_us = wf_max_u64(s->now_us, wf_calls_due_us(&s->calls));
        wf_calls_tick(&s->calls, s->now_us, &s->out);
        session_tell(s, WF_MSG_ping, &p);
        if (s->calls.link.trying != WF_BROKERS_NONE) {
            s->now_us += 2000;
            wf_calls_tried(&s->calls, s->now_us, 1, &s->out);
        }
    }
    return s->calls.link.endpoint;
}

/* It has ended; another one may be asked in its place. */
static inline void let_go(struct session *s, struct wf_call *call)
{
    no_news(s);
    wf_call_fini(call);
}

#endif

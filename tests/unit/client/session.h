/* session.h - a client core with a broker's answers put into its mouth
 *
 * Steps are taken with messages made here; what the core sends is decoded and looked at.
 */
#ifndef TESTS_UNIT_CLIENT_SESSION_H
#define TESTS_UNIT_CLIENT_SESSION_H

#include "client/core/calls.h"
#include "common/err.h"
#include "tests/lib/tap.h"

struct session {
    struct wf_calls calls;
    struct wf_effects out;
    uint64_t now_us;
    uint64_t max_payload; /* told in welcome */
};

/* The link's limits of a test: small tables. */
static inline struct wf_calls_config session_config(void)
{
    struct wf_calls_config cfg;

    wf_calls_config_init(&cfg);
    cfg.link.role = 2;
    cfg.link.nendpoints = 1;
    cfg.link.epoch = 7;
    cfg.link.seed = 1;
    cfg.max_calls = 16;
    cfg.max_pending = 8;
    cfg.max_bytes = 1000;
    cfg.max_requests = 4;
    return cfg;
}

/* Let the core take one message, through its bytes. */
static inline void session_tell(struct session *s, enum wf_type type, const void *body)
{
    struct wf_buf bytes = WF_BUF_INIT(2u << 20);
    struct wf_cursor cur;
    struct wf_msg msg;

    must(wf_msg_encode(&bytes, type, body) == 0);
    wf_cur_init(&cur, bytes.p, bytes.len);
    must(wf_msg_decode(&cur, &msg) == 0);
    wf_calls_msg(&s->calls, s->now_us, &msg, wf_slice_make(bytes.p, bytes.len), &s->out);
    wf_buf_fini(&bytes);
}

/* From wherever the link is to an open session. */
static inline void session_open(struct session *s)
{
    const struct wf_welcome w = {.proto = 1,
                                 .broker = wf_slice_of("b"),
                                 .heartbeat_ms = 60000,
                                 .lease_ms = 180000,
                                 .max_payload = s->max_payload,
                                 .role = 2};

    if (s->calls.link.state == WF_LINK_IDLE) {
        wf_calls_start(&s->calls, s->now_us, &s->out);
    }
    if (s->calls.link.state == WF_LINK_WAITING) {
        s->now_us = s->calls.link.due_us;
        wf_calls_tick(&s->calls, s->now_us, &s->out);
    }
    wf_calls_up(&s->calls, s->now_us, &s->out);
    wf_effects_clear(&s->out);
    session_tell(s, WF_MSG_welcome, &w);
    must(wf_calls_ready(&s->calls));
}

static inline void session_init(struct session *s, const struct wf_calls_config *cfg)
{
    s->now_us = 1000000;
    s->max_payload = 500;
    wf_effects_init(&s->out);
    must(wf_calls_init(&s->calls, cfg) == 0);
}

static inline void session_fini(struct session *s)
{
    wf_calls_fini(&s->calls);
    wf_effects_fini(&s->out);
}

/* The i-th message of a type that was sent since the last clear: 1 and decoded, or 0. */
static inline int session_sent(const struct session *s, enum wf_type type, size_t i,
                               struct wf_msg *ret_msg)
{
    for (size_t k = 0; k < s->out.n; k++) {
        const struct wf_effect *x = &s->out.v[k];
        struct wf_cursor cur;

        if (x->kind != WF_EFFECT_SEND) {
            continue;
        }
        wf_cur_init(&cur, wf_effect_bytes(&s->out, x), x->len);
        must(wf_msg_decode(&cur, ret_msg) == 0);
        if (ret_msg->type == type && i-- == 0) {
            return 1;
        }
    }
    return 0;
}

static inline size_t session_count(const struct session *s, enum wf_type type)
{
    struct wf_msg msg;
    size_t n = 0;

    while (session_sent(s, type, n, &msg)) {
        n++;
    }
    return n;
}

/* Take the news there is: of `call` alone, or 0. */
static inline unsigned session_news(struct session *s, struct wf_call *call)
{
    struct wf_call *with = wf_calls_news(&s->calls);
    unsigned news;

    if (with == NULL) {
        return 0;
    }
    must(with == call);
    news = call->news;
    call->news = 0;
    must(wf_calls_news(&s->calls) == NULL);
    return news;
}

static inline struct wf_id session_id(uint8_t x)
{
    struct wf_id id = {{0}};

    id.b[0] = x;
    id.b[15] = 1;
    return id;
}

static inline struct wf_submit session_job(uint8_t x, const char *payload)
{
    return (struct wf_submit){.job = session_id(x),
                              .capability = wf_slice_of("echo"),
                              .version = 1,
                              .payload = wf_slice_of(payload),
                              .priority = 4};
}

#endif

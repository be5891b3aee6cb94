#include "proto/join.h"

#include "proto/words.h"
#include "tests/lib/tap.h"

#define SECOND UINT64_C(1000000)

struct bed {
    struct wf_joiner j;
    struct wf_effects fx;
    uint64_t now;
};

/* Started, with 30 s to go. */
static void init(struct bed *b)
{
    const struct wf_join_config cfg = {.key = {{7}},
                                       .role = WF_ROLE_AGENT,
                                       .nendpoints = 2,
                                       .name = "edge-1",
                                       .software = "weft test",
                                       .epoch = 42,
                                       .seed = 1};

    *b = (struct bed){.now = 100 * SECOND};
    wf_effects_init(&b->fx);
    wf_joiner_init(&b->j, &cfg);
    wf_joiner_start(&b->j, b->now, b->now + 30 * SECOND, &b->fx);
}

static void offer(struct bed *b, const struct wf_msg *msg)
{
    wf_effects_clear(&b->fx);
    wf_joiner_msg(&b->j, b->now, msg, &b->fx);
}

/* Up to the open session. */
static void open_session(struct bed *b)
{
    const struct wf_msg welcome = {
        .type = WF_MSG_welcome,
        .u.welcome = {.proto = 1, .heartbeat_ms = 1000, .lease_ms = 4000}};

    init(b);
    wf_joiner_up(&b->j, b->now, &b->fx);
    offer(b, &welcome);
}

/* Is effect `i` a join with our key and name? */
static int asks(const struct bed *b, size_t i)
{
    struct wf_cursor c;
    struct wf_msg m;

    if (i >= b->fx.n || b->fx.v[i].kind != WF_EFFECT_SEND) {
        return 0;
    }
    wf_cur_init(&c, wf_effect_bytes(&b->fx, &b->fx.v[i]), b->fx.v[i].len);
    return wf_msg_decode(&c, &m) == 0 && m.type == WF_MSG_join &&
           m.u.join.key.b[0] == 7 && wf_slice_is(m.u.join.name, "edge-1") &&
           m.u.join.role == WF_ROLE_AGENT;
}

static int hangs_up(const struct bed *b)
{
    for (size_t i = 0; i < b->fx.n; i++) {
        if (b->fx.v[i].kind == WF_EFFECT_DISCONNECT) {
            return 1;
        }
    }
    return 0;
}

static void test_joined(void)
{
    const struct wf_msg joined = {.type = WF_MSG_joined,
                                  .u.joined = {.name = wf_slice_of("edge-9"),
                                               .role = WF_ROLE_AGENT,
                                               .site = wf_slice_of("lyon"),
                                               .tier = WF_TIER_EDGE,
                                               .broker = wf_slice_of("b1")}};
    struct bed b;

    init(&b);
    ok(b.fx.n == 1 && b.fx.v[0].kind == WF_EFFECT_CONNECT, "it dials");
    wf_effects_fini(&b.fx);
    open_session(&b);
    ok(asks(&b, b.fx.n - 1), "in an open session it asks to join");
    offer(&b, &joined);
    is_int(b.j.state, WF_JOIN_DONE, "joined ends it");
    ok(strcmp(b.j.result.name, "edge-9") == 0 && strcmp(b.j.result.site, "lyon") == 0 &&
           strcmp(b.j.result.broker, "b1") == 0 && b.j.result.role == WF_ROLE_AGENT &&
           b.j.result.tier == WF_TIER_EDGE,
       "with what the broker made of it");
    ok(hangs_up(&b), "it hangs up");
    ok(wf_joiner_due_us(&b.j) == UINT64_MAX, "and wants no tick");
    offer(&b, &joined);
    ok(b.j.state == WF_JOIN_DONE && b.fx.n == 0, "what comes later is dropped");
    wf_effects_fini(&b.fx);
}

static void fails_with(const struct wf_msg *msg, int code, const char *text)
{
    struct bed b;

    open_session(&b);
    offer(&b, msg);
    is_int(b.j.state, WF_JOIN_FAILED, text);
    is_int(b.j.err.code, code, "its code");
    is_str(b.j.err.text, text, "its words");
    ok(hangs_up(&b), "it hangs up");
    wf_effects_fini(&b.fx);
}

static void test_refused_by_broker(void)
{
    struct wf_msg bye = {.type = WF_MSG_bye}, err = {.type = WF_MSG_error};
    struct bed b;

    bye.u.bye.code = (uint64_t) -WEFT_ETOKENUSED;
    bye.u.bye.text = wf_slice_of("used before");
    fails_with(&bye, WEFT_ETOKENUSED, "used before");
    err.u.error.code = (uint64_t) -WEFT_EPERM;
    err.u.error.text = wf_slice_of("not you");
    fails_with(&err, WEFT_EPERM, "not you");
    err.u.error.code = 0;
    err.u.error.text = wf_slice_of("");
    fails_with(&err, WEFT_EPROTO, wf_err_sentence(WEFT_EPROTO));

    init(&b);
    wf_joiner_refused(&b.j, b.now, &b.fx);
    is_int(b.j.state, WF_JOIN_FAILED, "a token whose key is not let in is final");
    is_int(b.j.err.code, WEFT_EAUTH, "its code");
    wf_effects_fini(&b.fx);
}

static void test_keeps_trying(void)
{
    struct bed b;
    unsigned dials = 0;

    init(&b);
    while (b.j.state == WF_JOIN_RUNNING && dials < 1000) {
        wf_joiner_down(&b.j, b.now, "nobody listens there", &b.fx);
        wf_effects_clear(&b.fx);
        b.now = wf_joiner_due_us(&b.j);
        wf_joiner_tick(&b.j, b.now, &b.fx);
        dials += b.fx.n > 0 && b.fx.v[0].kind == WF_EFFECT_CONNECT;
    }
    ok(dials > 5 && dials < 1000, "a broker that does not answer is dialled again");
    is_int(b.j.state, WF_JOIN_FAILED, "until the time is over");
    ok(b.now == 130 * SECOND, "and not longer");
    is_int(b.j.err.code, WEFT_EUNREACH, "the reason is kept");
    is_str(b.j.err.text, "nobody listens there", "in the words of the last try");
    wf_effects_fini(&b.fx);
}

int main(void)
{
    test_joined();
    test_refused_by_broker();
    test_keeps_trying();
    return done();
}

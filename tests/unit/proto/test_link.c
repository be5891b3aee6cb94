#include "tests/unit/proto/link_bed.h"

/* Bring a fresh link to the given state. */
static void reach(struct bed *b, unsigned state)
{
    init(b);
    if (state != WF_LINK_IDLE) {
        wf_link_start(&b->l, b->now, &b->fx);
    }
    if (state == WF_LINK_GREETING || state == WF_LINK_READY) {
        wf_link_up(&b->l, b->now, &b->fx);
    }
    if (state == WF_LINK_READY) {
        must(welcome(b) == WF_LINK_OPENED);
    }
    if (state == WF_LINK_WAITING) {
        wf_link_down(&b->l, b->now, &b->fx);
    }
    must(b->l.state == state);
    wf_effects_clear(&b->fx);
}

static void test_opening(void)
{
    struct bed b;
    struct wf_msg m;

    init(&b);
    is_int(b.l.state, WF_LINK_IDLE, "a new link is idle");
    ok(b.l.due_us == UINT64_MAX, "and wants no tick");
    tick(&b, SECOND);
    is_int(b.fx.n, 0, "a tick does nothing");
    wf_link_start(&b.l, b.now, &b.fx);
    is_int(b.l.state, WF_LINK_DIALLING, "started it dials");
    ok(asked(&b, 0, WF_EFFECT_CONNECT, 0) && b.fx.n == 1, "its first endpoint");
    is_int(b.l.due_us, b.now + 5 * SECOND, "and waits so long");
    wf_effects_clear(&b.fx);
    wf_link_up(&b.l, b.now, &b.fx);
    is_int(b.l.state, WF_LINK_GREETING, "connected it greets");
    ok(sent(&b, 0, WF_MSG_hello, &m) && m.u.hello.role == WF_ROLE_AGENT &&
           m.u.hello.epoch == 42 && m.u.hello.proto_min == WF_PROTO_MIN &&
           m.u.hello.proto_max == WF_PROTO_MAX &&
           wf_slice_is(m.u.hello.software, "weft test"),
       "with hello");
    is_int(welcome(&b), WF_LINK_OPENED, "welcome opens it");
    is_int(b.l.state, WF_LINK_READY, "it is ready");
    ok(strcmp(b.l.welcome.broker, "b1") == 0 && strcmp(b.l.welcome.site, "lyon") == 0 &&
           strcmp(b.l.welcome.name, "edge-1") == 0 && b.l.welcome.epoch == 7 &&
           b.l.welcome.role == WF_ROLE_AGENT && b.l.welcome.tier == WF_TIER_EDGE &&
           b.l.welcome.max_payload == 65536,
       "and knows what the broker said");
    ok(sent(&b, 0, WF_MSG_ping, &m) && m.u.ping.seq == 1 && m.u.ping.rtt_us == 0,
       "it measures at once");
    is_int(welcome(&b), WF_LINK_HANDLED, "a second welcome changes nothing");
    wf_effects_fini(&b.fx);
}

/* Each state with each event: where it leads. */
static void test_moves(void)
{
    enum { START, STOP, UP, DOWN, REFUSED, EVENTS };
    static const char *const names[] = {"start", "stop", "up", "down", "refused"};
    static const unsigned leads[WF_LINK_STATES][EVENTS] = {
        [WF_LINK_IDLE] = {WF_LINK_DIALLING, WF_LINK_IDLE, WF_LINK_IDLE, WF_LINK_IDLE,
                          WF_LINK_IDLE},
        [WF_LINK_DIALLING] = {WF_LINK_DIALLING, WF_LINK_IDLE, WF_LINK_GREETING,
                              WF_LINK_WAITING, WF_LINK_WAITING},
        [WF_LINK_GREETING] = {WF_LINK_GREETING, WF_LINK_IDLE, WF_LINK_GREETING,
                              WF_LINK_WAITING, WF_LINK_WAITING},
        [WF_LINK_READY] = {WF_LINK_READY, WF_LINK_IDLE, WF_LINK_READY, WF_LINK_WAITING,
                           WF_LINK_WAITING},
        [WF_LINK_WAITING] = {WF_LINK_WAITING, WF_LINK_IDLE, WF_LINK_WAITING,
                             WF_LINK_WAITING, WF_LINK_WAITING},
    };

    for (unsigned s = 0; s < WF_LINK_STATES; s++) {
        for (unsigned e = 0; e < EVENTS; e++) {
            struct bed b;

            reach(&b, s);
            switch (e) {
            case START:
                wf_link_start(&b.l, b.now, &b.fx);
                break;
            case STOP:
                wf_link_stop(&b.l, &b.fx);
                break;
            case UP:
                wf_link_up(&b.l, b.now, &b.fx);
                break;
            case DOWN:
                wf_link_down(&b.l, b.now, &b.fx);
                break;
            default:
                wf_link_refused(&b.l, b.now, &b.fx);
                break;
            }
            ok(b.l.state == leads[s][e], "state %u, %s: state %u", s, names[e],
               leads[s][e]);
            wf_effects_fini(&b.fx);
        }
    }
}

static void test_stop(void)
{
    struct bed b;
    struct wf_msg m;

    reach(&b, WF_LINK_READY);
    wf_link_stop(&b.l, &b.fx);
    ok(sent(&b, 0, WF_MSG_bye, &m) && m.u.bye.code == 0, "a ready link says bye");
    ok(asked(&b, 1, WF_EFFECT_DISCONNECT, 0), "and hangs up");
    ok(b.l.due_us == UINT64_MAX, "and wants no tick");
    wf_effects_fini(&b.fx);
    reach(&b, WF_LINK_WAITING);
    wf_link_stop(&b.l, &b.fx);
    is_int(b.fx.n, 0, "a waiting one has nothing to hang up");
    wf_effects_fini(&b.fx);
}

static void test_heartbeat(void)
{
    const struct wf_msg ping = {.type = WF_MSG_ping, .u.ping = {.seq = 9, .time_us = 77}};
    struct wf_msg pong = {.type = WF_MSG_pong}, m;
    struct bed b;

    reach(&b, WF_LINK_READY);
    is_int(offer(&b, &ping), WF_LINK_HANDLED, "a ping is the link's");
    ok(sent(&b, 0, WF_MSG_pong, &m) && m.u.pong.seq == 9 && m.u.pong.time_us == 77,
       "and is answered");

    for (uint64_t seq = 1; seq <= 4; seq++) {
        pong.u.pong = (struct wf_pong){.seq = seq, .time_us = b.now};
        b.now += 800;
        is_int(offer(&b, &pong), WF_LINK_HANDLED, "a pong too");
        is_int(b.l.last_rtt_us, 800, "it gives the round trip");
        if (seq < 4) {
            ok(sent(&b, 0, WF_MSG_ping, &m) && m.u.ping.seq == seq + 1 &&
                   m.u.ping.rtt_us == 800,
               "a new session is measured at once, ping %u", (unsigned) seq + 1);
        } else {
            is_int(b.fx.n, 0, "but not for ever");
        }
    }
    is_int(wf_ewma_mean(&b.l.rtt_us), 800, "the average starts");

    pong.u.pong.seq = 99;
    b.now += 900;
    (void) offer(&b, &pong);
    is_int(b.l.last_rtt_us, 800, "a pong to no ping counts nothing");
    pong.u.pong = (struct wf_pong){.seq = 4, .time_us = b.now + SECOND};
    (void) offer(&b, &pong);
    is_int(b.l.last_rtt_us, 800, "nor does one from the future");
    pong.u.pong.time_us = b.now - 11 * SECOND;
    (void) offer(&b, &pong);
    is_int(b.l.last_rtt_us, 800, "nor one that took too long to be true");

    tick(&b, 0);
    tick(&b, b.l.due_us - b.now);
    ok(sent(&b, 0, WF_MSG_ping, &m) && m.u.ping.seq == 5 && m.u.ping.rtt_us == 800 &&
           m.u.ping.time_us == b.now,
       "the next ping tells the round trip");
    is_int(b.l.due_us, b.now + SECOND, "the one after it comes a heartbeat later");
    tick(&b, SECOND);
    ok(sent(&b, 0, WF_MSG_ping, &m) && m.u.ping.rtt_us == 0,
       "and tells no round trip twice");
    tick(&b, SECOND / 2);
    is_int(b.fx.n, 0, "none comes before");
    wf_effects_fini(&b.fx);
}

/* Sixteen jobs more are news, and are told with all that goes with them. */
static void test_load(void)
{
    struct wf_msg pong = {.type = WF_MSG_pong}, m;
    struct bed b;

    reach(&b, WF_LINK_READY);
    b.l.load = (struct wf_link_load){7, 15, 900, 20, 16};
    wf_link_loaded(&b.l);
    is_int(b.l.due_us, b.now + SECOND, "a small change waits for the heartbeat");
    b.l.load.jobs++;
    wf_link_loaded(&b.l);
    is_int(b.l.due_us, b.now + SECOND / 10, "a large one is told soon");
    tick(&b, SECOND / 10 - 1);
    is_int(b.fx.n, 0, "but not at once after another ping");
    tick(&b, 1);
    ok(sent(&b, 0, WF_MSG_ping, &m) && m.u.ping.covered == 7 && m.u.ping.jobs == 16 &&
           m.u.ping.work_us == 900 && m.u.ping.arrived == 20,
       "all of it");
    is_int(b.l.due_us, b.now + SECOND, "then the heartbeat is enough again");
    b.l.load.jobs = 0;
    wf_link_loaded(&b.l);
    is_int(b.l.due_us, b.now + SECOND / 10, "fewer are news as well");
    b.l.load.jobs = 1;
    wf_link_loaded(&b.l);
    is_int(b.l.due_us, b.now + SECOND, "what was undone meanwhile is not");
    pong.u.pong = (struct wf_pong){.seq = 1, .time_us = b.now};
    (void) offer(&b, &pong);
    ok(sent(&b, 0, WF_MSG_ping, &m) && m.u.ping.jobs == 1 && m.u.ping.covered == 7,
       "pings that measure tell it, too");
    pong.u.pong = (struct wf_pong){.seq = b.l.ping_seq, .time_us = b.now};
    b.l.quick_pings = 0;
    b.now += 700;
    (void) offer(&b, &pong);
    wf_link_down(&b.l, b.now, &b.fx);
    b.l.load.jobs = 100;
    wf_link_loaded(&b.l);
    ok(b.l.due_us < b.now + SECOND / 5 + 1, "while waiting it changes nothing");
    tick(&b, SECOND);
    wf_link_up(&b.l, b.now, &b.fx);
    must(welcome(&b) == WF_LINK_OPENED);
    ok(sent(&b, 0, WF_MSG_ping, &m) && m.u.ping.covered == 0 && m.u.ping.jobs == 100,
       "a new session begins with what is held, and covers no assignment yet");
    ok(b.l.last_rtt_us == 700 && m.u.ping.rtt_us == 0,
       "a round trip of the one before is not this one's");
    wf_effects_fini(&b.fx);
}

/* With ten pings a second over a link of 300 ms several are under way. */
static void test_far(void)
{
    struct wf_msg pong = {.type = WF_MSG_pong};
    struct bed b;

    reach(&b, WF_LINK_READY);
    b.l.load.step = 1;
    for (unsigned i = 0; i < 3; i++) {
        b.l.load.jobs ^= 1;
        wf_link_loaded(&b.l);
        tick(&b, SECOND / 10);
        must(b.fx.n == 1);
    }
    pong.u.pong = (struct wf_pong){.seq = 1, .time_us = b.now - 3 * SECOND / 10};
    (void) offer(&b, &pong);
    is_int(b.l.last_rtt_us, 3 * SECOND / 10, "the answer to an older ping counts");
    pong.u.pong.time_us = b.now;
    (void) offer(&b, &pong);
    is_int(b.l.last_rtt_us, 3 * SECOND / 10, "once");
    wf_effects_fini(&b.fx);
}

static void test_silence(void)
{
    struct bed b;
    unsigned pings = 0;

    reach(&b, WF_LINK_READY);
    while (b.l.state == WF_LINK_READY && pings < 100) {
        tick(&b, b.l.due_us - b.now);
        pings += asked(&b, 0, WF_EFFECT_SEND, WF_MSG_ping);
    }
    is_int(b.l.state, WF_LINK_WAITING, "a silent broker is given up");
    is_int(pings, 3, "after the pings of a lease");
    is_int(b.now, 1004 * SECOND, "when the lease ends");
    ok(asked(&b, 0, WF_EFFECT_DISCONNECT, 0), "by hanging up");
    is_int(b.l.error, WEFT_EUNREACH, "the reason is kept");
    wf_effects_fini(&b.fx);

    init(&b);
    wf_link_start(&b.l, b.now, &b.fx);
    tick(&b, 5 * SECOND - 1);
    is_int(b.l.state, WF_LINK_DIALLING, "a connection may take its time");
    tick(&b, 1);
    is_int(b.l.state, WF_LINK_WAITING, "but not longer");
    wf_effects_fini(&b.fx);

    reach(&b, WF_LINK_GREETING);
    tick(&b, 5 * SECOND);
    is_int(b.l.state, WF_LINK_WAITING, "nor may the welcome");
    wf_effects_fini(&b.fx);
}

static void test_redial(void)
{
    struct bed b;
    uint64_t longest = 0, shortest = UINT64_MAX;
    unsigned bad = 0;

    init(&b);
    wf_link_start(&b.l, b.now, &b.fx);
    for (unsigned i = 1; i < 200; i++) {
        uint64_t wait;

        wf_link_down(&b.l, b.now, &b.fx);
        wait = b.l.due_us - b.now;
        longest = wf_max_u64(longest, wait);
        shortest = wf_min_u64(shortest, wait);
        tick(&b, wait - 1);
        bad += b.fx.n != 0;
        tick(&b, 1);
        bad += b.l.state != WF_LINK_DIALLING || !asked(&b, 0, WF_EFFECT_CONNECT, 0);
    }
    ok(bad == 0, "it dials again when due and not before");
    ok(shortest >= SECOND / 10 && longest <= 3 * SECOND && longest > 2 * SECOND,
       "between the shortest and the longest delay");

    wf_link_up(&b.l, b.now, &b.fx);
    must(welcome(&b) == WF_LINK_OPENED);
    wf_link_down(&b.l, b.now, &b.fx);
    ok(b.l.due_us - b.now <= SECOND / 5, "after a success it begins with the shortest");
    wf_effects_fini(&b.fx);
}

static void test_spurious_news(void)
{
    struct bed b;
    uint64_t due;

    reach(&b, WF_LINK_WAITING);
    due = b.l.due_us;
    for (unsigned i = 0; i < 20; i++) {
        wf_link_down(&b.l, b.now, &b.fx);
        wf_link_refused(&b.l, b.now, &b.fx);
    }
    ok(b.l.due_us == due && b.fx.n == 0, "bad news while waiting changes nothing");
    tick(&b, due - b.now);
    wf_link_down(&b.l, b.now, &b.fx);
    ok(b.l.due_us - b.now <= 4 * SECOND / 10, "nor does it make the back-off grow");
    wf_effects_fini(&b.fx);
}

static void test_refused(void)
{
    struct bed b;

    reach(&b, WF_LINK_DIALLING);
    wf_link_refused(&b.l, b.now, &b.fx);
    is_int(b.l.state, WF_LINK_WAITING, "a refused key waits");
    is_int(b.l.error, WEFT_EAUTH, "the reason is kept");
    ok(b.l.error_text[0] != '\0', "with words");
    ok(b.l.due_us - b.now >= 2 * SECOND, "it waits longer than after other failures");
    ok(asked(&b, 0, WF_EFFECT_DISCONNECT, 0),
       "and hangs up, or nothing would dial again");
    wf_effects_fini(&b.fx);
}

static void ends_with(unsigned state, struct wf_msg msg, int code, const char *text,
                      const char *what)
{
    struct bed b;

    reach(&b, state);
    is_int(offer(&b, &msg), WF_LINK_HANDLED, what);
    is_int(b.l.state, WF_LINK_WAITING, "ends the session");
    is_int(b.l.error, code, "the code is kept");
    is_str(b.l.error_text, text, "with the words");
    ok(asked(&b, 0, WF_EFFECT_DISCONNECT, 0), "it hangs up");
    wf_effects_fini(&b.fx);
}

static void test_ended_by_broker(void)
{
    struct wf_msg bye = {.type = WF_MSG_bye}, err = {.type = WF_MSG_error},
                  old = {.type = WF_MSG_welcome};
    struct bed b;

    ends_with(WF_LINK_READY, bye, WEFT_EUNREACH, wf_err_sentence(WEFT_EUNREACH),
              "bye without a word");
    bye.u.bye.code = (uint64_t) -WEFT_EREVOKED;
    bye.u.bye.text = wf_slice_of("revoked by ana");
    ends_with(WF_LINK_READY, bye, WEFT_EREVOKED, "revoked by ana", "bye with a reason");
    ends_with(WF_LINK_GREETING, bye, WEFT_EREVOKED, "revoked by ana", "bye as answer");
    err.u.error.code = (uint64_t) -WEFT_EVERSION;
    ends_with(WF_LINK_GREETING, err, WEFT_EVERSION, wf_err_sentence(WEFT_EVERSION),
              "error as answer to hello");
    err.u.error.code = 0;
    ends_with(WF_LINK_GREETING, err, WEFT_EPROTO, wf_err_sentence(WEFT_EPROTO),
              "error without a code");
    old.u.welcome.proto = WF_PROTO_MAX + 1;
    ends_with(WF_LINK_GREETING, old, WEFT_EVERSION,
              "the broker speaks no protocol version that this program knows",
              "welcome of a version that we do not speak");

    reach(&b, WF_LINK_READY);
    is_int(offer(&b, &err), WF_LINK_PASS, "an error in a session is for the owner");
    wf_effects_fini(&b.fx);
}

static void test_what_passes(void)
{
    const struct wf_msg assign = {.type = WF_MSG_assign};

    for (unsigned s = 0; s < WF_LINK_STATES; s++) {
        struct bed b;

        reach(&b, s);
        ok(offer(&b, &assign) == (s == WF_LINK_READY ? WF_LINK_PASS : WF_LINK_HANDLED) &&
               b.l.state == s && b.fx.n == 0,
           "state %u: a message %s", s, s == WF_LINK_READY ? "passes" : "is dropped");
        wf_effects_fini(&b.fx);
    }
}

/* A broker cannot make us ping without end, or hang. */
static void test_absurd_welcome(void)
{
    struct wf_msg w = {.type = WF_MSG_welcome, .u.welcome = {.proto = 1}};
    struct bed b;
    unsigned pings = 0;

    reach(&b, WF_LINK_GREETING);
    is_int(offer(&b, &w), WF_LINK_OPENED, "heartbeat and lease of 0 are taken");
    for (uint64_t ms = 0; ms < 25; ms++) {
        tick(&b, 1000);
        pings += (unsigned) b.fx.n;
    }
    ok(pings <= 2, "as 10 ms, not as never resting");
    wf_effects_fini(&b.fx);

    w.u.welcome.heartbeat_ms = w.u.welcome.lease_ms = UINT64_MAX;
    reach(&b, WF_LINK_GREETING);
    is_int(offer(&b, &w), WF_LINK_OPENED, "the largest ones are taken");
    ok(b.l.due_us > b.now && b.l.due_us <= b.now + 3600 * SECOND, "as an hour");
    tick(&b, 3 * 3600 * SECOND);
    is_int(b.l.state, WF_LINK_WAITING, "and the lease still ends");
    wf_effects_fini(&b.fx);
}

int main(void)
{
    test_opening();
    test_moves();
    test_stop();
    test_heartbeat();
    test_load();
    test_far();
    test_silence();
    test_redial();
    test_spurious_news();
    test_refused();
    test_ended_by_broker();
    test_what_passes();
    test_absurd_welcome();
    return done();
}

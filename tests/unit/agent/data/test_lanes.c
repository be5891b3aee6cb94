/* lanes: between two agents on one loop, and to a broker's socket. */
#include "agent/data/lanes.h"
#include "common/io/router.h"
#include "common/io/uplink.h"
#include "common/io/zap.h"
#include "proto/transfer/transfer.h"
#include "tests/lib/tap.h"

#define WATCHDOG_US 60000000
#define NONE        UINT32_MAX

/* One agent's lanes, and what they told. */
struct side {
    struct lanes *lanes;
    struct keys keys;
    unsigned ups, downs, msgs, rooms;
    uint32_t lane;    /* that the last event was of */
    uint64_t pending; /* as told last */
    unsigned type;    /* of the last message */
    uint64_t ticket;  /* in it */
    struct wf_key peer;
    int has_peer;
    int refuse; /* so many times, then let in; -1: always */
    uint32_t close_in_msg;
    uint64_t guest_ms;
};

struct bed {
    struct wf_loop loop;
    struct wf_timer *beat;
    struct keys broker;
    struct side a, b; /* b listens */
};

static void beat(void *arg)
{
    struct bed *t = arg;

    wf_timer_start_at(t->beat, wf_now_us() + 50000);
}

#define run_until(t, cond)                                                               \
    do {                                                                                 \
        uint64_t end_us_ = wf_now_us() + WATCHDOG_US;                                    \
        int so_;                                                                         \
        while (!(so_ = (cond)) && wf_now_us() < end_us_) {                               \
            (void) uv_run(&(t)->loop.uv, UV_RUN_ONCE);                                   \
        }                                                                                \
        ok(so_, "%s", #cond);                                                            \
    } while (0)

static void on_event(void *arg, struct node_event *ev)
{
    struct side *s = arg;

    s->lane = ev->lane;
    switch (ev->kind) {
    case NODE_LANE_UP:
        s->ups++;
        break;
    case NODE_LANE_DOWN:
        s->downs++;
        break;
    case NODE_LANE_ROOM:
        s->rooms++;
        s->pending = ev->bytes;
        break;
    default:
        must(ev->kind == NODE_LANE_MSG);
        s->msgs++;
        s->type = ev->msg->type;
        s->ticket = ev->msg->type == WF_MSG_want    ? ev->msg->u.want.ticket
                    : ev->msg->type == WF_MSG_piece ? ev->msg->u.piece.ticket
                                                    : 0;
        s->has_peer = ev->peer != NULL;
        if (ev->peer != NULL) {
            s->peer = *ev->peer;
        }
        if (s->close_in_msg != NONE) {
            lanes_close(s->lanes, s->close_in_msg);
        }
        break;
    }
}

static int lets_in(void *arg, const struct wf_key *key)
{
    struct side *s = arg;

    (void) key;
    if (s->refuse == 0) {
        return 1;
    }
    s->refuse -= s->refuse > 0;
    return 0;
}

static void side_init(struct bed *t, struct side *s, const char *listen)
{
    static const struct lanes_cbs cbs = {on_event, lets_in};
    struct lanes_opts o = {
        .keys = &s->keys, .epoch = 7, .listen = listen, .guest_ms = s->guest_ms};

    s->close_in_msg = NONE;
    keys_make(&s->keys);
    must(lanes_new(&t->loop, &o, &cbs, s, &s->lanes, NULL) == 0);
}

static void bed_init(struct bed *t)
{
    memset(t, 0, sizeof *t);
    must(keys_init() == 0);
    keys_make(&t->broker);
    must(wf_loop_init(&t->loop, NULL) == 0);
    must(wf_timer_new(&t->loop, beat, t, &t->beat) == 0);
    beat(t);
    side_init(t, &t->a, NULL);
    side_init(t, &t->b, "tcp://127.0.0.1:*");
}

static void bed_fini(struct bed *t)
{
    lanes_free(t->a.lanes);
    lanes_free(t->b.lanes);
    wf_timer_free(t->beat);
    wf_loop_fini(&t->loop);
}

/* As the effect LANE_OPEN from a to b. */
static void open_lane(struct bed *t, uint32_t lane)
{
    struct wf_lane_to to = {0};

    memcpy(to.key.b, t->b.keys.pub, sizeof to.key.b);
    (void) snprintf(to.endpoint, sizeof to.endpoint, "%s", lanes_endpoint(t->b.lanes));
    lanes_open(t->a.lanes, lane, &to);
}

static void send_want(struct side *s, uint32_t lane, uint64_t ticket)
{
    struct wf_buf b = WF_BUF_INIT(1024);
    const struct wf_want m = {.ticket = ticket, .count = 1};

    must(wf_msg_encode(&b, WF_MSG_want, &m) == 0);
    lanes_send(s->lanes, lane, b.p, b.len);
    wf_buf_fini(&b);
}

static void send_piece(struct side *s, uint32_t lane, uint64_t ticket)
{
    static const uint8_t data[WF_PIECE_MAX];
    struct wf_buf b = WF_BUF_INIT(WF_FRAME_MAX);
    const struct wf_piece m = {
        .ticket = ticket, .total = sizeof data, .data = wf_slice_make(data, sizeof data)};

    must(wf_msg_encode(&b, WF_MSG_piece, &m) == 0);
    lanes_send(s->lanes, lane, b.p, b.len);
    wf_buf_fini(&b);
}

/* -- between agents ------------------------------------------------------------------
 */

static void test_both_ways(void)
{
    struct bed t;

    bed_init(&t);
    is_str(lanes_endpoint(t.a.lanes), "", "who does not listen has no endpoint");
    ok(strncmp(lanes_endpoint(t.b.lanes), "tcp://127.0.0.1:", 16) == 0, "the other has");
    open_lane(&t, 5);
    run_until(&t, t.a.ups == 1 && t.b.ups == 1);
    is_int(t.a.lane, 5, "up as the core numbered it");
    is_int(t.b.lane, WF_LANE_GIVE, "and as the first of those that came");
    send_want(&t.a, 5, 11);
    run_until(&t, t.b.msgs == 1);
    ok(t.b.type == WF_MSG_want && t.b.ticket == 11, "a want");
    ok(t.b.has_peer && memcmp(t.b.peer.b, t.a.keys.pub, KEY_BYTES) == 0,
       "with the key of who wants");
    for (unsigned i = 0; i < 64; i++) {
        send_piece(&t.b, WF_LANE_GIVE, 100 + i);
    }
    run_until(&t, t.a.msgs == 64 && t.b.pending == 0 && t.b.rooms != 0);
    ok(t.a.type == WF_MSG_piece && t.a.ticket == 163, "64 pieces, in order");
    ok(!t.a.has_peer, "from a lane of our own");
    is_int(t.a.rooms, 0, "who gives nothing on it need not know that there is room");
    is_int(lanes_counts(t.a.lanes).open, 1, "one lane is open");
    is_int(lanes_counts(t.b.lanes).guests, 1, "one guest is there");
    lanes_close(t.a.lanes, 5);
    run_until(&t, t.b.downs == 1);
    is_int(t.a.downs, 0, "who closes knows");
    open_lane(&t, 5);
    run_until(&t, t.a.ups == 2 && t.b.ups == 2);
    is_int(t.b.lane, WF_LANE_GIVE, "its number was free again");
    lanes_close(t.b.lanes, WF_LANE_GIVE);
    run_until(&t, t.a.downs == 1);
    is_int(t.b.downs, 1, "here, too, who closes knows");
    bed_fini(&t);
}

static void test_close_inside(void)
{
    struct bed t;

    bed_init(&t);
    open_lane(&t, 1);
    run_until(&t, t.a.ups == 1);
    t.b.close_in_msg = WF_LANE_GIVE;
    send_want(&t.a, 1, 1);
    send_want(&t.a, 1, 2);
    run_until(&t, t.a.downs == 1);
    is_int(t.b.msgs, 1, "what came in the same frame is not heard");
    open_lane(&t, 1);
    run_until(&t, t.a.ups == 2);
    t.b.close_in_msg = NONE;
    t.a.close_in_msg = 1;
    send_want(&t.a, 1, 3);
    run_until(&t, t.b.msgs == 2);
    send_piece(&t.b, WF_LANE_GIVE, 1);
    send_piece(&t.b, WF_LANE_GIVE, 2);
    run_until(&t, t.b.downs == 1);
    is_int(t.a.msgs, 1, "nor on a lane of our own");
    bed_fini(&t);
}

static void test_tickets(void)
{
    struct bed t;

    bed_init(&t);
    t.b.refuse = 2;
    open_lane(&t, 1);
    run_until(&t, t.a.ups == 1);
    is_int(t.a.downs, 0, "the grant may come a little later");
    ok(lanes_counts(t.b.lanes).refused >= 2, "who is early is refused");
    lanes_close(t.a.lanes, 1);
    t.b.refuse = -1;
    open_lane(&t, 2);
    run_until(&t, t.a.downs == 1);
    is_int(t.a.lane, 2, "without a ticket there is no lane");
    is_int(t.a.ups, 1, "which was never up");
    open_lane(&t, 2);
    lanes_close(t.a.lanes, 2);
    open_lane(&t, 2);
    t.b.refuse = 0;
    run_until(&t, t.a.ups == 2);
    bed_fini(&t);
}

/* Who keeps connections open for nothing does not keep others out. */
static void test_guests(void)
{
    struct bed t;

    bed_init(&t);
    lanes_free(t.b.lanes);
    t.b.guest_ms = 100;
    side_init(&t, &t.b, "tcp://127.0.0.1:*");
    for (uint32_t i = 1; i <= LANES_OF_KEY; i++) {
        open_lane(&t, i);
        run_until(&t, t.a.ups == i && t.b.ups == i);
    }
    is_int(t.a.downs, 0, "a few lanes of one key");
    open_lane(&t, 10);
    run_until(&t, t.a.ups == LANES_OF_KEY + 1 && t.a.downs == 1);
    is_int(t.a.lane <= LANES_OF_KEY || t.a.lane == 10, 1, "one more is let in");
    run_until(&t, t.b.ups == LANES_OF_KEY + 1 && t.b.downs == 1);
    is_int(lanes_counts(t.b.lanes).guests, LANES_OF_KEY, "instead of the oldest");
    t.b.refuse = -1;
    run_until(&t, t.a.downs == LANES_OF_KEY + 1);
    is_int(t.b.downs, LANES_OF_KEY + 1, "without a ticket they end");
    is_int(lanes_counts(t.b.lanes).guests, 0, "all of them");
    t.b.refuse = 0;
    open_lane(&t, 3);
    run_until(&t, t.b.ups == LANES_OF_KEY + 2);
    is_int(t.b.lane, WF_LANE_GIVE, "until there is one again");
    bed_fini(&t);
}

static void test_nobody(void)
{
    struct bed t;
    struct wf_lane_to to = {.endpoint = "tcp://127.0.0.1:1"};
    struct node_event ev;

    bed_init(&t);
    lanes_open(t.a.lanes, 3, &to);
    run_until(&t, t.a.downs == 1);
    is_int(t.a.lane, 3, "nobody is there");
    (void) snprintf(to.endpoint, sizeof to.endpoint, "nonsense");
    lanes_open(t.a.lanes, 3, &to);
    is_int(t.a.downs, 1, "nothing is told from inside");
    ok(lanes_failure(t.a.lanes, &ev) && ev.kind == NODE_LANE_DOWN && ev.lane == 3,
       "no endpoint: told when asked");
    ok(!lanes_failure(t.a.lanes, &ev), "once");
    lanes_open(t.a.lanes, 3, &to);
    lanes_close(t.a.lanes, 3);
    ok(!lanes_failure(t.a.lanes, &ev), "or never, when it was closed");
    lanes_send(t.a.lanes, 3, "x", 1);
    lanes_close(t.a.lanes, 3);
    lanes_send(t.b.lanes, WF_LANE_GIVE + 9, "x", 1);
    lanes_close(t.b.lanes, WF_LANE_GIVE + 9);
    ok(!lanes_failure(t.a.lanes, &ev) && !lanes_failure(t.b.lanes, &ev),
       "what is said to lanes that are gone is lost");
    bed_fini(&t);
}

static void test_slow_peer(void)
{
    struct bed t;
    struct node_event ev = {0};

    bed_init(&t);
    open_lane(&t, 1);
    run_until(&t, t.a.ups == 1 && t.b.ups == 1);
    for (unsigned i = 0; i < 1000 && !lanes_failure(t.a.lanes, &ev); i++) {
        send_piece(&t.a, 1, i);
    }
    ok(ev.kind == NODE_LANE_DOWN && ev.lane == 1, "what is queued is bounded");
    run_until(&t, t.b.downs == 1);
    open_lane(&t, 1);
    run_until(&t, t.a.ups == 2 && t.b.ups == 2);
    for (unsigned i = 0; i < 1000; i++) {
        send_piece(&t.b, WF_LANE_GIVE, i);
    }
    run_until(&t, t.b.downs == 2 && t.a.downs == 1);
    bed_fini(&t);
}

/* -- strangers ------------------------------------------------------------------------
 */

struct stranger {
    struct uplink *up;
    const void *bytes;
    size_t len;
    unsigned downs;
};

static void stranger_up(void *arg)
{
    struct stranger *s = arg;

    must(uplink_send(s->up, s->bytes, s->len) == 0);
}

static void stranger_down(void *arg, int why)
{
    struct stranger *s = arg;

    (void) why;
    s->downs++;
}

static void stranger_quiet(void *arg)
{
    (void) arg;
}

static void stranger_frame(void *arg, const uint8_t *p, size_t len)
{
    (void) arg;
    (void) p;
    (void) len;
}

static void test_strangers(void)
{
    static const struct uplink_cbs cbs = {stranger_up, stranger_down, stranger_quiet,
                                          stranger_frame};
    struct wf_buf want = WF_BUF_INIT(1024);
    const struct wf_want m = {.ticket = 1};
    struct stranger s = {0};
    struct bed t;
    struct uplink_opts opts = {.keys = &t.a.keys};
    void *zctx = NULL;

    bed_init(&t);
    must(zctx_new(0, &zctx) == 0);
    must(wf_msg_encode(&want, WF_MSG_want, &m) == 0);
    must(uplink_new(&t.loop, zctx, &opts, &cbs, &s, &s.up, NULL) == 0);
    s.bytes = want.p;
    s.len = want.len;
    must(uplink_connect(s.up, lanes_endpoint(t.b.lanes), t.b.keys.pub, NULL) == 0);
    run_until(&t, s.downs == 1);
    s.bytes = "\x93garbage";
    s.len = 8;
    must(uplink_connect(s.up, lanes_endpoint(t.b.lanes), t.b.keys.pub, NULL) == 0);
    run_until(&t, s.downs == 2);
    ok(t.b.ups == 0 && t.b.downs == 0 && t.b.msgs == 0,
       "the core does not hear of who does not say `lane` first");
    uplink_free(s.up);
    wf_buf_fini(&want);
    bed_fini(&t);
    zctx_free(&zctx);
}

static void test_crowd(void)
{
    struct bed t;

    bed_init(&t);
    for (uint32_t i = 1; i < WF_PULL_LANES; i++) {
        open_lane(&t, i);
        run_until(&t, t.b.ups == i && t.a.ups == i);
    }
    is_int(lanes_counts(t.b.lanes).guests, LANES_OF_KEY, "one key fills no house");
    bed_fini(&t);
}

/* -- the broker -------------------------------------------------------------------------
 */

struct bulk {
    struct router *router;
    unsigned frames;
    uint32_t handle;
    int echo;
};

static int bulk_allow(void *arg, const uint8_t *key, const char *domain, const char *at)
{
    (void) arg;
    (void) key;
    (void) domain;
    (void) at;
    return 1;
}

static void bulk_peer(void *arg, uint32_t handle, const uint8_t *key)
{
    struct bulk *b = arg;

    (void) key;
    b->handle = handle;
}

static void bulk_frame(void *arg, uint32_t handle, const uint8_t *p, size_t len)
{
    struct bulk *b = arg;
    struct wf_cursor c;
    struct wf_msg msg;

    wf_cur_init(&c, p, len);
    must(wf_msg_decode(&c, &msg) == 0);
    if (b->frames++ == 0) {
        ok(msg.type == WF_MSG_lane && msg.u.lane.epoch == 7, "a lane begins with `lane`");
    }
    must(router_send(b->router, handle, p, len) == 0);
}

static void bulk_gone(void *arg, uint32_t handle)
{
    (void) arg;
    (void) handle;
}

static void test_broker(void)
{
    static const struct router_cbs cbs = {bulk_peer, bulk_frame, bulk_gone};
    struct bulk k = {0};
    struct bed t;
    struct router_opts opts = {.keys = &t.broker};
    struct wf_lane_to to = {0};
    struct node_event ev;
    struct zap *zap = NULL;
    void *zctx = NULL;
    char at[128];

    bed_init(&t);
    must(zctx_new(ZCTX_COMPACT, &zctx) == 0);
    must(zap_new(&t.loop, zctx, bulk_allow, NULL, &zap, NULL) == 0);
    must(router_new(&t.loop, zctx, &opts, &cbs, &k, &k.router, NULL) == 0);
    must(router_bind(k.router, "tcp://127.0.0.1:*", NULL) == 0);
    must(router_endpoint(k.router, at, sizeof at) == 0);
    lanes_open(t.a.lanes, WF_LANE_BROKER, &to);
    ok(lanes_failure(t.a.lanes, &ev) && ev.lane == WF_LANE_BROKER, "it has none");
    lanes_set_broker(t.a.lanes, "tcp://127.0.0.1:7077",
                     (unsigned) strtoul(strrchr(at, ':') + 1, NULL, 10), t.broker.pub);
    lanes_open(t.a.lanes, WF_LANE_BROKER, &to);
    run_until(&t, t.a.ups == 1);
    send_want(&t.a, WF_LANE_BROKER, 12);
    run_until(&t, t.a.ticket == 12);
    ok(!t.a.has_peer, "the broker answers for the keys of others");
    ok(t.a.rooms != 0 && t.a.pending == 0, "and it may be given to: there is room");
    router_close(k.router, k.handle);
    run_until(&t, t.a.downs == 1);
    lanes_set_broker(t.a.lanes, "tcp://127.0.0.1:7077", 0, t.broker.pub);
    lanes_open(t.a.lanes, WF_LANE_BROKER, &to);
    ok(lanes_failure(t.a.lanes, &ev), "a broker that has no such lane any more");
    router_free(k.router);
    zap_free(zap);
    bed_fini(&t);
    zctx_free(&zctx);
}

static void test_listening(void)
{
    struct bed t;
    struct side c = {0};
    static const struct lanes_cbs cbs = {on_event, lets_in};
    struct wf_err err = {0, ""};
    struct lanes_opts o = {.keys = &t.a.keys};

    bed_init(&t);
    o.listen = lanes_endpoint(t.b.lanes);
    is_int(lanes_new(&t.loop, &o, &cbs, &c, &c.lanes, &err), WEFT_ECONF, "taken");
    ok(strstr(err.text, o.listen) != NULL, "it says where: %s", err.text);
    bed_fini(&t);
}

int main(void)
{
    test_both_ways();
    test_close_inside();
    test_tickets();
    test_guests();
    test_nobody();
    test_slow_peer();
    test_strangers();
    test_crowd();
    test_broker();
    test_listening();
    return done();
}

/* A link that knows several brokers: whom it dials, tries and moves to. */
#include "tests/unit/proto/ways_bed.h"

#define BEAT SECOND /* of welcome() */

static void test_break(void)
{
    uint64_t before;
    struct bed b;

    start_on(&b, WF_ROLE_AGENT, 3, 800);
    wf_effects_clear(&b.fx);
    wf_link_down(&b.l, b.now, &b.fx);
    is_int(b.l.state, WF_LINK_WAITING, "a connection breaks");
    before = b.now;
    ok(b.l.due_us < b.now + SECOND / 10, "the next broker does not wait for a back-off");
    tick(&b, b.l.due_us - b.now);
    ok(asks(&b, WF_EFFECT_CONNECT, 1), "it is dialled");
    wf_link_down(&b.l, b.now, &b.fx);
    tick(&b, b.l.due_us - b.now);
    ok(asks(&b, WF_EFFECT_CONNECT, 2), "then the one after it");
    ok(b.now - before < SECOND / 5, "all at once");
    wf_link_down(&b.l, b.now, &b.fx);
    ok(b.l.due_us > before, "with all down it waits");
    wf_effects_fini(&b.fx);
}

static void test_all_down(void)
{
    unsigned dials[3] = {0};
    uint64_t from;
    struct bed b;

    init_ways(&b, WF_ROLE_AGENT, 3);
    wf_link_start(&b.l, b.now, &b.fx);
    from = b.now;
    while (b.now < from + 300 * SECOND) {
        dials[b.l.endpoint]++;
        wf_link_down(&b.l, b.now, &b.fx);
        must(b.l.due_us > b.now || b.l.due_us == b.now);
        tick(&b, b.l.due_us - b.now);
        must(b.l.state == WF_LINK_DIALLING);
    }
    for (unsigned i = 0; i < 3; i++) {
        ok(dials[i] > 120 && dials[i] < 400,
           "way %u: at its own back-off, up to 3 s (%u)", i, dials[i]);
    }
    wf_effects_fini(&b.fx);
}

/* The first is silent from now on; the trial of the other takes so long, or fails. */
static uint64_t fall_silent(struct bed *b, int answered)
{
    uint64_t from = b->l.heard_us;

    while (b->l.state == WF_LINK_READY) {
        tick(b, b->l.due_us - b->now);
        if (b->l.trying != WF_BROKERS_NONE) {
            b->now += 2000;
            wf_effects_clear(&b->fx);
            wf_link_tried(&b->l, b->now, answered, &b->fx);
        }
    }
    return b->now - from;
}

static void test_silence(void)
{
    struct bed b;
    uint64_t took;

    start_on(&b, WF_ROLE_AGENT, 2, 800);
    took = fall_silent(&b, 1);
    ok(took <= 3 * BEAT && took >= 2 * BEAT, "silence ends within three heartbeats");
    is_int(b.l.state, WF_LINK_DIALLING, "when another broker answers");
    ok(asks(&b, WF_EFFECT_DISCONNECT, 0) && asks(&b, WF_EFFECT_CONNECT, 1),
       "and that one is dialled in the same step");
    wf_effects_fini(&b.fx);

    start_on(&b, WF_ROLE_AGENT, 2, 800);
    took = fall_silent(&b, 0);
    ok(took >= 4 * BEAT, "when nobody answers it may be we that are cut off");
    is_int(b.l.state, WF_LINK_WAITING, "and the lease counts");
    wf_effects_fini(&b.fx);

    start_on(&b, WF_ROLE_AGENT, 2, 800);
    while (b.l.trying == WF_BROKERS_NONE) {
        tick(&b, b.l.due_us - b.now);
    }
    answers(&b, 0);
    wf_link_tried(&b.l, b.now, 1, &b.fx);
    is_int(b.l.state, WF_LINK_READY, "one that speaks up meanwhile is kept");
    wf_effects_fini(&b.fx);
}

static void test_alone(void)
{
    struct bed b;

    start_on(&b, WF_ROLE_AGENT, 1, 800);
    is_int(live(&b, 4000 * SECOND, 800, 2000), 0, "who knows one broker tries none");
    is_int(b.l.state, WF_LINK_READY, "and stays");
    wf_effects_fini(&b.fx);
}

static void test_equal(void)
{
    unsigned trials;
    struct bed b;

    start_on(&b, WF_ROLE_AGENT, 2, 800);
    trials = live(&b, 3600 * SECOND, 800, 3200);
    ok(trials >= 4 && trials <= 8, "an equal one is looked at every ten minutes (%u)",
       trials);
    is_int(b.l.better, WF_BROKERS_NONE, "and is not better");
    wf_effects_fini(&b.fx);

    start_on(&b, WF_ROLE_AGENT, 2, 10000);
    (void) live(&b, 3600 * SECOND, 10000, 4 * 8000);
    is_int(b.l.better, WF_BROKERS_NONE, "nor is one that is a fifth nearer");
    wf_effects_fini(&b.fx);

    start_on(&b, WF_ROLE_AGENT, 2, 2500);
    (void) live(&b, 3600 * SECOND, 2500, 4 * 600);
    is_int(b.l.better, WF_BROKERS_NONE, "nor one that is nearer by less than 2 ms");
    wf_effects_fini(&b.fx);
}

static void test_nearer(void)
{
    uint64_t from;
    unsigned trials;
    struct bed b;

    start_on(&b, WF_ROLE_AGENT, 2, 20000);
    from = b.now;
    trials = live(&b, 3600 * SECOND, 20000, 4 * 5000);
    is_int(b.l.better, 1, "one that is much nearer is better");
    is_int(trials, 2, "once it answered twice");
    ok(b.now - from > 30 * SECOND && b.now - from < 120 * SECOND, "half a minute apart");
    wf_effects_clear(&b.fx);
    wf_link_move(&b.l, b.now, &b.fx);
    ok(asked(&b, 0, WF_EFFECT_SEND, WF_MSG_bye) && asks(&b, WF_EFFECT_CONNECT, 1),
       "the owner has it move: bye, and the other is dialled");
    opens(&b);
    is_int(wf_ewma_mean(&b.l.rtt_us), 0, "whose round trip is its own");
    measure(&b, 20000);
    from = b.now;
    (void) live(&b, 3600 * SECOND, 20000, 4 * 5000);
    ok(b.l.better == 0 && b.now - from >= 55 * SECOND,
       "to move back takes a minute at least");
    wf_link_stay(&b.l, b.now, 600000);
    from = b.now;
    (void) live(&b, 3600 * SECOND, 20000, 4 * 5000);
    ok(b.l.better == 0 && b.now - from >= 600 * SECOND,
       "who cannot leave is asked again after what it says");
    wf_effects_fini(&b.fx);
}

/* It answers, then not, and so on: never twice in a row. */
static void test_unsteady(void)
{
    unsigned trials = 0;
    struct bed b;

    start_on(&b, WF_ROLE_AGENT, 2, 20000);
    while (trials < 40 && b.l.better == WF_BROKERS_NONE) {
        trials += live(&b, b.l.due_us - b.now + 1, 20000, trials % 2 ? 0 : 20000);
    }
    is_int(b.l.better, WF_BROKERS_NONE,
           "one that answers every other time is not better");
    wf_effects_fini(&b.fx);
}

static void test_nearest_first(void)
{
    struct bed b;

    start_on(&b, WF_ROLE_AGENT, 3, 20000);
    (void) live(&b, 100 * SECOND, 20000, 4 * 19000);
    b.l.ways.v[2].rtt_us = 15000;
    wf_link_down(&b.l, b.now, &b.fx);
    tick(&b, b.l.due_us - b.now);
    is_int(b.l.endpoint, 2, "of those that are left the nearest is dialled");
    wf_link_down(&b.l, b.now, &b.fx);
    tick(&b, b.l.due_us - b.now);
    is_int(b.l.endpoint, 1, "then the next");
    wf_effects_fini(&b.fx);
}

static void test_barred(void)
{
    struct wf_msg bye = {.type = WF_MSG_bye};
    struct bed b;

    init_ways(&b, WF_ROLE_CLIENT, 2);
    wf_link_start(&b.l, b.now, &b.fx);
    wf_link_refused(&b.l, b.now, &b.fx);
    ok(!wf_ways_barred(&b.l.ways), "one that does not know our key is not all of them");
    ok(b.l.due_us < b.now + SECOND / 10, "the next is asked at once");
    tick(&b, b.l.due_us - b.now);
    wf_link_refused(&b.l, b.now, &b.fx);
    ok(wf_ways_barred(&b.l.ways), "when nobody does that is that");
    ok(b.l.due_us >= b.now + SECOND, "and asking again waits");
    wf_effects_fini(&b.fx);

    start_on(&b, WF_ROLE_CLIENT, 2, 800);
    wf_link_down(&b.l, b.now, &b.fx);
    tick(&b, b.l.due_us - b.now);
    wf_link_refused(&b.l, b.now, &b.fx);
    ok(!wf_ways_barred(&b.l.ways), "one that let us in before may do so again");
    wf_effects_fini(&b.fx);

    start_on(&b, WF_ROLE_CLIENT, 2, 800);
    bye.u.bye.code = (uint64_t) -WEFT_EREVOKED;
    (void) offer(&b, &bye);
    ok(wf_ways_barred(&b.l.ways), "a key that was revoked is so everywhere");
    wf_effects_fini(&b.fx);
}

/* So many brokers, with as many addresses each, as a message tells them. */
static struct wf_rows told(struct wf_buf *b, unsigned from, unsigned n, unsigned each)
{
    struct wf_rows rows = {NULL, 0, 0};

    wf_buf_clear(b);
    for (unsigned i = 0; i < n * each; i++) {
        char endpoint[40];
        struct wf_broker_row row = {.key = key_of(from + i / each)};

        (void) snprintf(endpoint, sizeof endpoint, "tcp://10.0.%u.1:%u", from + i / each,
                        7000 + i % each);
        row.endpoint = wf_slice_of(endpoint);
        must(wf_rows_add(b, &rows, wf_desc_broker_row(), &row) == 0);
    }
    return rows;
}

static unsigned has(const struct wf_ways *w, unsigned from, unsigned n)
{
    unsigned rows = 0;

    for (unsigned i = 0; i < w->brokers.n; i++) {
        rows += wf_ways_is(w, i) && w->brokers.v[i].key.b[0] >= from &&
                w->brokers.v[i].key.b[0] < from + n;
    }
    return rows;
}

static void await_all(struct wf_ways *w, unsigned from, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        const struct wf_key k = key_of(from + i);

        wf_brokers_await(&w->brokers, &k, 1);
    }
}

/* So many are dialled before the one with key 1, which alone is there. */
static unsigned in_vain(struct wf_ways *w)
{
    struct wf_rng rng = {1};
    uint64_t now_us = SECOND;
    unsigned last = 0, n = 0;

    for (; n < 100; n++) {
        unsigned i = wf_ways_pick(w, now_us, last, NULL, NULL);

        if (w->brokers.v[i].key.b[0] == 1) {
            return n;
        }
        now_us += 10 * SECOND;
        wf_ways_missed(w, i, 0);
        wf_ways_failed(w, i, now_us, WEFT_EUNREACH, 0, &rng);
        last = i;
    }
    return n;
}

/* Brokers that waited for an agent and are gone leave room for others. */
static void test_gone(void)
{
    struct wf_buf buf = WF_BUF_INIT(1 << 16);
    const struct wf_key first = key_of(1);
    struct wf_broker_table t = {0};
    struct wf_ways w;

    must(wf_brokers_give(&t, &first, "tcp://h:1") == 0);
    wf_ways_init(&w, &t, 1, 250, 5000);
    (void) wf_ways_learn(&w, told(&buf, 50, 2, 8), 0, NULL, NULL);
    await_all(&w, 50, 2);
    must(has(&w, 50, 2) == WF_BROKERS_LEARNED);
    w.v[4].opened = 1;
    (void) wf_ways_learn(&w, told(&buf, 60, 2, 1), 0, NULL, NULL);
    ok(has(&w, 50, 2) == 2 && has(&w, 60, 2) == 2,
       "of each one address stays, and their successors are learned");
    ok(w.brokers.v[4].key.b[0] == 50 && w.brokers.v[1].key.b[0] != 50,
       "the one that was of use");
    t = w.brokers;
    wf_ways_init(&w, &t, t.n, 250, 5000);
    is_int(in_vain(&w), 2, "the next process begins with these");
    t = w.brokers;
    wf_ways_init(&w, &t, t.n, 250, 5000);
    w.v[0].rtt_us = 1;
    is_int(in_vain(&w), 0, "those after it do not");

    (void) wf_ways_learn(&w, told(&buf, 70, 16, 1), 0, NULL, NULL);
    (void) wf_ways_learn(&w, told(&buf, 70, 16, 1), 0, NULL, NULL);
    await_all(&w, 70, 16);
    (void) wf_ways_learn(&w, told(&buf, 90, 16, 1), 0, NULL, NULL);
    ok(has(&w, 90, 16) == 8 && has(&w, 70, 16) == 8 && has(&w, 50, 2) == 0,
       "half of what is learned is for others, those missed most go: %u and %u",
       has(&w, 90, 16), has(&w, 70, 16));
    wf_buf_fini(&buf);
}

static void test_learned(void)
{
    const struct wf_broker_row row = {.key = key_of(7),
                                      .name = wf_slice_of("b7"),
                                      .endpoint = wf_slice_of("tcp://h:7")};
    struct wf_msg m = {.type = WF_MSG_brokers};
    struct wf_buf rows = WF_BUF_INIT(4096);
    struct bed b;

    must(wf_rows_add(&rows, &m.u.brokers.rows, wf_desc_broker_row(), &row) == 0);
    start_on(&b, WF_ROLE_AGENT, 1, 800);
    is_int(offer(&b, &m), WF_LINK_HANDLED, "a broker tells of another one");
    ok(wf_ways_is(&b.l.ways, 1) && b.l.ways.brokers.changes == 2,
       "which is a way more, so that it may be awaited at the first");
    ok(live(&b, 60 * SECOND, 800, 2000) == 1 && b.l.ways.v[1].rtt_us == 500,
       "and is measured soon");
    wf_link_down(&b.l, b.now, &b.fx);
    tick(&b, b.l.due_us - b.now);
    is_int(b.l.endpoint, 1, "and dialled when it is needed");
    wf_effects_fini(&b.fx);

    init(&b);
    wf_link_start(&b.l, b.now, &b.fx);
    opens(&b);
    (void) offer(&b, &m);
    ok(!wf_ways_is(&b.l.ways, 1), "who enrols learns of none");
    wf_effects_fini(&b.fx);
    wf_buf_fini(&rows);
}

/* The trial is given up when it lasts too long, and when the session ends. */
static void test_untried(void)
{
    struct bed b;

    start_on(&b, WF_ROLE_AGENT, 2, 800);
    while (b.l.trying == WF_BROKERS_NONE) {
        tick(&b, b.l.due_us - b.now);
    }
    ok(asks(&b, WF_EFFECT_TRY, 1), "a trial begins");
    b.l.heard_us = b.now + 5 * SECOND;
    tick(&b, 5 * SECOND);
    ok(asks(&b, WF_EFFECT_UNTRY, 0) && b.l.trying == WF_BROKERS_NONE,
       "it may last as long as a dial");
    ok(b.l.ways.v[1].ready_us > b.now, "then it has failed");
    while (b.l.trying == WF_BROKERS_NONE) {
        tick(&b, b.l.due_us - b.now);
    }
    wf_effects_clear(&b.fx);
    wf_link_down(&b.l, b.now, &b.fx);
    ok(asks(&b, WF_EFFECT_UNTRY, 0), "it ends with the session");
    wf_link_tried(&b.l, b.now, 1, &b.fx);
    is_int(b.l.state, WF_LINK_WAITING, "what comes of it later counts nothing");
    wf_effects_fini(&b.fx);
}

/* Each broker hears in hello of its own store. */
static void test_stores(void)
{
    struct wf_msg w = {.type = WF_MSG_welcome,
                       .u.welcome = {.proto = 1,
                                     .heartbeat_ms = 1000,
                                     .lease_ms = 4000,
                                     .store = 77,
                                     .store_lsn = 9,
                                     .shared = 5}},
                  m;
    struct wf_home home;
    struct bed b;

    init_ways(&b, WF_ROLE_AGENT, 2);
    wf_link_start(&b.l, b.now, &b.fx);
    wf_link_up(&b.l, b.now, &b.fx);
    (void) offer(&b, &w);
    home = wf_link_home(&b.l);
    ok(home.key.b[0] == 1 && home.store == 77 && home.shared == 5,
       "it knows where it is");
    wf_link_down(&b.l, b.now, &b.fx);
    tick(&b, b.l.due_us - b.now);
    wf_effects_clear(&b.fx);
    wf_link_up(&b.l, b.now, &b.fx);
    ok(sent(&b, 0, WF_MSG_hello, &m) && m.u.hello.store == 0,
       "another broker hears none");
    wf_link_down(&b.l, b.now, &b.fx);
    b.l.ways.v[1].ready_us = UINT64_MAX;
    tick(&b, 10 * SECOND);
    wf_effects_clear(&b.fx);
    wf_link_up(&b.l, b.now, &b.fx);
    ok(sent(&b, 0, WF_MSG_hello, &m) && m.u.hello.store == 77 && m.u.hello.store_lsn == 9,
       "the first one its own, also after that");
    wf_effects_fini(&b.fx);
}

/* A broker with two addresses that refused us at one of them, and then lets us in. */
static void test_refused(void)
{
    const struct wf_key key = key_of(1);
    const struct wf_welcome m = {0};
    struct wf_broker_table t = {0};
    struct wf_rng rng = {1};
    struct wf_home home;
    struct wf_ways w;

    must(wf_brokers_give(&t, &key, "tcp://h:1") == 0);
    must(wf_brokers_give(&t, &key, "tcp://h:2") == 0);
    wf_ways_init(&w, &t, 2, 10, 100);
    home = wf_ways_home(&w, 0);
    wf_ways_failed(&w, 0, SECOND, WEFT_EAUTH, 0, &rng);
    ok(wf_ways_refused(&w, &home), "it refused us");
    wf_ways_opened(&w, 1, &m);
    ok(!wf_ways_refused(&w, &home), "let in by its other address we are not refused");
    wf_ways_failed(&w, 1, 2 * SECOND, WEFT_EUNREACH, 0, &rng);
    ok(!wf_ways_refused(&w, &home), "nor when it is away later");
}

int main(void)
{
    test_break();
    test_all_down();
    test_silence();
    test_alone();
    test_equal();
    test_nearer();
    test_unsteady();
    test_nearest_first();
    test_barred();
    test_refused();
    test_gone();
    test_learned();
    test_untried();
    test_stores();
    return done();
}

/* A link that knows several brokers: whom it dials, tries and moves to. */
#include "tests/unit/proto/link_bed.h"

#include <string.h>

#define BEAT SECOND /* of welcome() */

static struct wf_key key_of(unsigned x)
{
    struct wf_key k;

    memset(k.b, (int) x, sizeof k.b);
    return k;
}

/* Where the owner of the link has unfinished work. */
static uint8_t work_at;

static int holds(const void *owner, const struct wf_home *home)
{
    (void) owner;
    return work_at != 0 && home->key.b[0] == work_at;
}

/* So many brokers, with keys 1, 2 and so on. */
static void init_ways(struct bed *b, unsigned role, unsigned n)
{
    struct wf_link_config cfg = bed_config();
    struct wf_broker_table t = {0};

    for (unsigned i = 1; i <= n; i++) {
        const struct wf_key k = key_of(i);
        char endpoint[32];

        (void) snprintf(endpoint, sizeof endpoint, "tcp://h:%u", i);
        must(wf_brokers_give(&t, &k, endpoint) == 0);
    }
    work_at = 0;
    cfg.role = role;
    cfg.brokers = &t;
    cfg.holds = holds;
    init_with(b, &cfg);
}

static void opens(struct bed *b)
{
    wf_effects_clear(&b->fx);
    wf_link_up(&b->l, b->now, &b->fx);
    must(welcome(b) == WF_LINK_OPENED);
}

/* Answer the ping under way after so long. */
static void answers(struct bed *b, uint64_t rtt_us)
{
    struct wf_msg pong = {.type = WF_MSG_pong,
                          .u.pong = {.seq = b->l.ping_seq, .time_us = b->now}};

    b->now += rtt_us;
    (void) offer(b, &pong);
}

static void measure(struct bed *b, uint64_t rtt_us)
{
    for (unsigned i = 0; i < 4; i++) {
        answers(b, rtt_us);
    }
}

static void start_on(struct bed *b, unsigned role, unsigned n, uint64_t rtt_us)
{
    init_ways(b, role, n);
    wf_link_start(&b->l, b->now, &b->fx);
    opens(b);
    measure(b, rtt_us);
}

static int asks(const struct bed *b, enum wf_effect_kind kind, uint64_t arg)
{
    for (size_t i = 0; i < b->fx.n; i++) {
        if (asked(b, i, kind, arg)) {
            return 1;
        }
    }
    return 0;
}

/* The broker stays well for so long, and trials are answered after so long, or (0) not.
 * The number of trials; stops when there is a better one. */
static unsigned live(struct bed *b, uint64_t us, uint64_t rtt_us, uint64_t trial_us)
{
    uint64_t until = b->now + us;
    unsigned trials = 0;

    while (b->l.due_us < until && b->l.state == WF_LINK_READY &&
           b->l.better == WF_BROKERS_NONE) {
        tick(b, b->l.due_us > b->now ? b->l.due_us - b->now : 0);
        if (b->l.trying != WF_BROKERS_NONE && b->l.tried_us == b->now) {
            trials++;
            b->now += trial_us;
            wf_link_tried(&b->l, b->now, trial_us != 0, &b->fx);
        }
        if (b->l.state == WF_LINK_READY && b->l.ping_seq > b->l.ponged_seq) {
            answers(b, rtt_us);
        }
    }
    return trials;
}

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

static void test_work(void)
{
    uint64_t from;
    struct bed b;

    start_on(&b, WF_ROLE_CLIENT, 2, 800);
    work_at = 1;
    wf_link_down(&b.l, b.now, &b.fx);
    tick(&b, b.l.due_us - b.now);
    must(b.l.endpoint == 1);
    opens(&b);
    measure(&b, 800);
    from = b.now;
    (void) live(&b, 3600 * SECOND, 800, 90000);
    is_int(b.l.better, 0, "the broker that has our work is better, however far");
    ok(b.now - from < 5 * SECOND, "and soon: it answered twice (%llu us)",
       (unsigned long long) (b.now - from));
    work_at = 0;
    wf_link_move(&b.l, b.now, &b.fx);
    ok(b.l.state == WF_LINK_READY && b.l.better == WF_BROKERS_NONE,
       "when it has none any more nobody moves there");
    work_at = 1;
    (void) live(&b, 3600 * SECOND, 800, 90000);
    must(b.l.better == 0);
    wf_link_move(&b.l, b.now, &b.fx);
    opens(&b);
    measure(&b, 90000);
    (void) live(&b, 1200 * SECOND, 90000, 4 * 800);
    is_int(b.l.better, WF_BROKERS_NONE, "while it has, no nearer one is");
    work_at = 0;
    (void) live(&b, 1200 * SECOND, 90000, 4 * 800);
    is_int(b.l.better, 1, "afterwards it is");
    wf_effects_fini(&b.fx);

    start_on(&b, WF_ROLE_AGENT, 2, 90000);
    work_at = 1;
    (void) live(&b, 1200 * SECOND, 90000, 4 * 800);
    is_int(b.l.better, 1, "an agent is not bound: it finishes what it has first");
    wf_effects_fini(&b.fx);
}

static void test_dead_work(void)
{
    unsigned trials;
    struct bed b;

    start_on(&b, WF_ROLE_CLIENT, 2, 800);
    work_at = 1;
    wf_link_down(&b.l, b.now, &b.fx);
    tick(&b, b.l.due_us - b.now);
    opens(&b);
    measure(&b, 800);
    trials = live(&b, 600 * SECOND, 800, 0);
    ok(trials > 200 && trials < 600,
       "one that is gone is tried by its back-off, up to 3 s (%u in ten minutes)",
       trials);
    is_int(b.l.state, WF_LINK_READY, "beside a session that is well");
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
    ok(wf_ways_is(&b.l.ways, 1) && b.l.ways.brokers.changes == 1, "which is a way more");
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

/* A broker that has unfinished work is not forgotten because others are nearer. */
static void test_learned_work(void)
{
    struct wf_broker_row row = {.key = key_of(7), .endpoint = wf_slice_of("tcp://h:7")};
    struct wf_msg m = {.type = WF_MSG_brokers}, other = m;
    struct wf_buf rows = WF_BUF_INIT(4096);
    struct bed b;

    must(wf_rows_add(&rows, &m.u.brokers.rows, wf_desc_broker_row(), &row) == 0);
    start_on(&b, WF_ROLE_CLIENT, 1, 800);
    (void) offer(&b, &m);
    must(wf_ways_is(&b.l.ways, 1));
    work_at = 7;
    row = (struct wf_broker_row){.key = key_of(8), .endpoint = wf_slice_of("tcp://h:8")};
    wf_buf_clear(&rows);
    must(wf_rows_add(&rows, &other.u.brokers.rows, wf_desc_broker_row(), &row) == 0);
    (void) offer(&b, &other);
    ok(wf_ways_is(&b.l.ways, 1) && b.l.ways.brokers.v[1].key.b[0] == 7 &&
           wf_ways_is(&b.l.ways, 2),
       "where work waits stays in the table, beside those who are told");
    work_at = 0;
    (void) offer(&b, &other);
    ok(!wf_ways_is(&b.l.ways, 1), "and goes when it does not any more");
    wf_effects_fini(&b.fx);
    wf_buf_fini(&rows);
}

/* The store of who was never visited is not known. */
static void visit(unsigned role)
{
    struct bed b;

    start_on(&b, role, 3, 800);
    b.l.ways.v[0].store = 1;
    b.l.ways.v[0].shared = 5; /* as its welcome said */
    b.l.ways.v[1].rtt_us = 100;
    b.l.ways.v[1].opened = 1;
    work_at = 1;
    wf_link_down(&b.l, b.now, &b.fx);
    tick(&b, b.l.due_us - b.now);
    is_int(b.l.endpoint, 2, "who may share the dead one's store is dialled first");
    wf_link_down(&b.l, b.now, &b.fx);
    tick(&b, b.l.due_us - b.now);
    must(b.l.endpoint == 1);
    opens(&b);
    measure(&b, 800);
    b.l.ways.v[0].ready_us = UINT64_MAX;
    (void) live(&b, 60 * SECOND, 800, 90000);
    is_int(b.l.better, 2, "or visited once it answers");
    wf_link_move(&b.l, b.now, &b.fx);
    must(b.l.endpoint == 2);
    opens(&b);
    measure(&b, 800);
    wf_link_down(&b.l, b.now, &b.fx);
    tick(&b, b.l.due_us - b.now);
    must(b.l.endpoint == 1);
    opens(&b);
    measure(&b, 800);
    b.l.ways.v[0].ready_us = UINT64_MAX;
    (void) live(&b, 600 * SECOND, 800, 90000);
    is_int(b.l.better, WF_BROKERS_NONE, "once: it has another store");
    wf_effects_fini(&b.fx);
}

static void test_visit(void)
{
    visit(WF_ROLE_CLIENT);
    visit(WF_ROLE_AGENT);
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

int main(void)
{
    test_break();
    test_all_down();
    test_silence();
    test_alone();
    test_equal();
    test_nearer();
    test_unsteady();
    test_work();
    test_dead_work();
    test_nearest_first();
    test_barred();
    test_learned();
    test_learned_work();
    test_visit();
    test_untried();
    test_stores();
    return done();
}

/* A link whose owner has unfinished work at some of several brokers. */
#include "tests/unit/proto/ways_bed.h"

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

/* It moves to where it is better, and is there.  How long that took. */
static uint64_t goes(struct bed *b, unsigned to)
{
    const uint64_t from = b->now;

    (void) live(b, 3600 * SECOND, 800, 2000);
    must(b->l.better == to);
    wf_link_move(&b->l, b->now, &b->fx);
    opens(b);
    measure(b, 800);
    return b->now - from;
}

/* With work at several brokers it is at each in turn. */
static void test_work_apart(void)
{
    static const uint64_t least_s[] = {2, 4, 8, 16, 32, 60, 60};
    struct bed b;

    start_on(&b, WF_ROLE_CLIENT, 3, 800);
    work_at = 2;
    also_at = 3;
    (void) goes(&b, 1);
    work_at = 0;
    ok(goes(&b, 2) < 5 * SECOND, "what is done here keeps nobody from work elsewhere");
    work_at = 2;
    also_at = 3;
    (void) goes(&b, 1);
    for (unsigned i = 0; i < ARRAY_LEN(least_s); i++) {
        const uint64_t took_us = goes(&b, i % 2 == 0 ? 2 : 1);

        ok(took_us >= least_s[i] * SECOND && took_us < (least_s[i] + 4) * SECOND,
           "with work at both it changes, move %u after %u s (%llu us)", i,
           (unsigned) least_s[i], (unsigned long long) took_us);
    }
    also_at = 0;
    work_at = b.l.endpoint == 1 ? 3 : 2;
    ok(goes(&b, work_at - 1) < 5 * SECOND, "without any here it goes at once");
    also_at = b.l.endpoint == 1 ? 3 : 2;
    (void) goes(&b, also_at - 1);
    ok(goes(&b, work_at - 1) < 5 * SECOND, "and begins anew to wait");
    wf_effects_fini(&b.fx);
}

/* What keeps it ends long before its time to move: that is seen without trials. */
static void test_work_ends(void)
{
    uint64_t from;
    unsigned trials;
    struct bed b;

    start_on(&b, WF_ROLE_CLIENT, 2, 800);
    work_at = 1;
    also_at = 2;
    for (unsigned i = 0; i < 7; i++) {
        (void) goes(&b, 1 - i % 2);
    }
    must(b.l.endpoint == 1);
    from = b.now;
    trials = live(&b, 30 * SECOND, 800, 2000);
    ok(b.l.better == WF_BROKERS_NONE && trials <= 3,
       "while there is work here it waits, with few trials (%u)", trials);
    also_at = 0;
    ok(goes(&b, 0) < 4 * SECOND && b.now - from < 40 * SECOND,
       "and goes as soon as that is done");
    wf_effects_fini(&b.fx);
}

/* An agent that could not leave is left alone, though work waits elsewhere. */
static void test_stay(void)
{
    uint64_t from;
    struct bed b;

    start_on(&b, WF_ROLE_AGENT, 2, 800);
    work_at = 2;
    (void) live(&b, 3600 * SECOND, 800, 2000);
    must(b.l.better == 1);
    from = b.now;
    wf_link_stay(&b.l, b.now, 600000);
    (void) live(&b, 3600 * SECOND, 800, 2000);
    ok(b.l.better == 1 && b.now - from >= 600 * SECOND,
       "work elsewhere is no reason before that");
    wf_effects_fini(&b.fx);
}

/* Its work there is over before it goes, and what else there is to go for has to wait:
 * the broker is nearer, or (1) awaits it. */
static void other_reason(int awaits)
{
    const char *const what = awaits ? "awaits it" : "is nearer";
    unsigned to = awaits;
    struct bed b;

    start_on(&b, WF_ROLE_AGENT, 2, 800);
    work_at = 2;
    (void) live(&b, 3600 * SECOND, 800, 2000);
    must(b.l.better == 1);
    wf_link_move(&b.l, b.now, &b.fx);
    opens(&b);
    measure(&b, 90000);
    if (awaits) {
        wf_link_down(&b.l, b.now, &b.fx);
        tick(&b, b.l.due_us - b.now);
        must(b.l.endpoint == 0);
        opens(&b);
        measure(&b, 800);
    }
    work_at = (uint8_t) (to + 1);
    (void) live(&b, 50 * SECOND, 90000, awaits ? 90000 : 4 * 800);
    must(b.l.better == to && b.now < b.l.stay_us);
    work_at = 0;
    wf_link_move(&b.l, b.now, &b.fx);
    ok(b.l.state == WF_LINK_READY && b.l.better == WF_BROKERS_NONE,
       "when the work is over, that the broker %s is no reason so soon", what);
    (void) live(&b, 3600 * SECOND, 90000, awaits ? 90000 : 4 * 800);
    ok(b.l.better == to && b.now >= b.l.stay_us, "but it is in its time");
    wf_link_move(&b.l, b.now, &b.fx);
    is_int(b.l.endpoint, (int) to, "and then it goes");
    wf_effects_fini(&b.fx);
}

static void test_other_reason(void)
{
    other_reason(0);
    other_reason(1);
}

/* Where an agent was last when it said nothing, it may be waited for. */
static void test_awaited(void)
{
    struct wf_link_config cfg;
    struct wf_broker_table file;
    struct bed b;

    start_on(&b, WF_ROLE_AGENT, 3, 800);
    ok(b.l.ways.brokers.v[0].awaited && b.l.ways.brokers.changes == 1,
       "where an agent is it is awaited, its file is to say");
    wf_link_down(&b.l, b.now, &b.fx);
    tick(&b, b.l.due_us - b.now);
    must(b.l.endpoint == 1);
    opens(&b);
    measure(&b, 800);
    file = b.l.ways.brokers;
    (void) live(&b, 600 * SECOND, 800, 90000);
    is_int(b.l.better, 0, "it goes back there, though it holds nothing, and however far");
    wf_effects_clear(&b.fx);
    wf_link_move(&b.l, b.now, &b.fx);
    ok(!b.l.ways.brokers.v[1].awaited, "whom it told that it leaves waits for nothing");
    opens(&b);
    measure(&b, 800);
    (void) live(&b, 600 * SECOND, 800, 4 * 800);
    is_int(b.l.better, WF_BROKERS_NONE, "so it stays");
    wf_link_stop(&b.l, &b.fx);
    ok(!b.l.ways.brokers.v[0].awaited, "nor does the last when the agent ends in order");
    wf_effects_fini(&b.fx);

    cfg = bed_config();
    cfg.brokers = &file;
    init_with(&b, &cfg);
    b.l.ways.v[2].rtt_us = 1;
    wf_link_start(&b.l, b.now, &b.fx);
    is_int(b.l.endpoint, 0, "the next process goes first to who may wait for the last");
    opens(&b);
    (void) live(&b, 600 * SECOND, 800, 4 * 800);
    is_int(b.l.better, 1, "and then to the other");
    wf_effects_fini(&b.fx);

    start_on(&b, WF_ROLE_CLIENT, 2, 800);
    ok(!b.l.ways.brokers.v[0].awaited, "a client is not awaited");
    wf_effects_fini(&b.fx);
    start_on(&b, WF_ROLE_AGENT, 1, 800);
    ok(!b.l.ways.brokers.v[0].awaited, "with one broker there is nothing to note");
    wf_effects_fini(&b.fx);
}

/* Until it is where it was, for so long: how often it left for the first broker, which
 * answers trials and lets nobody in. */
static unsigned shuttles(struct bed *b, uint64_t us)
{
    const struct wf_msg full = {.type = WF_MSG_error, .u.error = {.code = -WEFT_EFULL}};
    const uint64_t until_us = b->now + us;
    unsigned moves = 0;

    while (b->now < until_us) {
        (void) live(b, until_us - b->now, 800, 90000);
        if (b->l.better == WF_BROKERS_NONE) {
            break;
        }
        must(b->l.better == 0);
        wf_effects_clear(&b->fx);
        wf_link_move(&b->l, b->now, &b->fx);
        wf_link_up(&b->l, b->now, &b->fx);
        (void) offer(b, &full);
        moves++;
        tick(b, b->l.due_us - b->now);
        must(b->l.endpoint == 1);
        opens(b);
        measure(b, 800);
    }
    return moves;
}

/* An agent with something to do at a broker that refuses every session. */
static void refused(int work)
{
    struct bed b;
    unsigned moves;

    start_on(&b, WF_ROLE_AGENT, 2, 800);
    wf_link_down(&b.l, b.now, &b.fx);
    tick(&b, b.l.due_us - b.now);
    opens(&b);
    measure(&b, 800);
    b.l.ways.brokers.v[0].awaited = !work;
    work_at = (uint8_t) work;
    moves = shuttles(&b, 3600 * SECOND);
    ok(moves >= 5 && moves <= 16, "%s: more and more seldom, %u times in an hour",
       work ? "a result waits where nobody is let in" : "awaited there", moves);
    moves = shuttles(&b, 3600 * SECOND);
    ok(moves >= 6 && moves <= 9, "and %u times in the next", moves);
    is_int(b.l.ways.brokers.v[0].awaited, !work, "it is not given up for that");
    (void) live(&b, 3600 * SECOND, 800, 90000);
    wf_link_move(&b.l, b.now, &b.fx);
    opens(&b);
    measure(&b, 800);
    ok((b.l.ways.v[0].vain != 0) == work, "let in, %s",
       work ? "it waits for word of the result" : "it was there");
    if (work) {
        const struct wf_msg ack = {.type = WF_MSG_result_ack};

        (void) offer(&b, &ack);
    }
    ok(b.l.ways.v[0].vain == 0 && b.l.ways.v[0].visit_us == 0, "and that was of use");
    wf_effects_fini(&b.fx);
}

static void test_refused(void)
{
    refused(0);
    refused(1);
}

/* A session that opens and breaks before anything was said of the result. */
static void test_cut_short(void)
{
    unsigned moves = 0;
    uint64_t until_us;
    struct bed b;

    start_on(&b, WF_ROLE_AGENT, 2, 800);
    work_at = 2;
    until_us = b.now + 3600 * SECOND;
    while (b.now < until_us) {
        (void) live(&b, until_us - b.now, 800, 90000);
        if (b.l.better == WF_BROKERS_NONE) {
            break;
        }
        wf_link_move(&b.l, b.now, &b.fx);
        opens(&b);
        measure(&b, 800);
        moves++;
        wf_link_down(&b.l, b.now, &b.fx);
        tick(&b, b.l.due_us - b.now);
        must(b.l.endpoint == 0);
        opens(&b);
        measure(&b, 800);
        b.l.ways.brokers.v[1].awaited = 0;
    }
    ok(moves >= 5 && moves <= 16, "it goes there more and more seldom (%u in an hour)",
       moves);
    wf_effects_fini(&b.fx);
}

/* Who waited for an agent and is gone for good is forgotten in the end. */
static void test_given_up(void)
{
    const uint64_t day = 86400 * SECOND;
    struct wf_broker_table file;
    struct wf_link_config cfg;
    uint64_t changes;
    struct bed b;

    start_on(&b, WF_ROLE_AGENT, 3, 800);
    wf_link_down(&b.l, b.now, &b.fx);
    tick(&b, b.l.due_us - b.now);
    opens(&b);
    measure(&b, 800);
    b.l.ways.v[2].ready_us = UINT64_MAX;
    changes = b.l.ways.brokers.changes;
    (void) live(&b, day, 800, 0);
    ok(b.l.ways.brokers.v[0].awaited && b.l.ways.brokers.changes - changes <= 16,
       "after a day it is not, and the file was written %u times",
       (unsigned) (b.l.ways.brokers.changes - changes));
    file = b.l.ways.brokers;
    (void) live(&b, 14 * day, 800, 0);
    ok(!b.l.ways.brokers.v[0].awaited && b.l.ways.brokers.v[1].awaited,
       "after two weeks it is");
    wf_effects_fini(&b.fx);

    cfg = bed_config();
    cfg.brokers = &file;
    file.v[1].awaited = 0;
    init_with(&b, &cfg);
    b.l.ways.v[2].rtt_us = 1;
    wf_link_start(&b.l, b.now, &b.fx);
    is_int(b.l.endpoint, 2, "a later process does not begin with one that was not there");
    wf_effects_fini(&b.fx);

    start_on(&b, WF_ROLE_AGENT, 2, 800);
    wf_link_down(&b.l, b.now, &b.fx);
    tick(&b, b.l.due_us - b.now);
    wf_link_refused(&b.l, b.now, &b.fx);
    ok(b.l.ways.brokers.v[0].awaited, "a broker that another refuses for still waits");
    tick(&b, b.l.due_us - b.now);
    must(b.l.endpoint == 0);
    wf_link_up(&b.l, b.now, &b.fx);
    (void) offer(
        &b, &(struct wf_msg){.type = WF_MSG_error, .u.error = {.code = -WEFT_EREVOKED}});
    ok(!b.l.ways.brokers.v[0].awaited, "who revoked the key waits for nobody");
    wf_effects_fini(&b.fx);
}

/* A dead broker does not keep an agent from seeing that another one is nearer. */
static void test_dead_and_nearer(void)
{
    struct bed b;
    uint64_t from;

    start_on(&b, WF_ROLE_AGENT, 3, 90000);
    b.l.ways.brokers.v[1].awaited = 1;
    b.l.ways.v[1].error = WEFT_EUNREACH;
    b.l.ways.v[2].rtt_us = 800;
    from = b.now;
    while (b.l.better == WF_BROKERS_NONE && b.now - from < 3600 * SECOND) {
        tick(&b, b.l.due_us > b.now ? b.l.due_us - b.now : 0);
        if (b.l.trying != WF_BROKERS_NONE && b.l.tried_us == b.now) {
            b.now += 4 * 800;
            wf_link_tried(&b.l, b.now, b.l.trying == 2, &b.fx);
        }
        if (b.l.ping_seq > b.l.ponged_seq) {
            answers(&b, 90000);
        }
    }
    is_int(b.l.better, 2, "who is gone keeps nobody from one that is nearer");
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
    b.l.ways.brokers.v[2].awaited = 0; /* as an agent is, whom it did not tell */
    (void) live(&b, 600 * SECOND, 800, 90000);
    is_int(b.l.better, WF_BROKERS_NONE, "once: it has another store");
    wf_effects_fini(&b.fx);
}

static void test_visit(void)
{
    visit(WF_ROLE_CLIENT);
    visit(WF_ROLE_AGENT);
}

int main(void)
{
    test_work();
    test_awaited();
    test_work_apart();
    test_work_ends();
    test_other_reason();
    test_stay();
    test_refused();
    test_cut_short();
    test_given_up();
    test_dead_and_nearer();
    test_dead_work();
    test_learned_work();
    test_visit();
    return done();
}

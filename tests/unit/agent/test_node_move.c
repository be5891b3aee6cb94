/* An agent between two brokers: what it holds is of the one that assigned it. */
#include "tests/unit/agent/bed.h"

/* Which broker speaks: its key, its store, the one that it shares. */
struct who {
    unsigned way;
    uint64_t store, shared;
};

static const struct who A = {0, 11, 0}, B = {1, 12, 0}; /* a store each */
static const struct who N = {0, 21, 5}, S = {1, 22, 5}; /* one store */

static void init_two(struct bed *b)
{
    static struct wf_broker_table t;

    t = (struct wf_broker_table){0};
    for (unsigned i = 0; i < 2; i++) {
        struct wf_key k;

        memset(k.b, (int) i + 1, sizeof k.b);
        must(wf_brokers_give(&t, &k, i == 0 ? "tcp://a:1" : "tcp://b:1") == 0);
    }
    init_bed(b, 2, 2);
    b->cfg.link.brokers = &t;
    b->cfg.spool_bytes = 1u << 20;
}

static void opens(struct bed *b, const struct who *w)
{
    const struct wf_welcome m = {.proto = 1,
                                 .heartbeat_ms = 1000,
                                 .lease_ms = 4000,
                                 .max_payload = 1000,
                                 .store = w->store,
                                 .shared = w->shared,
                                 .role = WF_ROLE_AGENT};

    must(node_link(b->n)->endpoint == w->way);
    happens(b, NODE_LINK_UP);
    hears(b, WF_MSG_welcome, &m);
}

static void start_two(struct bed *b, const struct who *w)
{
    init_two(b);
    must(node_new(&b->cfg, &b->n) == 0);
    happens(b, NODE_START);
    opens(b, w);
}

/* The connection breaks, and the other broker is there. */
static void fall_over(struct bed *b, const struct who *w)
{
    happens(b, NODE_LINK_DOWN);
    b->now_us = node_link(b->n)->due_us;
    happens(b, NODE_TICK);
    opens(b, w);
}

static unsigned held(struct bed *b, enum wf_type type)
{
    struct wf_msg m;

    must(said(b, type, 0, &m));
    return type == WF_MSG_resync ? m.u.resync.runs.count : m.u.claim.runs.count;
}

static unsigned count(const struct bed *b, enum wf_type type)
{
    struct wf_msg m;
    unsigned n = 0;

    while (said(b, type, n, &m)) {
        n++;
    }
    return n;
}

static void ack(struct bed *b, uint8_t id)
{
    const struct wf_result_ack m = {id_of(id), 1};

    hears(b, WF_MSG_result_ack, &m);
}

static void test_apart(void)
{
    const struct wf_stop stop = {id_of(1), 1, (uint64_t) -WEFT_ELOST};
    struct node_counts c;
    struct bed b;

    start_two(&b, &A);
    assign(&b, 1, 1, 4);
    assign(&b, 2, 1, 4);
    fall_over(&b, &B);
    is_int(held(&b, WF_MSG_resync), 0, "another broker hears nothing of what is held");
    is_int(count(&b, WF_MSG_claim), 0, "nor is it asked to take it");
    hears(&b, WF_MSG_stop, &stop);
    ok(!did(&b, WF_EFFECT_KILL, b.started[0]), "and cannot stop it");
    ends(&b, b.started[0], 0);
    is_int(count(&b, WF_MSG_result), 0, "no result goes there");
    ok(did(&b, WF_EFFECT_APPEND, 1), "it is kept in the spool at once");
    is_int(node_owed(b.n), 0, "and who stops the agent need not wait for that");
    ack(&b, 1);
    c = node_counts(b.n);
    ok(c.finished == 1 && c.running == 1 && c.spool.results == 1,
       "nor can it acknowledge what it was not given");
    assign(&b, 3, 1, 4);
    is_int(b.nstarted, 3, "its own work runs beside");
    assign(&b, 2, 1, 4);
    is_int(count(&b, WF_MSG_refuse), 1, "one name for two attempts is refused");
    ends(&b, b.started[2], 0);
    is_int(count(&b, WF_MSG_result), 1, "and its result is told");
    fall_over(&b, &A);
    is_int(held(&b, WF_MSG_resync), 2, "the first one finds both of its own");
    is_int(count(&b, WF_MSG_result), 1, "and gets the result that waited");
    is_int(node_owed(b.n), 1, "which it is to acknowledge");
    ack(&b, 1);
    ends(&b, b.started[1], 0);
    is_int(count(&b, WF_MSG_result), 1, "the other one when it has ended");
    ack(&b, 2);
    is_int(node_counts(b.n).finished, 1, "what is left is the second broker's");
    close_bed(&b);
}

/* Through the broker that it is at, the other one asks what it need not wait for. */
static void test_asked(void)
{
    static const uint8_t about[] = {1, 2, 3};
    struct wf_buf rows = WF_BUF_INIT(1024);
    struct wf_seek m = {.req = 7};
    struct wf_run_row row = {.attempt = 1};
    struct wf_msg told;
    struct bed b;

    start_two(&b, &A);
    assign(&b, 1, 1, 4);
    assign(&b, 2, 1, 4);
    fall_over(&b, &B);
    ends(&b, b.started[0], 0);
    for (unsigned i = 0; i < sizeof about; i++) {
        row.job = id_of(about[i]);
        must(wf_rows_add(&rows, &m.runs, wf_desc_run_row(), &row) == 0);
    }
    row = (struct wf_run_row){.job = id_of(2), .attempt = 2};
    must(wf_rows_add(&rows, &m.runs, wf_desc_run_row(), &row) == 0);
    hears(&b, WF_MSG_seek, &m);
    ok(said(&b, WF_MSG_sought, 0, &told) && told.u.sought.req == 7 &&
           told.u.sought.found && told.u.sought.runs.count == 2,
       "who asks about attempts hears of those that are not here");
    must(wf_rows_next(&told.u.sought.runs, wf_desc_run_row(), &row));
    ok(row.job.b[0] == 3 && row.attempt == 1,
       "not of one whose result waits, or one that runs");
    must(wf_rows_next(&told.u.sought.runs, wf_desc_run_row(), &row));
    ok(row.job.b[0] == 2 && row.attempt == 2, "but of another attempt of such a job");
    wf_buf_fini(&rows);
    close_bed(&b);
}

static void test_notice(void)
{
    struct node_event ev = {.kind = NODE_NOTICE, .left_ms = 60000};
    struct wf_msg m;
    struct bed b;

    start_two(&b, &A);
    for (uint8_t id = 1; id <= 3; id++) {
        assign(&b, id, 1, 4);
    }
    must(b.nstarted == 2);
    fall_over(&b, &B);
    assign(&b, 4, 1, 4);
    step(&b, &ev);
    ok(count(&b, WF_MSG_refuse) == 1 && said(&b, WF_MSG_refuse, 0, &m) &&
           m.u.refuse.job.b[0] == 4,
       "when the machine goes a broker gets back what it assigned itself");
    is_int(node_counts(b.n).waiting, 1, "what another one did stays");
    close_bed(&b);
}

static void test_restart(void)
{
    struct node_event rec = {.kind = NODE_RECORD};
    struct wf_effects kept;
    struct bed b;

    start_two(&b, &A);
    assign(&b, 1, 1, 4);
    fall_over(&b, &B);
    ends(&b, b.started[0], 0);
    kept = b.fx;
    wf_effects_init(&b.fx);
    node_free(b.n);
    must(node_new(&b.cfg, &b.n) == 0);
    for (size_t i = 0; i < kept.n; i++) {
        if (kept.v[i].kind == WF_EFFECT_APPEND) {
            const uint8_t *p = wf_effect_bytes(&kept, &kept.v[i]);

            rec.key = wf_slice_make(p, NODE_SPOOL_KEY);
            rec.value = wf_slice_make(p + NODE_SPOOL_KEY,
                                      (uint32_t) kept.v[i].len - NODE_SPOOL_KEY);
            rec.lsn = kept.v[i].arg;
            step(&b, &rec);
        }
    }
    wf_effects_fini(&kept);
    is_int(node_counts(b.n).finished, 1, "a restart finds it in the spool");
    happens(&b, NODE_START);
    happens(&b, NODE_LINK_DOWN);
    b.now_us = node_link(b.n)->due_us;
    happens(&b, NODE_TICK);
    opens(&b, &B);
    ok(held(&b, WF_MSG_resync) == 0 && count(&b, WF_MSG_result) == 0,
       "whose it is was kept with it");
    fall_over(&b, &A);
    ok(held(&b, WF_MSG_resync) == 1 && count(&b, WF_MSG_result) == 1, "so it gets there");
    close_bed(&b);
}

static void claimed(struct bed *b, uint8_t id)
{
    const struct wf_run_row row = {id_of(id), 1, WF_RUN_RUNNING};
    struct wf_buf rows = WF_BUF_INIT(4096);
    struct wf_claimed m = {{0}};

    must(wf_rows_add(&rows, &m.runs, wf_desc_run_row(), &row) == 0);
    hears(b, WF_MSG_claimed, &m);
    wf_buf_fini(&rows);
}

static void test_takeover(void)
{
    struct bed b;

    start_two(&b, &N);
    assign(&b, 1, 1, 4);
    assign(&b, 2, 1, 4);
    b.now_us += SECOND;
    happens(&b, NODE_TICK);
    is_int(count(&b, WF_MSG_started), 2, "two run long enough to be announced");
    fall_over(&b, &S);
    is_int(held(&b, WF_MSG_resync), 0, "a broker with the same store does not know them");
    is_int(held(&b, WF_MSG_claim), 2, "but may take them over");
    ends(&b, b.started[0], 0);
    is_int(count(&b, WF_MSG_result), 0, "before that it gets no result");
    b.now_us += SECOND;
    happens(&b, NODE_TICK);
    ok(count(&b, WF_MSG_claim) == 1 && held(&b, WF_MSG_claim) == 2,
       "they are claimed again");
    claimed(&b, 1);
    is_int(count(&b, WF_MSG_result), 1, "once it has one, it gets the result");
    claimed(&b, 2);
    is_int(count(&b, WF_MSG_started), 1, "or hears that it runs");
    ack(&b, 1);
    is_int(node_counts(b.n).finished, 0, "and what it says counts");
    fall_over(&b, &N);
    is_int(held(&b, WF_MSG_resync), 0, "it is not the first one's any more");
    close_bed(&b);

    start_two(&b, &A);
    assign(&b, 1, 1, 4);
    fall_over(&b, &B);
    claimed(&b, 1);
    is_int(count(&b, WF_MSG_started), 0, "who shares no store can claim nothing");
    fall_over(&b, &A);
    is_int(held(&b, WF_MSG_resync), 1, "it is still the first one's");
    close_bed(&b);
}

/* Its own broker is away, though another one is there. */
static void test_policy(void)
{
    const struct wf_assign m = {.job = id_of(1),
                                .attempt = 1,
                                .capability = wf_slice_of("echo"),
                                .version = 1,
                                .stop_after_ms = 3000};
    unsigned killed = 0;
    uint64_t from;
    struct bed b;

    init_two(&b);
    b.cfg.caps[0].wall_ms = 0;
    must(node_new(&b.cfg, &b.n) == 0);
    happens(&b, NODE_START);
    opens(&b, &A);
    hears(&b, WF_MSG_assign, &m);
    from = b.now_us;
    fall_over(&b, &B);
    while (!killed && b.now_us < from + 60 * SECOND) {
        const struct wf_ping ping = {.seq = 1};

        b.now_us += SECOND / 2;
        happens(&b, NODE_TICK);
        killed = did(&b, WF_EFFECT_KILL, b.started[0]);
        hears(&b, WF_MSG_ping, &ping);
    }
    ok(killed && b.now_us - from >= 3 * SECOND && b.now_us - from <= 4 * SECOND,
       "a run that may be cut off for so long is stopped then");
    close_bed(&b);
}

static void becomes_better(struct bed *b)
{
    struct node_event ev = {.kind = NODE_LINK_TRIED, .on = 1};

    while (node_link(b->n)->better == WF_BROKERS_NONE) {
        const struct wf_ping ping = {.seq = 1};
        struct wf_pong pong;

        b->now_us = wf_max_u64(b->now_us, node_wakeup_us(b->n));
        happens(b, NODE_TICK);
        pong = (struct wf_pong){node_link(b->n)->ping_seq, b->now_us - 50000, 0};
        hears(b, WF_MSG_ping, &ping);
        hears(b, WF_MSG_pong, &pong);
        if (node_link(b->n)->trying != WF_BROKERS_NONE) {
            b->now_us += 4000;
            step(b, &ev);
        }
    }
}

/* The next ping is on its way; and is answered. */
static void pings(struct bed *b)
{
    uint64_t seq = node_link(b->n)->ping_seq;

    while (node_link(b->n)->ping_seq == seq) {
        b->now_us = wf_max_u64(b->now_us, node_wakeup_us(b->n));
        happens(b, NODE_TICK);
    }
}

static void is_answered(struct bed *b)
{
    hears(b, WF_MSG_pong,
          &(struct wf_pong){node_link(b->n)->ping_seq, b->now_us - 50000, 0});
}

static void beats(struct bed *b)
{
    pings(b);
    is_answered(b);
}

static void test_leaving(void)
{
    const struct node_facts facts = {.cpus = 2};
    struct node_event ev = {.kind = NODE_FACTS, .facts = &facts};
    struct wf_msg m;
    struct bed b;

    start_two(&b, &A);
    becomes_better(&b);
    ok(said(&b, WF_MSG_drain, 0, &m) && m.u.drain.on && count(&b, WF_MSG_bye) == 0,
       "an idle agent that goes to a nearer broker says so first");
    pings(&b);
    assign(&b, 1, 1, 4);
    ok(count(&b, WF_MSG_refuse) == 1 && count(&b, WF_MSG_bye) == 0,
       "and gives back what was under way to it");
    is_answered(&b);
    is_int(count(&b, WF_MSG_bye), 0, "which has to arrive before it leaves");
    beats(&b);
    ok(count(&b, WF_MSG_bye) == 1 && did(&b, WF_EFFECT_CONNECT, 1),
       "so the broker answers one more ping");
    opens(&b, &B);
    ok(!node_counts(b.n).draining, "and takes work there");
    close_bed(&b);

    init_two(&b);
    b.cfg.caps[0].wall_ms = 0;
    must(node_new(&b.cfg, &b.n) == 0);
    happens(&b, NODE_START);
    opens(&b, &A);
    assign(&b, 1, 1, 4);
    becomes_better(&b);
    ok(said(&b, WF_MSG_drain, 0, &m) && m.u.drain.on && count(&b, WF_MSG_bye) == 0,
       "one that works says that it takes no more");
    assign(&b, 2, 1, 4);
    is_int(count(&b, WF_MSG_refuse), 1, "and takes none");
    step(&b, &ev);
    ok(said(&b, WF_MSG_agent_info, 0, &m) && m.u.agent_info.draining,
       "what it tells of itself does not take that back");
    happens(&b, NODE_DRAIN);
    ok(said(&b, WF_MSG_drain, 0, &m) && m.u.drain.on, "nor does its owner");
    ends(&b, b.started[0], 0);
    ok(count(&b, WF_MSG_result) == 1 && count(&b, WF_MSG_bye) == 0,
       "when it has ended the result goes first");
    ack(&b, 1);
    is_int(count(&b, WF_MSG_bye), 0, "nor does it leave before the broker knows");
    beats(&b);
    ok(count(&b, WF_MSG_bye) == 1 && did(&b, WF_EFFECT_CONNECT, 1), "then it leaves");
    close_bed(&b);
}

static void test_staying(void)
{
    struct wf_msg m;
    unsigned drains = 0;
    struct bed b;

    init_two(&b);
    b.cfg.caps[0].wall_ms = 0;
    must(node_new(&b.cfg, &b.n) == 0);
    happens(&b, NODE_START);
    opens(&b, &A);
    assign(&b, 1, 1, 4);
    becomes_better(&b);
    for (unsigned i = 0; i < 120; i++) {
        const struct wf_ping ping = {.seq = 1};

        b.now_us += SECOND / 2;
        happens(&b, NODE_TICK);
        drains += said(&b, WF_MSG_drain, 0, &m) && !m.u.drain.on;
        hears(&b, WF_MSG_ping, &ping);
    }
    ok(drains == 1 && !node_counts(b.n).draining,
       "what does not end soon keeps it where it is");
    is_int(node_link(b.n)->state, WF_LINK_READY, "with its session");
    assign(&b, 2, 1, 4);
    is_int(b.nstarted, 2, "it takes work again");
    close_bed(&b);
}

/* So much later, with a broker that is well; 1 when it took the drain back. */
static int passes_with(struct bed *b, uint64_t us, int trials)
{
    struct node_event tried = {.kind = NODE_LINK_TRIED, .on = trials};
    const uint64_t until_us = b->now_us + us;
    const struct wf_ping ping = {.seq = 1};
    struct wf_msg m;
    int back = 0;

    while (b->now_us < until_us) {
        b->now_us += SECOND / 2;
        happens(b, NODE_TICK);
        back |= said(b, WF_MSG_drain, 0, &m) && !m.u.drain.on;
        if (node_link(b->n)->trying != WF_BROKERS_NONE) {
            step(b, &tried);
        }
        hears(b, WF_MSG_ping, &ping);
        hears(b, WF_MSG_pong,
              &(struct wf_pong){node_link(b->n)->ping_seq, b->now_us - 50000, 0});
    }
    return back;
}

static int passes(struct bed *b, uint64_t us)
{
    return passes_with(b, us, 1);
}

static void until_draining(struct bed *b)
{
    while (!node_counts(b->n).draining) {
        (void) passes(b, SECOND);
    }
}

/* It tries to leave for so long, and no longer. */
static int gives(struct bed *b, uint64_t us)
{
    until_draining(b);
    return !passes(b, us - 2 * SECOND) && passes(b, 4 * SECOND);
}

/* A result waits for another broker, and here there is always long work. */
static void owe_elsewhere(struct bed *b)
{
    init_two(b);
    b->cfg.caps[0].wall_ms = 0;
    must(node_new(&b->cfg, &b->n) == 0);
    happens(b, NODE_START);
    opens(b, &A);
    assign(b, 1, 1, 4);
    fall_over(b, &B);
    ends(b, b->started[0], 0);
    assign(b, 2, 1, 4);
    becomes_better(b);
    must(node_counts(b->n).draining);
}

static void test_patience(void)
{
    struct bed b;

    owe_elsewhere(&b);
    ok(passes(&b, 31 * SECOND) && !node_counts(b.n).draining,
       "it cannot leave within half a minute");
    for (unsigned i = 1; i < 8; i++) {
        (void) passes(&b, 590 * SECOND);
        ok(gives(&b, 30 * SECOND << wf_min_u64(i, 5)),
           i <= 5 ? "time %u it gives its runs twice as long"
                  : "time %u as long as before",
           i);
    }
    (void) passes(&b, 590 * SECOND);
    until_draining(&b);
    (void) passes(&b, 300 * SECOND);
    ends(&b, b.started[1], 0);
    ack(&b, 2);
    must(node_link(b.n)->endpoint == 0);
    opens(&b, &A);
    is_int(count(&b, WF_MSG_result), 1, "until the result is where it belongs");
    close_bed(&b);
}

/* Patience that one reason used up is not for the next. */
static void test_patience_anew(void)
{
    struct bed b;

    owe_elsewhere(&b);
    (void) passes(&b, 32 * SECOND);
    must(gives(&b, 60 * SECOND));
    (void) passes_with(&b, 1200 * SECOND, 0);
    ok(gives(&b, 30 * SECOND), "who was gone meanwhile is a reason of its own");
    must(gives(&b, 60 * SECOND));
    fall_over(&b, &A);
    (void) passes(&b, 20 * SECOND);
    fall_over(&b, &B);
    ok(gives(&b, 30 * SECOND), "in another session it begins anew");
    until_draining(&b);
    fall_over(&b, &A);
    ok(count(&b, WF_MSG_result) == 1, "the result is told where it belongs");
    ack(&b, 1);
    close_bed(&b);
}

/* A result is as large as its own broker takes, whoever is there when it ends. */
static void test_large(void)
{
    static const uint8_t bytes[1500];
    struct run_end end = {.has_data = 1, .data = wf_slice_make(bytes, 900)};
    struct node_event ev = {.kind = NODE_RUN_DONE, .end = &end};
    struct wf_welcome small = {.proto = 1,
                               .heartbeat_ms = 1000,
                               .lease_ms = 4000,
                               .max_payload = 100,
                               .store = B.store,
                               .role = WF_ROLE_AGENT};
    struct wf_msg m;
    struct bed b;

    start_two(&b, &A);
    assign(&b, 1, 1, 4);
    assign(&b, 2, 1, 4);
    happens(&b, NODE_LINK_DOWN);
    b.now_us = node_link(b.n)->due_us;
    happens(&b, NODE_TICK);
    happens(&b, NODE_LINK_UP);
    hears(&b, WF_MSG_welcome, &small);
    ev.run = b.started[0];
    step(&b, &ev);
    ev.run = b.started[1];
    end.data.len = 1100;
    step(&b, &ev);
    fall_over(&b, &A);
    ok(said(&b, WF_MSG_result, 0, &m) && m.u.result.code == 0 &&
           m.u.result.data.len == 900,
       "a result is judged by the broker that gets it");
    ok(said(&b, WF_MSG_result, 1, &m) && m.u.result.code == -WEFT_ETOOBIG,
       "which takes no more than it said");
    close_bed(&b);
}

int main(void)
{
    test_apart();
    test_asked();
    test_notice();
    test_restart();
    test_takeover();
    test_policy();
    test_leaving();
    test_staying();
    test_patience();
    test_patience_anew();
    test_large();
    return done();
}

/* What enrolled peers of bad intent may try, and what it costs the others: nothing. */
#include "tests/unit/broker/bed.h"

#define AGENT  1
#define CLIENT 10
#define OTHER  11
#define BOSS   20

static struct wf_id numbered(uint64_t n)
{
    struct wf_id id = {{0xaa}};

    memcpy(id.b + 8, &n, sizeof n);
    return id;
}

/* A client names every capability that there may be, and an agent still gets in. */
static void capability_names(void)
{
    struct wf_submit m = bed_work(1);
    uint32_t peer, agent;
    struct bed b;
    char name[32];

    bed_init(&b);
    b.cfg.max_jobs = 10000;
    bed_start(&b);
    peer = bed_client(&b, CLIENT, "ann");
    m.deadline_ms = 1000;
    m.capability.p = (const uint8_t *) name;
    for (unsigned i = 0; i < 5000; i++) {
        m.job = numbered(i);
        m.capability.len = (uint32_t) snprintf(name, sizeof name, "no-such-%u", i);
        bed_say(&b, peer, WF_MSG_submit, &m);
    }
    is_int(bed_refusal(&b, peer), WEFT_EBUSY, "names that nobody offers run out");
    agent = bed_agent(&b, AGENT, "a1", 2);
    is_int(bed_refusal(&b, agent), 0, "an agent offers a new one nonetheless");
    bed_submit(&b, peer, 1);
    is_int(bed_state(&b, 1), WF_JOB_ASSIGNED, "and gets work");
    bed_tick(&b, 2 * BED_SECOND);
    b.cfg.retain_jobs = 0;
    bed_tick(&b, 8 * 24 * 3600 * BED_SECOND);
    m.job = numbered(9999);
    bed_say(&b, bed_hello(&b, CLIENT, WF_ROLE_CLIENT, 1), WF_MSG_submit, &m);
    is_int(bed_refusal(&b, b.last_peer), 0, "names are free when their jobs are gone");
    bed_fini(&b);
}

/* A device asks again with its used token while the store fails. */
static void token_twice(void)
{
    const struct wf_token_put put = {
        .req = 1, .key = bed_key(50), .role = WF_ROLE_CLIENT, .ttl_ms = 60000};
    const struct wf_join first = {
        .key = bed_key(60), .role = WF_ROLE_CLIENT, .name = wf_slice_of("one")};
    const struct wf_join second = {
        .key = bed_key(61), .role = WF_ROLE_CLIENT, .name = wf_slice_of("two")};
    struct broker_event broken = {.kind = BROKER_STORE_ERROR};
    uint64_t lsn;
    uint32_t peer;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    bed_say(&b, bed_operator(&b, BOSS), WF_MSG_token_put, &put);
    bed_durable(&b, b.c->lsn);
    peer = bed_hello(&b, 50, WF_ROLE_CLIENT, 1);
    bed_say(&b, peer, WF_MSG_join, &first);
    bed_durable(&b, b.c->lsn);
    is_int(bed_count(&b, peer, WF_MSG_joined), 1, "a device joins");
    lsn = b.c->lsn;
    bed_say(&b, peer, WF_MSG_join, &first);
    is_int(bed_count(&b, peer, WF_MSG_joined), 1, "asking again is answered at once");
    ok(b.c->lsn == lsn, "and writes nothing");
    broken.lsn = lsn + 1;
    bed_step(&b, &broken);
    bed_durable(&b, b.c->lsn);
    peer = bed_hello(&b, 50, WF_ROLE_CLIENT, 1);
    bed_say(&b, peer, WF_MSG_join, &second);
    is_int(bed_refusal(&b, peer), WEFT_ETOKENUSED, "a second device does not");
    bed_fini(&b);
}

/* What the store did not keep must not come back when it writes it later. */
static void undone(void)
{
    const struct wf_token_put put = {
        .req = 1, .key = bed_key(50), .role = WF_ROLE_CLIENT, .ttl_ms = 60000};
    const struct wf_join join = {
        .key = bed_key(60), .role = WF_ROLE_CLIENT, .name = wf_slice_of("one")};
    struct broker_event broken = {.kind = BROKER_STORE_ERROR};
    unsigned deletes = 0, puts = 0;
    uint32_t peer;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    bed_say(&b, bed_operator(&b, BOSS), WF_MSG_token_put, &put);
    bed_durable(&b, b.c->lsn);
    peer = bed_hello(&b, 50, WF_ROLE_CLIENT, 1);
    bed_say(&b, peer, WF_MSG_join, &join);
    broken.lsn = b.c->lsn - 1;
    bed_step(&b, &broken);
    for (size_t i = 0; i < b.fx.n; i++) {
        const struct wf_effect *x = &b.fx.v[i];

        deletes += x->kind == WF_EFFECT_APPEND && x->len == WF_KEY_SIZE;
        puts += x->kind == WF_EFFECT_APPEND && x->len > WF_KEY_SIZE;
    }
    is_int(deletes, 1, "the key is taken out again");
    is_int(puts, 1, "and the token is as it was");
    bed_step(&b, &broken);
    ok(bed_effect(&b, WF_EFFECT_APPEND) == NULL, "once");
    bed_fini(&b);
}

/* A reason that is cut in the middle of a character must not break the operator's view.
 */
static void cut_text(void)
{
    char reason[WF_TEXT_MAX + 1];
    struct wf_result m = {.job = bed_id(1), .attempt = 1, .code = -WEFT_ESPAWN};
    const struct wf_query q = {
        .req = 1, .kind = WF_QUERY_JOB, .key = wf_slice_of("01010101")};
    struct wf_query why = q;
    uint32_t agent, peer;
    struct wf_msg reply;
    struct bed b;

    for (unsigned i = 0; i < WF_TEXT_MAX - 1; i += 2) {
        memcpy(reason + i, "\xc3\xa9", 2);
    }
    reason[WF_TEXT_MAX - 1] = '\0';
    bed_init(&b);
    bed_start(&b);
    agent = bed_agent(&b, AGENT, "a1", 1);
    peer = bed_client(&b, CLIENT, "ann");
    bed_submit(&b, peer, 1);
    m.reason = wf_slice_of(reason);
    bed_say(&b, agent, WF_MSG_result, &m);
    bed_say(&b, peer, WF_MSG_query, &q);
    ok(bed_told(&b, peer, WF_MSG_job_info, 0, &reply), "a job's history can be read");
    why.kind = WF_QUERY_WHY;
    bed_say(&b, peer, WF_MSG_query, &why);
    ok(bed_told(&b, peer, WF_MSG_why_info, 0, &reply), "and what it waits for");
    why.key = wf_slice_of(reason);
    bed_say(&b, peer, WF_MSG_query, &why);
    ok(bed_told(&b, peer, WF_MSG_error, 0, &reply), "and a refusal that quotes");
    bed_fini(&b);
}

/* An agent with room for thousands comes to a long queue of large payloads. */
static void feast(void)
{
    static uint8_t payload[64 << 10];
    struct wf_submit m = bed_work(1);
    uint32_t agent, peer;
    struct bed b;

    bed_init(&b);
    b.cfg.max_jobs = 600;
    bed_start(&b);
    agent = bed_agent(&b, AGENT, "a1", 600);
    bed_down(&b, agent);
    peer = bed_client(&b, CLIENT, "ann");
    m.payload = wf_slice_make(payload, sizeof payload);
    for (unsigned i = 0; i < 600; i++) {
        m.job = numbered(i);
        bed_say(&b, peer, WF_MSG_submit, &m);
    }
    agent = bed_agent(&b, AGENT, "a1", 600);
    ok(b.fx.bytes.len < 24u << 20, "it gets no more than the bus can queue");
    ok(bed_count(&b, agent, WF_MSG_assign) > 128, "and no less than it can work on");
    bed_fini(&b);
}

/* An offer that goes away and comes back still holds what it held. */
static void comes_and_goes(void)
{
    uint32_t agent, peer;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    agent = bed_agent(&b, AGENT, "a1", 2);
    peer = bed_client(&b, CLIENT, "ann");
    bed_submit(&b, peer, 1);
    bed_submit(&b, peer, 2);
    bed_offer(&b, agent, "other", 8, 0);
    bed_offer(&b, agent, "echo", 2, 8);
    for (uint8_t id = 3; id < 20; id++) {
        bed_submit(&b, peer, id);
    }
    is_int(bed_job(&b, 3)->agent->offers[0].assigned, 10, "slots and queue, not more");
    bed_fini(&b);
}

static void absurd_limits(void)
{
    struct wf_submit m = bed_work(1);
    const struct wf_started s = {bed_id(1), 1};
    uint32_t agent, peer;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    agent = bed_agent(&b, AGENT, "a1", 1);
    peer = bed_client(&b, CLIENT, "ann");
    m.wall_ms = UINT64_C(1) << 62;
    bed_say(&b, peer, WF_MSG_submit, &m);
    bed_say(&b, agent, WF_MSG_started, &s);
    ok(bed_job(&b, 1)->overdue_us > b.now_us + 3600 * BED_SECOND,
       "a limit beyond time is no limit");
    bed_fini(&b);
}

/* Results and output of an agent that knows no measure. */
static void too_much(void)
{
    static uint8_t data[WF_OUTPUT_CHUNK], result[2000];
    struct wf_result r = {.job = bed_id(1), .attempt = 1};
    struct wf_output o = {.attempt = 1, .stream = 2};
    uint32_t agent, peer;
    struct bed b;

    bed_init(&b);
    b.cfg.max_bytes = 100000;
    b.cfg.max_payload = 1000;
    bed_start(&b);
    agent = bed_agent(&b, AGENT, "a1", 40);
    peer = bed_client(&b, CLIENT, "ann");
    for (uint8_t id = 1; id <= 40; id++) {
        bed_submit(&b, peer, id);
    }
    o.data = wf_slice_make(data, sizeof data);
    for (uint8_t id = 1; id <= 40; id++) {
        const struct wf_started s = {bed_id(id), 1};

        bed_say(&b, agent, WF_MSG_started, &s);
        o.job = bed_id(id);
        bed_say(&b, agent, WF_MSG_output, &o);
    }
    ok(b.c->jobs.bytes <= b.cfg.max_bytes, "output is kept within the cap");
    ok(bed_job(&b, 40)->log_cut == sizeof data, "what was cut is counted");
    r.data = wf_slice_make(result, sizeof result);
    bed_say(&b, agent, WF_MSG_result, &r);
    is_int(bed_state(&b, 1), WF_JOB_FAILED, "a result over the limit is none");
    is_int(bed_job(&b, 1)->code, WEFT_ETOOBIG, "and the job says why");
    bed_fini(&b);
}

/* One client opens many sessions and watches one job in all of them. */
static void onlookers(void)
{
    struct wf_watch m = {.req = 1, .job = bed_id(1)};
    unsigned taken = 0;
    struct bed b;

    bed_init(&b);
    b.cfg.max_nodes = 1000;
    bed_start(&b);
    (void) bed_agent(&b, AGENT, "a1", 1);
    bed_submit(&b, bed_client(&b, CLIENT, "ann"), 1);
    for (unsigned i = 0; i < 200; i++) {
        uint32_t peer = bed_hello(&b, CLIENT, WF_ROLE_CLIENT, i);

        bed_say(&b, peer, WF_MSG_watch, &m);
        taken += bed_refusal(&b, peer) == 0;
    }
    is_int(taken, 128, "so many may watch a job");
    bed_fini(&b);
}

/* A flood of pings must not swallow those of others. */
static void pings(void)
{
    const struct wf_node_ping m = {.req = 1, .node = wf_slice_of("a1")};
    uint32_t agent, boss, peer;
    struct wf_msg ping;
    struct wf_pong pong;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    agent = bed_agent(&b, AGENT, "a1", 1);
    boss = bed_operator(&b, BOSS);
    peer = bed_client(&b, CLIENT, "ann");
    bed_say(&b, boss, WF_MSG_node_ping, &m);
    must(bed_told(&b, agent, WF_MSG_ping, 0, &ping));
    pong = (struct wf_pong){ping.u.ping.seq, ping.u.ping.time_us};
    for (unsigned i = 0; i < 200; i++) {
        bed_say(&b, peer, WF_MSG_node_ping, &m);
    }
    is_int(bed_refusal(&b, peer), WEFT_EBUSY, "a flood of pings is refused");
    bed_say(&b, agent, WF_MSG_pong, &pong);
    is_int(bed_count(&b, boss, WF_MSG_node_pong), 1, "and the operator's is answered");
    bed_fini(&b);
}

/* What a step could not send for want of memory comes with the next sessions. */
static void forgetful(void)
{
    struct broker_event lost = {.kind = BROKER_FORGETFUL};
    uint32_t agent, peer;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    agent = bed_agent(&b, AGENT, "a1", 1);
    peer = bed_client(&b, CLIENT, "ann");
    bed_submit(&b, peer, 1);
    bed_step(&b, &lost);
    ok(session_get(&b.c->sessions, agent) == NULL, "every session ends");
    ok(bed_effect(&b, WF_EFFECT_CLOSE) != NULL, "on the bus as well");
    agent = bed_agent(&b, AGENT, "a1", 1);
    bed_tick(&b, BED_SECOND);
    is_int(bed_count(&b, agent, WF_MSG_assign), 1, "the assignment is made again");
    bed_fini(&b);
}

/* One key cannot shut the others out by opening sessions. */
static void many_sessions(void)
{
    struct bed b;

    bed_init(&b);
    b.cfg.max_nodes = 1000;
    bed_start(&b);
    for (unsigned i = 0; i < 300; i++) {
        (void) bed_client(&b, CLIENT, "ann");
    }
    is_int(wf_map_len(b.c->sessions.by_peer), 256, "a key has its share of sessions");
    (void) bed_client(&b, CLIENT + 1, "bob");
    is_int(wf_map_len(b.c->sessions.by_peer), 257, "another one comes in");
    bed_fini(&b);
}

/* An agent that refuses for ever is asked less and less often. */
static void refuses_for_ever(void)
{
    uint32_t agent, peer;
    unsigned asked = 0;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    agent = bed_agent(&b, AGENT, "a1", 1);
    peer = bed_client(&b, CLIENT, "ann");
    bed_submit(&b, peer, 1);
    for (unsigned i = 0; i < 3000; i++) {
        const struct job *j = bed_job(&b, 1);
        const struct wf_ping alive = {.seq = i};

        bed_say(&b, agent, WF_MSG_ping, &alive);
        if (j->state == WF_JOB_ASSIGNED) {
            const struct wf_refuse no = {j->id, j->attempt, (uint64_t) -WEFT_EBUSY,
                                         wf_slice_of("no")};

            asked++;
            bed_say(&b, agent, WF_MSG_refuse, &no);
        }
        bed_tick(&b, 100 * BED_MS);
    }
    ok(asked > 5 && asked < 60, "asked %u times in 300 s", asked);
    bed_fini(&b);
}

int main(void)
{
    many_sessions();
    refuses_for_ever();
    capability_names();
    token_twice();
    undone();
    cut_text();
    feast();
    comes_and_goes();
    absurd_limits();
    too_much();
    onlookers();
    pings();
    forgetful();
    return done();
}

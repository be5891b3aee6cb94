#include "tests/unit/broker/bed.h"

#include "proto/words.h"

static void begins(void)
{
    const struct wf_ping ping = {.seq = 7, .time_us = 99};
    struct wf_msg m;
    uint32_t peer;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    bed_enrol(&b, 1, WF_ROLE_CLIENT, "app");
    peer = bed_up(&b, 1);
    bed_say(&b, peer, WF_MSG_ping, &ping);
    is_int(b.fx.n, 0, "nothing is answered before hello");
    is_int(b.c->count.unknown_messages, 1, "and it is counted");
    bed_say(&b, peer, WF_MSG_hello,
            &(struct wf_hello){1, 9, WF_ROLE_CLIENT, 5, wf_slice_of("x")});
    ok(bed_told(&b, peer, WF_MSG_welcome, 0, &m), "hello is welcomed");
    ok(wf_slice_is(m.u.welcome.name, "app") && wf_slice_is(m.u.welcome.broker, "b1") &&
           m.u.welcome.proto == WF_PROTO_MAX && m.u.welcome.heartbeat_ms == 1000 &&
           m.u.welcome.lease_ms == 4000 && m.u.welcome.role == WF_ROLE_CLIENT,
       "with what the peer must know");
    bed_say(&b, peer, WF_MSG_ping, &ping);
    ok(bed_told(&b, peer, WF_MSG_pong, 0, &m) && m.u.pong.seq == 7 &&
           m.u.pong.time_us == 99,
       "a ping is answered");
    bed_say(&b, peer, WF_MSG_hello,
            &(struct wf_hello){1, 1, WF_ROLE_CLIENT, 6, wf_slice_of("x")});
    is_int(b.fx.n, 0, "a second hello is nothing");
    bed_say(&b, peer, WF_MSG_bye, &(struct wf_bye){0});
    ok(bed_effect(&b, WF_EFFECT_CLOSE) != NULL, "bye ends it");
    bed_say(&b, peer, WF_MSG_ping, &ping);
    is_int(b.fx.n, 0, "and nothing after it counts");
    bed_fini(&b);
}

static void refuses(void)
{
    uint32_t peer;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    bed_enrol(&b, 1, WF_ROLE_CLIENT, "app");
    ok(!core_admits(b.c, &(struct wf_key){{9}}), "a key that is not known");
    peer = bed_up(&b, 9);
    ok(bed_effect(&b, WF_EFFECT_CLOSE) != NULL, "is sent away, should it get so far");
    peer = bed_hello(&b, 1, WF_ROLE_AGENT, 1);
    is_int(bed_refusal(&b, peer), WEFT_EPERM, "a role that it does not have");
    ok(bed_effect(&b, WF_EFFECT_CLOSE) != NULL, "ends the session");
    peer = bed_up(&b, 1);
    bed_say(&b, peer, WF_MSG_hello,
            &(struct wf_hello){90, 99, WF_ROLE_CLIENT, 6, wf_slice_of("x")});
    is_int(bed_refusal(&b, peer), WEFT_EVERSION, "no version in common");
    bed_fini(&b);
}

static void keeps_to_roles(void)
{
    const struct wf_started started = {bed_id(1), 1};
    const struct wf_submit submit = bed_work(1);
    const struct wf_token_put token = {.req = 5, .role = 1, .ttl_ms = 1000};
    uint32_t client, agent;
    struct wf_msg m;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    client = bed_client(&b, 1, "app");
    agent = bed_agent(&b, 2, "edge", 1);
    bed_say(&b, client, WF_MSG_started, &started);
    is_int(bed_refusal(&b, client), WEFT_EPERM, "a client reports no runs");
    bed_say(&b, agent, WF_MSG_submit, &submit);
    is_int(bed_refusal(&b, agent), WEFT_EPERM, "an agent submits nothing");
    bed_say(&b, client, WF_MSG_token_put, &token);
    ok(bed_told(&b, client, WF_MSG_error, 0, &m) && m.u.error.req == 5 &&
           m.u.error.about == WF_MSG_token_put,
       "a client makes no tokens, and is told which request failed");
    is_int(b.c->count.denied, 3, "all of it is counted");
    bed_fini(&b);
}

static void notices_silence(void)
{
    uint32_t client, agent;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    client = bed_client(&b, 1, "app");
    agent = bed_agent(&b, 2, "edge", 1);
    bed_submit(&b, client, 1);
    bed_tick(&b, 2600 * BED_MS);
    is_int(b.c->agents.n, 1, "one agent");
    ok(registry_named(&b.c->registry, wf_slice_of("edge"))->agent->state == AGENT_TORPID,
       "a silent one is torpid");
    bed_say(&b, agent, WF_MSG_ping, &(struct wf_ping){1, 0, 0, 0});
    ok(registry_named(&b.c->registry, wf_slice_of("edge"))->agent->state == AGENT_UP,
       "until it speaks");
    bed_tick(&b, 3900 * BED_MS);
    ok(bed_told(&b, agent, WF_MSG_bye, 0, &(struct wf_msg){0}) == 0, "its lease runs");
    bed_tick(&b, 200 * BED_MS);
    is_int(bed_refusal(&b, agent), WEFT_ETIMEOUT, "and ends");
    ok(registry_named(&b.c->registry, wf_slice_of("edge"))->agent->state == AGENT_LOST,
       "it is lost");
    is_int(bed_state(&b, 1), WF_JOB_ASSIGNED, "its attempts wait for its return");
    bed_tick(&b, 2001 * BED_MS);
    ok(registry_named(&b.c->registry, wf_slice_of("edge"))->agent->state == AGENT_OFFLINE,
       "as long as its grace");
    is_int(bed_state(&b, 1), WF_JOB_QUEUED, "then they are for others");
    is_int(core_wakeup_us(b.c), bed_job(&b, 1)->timer.key - (b.c->now_us - b.now_us),
           "the retry is planned");
    bed_fini(&b);
}

static void comes_back(void)
{
    uint32_t client, agent;
    struct wf_resync resync = {{0}};
    struct wf_buf rows = WF_BUF_INIT(1024);
    struct wf_run_row row = {bed_id(1), 1, WF_RUN_RUNNING};
    struct wf_msg m;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    client = bed_client(&b, 1, "app");
    agent = bed_agent(&b, 2, "edge", 2);
    bed_submit(&b, client, 1);
    bed_submit(&b, client, 2);
    bed_down(&b, agent);
    agent = bed_hello(&b, 2, WF_ROLE_AGENT, 2);
    bed_offer(&b, agent, "echo", 2, 0);
    must(wf_rows_add(&rows, &resync.runs, wf_desc_run_row(), &row) == 0);
    row = (struct wf_run_row){bed_id(9), 1, WF_RUN_WAITING};
    must(wf_rows_add(&rows, &resync.runs, wf_desc_run_row(), &row) == 0);
    row = (struct wf_run_row){bed_id(8), 1, WF_RUN_FINISHED};
    must(wf_rows_add(&rows, &resync.runs, wf_desc_run_row(), &row) == 0);
    bed_say(&b, agent, WF_MSG_resync, &resync);
    is_int(bed_state(&b, 1), WF_JOB_RUNNING,
           "what it still holds is left to it, and runs");
    is_int(bed_state(&b, 2), WF_JOB_QUEUED, "what never arrived is for another try");
    ok(bed_told(&b, agent, WF_MSG_stop, 0, &m) && m.u.stop.job.b[0] == 9,
       "what is not its own it must stop");
    is_int(bed_count(&b, agent, WF_MSG_stop), 1, "what has ended will be told by itself");
    bed_result(&b, agent, 1, 1, 0);
    is_int(bed_state(&b, 1), WF_JOB_OK, "and what it held ends well");
    wf_buf_fini(&rows);
    bed_fini(&b);
}

static void gets_no_work_before_resync(void)
{
    uint32_t client, agent;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    client = bed_client(&b, 1, "app");
    agent = bed_agent(&b, 2, "edge", 2);
    bed_down(&b, agent);
    bed_submit(&b, client, 1);
    agent = bed_hello(&b, 2, WF_ROLE_AGENT, 2);
    bed_offer(&b, agent, "echo", 2, 0);
    is_int(bed_count(&b, agent, WF_MSG_assign), 0, "not before it said what it holds");
    bed_resync(&b, agent);
    is_int(bed_count(&b, agent, WF_MSG_assign), 1, "but then");
    is_int(bed_job(&b, 1)->attempt, 1, "once");
    bed_fini(&b);
}

static void is_restarted(void)
{
    uint32_t client, agent, second;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    client = bed_client(&b, 1, "app");
    agent = bed_agent(&b, 2, "edge", 2);
    bed_submit(&b, client, 1);
    second = bed_hello(&b, 2, WF_ROLE_AGENT, 777);
    is_int(bed_refusal(&b, agent), WEFT_ECLOSED, "the older session is closed");
    is_int(bed_state(&b, 1), WF_JOB_ASSIGNED,
           "a new process may have results of the old");
    bed_say(&b, second, WF_MSG_resync, &(struct wf_resync){{0}});
    is_int(bed_state(&b, 1), WF_JOB_QUEUED, "or not");
    bed_result(&b, agent, 1, 1, 0);
    is_int(b.fx.n, 0, "what the old one says is not heard");
    bed_say(&b, second, WF_MSG_bye, &(struct wf_bye){0});
    ok(registry_named(&b.c->registry, wf_slice_of("edge"))->agent->state == AGENT_OFFLINE,
       "one that leaves in order is offline at once");
    bed_fini(&b);
}

/* -- joining ---------------------------------------------------------------------------
 */

static uint32_t join(struct bed *b, uint8_t token, uint8_t key)
{
    const struct wf_join m = {.key = bed_key(key), .role = WF_ROLE_AGENT};
    uint32_t peer = bed_hello(b, token, WF_ROLE_AGENT, 1);

    bed_say(b, peer, WF_MSG_join, &m);
    return peer;
}

static void make_token(struct bed *b, uint32_t op, uint8_t key, const char *name)
{
    const struct wf_token_put m = {.req = 1,
                                   .key = bed_key(key),
                                   .role = WF_ROLE_AGENT,
                                   .tier = WF_TIER_CLOUD,
                                   .name = wf_slice_of(name),
                                   .ttl_ms = 60000};

    bed_say(b, op, WF_MSG_token_put, &m);
    bed_durable(b, b->c->lsn);
}

static void joins(void)
{
    const struct wf_key key = bed_key(0x42), other = bed_key(0x43);
    const struct wf_effect *x;
    uint32_t op, peer;
    struct wf_msg m;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    op = bed_operator(&b, 1);
    make_token(&b, op, 0x70, "edge-1");
    ok(core_admits(b.c, &(struct wf_key){{0}}) == 0, "no key by chance");
    peer = join(&b, 0x70, 0x42);
    is_int(bed_count(&b, peer, WF_MSG_joined), 0, "nothing is promised yet");
    x = bed_effect(&b, WF_EFFECT_SYNC);
    ok(x != NULL && x->arg == b.c->lsn, "the store is asked");
    ok(!core_admits(b.c, &key), "a key is not let in before it is stored");
    bed_durable(&b, b.c->lsn);
    ok(bed_told(&b, peer, WF_MSG_joined, 0, &m) &&
           wf_slice_is(m.u.joined.name, "edge-1") && m.u.joined.tier == WF_TIER_CLOUD &&
           wf_slice_is(m.u.joined.site, "lyon"),
       "then it has joined");
    ok(core_admits(b.c, &key), "and is let in");
    peer = join(&b, 0x70, 0x43);
    is_int(bed_refusal(&b, peer), WEFT_ETOKENUSED, "a token serves one key");
    peer = join(&b, 0x70, 0x42);
    ok(bed_told(&b, peer, WF_MSG_joined, 0, &m), "which may ask again");
    ok(!core_admits(b.c, &other), "and no other");
    bed_fini(&b);
}

static void joins_in_vain(void)
{
    struct broker_event error = {.kind = BROKER_STORE_ERROR};
    const struct wf_key key = bed_key(0x42);
    uint32_t op, peer;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    op = bed_operator(&b, 1);
    make_token(&b, op, 0x70, "");
    peer = join(&b, 0x70, 0x42);
    is_int(bed_refusal(&b, peer), WEFT_EINVAL, "somebody must give a name");
    make_token(&b, op, 0x71, "edge-1");
    make_token(&b, op, 0x72, "edge-1");
    peer = join(&b, 0x71, 0x42);
    error.lsn = b.c->lsn - 1;
    bed_step(&b, &error);
    is_int(bed_refusal(&b, peer), WEFT_ESTORAGE, "the store failed: told so");
    ok(!core_admits(b.c, &key), "the key is not known");
    peer = join(&b, 0x71, 0x42);
    is_int(bed_refusal(&b, peer), WEFT_ESTORAGE, "as long as it fails");
    bed_durable(&b, b.c->lsn);
    peer = join(&b, 0x71, 0x42);
    bed_durable(&b, b.c->lsn);
    ok(core_admits(b.c, &key), "and may try again with its token");
    peer = join(&b, 0x72, 0x43);
    is_int(bed_refusal(&b, peer), WEFT_EEXIST, "a name serves one node");
    b.wall_ms += 60000;
    peer = join(&b, 0x72, 0x43);
    is_int(bed_refusal(&b, peer), WEFT_ETOKENEXPIRED, "a token has its time");
    peer = bed_hello(&b, 0x72, WF_ROLE_OPERATOR, 1);
    is_int(bed_refusal(&b, peer), WEFT_ETOKENROLE, "and its role");
    peer = bed_hello(&b, 0x42, WF_ROLE_AGENT, 1);
    bed_say(&b, peer, WF_MSG_join, &(struct wf_join){.key = bed_key(0x44)});
    is_int(bed_refusal(&b, peer), WEFT_ESTATE, "who is enrolled does not join");
    bed_fini(&b);
}

static void may_only_join_by_token(void)
{
    uint32_t op, peer;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    op = bed_operator(&b, 1);
    make_token(&b, op, 0x70, "edge-1");
    peer = bed_hello(&b, 0x70, WF_ROLE_AGENT, 1);
    bed_resync(&b, peer);
    is_int(bed_refusal(&b, peer), WEFT_EPERM, "a token does no agent's work");
    is_int(b.c->agents.n, 0, "and is no agent");
    bed_fini(&b);
}

static void says_good_bye(void)
{
    struct broker_event ev = {.kind = BROKER_STOPPING};
    uint32_t client, agent;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    client = bed_client(&b, 1, "app");
    agent = bed_agent(&b, 2, "edge", 2);
    bed_submit(&b, client, 1);
    is_int(core_live_jobs(b.c), 1, "one job would be lost");
    bed_step(&b, &ev);
    ok(bed_count(&b, client, WF_MSG_bye) == 1 && bed_count(&b, agent, WF_MSG_bye) == 1,
       "everybody is told that the broker stops");
    bed_submit(&b, client, 2);
    is_int(bed_refusal(&b, client), WEFT_EBUSY, "and it takes no more work");
    bed_fini(&b);
}

/* The text of the last event, as an operator reads it. */
static const char *last_event(struct bed *b, uint32_t op, char text[WF_TEXT_MAX + 1])
{
    const struct wf_query q = {.req = 5, .kind = WF_QUERY_EVENTS, .limit = 1};
    struct wf_event_row row = {0};
    struct wf_msg m;

    bed_say(b, op, WF_MSG_query, &q);
    must(bed_told(b, op, WF_MSG_events_page, 0, &m));
    while (wf_rows_next(&m.u.events_page.rows, wf_desc_event_row(), &row)) {
    }
    return wf_slice_str(row.text, text, WF_TEXT_MAX + 1);
}

static void calls_a_broker_one(void)
{
    char text[WF_TEXT_MAX + 1];
    uint32_t op, agent, broker;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    op = bed_operator(&b, 1);
    agent = bed_agent(&b, 2, "edge", 1);
    is_str(last_event(&b, op, text), "agent edge is up", "an agent is called that");
    bed_down(&b, agent);
    is_str(last_event(&b, op, text), "agent edge is gone; 0 attempts wait for its return",
           "when it is lost as well");
    bed_enrol(&b, 3, WF_ROLE_BROKER, "plant");
    broker = bed_hello(&b, 3, WF_ROLE_BROKER, 1);
    is_str(last_event(&b, op, text), "broker plant is up", "a broker is none");
    bed_down(&b, broker);
    is_str(last_event(&b, op, text),
           "broker plant is gone; 0 attempts wait for its return", "nor when it is lost");
    bed_fini(&b);
}

int main(void)
{
    begins();
    refuses();
    keeps_to_roles();
    notices_silence();
    comes_back();
    gets_no_work_before_resync();
    is_restarted();
    joins();
    joins_in_vain();
    may_only_join_by_token();
    says_good_bye();
    calls_a_broker_one();
    return done();
}

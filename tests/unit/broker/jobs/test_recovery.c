/* What holds where jobs of class durable meet a restart, a store that fails or went back,
 * a session that asks twice, or an agent that is gone for good. */
#include "tests/unit/broker/shelf.h"

#include "common/log.h"

static void bye(struct bed *b, uint32_t peer)
{
    bed_say(b, peer, WF_MSG_bye, &(struct wf_bye){0});
}

static void cancel(struct bed *b, uint32_t peer, uint8_t id)
{
    bed_say(b, peer, WF_MSG_cancel, &(struct wf_cancel){1, bed_id(id)});
}

static void ask(struct bed *b, uint32_t peer, unsigned kind, uint8_t id)
{
    const struct wf_id job = bed_id(id);
    char text[WF_ID_TEXT];
    const struct wf_query m = {
        .req = 9, .kind = kind, .key = wf_slice_of(wf_id_text(&job, text))};

    bed_say(b, peer, WF_MSG_query, &m);
}

static void store_fails(struct bed *b, uint64_t lsn)
{
    struct broker_event ev = {.kind = BROKER_STORE_ERROR, .lsn = lsn};

    bed_step(b, &ev);
}

/* -- restarts --------------------------------------------------------------------------
 */

static void waits_for_who_may_run_on(void)
{
    struct wf_submit m = durable_work(1);
    uint32_t client, agent;
    struct bed b;
    uint8_t idle;

    start(&b);
    client = client_of(&b, 1, "app");
    (void) agent_of(&b, 2, "edge", 1);
    (void) agent_of(&b, 3, "other", 1);
    m.disconnect = WF_STOP_AFTER;
    m.disconnect_ms = 60000;
    bed_say(&b, client, WF_MSG_submit, &m);
    sync_all(&b);
    idle = strcmp(bed_job(&b, 1)->agent->principal->name, "edge") == 0 ? 3 : 2;
    bed_tick(&b, BED_SECOND);
    restart(&b);
    agent = agent_again(&b, idle, 50, 0, 0, 0);
    live_on(&b, agent, 8);
    is_int(bed_job(&b, 1)->attempt, 1, "an agent that may be at work is waited for");
    live_on(&b, agent, 60);
    is_int(bed_job(&b, 1)->attempt, 2, "until it has stopped");
    bed_fini(&b);
}

static void limits_what_runs_on(void)
{
    const struct wf_started started = {bed_id(1), 1, 0};
    struct wf_submit m = durable_work(1);
    uint32_t client, agent;
    struct bed b;

    start(&b);
    client = client_of(&b, 1, "app");
    agent = agent_of(&b, 2, "edge", 4);
    m.wall_ms = 1000;
    bed_say(&b, client, WF_MSG_submit, &m);
    sync_all(&b);
    bed_say(&b, agent, WF_MSG_started, &started);
    sync_all(&b);
    restart(&b);
    agent = agent_again(&b, 2, 2, 1, 1, WF_RUN_RUNNING);
    sync_all(&b);
    is_int(bed_state(&b, 1), WF_JOB_RUNNING, "it runs on over a restart");
    live_on(&b, agent, 600);
    ok(bed_job(&b, 1)->attempt > 1, "its time is limited like before");
    bed_fini(&b);
}

/* What an agent came back with is of a version that it does not offer any more. */
static void keeps_what_is_not_offered(void)
{
    const struct wf_cap_row row = {
        .name = wf_slice_of("echo"), .version = 2, .kind = WF_HANDLER_EXEC, .slots = 4};
    struct wf_agent_info info = {.seq = 2, .slots = 4, .cpus = 4};
    struct wf_buf rows = WF_BUF_INIT(1024);
    struct wf_submit m = durable_work(1);
    uint32_t client, agent;
    struct bed b;

    start(&b);
    client = client_of(&b, 1, "app");
    agent = agent_of(&b, 2, "edge", 4);
    must(wf_rows_add(&rows, &info.caps, wf_desc_cap_row(), &row) == 0);
    bed_say(&b, agent, WF_MSG_agent_info, &info);
    m.version = 2;
    bed_say(&b, client, WF_MSG_submit, &m);
    sync_all(&b);
    restart(&b);
    agent = agent_again(&b, 2, 2, 1, 1, WF_RUN_RUNNING);
    sync_all(&b);
    is_int(bed_state(&b, 1), WF_JOB_RUNNING, "a version that is gone runs on");
    bed_result(&b, agent, 1, 1, 0);
    sync_all(&b);
    is_int(bed_state(&b, 1), WF_JOB_OK, "and is not counted off one that is there");
    wf_buf_fini(&rows);
    bed_fini(&b);
}

static void ends_what_takes_brokers_along(void)
{
    uint32_t client, agent;
    struct bed b;

    start(&b);
    client = client_of(&b, 1, "app");
    agent = agent_of(&b, 2, "edge", 4);
    submit(&b, client, 1);
    sync_all(&b);
    for (uint64_t n = 1; n <= 10 && !wf_job_is_final(bed_state(&b, 1)); n++) {
        const struct wf_started started = {bed_id(1), n, 0};

        bed_say(&b, agent, WF_MSG_started, &started);
        sync_all(&b);
        restart(&b);
        sync_all(&b);
        agent = agent_again(&b, 2, 100 + n, 0, 0, 0);
        sync_all(&b);
        live_on(&b, agent, 10);
    }
    is_int(bed_state(&b, 1), WF_JOB_DEAD, "a job that kills broker and agent ends");
    is_int(bed_job(&b, 1)->tries, b.cfg.max_attempts, "after as many tries as any");
    bed_fini(&b);
}

static void forgets_in_order_of_ends(void)
{
    uint32_t client, agent;
    struct bed b;

    start(&b);
    client = client_of(&b, 1, "app");
    agent = agent_of(&b, 2, "edge", 6);
    for (uint8_t id = 1; id <= 6; id++) {
        submit(&b, client, id);
        sync_all(&b);
    }
    for (uint8_t id = 6; id >= 1; id--) {
        bed_result(&b, agent, id, 1, 0);
        sync_all(&b);
        bed_tick(&b, BED_SECOND);
    }
    restart(&b);
    bed_tick(&b, b.cfg.retain_ms * 1000 - 3 * BED_SECOND);
    sync_all(&b);
    for (uint8_t id = 1; id <= 6; id++) {
        is_int(bed_job(&b, id) != NULL, id <= 3, "what ended first is forgotten first");
    }
    bed_fini(&b);
}

static void waits_once_for_who_is_gone(void)
{
    uint32_t client;
    struct bed b;

    start(&b);
    client = client_of(&b, 1, "app");
    (void) agent_of(&b, 2, "edge", 1);
    (void) agent_of(&b, 3, "gone", 1);
    for (uint8_t id = 1; id <= 3; id++) {
        submit(&b, client, id);
        sync_all(&b);
    }
    restart(&b);
    (void) agent_again(&b, 2, 2, 0, 0, 0);
    sync_all(&b);
    ok(b.c->reclaim_us != 0, "an agent that was here is waited for");
    bed_tick(&b, 5 * BED_SECOND);
    sync_all(&b);
    ok(b.c->reclaim_us == 0, "for a lease");
    restart(&b);
    (void) agent_again(&b, 2, 3, 0, 0, 0);
    sync_all(&b);
    ok(b.c->reclaim_us == 0, "and not again at the next start");
    bed_fini(&b);
}

/* -- what may be told before it is safe ------------------------------------------------
 */

static void tells_no_outcome_before(void)
{
    const struct wf_query failed = {
        .req = 9, .kind = WF_QUERY_JOBS, .filter = wf_slice_of("state=FAILED")};
    uint32_t client, agent;
    struct wf_msg m;
    struct bed b;

    start(&b);
    client = client_of(&b, 1, "app");
    agent = agent_of(&b, 2, "edge", 4);
    submit(&b, client, 1);
    sync_all(&b);
    bed_result(&b, agent, 1, 1, WEFT_EFAILED);
    (void) put(&b);
    submit(&b, client, 1);
    ok(bed_told(&b, client, WF_MSG_accepted, 0, &m) &&
           m.u.accepted.state != WF_JOB_FAILED,
       "an outcome that may be lost is not told to who submits again");
    cancel(&b, client, 1);
    ok(bed_refusal(&b, client) != WEFT_ESTATE, "nor to who cancels");
    ask(&b, client, WF_QUERY_WHY, 1);
    ok(bed_told(&b, client, WF_MSG_why_info, 0, &m) &&
           m.u.why_info.state != WF_JOB_FAILED,
       "nor to who asks why");
    bed_say(&b, client, WF_MSG_query, &failed);
    ok(bed_told(&b, client, WF_MSG_jobs_page, 0, &m) && m.u.jobs_page.rows.count == 0,
       "nor is it found by its state");
    bed_fini(&b);
}

static void reports_no_death_before(void)
{
    const struct wf_query follow = {
        .req = 1, .kind = WF_QUERY_EVENTS, .key = wf_slice_of("follow")};
    struct wf_submit m = durable_work(1);
    uint32_t client, agent, boss;
    struct bed b;

    start(&b);
    client = client_of(&b, 1, "app");
    agent = agent_of(&b, 2, "edge", 1);
    boss = bed_operator(&b, 7);
    bed_say(&b, boss, WF_MSG_query, &follow);
    m.max_attempts = 1;
    bed_say(&b, client, WF_MSG_submit, &m);
    sync_all(&b);
    bed_result(&b, agent, 1, 1, WEFT_ESPAWN);
    is_int(bed_count(&b, boss, WF_MSG_events_page), 0,
           "a death that may be lost is no event");
    bed_durable(&b, put(&b));
    is_int(bed_count(&b, boss, WF_MSG_events_page), 1, "once it is safe it is");
    bed_fini(&b);
}

static void answers_each_submit(void)
{
    uint32_t client;
    struct wf_msg m;
    struct bed b;
    uint64_t lsn;

    start(&b);
    client = client_of(&b, 1, "app");
    (void) agent_of(&b, 2, "edge", 1);
    submit(&b, client, 1);
    lsn = put(&b);
    submit(&b, client, 1);
    is_int(bed_count(&b, client, WF_MSG_accepted), 0,
           "submitted twice before it is safe");
    bed_durable(&b, lsn);
    is_int(bed_count(&b, client, WF_MSG_accepted), 2, "it is accepted twice");
    ok(bed_told(&b, client, WF_MSG_accepted, 0, &m) && !m.u.accepted.known, "as new");
    ok(bed_told(&b, client, WF_MSG_accepted, 1, &m) && m.u.accepted.known,
       "and as known");
    sync_all(&b);
    submit(&b, client, 2);
    lsn = put(&b);
    submit(&b, client, 2);
    store_fails(&b, lsn);
    is_int(bed_count(&b, client, WF_MSG_error), 2, "or refused twice");
    bed_fini(&b);
}

static void answers_both_sessions(void)
{
    uint32_t first, second, agent;
    struct bed b;
    uint64_t lsn;

    start(&b);
    first = client_of(&b, 1, "app");
    second = bed_hello(&b, 1, WF_ROLE_CLIENT, 5);
    agent = agent_of(&b, 2, "edge", 1);
    submit(&b, first, 1);
    lsn = put(&b);
    submit(&b, second, 1);
    is_int(bed_refusal(&b, first), WEFT_EBUSY, "of two at once the first asks again");
    bed_durable(&b, lsn);
    is_int(bed_count(&b, second, WF_MSG_accepted), 1, "the second is told");
    sync_all(&b);
    submit(&b, first, 1);
    is_int(bed_count(&b, first, WF_MSG_accepted), 1, "then the first is");
    bed_result(&b, agent, 1, 1, 0);
    bed_durable(&b, put(&b));
    ok(bed_count(&b, first, WF_MSG_outcome) == 1 &&
           bed_count(&b, second, WF_MSG_outcome) == 1,
       "and both get the outcome, once");
    bed_submit(&b, first, 2);
    bed_submit(&b, second, 2);
    bed_result(&b, agent, 2, 1, 0);
    ok(bed_count(&b, first, WF_MSG_outcome) == 1 &&
           bed_count(&b, second, WF_MSG_outcome) == 1,
       "also that of class fast");
    bed_fini(&b);
}

static void answers_a_watch_of_what_is_taken_back(void)
{
    const struct wf_watch watch = {.req = 5, .job = bed_id(1)};
    uint32_t client, watcher;
    struct wf_msg m;
    struct bed b;
    uint64_t lsn;

    start(&b);
    client = client_of(&b, 1, "app");
    watcher = bed_hello(&b, 1, WF_ROLE_CLIENT, 5);
    (void) agent_of(&b, 2, "edge", 1);
    submit(&b, client, 1);
    lsn = put(&b);
    bed_say(&b, watcher, WF_MSG_watch, &watch);
    bed_say(&b, client, WF_MSG_watch, &(struct wf_watch){.req = 6, .job = bed_id(1)});
    store_fails(&b, lsn);
    ok(bed_job(&b, 1) == NULL, "a job is taken back");
    ok(bed_told(&b, watcher, WF_MSG_error, 0, &m) && m.u.error.about == WF_MSG_watch &&
           m.u.error.req == 0 && wf_id_eq(&m.u.error.job, &watch.job) &&
           m.u.error.code == (uint64_t) -WEFT_ESTORAGE,
       "who watches it is told so");
    ok(bed_told(&b, client, WF_MSG_error, 0, &m) && m.u.error.about == WF_MSG_submit &&
           bed_told(&b, client, WF_MSG_error, 1, &m) && m.u.error.about == WF_MSG_watch,
       "who submitted and watches it is told of both");
    bed_fini(&b);
}

/* -- a store that went back, or fails --------------------------------------------------
 */

/* Connect, and say that the broker once told of more than its store has now. */
static void accuse(struct bed *b, uint8_t key, unsigned role)
{
    struct wf_hello m = {.proto_min = 1, .proto_max = 1, .role = role, .epoch = 2};
    uint32_t peer = bed_up(b, key);
    struct wf_msg told;

    bed_say(b, peer, WF_MSG_hello, &m);
    must(bed_told(b, peer, WF_MSG_welcome, 0, &told));
    m.store = told.u.welcome.store;
    m.store_lsn = told.u.welcome.store_lsn + 1;
    bed_say(b, bed_up(b, key), WF_MSG_hello, &m);
}

static void believes_no_client(void)
{
    struct bed b;

    start(&b);
    (void) client_of(&b, 1, "app");
    accuse(&b, 1, WF_ROLE_CLIENT);
    ok(!b.c->rolled_back, "a client alone cannot stop a broker");
    bed_fini(&b);
}

static void believes_no_used_token(void)
{
    struct principal token = {.key = bed_key(9),
                              .role = WF_ROLE_OPERATOR,
                              .tier = WF_TIER_EDGE,
                              .state = WF_KEY_USED};
    struct broker_event ev = {.kind = BROKER_RECORD, .table = REGISTRY_TOKENS};
    struct wf_buf record = WF_BUF_INIT(4096);
    struct bed b;

    start(&b);
    (void) agent_of(&b, 2, "edge", 1);
    (void) agent_of(&b, 3, "other", 1);
    (void) agent_of(&b, 4, "third", 1);
    must(wf_buf_put(&record, token.key.b, sizeof token.key.b) == 0 &&
         registry_record(&token, &record) == 0);
    ev.record = wf_slice_make(record.p, record.len);
    bed_step(&b, &ev);
    wf_buf_fini(&record);
    accuse(&b, 9, WF_ROLE_OPERATOR);
    ok(!b.c->rolled_back, "nor can who holds a used token");
    accuse(&b, 2, WF_ROLE_AGENT);
    ok(!b.c->rolled_back, "nor one agent of three");
    accuse(&b, 3, WF_ROLE_AGENT);
    ok(b.c->rolled_back, "two can");
    bed_fini(&b);
}

static void rests_when_rolled_back(void)
{
    struct wf_submit m = durable_work(2);
    uint32_t client, agent;
    struct bed b;

    start(&b);
    client = client_of(&b, 1, "app");
    agent = agent_of(&b, 2, "edge", 4);
    m.max_attempts = 1;
    bed_say(&b, client, WF_MSG_submit, &m);
    sync_all(&b);
    bed_say(&b, agent, WF_MSG_drain, &(struct wf_drain){1});
    m.job = bed_id(1);
    m.deadline_ms = 1000;
    bed_say(&b, client, WF_MSG_submit, &m);
    sync_all(&b);
    ok(bed_state(&b, 2) == WF_JOB_ASSIGNED && bed_state(&b, 1) == WF_JOB_QUEUED,
       "one job is at work, one waits");
    b.c->rolled_back = 1;
    bed_say(&b, agent, WF_MSG_drain, &(struct wf_drain){0});
    is_int(bed_count(&b, agent, WF_MSG_assign), 0, "read-only, a core places nothing");
    bed_tick(&b, 2 * BED_SECOND);
    ok(core_wakeup_us(b.c) > b.now_us, "has nothing due");
    bye(&b, agent);
    sync_all(&b);
    is_int(bed_state(&b, 2), WF_JOB_ASSIGNED, "and ends nothing");
    bed_fini(&b);
}

static void accepts_nothing_when_rolled_back(void)
{
    uint32_t client, agent;
    struct bed b;
    uint64_t lsn;

    start(&b);
    client = client_of(&b, 1, "app");
    agent = agent_of(&b, 2, "edge", 4);
    submit(&b, client, 1);
    lsn = put(&b);
    b.c->rolled_back = 1;
    bed_durable(&b, lsn);
    is_int(bed_count(&b, client, WF_MSG_accepted), 0,
           "what becomes durable in a store that went back is not accepted");
    is_int(bed_count(&b, agent, WF_MSG_assign), 0, "nor placed");
    bed_fini(&b);
}

static void writes_little_while_the_store_fails(void)
{
    uint32_t agent;
    struct bed b;
    unsigned n = 0;

    start(&b);
    agent = agent_of(&b, 2, "edge", 1);
    store_fails(&b, b.c->lsn + 1);
    for (unsigned i = 0; i < 100; i++) {
        bye(&b, agent);
        n += bed_effect(&b, WF_EFFECT_APPEND) != NULL;
        agent = bed_hello(&b, 2, WF_ROLE_AGENT, 2);
        n += bed_effect(&b, WF_EFFECT_APPEND) != NULL;
    }
    ok(n < 10, "an agent that comes and goes piles up no records");
    bed_fini(&b);
}

/* -- agents that are gone for good -----------------------------------------------------
 */

static void waits_for_no_revoked_agent(void)
{
    const struct wf_key_revoke revoke = {.req = 4, .key = wf_slice_of("edge")};
    uint32_t client, agent, boss, other;
    struct bed b;

    start(&b);
    client = client_of(&b, 1, "app");
    agent = agent_of(&b, 2, "edge", 4);
    bed_enrol(&b, 7, WF_ROLE_OPERATOR, "boss");
    submit_kept(&b, client, 1);
    bed_down(&b, agent);
    sync_all(&b);
    bed_tick(&b, 10 * BED_SECOND);
    sync_all(&b);
    other = agent_of(&b, 3, "other", 4);
    is_int(bed_job(&b, 1)->attempt, 1, "who keeps a job is waited for");
    boss = bed_hello(&b, 7, WF_ROLE_OPERATOR, 3);
    bed_say(&b, boss, WF_MSG_key_revoke, &revoke);
    sync_all(&b);
    live_on(&b, other, 100);
    is_int(bed_job(&b, 1)->attempt, 2, "but not when its key was revoked");
    bed_fini(&b);
}

static void forgets_what_was_cancelled_there(void)
{
    uint32_t client, agent;
    struct bed b;

    start(&b);
    client = client_of(&b, 1, "app");
    agent = agent_of(&b, 2, "edge", 4);
    submit_kept(&b, client, 1);
    bed_down(&b, agent);
    sync_all(&b);
    bed_tick(&b, 10 * BED_SECOND);
    sync_all(&b);
    client = bed_hello(&b, 1, WF_ROLE_CLIENT, 3);
    cancel(&b, client, 1);
    sync_all(&b);
    is_int(bed_state(&b, 1), WF_JOB_CANCELLED, "cancelled while its agent is cut off");
    bed_tick(&b, b.cfg.retain_ms * 2000);
    sync_all(&b);
    bed_tick(&b, BED_SECOND);
    sync_all(&b);
    ok(bed_job(&b, 1) == NULL, "it is forgotten, should that never come back");
    bed_fini(&b);
}

/* -- events ----------------------------------------------------------------------------
 */

/* The rows that stay in the store of as many events: of weight each third. */
static long rows_of(struct core *c, unsigned count)
{
    struct wf_effects fx;
    long rows = 0;

    wf_effects_init(&fx);
    for (unsigned i = 0; i < count; i++) {
        wf_effects_clear(&fx);
        core_news(c, &fx, i % 3 == 0 ? WF_LOG_WARN : WF_LOG_INFO, "agent", "edge", NULL,
                  "x");
        for (size_t k = 0; k < fx.n; k++) {
            if (fx.v[k].kind == WF_EFFECT_APPEND) {
                rows += fx.v[k].len > key_len(fx.v[k].peer) ? 1 : -1;
            }
        }
    }
    wf_effects_fini(&fx);
    return rows;
}

static void keeps_events_of_weight(void)
{
    const unsigned levels[] = {WF_LOG_ERROR, WF_LOG_WARN, WF_LOG_INFO};
    struct wf_effects fx;
    struct bed b;

    start(&b);
    for (unsigned i = 0; i < 3; i++) {
        wf_effects_init(&fx);
        core_news(b.c, &fx, levels[i], "x", "edge", NULL, "x");
        b.fx = (wf_effects_fini(&b.fx), fx);
        is_int(bed_effect(&b, WF_EFFECT_APPEND) != NULL, levels[i] != WF_LOG_INFO,
               "events are written from warnings on");
    }
    ok(rows_of(b.c, 8 * NEWS_KEPT) <= NEWS_KEPT, "and their rows are bounded");
    bed_fini(&b);
}

int main(void)
{
    waits_for_who_may_run_on();
    limits_what_runs_on();
    keeps_what_is_not_offered();
    ends_what_takes_brokers_along();
    forgets_in_order_of_ends();
    waits_once_for_who_is_gone();
    tells_no_outcome_before();
    reports_no_death_before();
    answers_each_submit();
    answers_both_sessions();
    answers_a_watch_of_what_is_taken_back();
    believes_no_client();
    believes_no_used_token();
    rests_when_rolled_back();
    accepts_nothing_when_rolled_back();
    writes_little_while_the_store_fails();
    waits_for_no_revoked_agent();
    forgets_what_was_cancelled_there();
    keeps_events_of_weight();
    return done();
}

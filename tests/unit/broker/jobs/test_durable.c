/* Jobs of class durable: nothing is told before its record is safe, and a core that reads
 * the records goes on where the first one stopped. */
#include "tests/unit/broker/shelf.h"

static void waits_for_the_disk(void)
{
    uint32_t client, agent;
    struct wf_msg m;
    struct bed b;

    start(&b);
    client = client_of(&b, 1, "app");
    agent = agent_of(&b, 2, "edge", 2);
    submit(&b, client, 1);
    ok(bed_count(&b, client, WF_MSG_accepted) == 0 && bed_state(&b, 1) == WF_JOB_ACCEPTED,
       "nobody is told of what may be lost");
    ok(bed_effect(&b, WF_EFFECT_APPEND) != NULL && bed_effect(&b, WF_EFFECT_SYNC) != NULL,
       "its record is written");
    bed_durable(&b, put(&b));
    ok(bed_told(&b, client, WF_MSG_accepted, 0, &m) &&
           m.u.accepted.class_ == WF_CLASS_DURABLE,
       "accepted once it is safe");
    ok(bed_told(&b, agent, WF_MSG_assign, 0, &m) && m.u.assign.attempt == 1,
       "and assigned at once");
    bed_result(&b, agent, 1, 1, 0);
    ok(bed_count(&b, client, WF_MSG_outcome) == 0 &&
           bed_count(&b, agent, WF_MSG_result_ack) == 0,
       "an outcome is nobody's before it is safe");
    bed_result(&b, agent, 1, 1, 0);
    ok(bed_count(&b, agent, WF_MSG_result_ack) == 0, "also when it is said again");
    bed_say(&b, client, WF_MSG_watch, &(struct wf_watch){.req = 5, .job = bed_id(1)});
    ok(bed_count(&b, client, WF_MSG_outcome) == 0, "or asked for");
    bed_durable(&b, b.c->lsn);
    ok(bed_count(&b, client, WF_MSG_outcome) == 1 &&
           bed_count(&b, agent, WF_MSG_result_ack) == 1,
       "then both are told, once");
    ok(core_is_settled(b.c), "and nothing waits");
    bed_fini(&b);
}

static void refuses_on_error(void)
{
    struct broker_event ev = {.kind = BROKER_STORE_ERROR};
    uint32_t client;
    struct wf_msg m;
    struct bed b;

    start(&b);
    client = client_of(&b, 1, "app");
    (void) agent_of(&b, 2, "edge", 2);
    submit(&b, client, 1);
    ev.lsn = put(&b);
    bed_step(&b, &ev);
    ok(bed_told(&b, client, WF_MSG_error, 0, &m) &&
           m.u.error.code == (uint64_t) -WEFT_ESTORAGE && m.u.error.retry_ms != 0,
       "a job that could not be written is refused");
    ok(bed_job(&b, 1) == NULL, "and is not there");
    ok(bed_effect(&b, WF_EFFECT_APPEND) != NULL,
       "also should its record be written later");
    ev.lsn = put(&b);
    submit(&b, client, 2);
    is_int(bed_refusal(&b, client), WEFT_ESTORAGE, "the next is refused at once");
    ok(bed_effect(&b, WF_EFFECT_APPEND) == NULL, "without writing");
    bed_submit(&b, client, 3);
    is_int(bed_count(&b, client, WF_MSG_accepted), 1, "class fast goes on");
    bed_durable(&b, b.c->lsn);
    submit(&b, client, 2);
    is_int(bed_refusal(&b, client), 0, "when the store recovers");
    bed_durable(&b, put(&b));
    is_int(bed_count(&b, client, WF_MSG_accepted), 1, "jobs are accepted again");
    bed_fini(&b);
}

static void outlives_a_crash(void)
{
    uint32_t client, agent;
    uint64_t hash;
    struct wf_msg m;
    struct bed b;

    start(&b);
    client = client_of(&b, 1, "app");
    agent = agent_of(&b, 2, "edge", 4);
    for (uint8_t id = 1; id <= 3; id++) {
        submit(&b, client, id);
        sync_all(&b);
    }
    bed_result(&b, agent, 1, 1, 0);
    sync_all(&b);
    hash = core_durable_hash(b.c);
    restart(&b);
    ok(core_durable_hash(b.c) == hash, "the records make the same state");
    is_int(bed_state(&b, 1), WF_JOB_OK, "what ended has ended");
    client = bed_hello(&b, 1, WF_ROLE_CLIENT, 9);
    bed_say(&b, client, WF_MSG_watch, &(struct wf_watch){.req = 5, .job = bed_id(1)});
    ok(bed_told(&b, client, WF_MSG_outcome, 0, &m) &&
           wf_slice_is(m.u.outcome.data, "pong") && wf_slice_is(m.u.outcome.node, "edge"),
       "its result can be fetched");
    submit(&b, client, 1);
    ok(bed_told(&b, client, WF_MSG_accepted, 0, &m) && m.u.accepted.known,
       "and its id is known");
    bed_tick(&b, 100 * BED_MS);
    agent = agent_again(&b, 2, 2, 2, 1, WF_RUN_RUNNING);
    is_int(bed_state(&b, 2), WF_JOB_RUNNING, "an attempt that goes on is kept");
    is_int(bed_state(&b, 3), WF_JOB_QUEUED, "one that is not there is due again");
    is_int(bed_count(&b, agent, WF_MSG_assign), 0, "once its number is safe");
    bed_durable(&b, put(&b));
    ok(bed_told(&b, agent, WF_MSG_assign, 0, &m) && m.u.assign.attempt == 2,
       "and never under the old number");
    bed_result(&b, agent, 2, 1, 0);
    bed_result(&b, agent, 3, 1, 0);
    sync_all(&b);
    is_int(bed_state(&b, 2), WF_JOB_OK, "the kept one ends");
    is_int(bed_state(&b, 3), WF_JOB_ASSIGNED, "a result of before is late");
    bed_fini(&b);
}

static void waits_for_agents(void)
{
    uint32_t client, other;
    struct bed b;

    start(&b);
    client = client_of(&b, 1, "app");
    (void) agent_of(&b, 2, "edge", 4);
    submit(&b, client, 1);
    sync_all(&b);
    restart(&b);
    bed_enrol(&b, 3, WF_ROLE_AGENT, "other");
    other = bed_agent(&b, 3, "other", 4);
    sync_all(&b);
    is_int(bed_count(&b, other, WF_MSG_assign), 0,
           "nobody else gets what a known agent may hold");
    bed_tick(&b, 2000 * BED_MS);
    bed_say(&b, other, WF_MSG_ping, &(struct wf_ping){1, 0, 0, 0});
    bed_tick(&b, 2001 * BED_MS);
    sync_all(&b);
    is_int(bed_state(&b, 1), WF_JOB_ASSIGNED, "before a lease is over");
    is_int(bed_job(&b, 1)->attempt, 2, "then as the next attempt");
    bed_fini(&b);
}

static void keeps_to_its_agent(void)
{
    struct wf_submit m = durable_work(1);
    uint32_t client, agent, other;
    struct bed b;

    start(&b);
    client = client_of(&b, 1, "app");
    agent = agent_of(&b, 2, "edge", 4);
    m.disconnect = WF_KEEP;
    bed_say(&b, client, WF_MSG_submit, &m);
    bed_durable(&b, put(&b));
    is_int(bed_count(&b, agent, WF_MSG_assign), 0, "who holds it is written first");
    bed_durable(&b, put(&b));
    is_int(bed_count(&b, agent, WF_MSG_assign), 1, "then it is assigned");
    other = agent_of(&b, 3, "other", 4);
    bed_down(&b, agent);
    bed_tick(&b, 3600 * BED_SECOND);
    sync_all(&b);
    ok(bed_state(&b, 1) == WF_JOB_ASSIGNED && bed_count(&b, other, WF_MSG_assign) == 0,
       "cut off, it is waited for");
    restart(&b);
    bed_tick(&b, 3600 * BED_SECOND);
    sync_all(&b);
    is_int(bed_state(&b, 1), WF_JOB_ASSIGNED, "over a restart as well");
    agent = agent_again(&b, 2, 77, 1, 1, WF_RUN_FINISHED);
    bed_result(&b, agent, 1, 1, 0);
    sync_all(&b);
    is_int(bed_state(&b, 1), WF_JOB_OK, "its result counts whenever it comes");
    bed_fini(&b);
}

static void is_replaced_after(void)
{
    struct wf_submit m = durable_work(1);
    uint32_t client, agent;
    struct wf_msg told;
    struct bed b;

    start(&b);
    client = client_of(&b, 1, "app");
    agent = agent_of(&b, 2, "edge", 1);
    m.disconnect = WF_STOP_AFTER;
    m.disconnect_ms = 60000;
    bed_say(&b, client, WF_MSG_submit, &m);
    bed_durable(&b, put(&b));
    bed_durable(&b, put(&b));
    ok(bed_told(&b, agent, WF_MSG_assign, 0, &told) &&
           told.u.assign.stop_after_ms == 60000,
       "the agent is told when to stop");
    bed_down(&b, agent);
    bed_tick(&b, 59 * BED_SECOND);
    is_int(bed_state(&b, 1), WF_JOB_ASSIGNED, "its time is not over");
    bed_tick(&b, 10 * BED_SECOND);
    is_int(bed_state(&b, 1), WF_JOB_QUEUED, "when it is, another may have it");
    sync_all(&b);
    bed_fini(&b);
}

static void poison(void)
{
    uint32_t client, agent;
    struct bed b;

    start(&b);
    client = client_of(&b, 1, "app");
    agent = agent_of(&b, 2, "edge", 1);
    submit(&b, client, 1);
    sync_all(&b);
    for (uint64_t n = 1; n <= 3; n++) {
        const struct wf_started started = {bed_id(1), n, 0};

        is_int(bed_job(&b, 1)->attempt, (int64_t) n, "another attempt");
        bed_say(&b, agent, WF_MSG_started, &started);
        agent = agent_again(&b, 2, 100 + n, 0, 0, 0);
        sync_all(&b);
        bed_tick(&b, 60 * BED_SECOND);
        sync_all(&b);
        if (n < 3) {
            agent = agent_again(&b, 2, 100 + n, 0, 0, 0);
            sync_all(&b);
        }
    }
    is_int(bed_state(&b, 1), WF_JOB_DEAD, "a job that takes its agents with it ends");
    ok(bed_job(&b, 1)->reason != NULL &&
           strncmp(bed_job(&b, 1)->reason, "poison", 6) == 0,
       "as poison");
    bed_fini(&b);
}

static void is_repeated(void)
{
    const struct wf_job_retry m = {7, bed_id(1), bed_id(2)};
    uint32_t client, agent;
    struct wf_msg told;
    struct bed b;

    start(&b);
    client = client_of(&b, 1, "app");
    agent = agent_of(&b, 2, "edge", 1);
    submit(&b, client, 1);
    sync_all(&b);
    bed_say(&b, client, WF_MSG_job_retry, &m);
    is_int(bed_refusal(&b, client), WEFT_ESTATE, "what has not ended is not repeated");
    bed_result(&b, agent, 1, 1, WEFT_EFAILED);
    sync_all(&b);
    bed_say(&b, client, WF_MSG_job_retry, &m);
    is_int(bed_count(&b, client, WF_MSG_done), 0, "a repetition is a job like others:");
    bed_durable(&b, put(&b));
    ok(bed_told(&b, client, WF_MSG_done, 0, &told) && told.u.done.code == 0,
       "told when it is safe");
    ok(bed_told(&b, agent, WF_MSG_assign, 0, &told) &&
           wf_slice_is(told.u.assign.payload, "ping"),
       "it has the work of the first");
    ok(wf_id_eq(&bed_job(&b, 2)->retry_of, &bed_job(&b, 1)->id), "and says of which");
    bed_say(&b, client, WF_MSG_job_retry, &m);
    ok(bed_told(&b, client, WF_MSG_done, 0, &told) && told.u.done.code == 0,
       "asked again it is the same");
    bed_fini(&b);
}

static void is_reused(void)
{
    struct wf_submit m = durable_work(1);
    uint32_t client, agent;
    struct wf_msg told;
    struct bed b;

    start(&b);
    client = client_of(&b, 1, "app");
    agent = agent_of(&b, 2, "edge", 4);
    m.reuse_ms = 1000;
    bed_say(&b, client, WF_MSG_submit, &m);
    sync_all(&b);
    m.job = bed_id(2);
    bed_say(&b, client, WF_MSG_submit, &m);
    bed_durable(&b, put(&b));
    ok(bed_told(&b, client, WF_MSG_accepted, 0, &told) &&
           wf_id_eq(&told.u.accepted.reused, &bed_job(&b, 1)->id),
       "a like job is accepted as its own");
    is_int(bed_count(&b, agent, WF_MSG_assign), 0, "and does not run");
    m.job = bed_id(3);
    m.payload = wf_slice_of("pong");
    bed_say(&b, client, WF_MSG_submit, &m);
    bed_durable(&b, put(&b));
    is_int(bed_count(&b, agent, WF_MSG_assign), 1, "another payload is other work");
    bed_result(&b, agent, 1, 1, 0);
    bed_durable(&b, put(&b));
    bed_durable(&b, put(&b));
    ok(bed_told(&b, client, WF_MSG_outcome, 0, &told) &&
           wf_id_eq(&told.u.outcome.job, &bed_job(&b, 2)->id) &&
           wf_slice_is(told.u.outcome.data, "pong"),
       "it gets the outcome of the first");
    m.job = bed_id(4);
    m.payload = wf_slice_of("ping");
    bed_say(&b, client, WF_MSG_submit, &m);
    bed_durable(&b, put(&b));
    ok(bed_count(&b, client, WF_MSG_accepted) == 1 &&
           bed_count(&b, client, WF_MSG_outcome) == 1,
       "a result of a moment ago will do");
    bed_tick(&b, 1500 * BED_MS);
    m.job = bed_id(5);
    bed_say(&b, client, WF_MSG_submit, &m);
    bed_durable(&b, put(&b));
    is_int(bed_state(&b, 5), WF_JOB_ASSIGNED, "an old one will not");
    m.job = bed_id(6);
    bed_say(&b, client, WF_MSG_submit, &m);
    sync_all(&b);
    bed_say(&b, client, WF_MSG_cancel, &(struct wf_cancel){1, bed_id(5)});
    sync_all(&b);
    is_int(bed_state(&b, 6), WF_JOB_ASSIGNED,
           "one whose leader is cancelled runs itself");
    bed_fini(&b);
}

static void notices_an_old_store(void)
{
    struct wf_hello m = {
        .proto_min = 1, .proto_max = 1, .role = WF_ROLE_AGENT, .epoch = 2};
    struct wf_submit work = durable_work(2);
    uint32_t client, agent;
    struct wf_msg told;
    struct bed b;

    start(&b);
    client = client_of(&b, 1, "app");
    agent = agent_of(&b, 2, "edge", 4);
    submit(&b, client, 1);
    sync_all(&b);
    agent = bed_up(&b, 2);
    bed_say(&b, agent, WF_MSG_hello, &m);
    ok(bed_told(&b, agent, WF_MSG_welcome, 0, &told) && told.u.welcome.store_lsn != 0,
       "a peer is told how far the store is");
    m.store = told.u.welcome.store;
    m.store_lsn = told.u.welcome.store_lsn + 1;
    restart(&b);
    agent = bed_up(&b, 2);
    bed_say(&b, agent, WF_MSG_hello, &m);
    client = bed_hello(&b, 1, WF_ROLE_CLIENT, 9);
    submit(&b, client, 2);
    is_int(bed_refusal(&b, client), WEFT_ESTORAGE,
           "a store that went back accepts nothing");
    bed_tick(&b, 10 * BED_SECOND);
    is_int(bed_state(&b, 1), WF_JOB_QUEUED, "and places nothing");
    b.cfg.accept_rollback = 1;
    restart(&b);
    agent = bed_up(&b, 2);
    bed_say(&b, agent, WF_MSG_hello, &m);
    client = bed_hello(&b, 1, WF_ROLE_CLIENT, 9);
    work.deadline_ms = 1000;
    bed_say(&b, client, WF_MSG_submit, &work);
    is_int(bed_refusal(&b, client), 0, "until its operator says so");
    bed_fini(&b);
}

static void keeps_deadlines(void)
{
    struct wf_submit m = durable_work(1);
    uint32_t client;
    struct bed b;

    start(&b);
    client = client_of(&b, 1, "app");
    (void) agent_of(&b, 2, "edge", 1);
    m.capability = wf_slice_of("nobody");
    m.deadline_ms = 60000;
    bed_say(&b, client, WF_MSG_submit, &m);
    sync_all(&b);
    bed_tick(&b, 40 * BED_SECOND);
    b.now_us = 5 * BED_SECOND; /* the machine was booted again */
    restart(&b);
    ok(bed_job(&b, 1)->deadline_us - b.c->now_us == 20 * BED_SECOND,
       "time before a reboot counts");
    b.wall_ms -= UINT64_C(10) * 365 * 24 * 3600 * 1000;
    restart(&b);
    ok(bed_job(&b, 1)->deadline_us - b.c->now_us == 60 * BED_SECOND,
       "a wall clock that fell back expires nothing");
    b.wall_ms += UINT64_C(20) * 365 * 24 * 3600 * 1000;
    restart(&b);
    ok(bed_job(&b, 1)->deadline_us - b.c->now_us == 60 * BED_SECOND,
       "nor does one that jumped ahead by years");
    bed_fini(&b);
}

int main(void)
{
    waits_for_the_disk();
    refuses_on_error();
    outlives_a_crash();
    waits_for_agents();
    keeps_to_its_agent();
    is_replaced_after();
    poison();
    is_repeated();
    is_reused();
    notices_an_old_store();
    keeps_deadlines();
    return done();
}

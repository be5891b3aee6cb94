/* Like jobs of class durable: what the second has of the first when that is not safe yet,
 * is cancelled, is repeated, or was read by another core. */
#include "tests/unit/broker/shelf.h"

/* Submit like work that may have the outcome of a moment ago. */
static void submit_like(struct bed *b, uint32_t peer, uint8_t id, unsigned job_class)
{
    struct wf_submit m = durable_work(id);

    m.class_ = job_class;
    m.reuse_ms = 1000;
    bed_say(b, peer, WF_MSG_submit, &m);
}

static void reuses_only_what_is_safe(void)
{
    uint32_t client, agent;
    struct bed b;

    start(&b);
    client = client_of(&b, 1, "app");
    agent = agent_of(&b, 2, "edge", 4);
    submit_like(&b, client, 1, WF_CLASS_DURABLE);
    sync_all(&b);
    bed_result(&b, agent, 1, 1, 0);
    (void) put(&b);
    submit_like(&b, client, 2, WF_CLASS_FAST);
    is_int(bed_count(&b, client, WF_MSG_outcome), 0,
           "an outcome that may be lost is not reused");
    sync_all(&b);
    bed_durable(&b, b.c->lsn);
    is_int(bed_state(&b, 2), WF_JOB_OK, "once it is safe it is");
    bed_fini(&b);
}

static void succeeds_elsewhere(void)
{
    struct wf_submit m = bed_work(1);
    uint32_t client, agent;
    struct bed b;

    start(&b);
    client = client_of(&b, 1, "app");
    agent = agent_of(&b, 2, "edge", 1);
    m.reuse_ms = 1000;
    m.max_attempts = 1;
    bed_say(&b, client, WF_MSG_submit, &m);
    m.job = bed_id(2);
    bed_say(&b, client, WF_MSG_submit, &m);
    is_int(bed_state(&b, 2), WF_JOB_QUEUED, "a like job follows");
    bed_say(&b, agent, WF_MSG_bye, &(struct wf_bye){0});
    is_int(bed_state(&b, 1), WF_JOB_DEAD, "the first ends with its agent");
    is_int(bed_state(&b, 2), WF_JOB_QUEUED, "its heir is not placed where that was");
    bed_fini(&b);
}

static void owns_its_outcome(void)
{
    const struct wf_watch watch = {.req = 5, .job = bed_id(2)};
    uint32_t client, agent;
    struct wf_msg m;
    struct bed b;

    start(&b);
    client = client_of(&b, 1, "app");
    (void) agent_of(&b, 2, "edge", 4);
    for (uint8_t id = 1; id <= 2; id++) {
        submit_like(&b, client, id, WF_CLASS_DURABLE);
        sync_all(&b);
    }
    bed_say(&b, client, WF_MSG_cancel, &(struct wf_cancel){1, bed_id(1)});
    sync_all(&b);
    is_int(bed_state(&b, 2), WF_JOB_ASSIGNED, "who followed a cancelled job runs");
    restart(&b);
    client = bed_hello(&b, 1, WF_ROLE_CLIENT, 9);
    agent = agent_again(&b, 2, 2, 2, 1, WF_RUN_RUNNING);
    sync_all(&b);
    bed_say(&b, client, WF_MSG_watch, &watch);
    bed_result(&b, agent, 2, 1, 0);
    bed_durable(&b, put(&b));
    ok(bed_told(&b, client, WF_MSG_outcome, 0, &m) && wf_id_is_zero(&m.u.outcome.reused),
       "and its outcome is its own, also after a restart");
    bed_fini(&b);
}

static void repeats_for_good(void)
{
    const struct wf_job_retry again = {7, bed_id(1), bed_id(2)};
    uint32_t client, agent;
    struct bed b;

    start(&b);
    client = client_of(&b, 1, "app");
    agent = agent_of(&b, 2, "edge", 4);
    submit_like(&b, client, 1, WF_CLASS_DURABLE);
    sync_all(&b);
    bed_result(&b, agent, 1, 1, 0);
    sync_all(&b);
    bed_say(&b, client, WF_MSG_job_retry, &again);
    sync_all(&b);
    is_int(bed_state(&b, 2), WF_JOB_ASSIGNED, "a repetition runs, whatever is reused");
    bed_fini(&b);
}

static void is_freed_while_one_follows(void)
{
    uint32_t client;
    struct bed b;

    start(&b);
    client = client_of(&b, 1, "app");
    (void) agent_of(&b, 2, "edge", 4);
    for (uint8_t id = 1; id <= 2; id++) {
        submit_like(&b, client, id, WF_CLASS_DURABLE);
        sync_all(&b);
    }
    ok(bed_job(&b, 2)->leader == bed_job(&b, 1), "one job follows another");
    bed_fini(&b);
    ok(1, "and both are freed");
}

static void reuses_while_it_forgets(void)
{
    struct wf_submit m = durable_work(1);
    uint32_t client, agent;
    struct bed b;

    start(&b);
    client = client_of(&b, 1, "app");
    agent = agent_of(&b, 2, "edge", 4);
    m.reuse_ms = 1000000;
    for (uint8_t id = 1; id <= 2; id++) {
        m.job = bed_id(id);
        bed_say(&b, client, WF_MSG_submit, &m);
        sync_all(&b);
    }
    submit(&b, client, 3);
    sync_all(&b);
    bed_result(&b, agent, 3, 1, 0);
    sync_all(&b);
    bed_tick(&b, 10 * BED_MS);
    bed_result(&b, agent, 1, 1, 0);
    bed_durable(&b, put(&b));
    is_int(bed_state(&b, 2), WF_JOB_OK, "the follower's outcome is not written yet");
    b.cfg.retain_jobs = 2;
    restart(&b);
    is_int(bed_state(&b, 2), WF_JOB_OK, "it has it again after a restart");
    ok(bed_job(&b, 3) == NULL, "in the place of what ended first");
    bed_fini(&b);
}

int main(void)
{
    reuses_only_what_is_safe();
    succeeds_elsewhere();
    owns_its_outcome();
    repeats_for_good();
    is_freed_while_one_follows();
    reuses_while_it_forgets();
    return done();
}

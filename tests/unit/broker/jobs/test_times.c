/* What a job waited and ran, over a restart of its broker. */
#include "tests/unit/broker/shelf.h"

/* The agent knows for how long it has run, also over a restart of the broker. */
static void knows_how_long_it_ran(void)
{
    struct wf_started started = {bed_id(1), 1, 0};
    struct wf_result result = {.job = bed_id(1), .attempt = 1, .run_us = 9 * BED_SECOND};
    struct wf_submit m = durable_work(1);
    uint32_t client, agent;
    uint64_t waited_us;
    struct bed b;

    start(&b);
    client = client_of(&b, 1, "app");
    agent = agent_of(&b, 2, "edge", 4);
    bed_say(&b, client, WF_MSG_submit, &m);
    sync_all(&b);
    bed_tick(&b, 2 * BED_SECOND);
    bed_say(&b, agent, WF_MSG_started, &started);
    waited_us = bed_job(&b, 1)->started_us - bed_job(&b, 1)->accepted_us;
    sync_all(&b);
    bed_tick(&b, 3 * BED_SECOND);
    restart(&b);
    agent = agent_again(&b, 2, 2, 1, 1, WF_RUN_RUNNING);
    started.ago_us = b.c->now_us - bed_job(&b, 1)->accepted_us - waited_us;
    ok(started.ago_us >= 3 * BED_SECOND, "it ran for a while");
    bed_say(&b, agent, WF_MSG_started, &started);
    is_int(bed_job(&b, 1)->started_us - bed_job(&b, 1)->accepted_us, waited_us,
           "said again, its start is what it was");
    started.ago_us = 0;
    bed_say(&b, agent, WF_MSG_started, &started);
    is_int(bed_job(&b, 1)->started_us - bed_job(&b, 1)->accepted_us, waited_us,
           "and stays that");
    bed_tick(&b, BED_SECOND);
    result.run_us = started.ago_us = b.c->now_us - bed_job(&b, 1)->started_us;
    bed_say(&b, agent, WF_MSG_result, &result);
    sync_all(&b);
    is_int(bed_state(&b, 1), WF_JOB_OK, "it ends");
    is_int(bed_job(&b, 1)->wait_us, waited_us, "what it waited is not what it ran");
    is_int(bed_job(&b, 1)->run_us, result.run_us, "for so long");
    restart(&b);
    is_int(bed_job(&b, 1)->started_us - bed_job(&b, 1)->accepted_us, waited_us,
           "also after another one");
    bed_fini(&b);
}

int main(void)
{
    knows_how_long_it_ran();
    return done();
}

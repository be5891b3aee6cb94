#include "tests/unit/broker/bed.h"

#include "proto/words.h"

struct scene {
    struct bed b;
    uint32_t client, agent;
};

static void open_scene(struct scene *s, uint64_t slots)
{
    bed_init(&s->b);
    bed_start(&s->b);
    s->client = bed_client(&s->b, 1, "app");
    s->agent = bed_agent(&s->b, 2, "edge", slots);
}

static void runs(void)
{
    const struct wf_started started = {bed_id(1), 1};
    struct wf_msg m;
    struct scene s;

    open_scene(&s, 1);
    bed_submit(&s.b, s.client, 1);
    ok(bed_told(&s.b, s.agent, WF_MSG_assign, 0, &m) && m.u.assign.attempt == 1 &&
           wf_slice_is(m.u.assign.payload, "ping") && m.u.assign.version == 1,
       "a job is assigned");
    is_int(bed_state(&s.b, 1), WF_JOB_ASSIGNED, "as its state says");
    bed_say(&s.b, s.agent, WF_MSG_started, &started);
    is_int(bed_state(&s.b, 1), WF_JOB_RUNNING, "it runs");
    bed_result(&s.b, s.agent, 1, 1, 0);
    is_int(bed_state(&s.b, 1), WF_JOB_OK, "it ends well");
    ok(bed_count(&s.b, s.agent, WF_MSG_result_ack) == 1, "the agent may forget it");
    ok(bed_told(&s.b, s.client, WF_MSG_outcome, 0, &m) &&
           wf_slice_is(m.u.outcome.data, "pong") && m.u.outcome.attempt == 1 &&
           wf_slice_is(m.u.outcome.node, "edge"),
       "and the client is told");
    bed_result(&s.b, s.agent, 1, 1, 0);
    ok(bed_count(&s.b, s.client, WF_MSG_outcome) == 0 &&
           bed_count(&s.b, s.agent, WF_MSG_result_ack) == 1,
       "once, though the agent repeats itself");
    is_int(s.b.c->count.superseded, 0, "it is the same result, not a late one");
    bed_fini(&s.b);
}

static void fences(void)
{
    uint32_t other;
    struct scene s;

    open_scene(&s, 1);
    bed_submit(&s.b, s.client, 1);
    other = bed_agent(&s.b, 3, "other", 1);
    bed_result(&s.b, other, 1, 1, 0);
    is_int(bed_state(&s.b, 1), WF_JOB_ASSIGNED, "no result of another's attempt");
    bed_result(&s.b, s.agent, 1, 2, 0);
    is_int(bed_state(&s.b, 1), WF_JOB_ASSIGNED, "nor of an attempt that never was");
    bed_result(&s.b, s.agent, 7, 1, 0);
    ok(bed_count(&s.b, s.agent, WF_MSG_result_ack) == 1,
       "nor of a job that is not known");
    bed_say(&s.b, s.agent, WF_MSG_bye, &(struct wf_bye){0});
    bed_tick(&s.b, 500 * BED_MS);
    is_int(bed_job(&s.b, 1)->attempt, 2, "the next attempt, elsewhere");
    s.agent = bed_agent(&s.b, 2, "edge", 1);
    bed_result(&s.b, s.agent, 1, 1, 0);
    is_int(bed_state(&s.b, 1), WF_JOB_ASSIGNED, "no late result of the one before");
    is_int(bed_job(&s.b, 1)->superseded, 3, "though they are counted");
    bed_result(&s.b, other, 1, 2, 0);
    is_int(bed_state(&s.b, 1), WF_JOB_OK, "the present one is taken");
    bed_fini(&s.b);
}

static void retries(void)
{
    struct wf_submit m = bed_work(2);
    struct scene s;

    open_scene(&s, 4);
    bed_submit(&s.b, s.client, 1);
    bed_result(&s.b, s.agent, 1, 1, WEFT_EFAILED);
    is_int(bed_state(&s.b, 1), WF_JOB_FAILED,
           "what its handler did wrong is its outcome");
    m.max_attempts = 2;
    bed_say(&s.b, s.client, WF_MSG_submit, &m);
    bed_result(&s.b, s.agent, 2, 1, WEFT_EFAILED);
    is_int(bed_state(&s.b, 2), WF_JOB_QUEUED, "unless more attempts were asked for");
    ok(bed_job(&s.b, 2)->retry_us > s.b.now_us, "after a while");
    bed_tick(&s.b, 400 * BED_MS);
    bed_result(&s.b, s.agent, 2, 2, WEFT_EFAILED);
    is_int(bed_state(&s.b, 2), WF_JOB_FAILED, "as many as that");
    ok(bed_job(&s.b, 2)->code == WEFT_EFAILED && bed_job(&s.b, 2)->attempt == 2,
       "and then says how");
    m.job = bed_id(4);
    bed_say(&s.b, s.client, WF_MSG_submit, &m);
    bed_result(&s.b, s.agent, 4, 1, WEFT_EINVAL);
    ok(bed_state(&s.b, 4) == WF_JOB_FAILED && bed_job(&s.b, 4)->code == WEFT_EINVAL,
       "what no attempt can do better ends at once");
    bed_submit(&s.b, s.client, 3);
    for (unsigned i = 1; i <= s.b.cfg.max_attempts; i++) {
        is_int(bed_state(&s.b, 3), WF_JOB_ASSIGNED, "what befell it is tried again");
        bed_result(&s.b, s.agent, 3, i, WEFT_ESPAWN);
        bed_say(&s.b, s.agent, WF_MSG_ping, &(struct wf_ping){1, 0, 0, 0});
        bed_tick(&s.b, 2400 * BED_MS);
        bed_say(&s.b, s.agent, WF_MSG_ping, &(struct wf_ping){1, 0, 0, 0});
        bed_tick(&s.b, 2400 * BED_MS);
        bed_say(&s.b, s.agent, WF_MSG_ping, &(struct wf_ping){1, 0, 0, 0});
    }
    is_int(bed_state(&s.b, 3), WF_JOB_DEAD, "until it is given up");
    bed_fini(&s.b);
}

static void refuses(void)
{
    const struct wf_refuse m = {bed_id(1), 1, 16, wf_slice_of("no slot is free")};
    struct scene s;

    open_scene(&s, 1);
    bed_submit(&s.b, s.client, 1);
    bed_say(&s.b, s.agent, WF_MSG_refuse, &m);
    is_int(bed_state(&s.b, 1), WF_JOB_QUEUED, "a refused one waits");
    is_int(bed_job(&s.b, 1)->tries, 0, "which is no try of the job");
    is_str(bed_job(&s.b, 1)->history[0].reason, "no slot is free", "its reason is kept");
    bed_say(&s.b, s.agent, WF_MSG_refuse, &m);
    is_int(s.b.c->count.refused_by_agent, 1, "a second refusal is none");
    bed_fini(&s.b);
}

static void prints(void)
{
    struct wf_output m = {.job = bed_id(1),
                          .attempt = 1,
                          .stream = 1,
                          .offset = 0,
                          .data = wf_slice_of("hello")};
    const struct wf_watch watch = {3, bed_id(1), 1, 0};
    struct wf_msg got;
    struct scene s;

    open_scene(&s, 1);
    bed_submit(&s.b, s.client, 1);
    bed_say(&s.b, s.agent, WF_MSG_output, &m);
    is_int(s.b.fx.n, 0, "nobody watches");
    bed_say(&s.b, s.client, WF_MSG_watch, &watch);
    ok(bed_told(&s.b, s.client, WF_MSG_output, 0, &got) &&
           wf_slice_is(got.u.output.data, "hello"),
       "who comes later gets what was kept");
    m.offset = 5;
    m.data = wf_slice_of(" world");
    bed_say(&s.b, s.agent, WF_MSG_output, &m);
    ok(bed_told(&s.b, s.client, WF_MSG_output, 0, &got) && got.u.output.offset == 5,
       "and then what comes");
    m.attempt = 2;
    bed_say(&s.b, s.agent, WF_MSG_output, &m);
    ok(s.b.fx.n == 0 && s.b.c->count.output_dropped == 1, "not of another attempt");
    bed_fini(&s.b);
}

static void stops(void)
{
    const struct wf_cancel cancel = {4, bed_id(1)};
    struct wf_submit work = bed_work(2);
    struct wf_msg m;
    struct scene s;

    open_scene(&s, 1);
    bed_submit(&s.b, s.client, 1);
    bed_say(&s.b, s.client, WF_MSG_cancel, &cancel);
    ok(bed_told(&s.b, s.agent, WF_MSG_stop, 0, &m) && m.u.stop.attempt == 1,
       "cancelled: the agent is told");
    is_int(bed_state(&s.b, 1), WF_JOB_CANCELLED, "and so is the state");
    ok(bed_job(&s.b, 1)->occupies, "its slot is not free yet");
    work.deadline_ms = 500;
    bed_say(&s.b, s.client, WF_MSG_submit, &work);
    is_int(bed_state(&s.b, 2), WF_JOB_QUEUED, "so the next waits");
    bed_result(&s.b, s.agent, 1, 1, WEFT_ECANCELLED);
    is_int(bed_state(&s.b, 2), WF_JOB_ASSIGNED, "until the agent confirms");
    is_int(bed_state(&s.b, 1), WF_JOB_CANCELLED, "which changes no outcome");
    bed_tick(&s.b, 501 * BED_MS);
    is_int(bed_state(&s.b, 2), WF_JOB_EXPIRED, "a deadline ends a job too");
    ok(bed_told(&s.b, s.agent, WF_MSG_stop, 0, &m), "and its attempt");
    bed_fini(&s.b);
}

static void is_overdue(void)
{
    const struct wf_started started = {bed_id(1), 1};
    struct wf_submit work = bed_work(1);
    struct scene s;

    open_scene(&s, 1);
    work.wall_ms = 1000;
    bed_say(&s.b, s.client, WF_MSG_submit, &work);
    bed_say(&s.b, s.agent, WF_MSG_started, &started);
    for (unsigned i = 0; i < 11; i++) {
        bed_say(&s.b, s.agent, WF_MSG_ping, &(struct wf_ping){1, 0, 0, 0});
        bed_tick(&s.b, BED_SECOND);
    }
    is_int(bed_count(&s.b, s.agent, WF_MSG_stop), 1, "an agent that ends no run is told");
    ok(!bed_job(&s.b, 1)->occupies && bed_job(&s.b, 1)->tries == 1,
       "and counted on no more");
    bed_fini(&s.b);
}

static uint64_t work_of(const struct scene *s)
{
    const struct runtime_key key = {.capability = bed_job(&s->b, 1)->capability->number};
    struct run_guess guess;

    runtimes_guess(s->b.c->runtimes, &key, &guess);
    return guess.mean_us;
}

static void learns(void)
{
    const struct wf_telemetry none = {0};
    const struct agent *a;
    struct scene s;

    open_scene(&s, 2);
    a = registry_named(&s.b.c->registry, wf_slice_of("edge"))->agent;
    bed_submit(&s.b, s.client, 1);
    bed_result(&s.b, s.agent, 1, 1, 0);
    is_int(work_of(&s), 1000, "how long a run takes");
    is_int(a->done, 1, "what went well");
    bed_submit(&s.b, s.client, 2);
    bed_result(&s.b, s.agent, 2, 1, WEFT_EFAILED);
    ok(a->failed == 1 && work_of(&s) == 1000,
       "and what did not, which teaches nothing of time");
    bed_say(&s.b, s.agent, WF_MSG_telemetry, &none);
    bed_say(&s.b, s.agent, WF_MSG_ping, &(struct wf_ping){1, 0, 5000, 0});
    is_int(wf_ewma_mean(&a->rtt_us), 5000, "the round trip");
    bed_say(&s.b, s.agent, WF_MSG_ping, &(struct wf_ping){2, 0, UINT64_MAX, 0});
    is_int(wf_ewma_mean(&a->rtt_us), 5000, "unless it is absurd");
    bed_fini(&s.b);
}

int main(void)
{
    runs();
    fences();
    retries();
    refuses();
    prints();
    stops();
    is_overdue();
    learns();
    return done();
}

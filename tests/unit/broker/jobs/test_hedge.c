#include "broker/core/jobs/hedge.h"

#include "broker/core/jobs/ledger.h"
#include "broker/core/place/wishes.h"
#include "tests/unit/broker/bed.h"

/* Two agents of one slot; runs of "echo" take a second.  Job 1 runs at one of them, which
 * is `first`. */
struct scene {
    struct bed b;
    uint32_t client, first, other;
    uint64_t pings;
};

static void ping(struct scene *s, uint32_t peer)
{
    bed_say(&s->b, peer, WF_MSG_ping, &(struct wf_ping){.seq = ++s->pings});
}

/* So much time, in which all show that they are alive.  The copy that comes due is sent
 * by the tick, so that is the last step. */
static void pass(struct scene *s, unsigned seconds)
{
    while (seconds-- > 0) {
        ping(s, s->client);
        ping(s, s->first);
        ping(s, s->other);
        bed_tick(&s->b, BED_SECOND);
    }
}

static void ran(struct scene *s, uint8_t id)
{
    const struct wf_result m = {.job = bed_id(id), .attempt = 1, .run_us = BED_SECOND};
    const struct job *j;

    bed_submit(&s->b, s->client, id);
    j = bed_job(&s->b, id);
    must(j->occupies);
    bed_say(&s->b, j->agent->session->peer, WF_MSG_result, &m);
}

static void submit(struct scene *s, const struct wf_submit *m)
{
    bed_say(&s->b, s->client, WF_MSG_submit, m);
    bed_durable(&s->b, s->b.c->lsn);
    must(bed_job(&s->b, 1)->occupies);
    if (bed_job(&s->b, 1)->agent->session->peer != s->first) {
        uint32_t was = s->first;

        s->first = s->other;
        s->other = was;
    }
    bed_say(&s->b, s->first, WF_MSG_started, &(struct wf_started){bed_id(1), 1, 0});
    bed_durable(&s->b, s->b.c->lsn);
}

static struct wf_submit work(unsigned class_)
{
    struct wf_submit m = bed_work(1);

    m.hedge = 1;
    m.class_ = class_;
    m.max_attempts = 9;
    return m;
}

static void ready(struct scene *s, uint64_t hedge_pm)
{
    struct bed *b = &s->b;

    bed_init(b);
    b->cfg.durable = 1;
    b->cfg.hedge_pm = hedge_pm;
    bed_start(b);
    s->pings = 0;
    s->client = bed_client(b, 9, "app");
    s->first = bed_agent(b, 1, "one", 1);
    s->other = bed_agent(b, 2, "two", 1);
    for (uint8_t id = 10; id < 40; id++) {
        ran(s, id);
    }
    bed_durable(b, b->c->lsn);
}

static void begin(struct scene *s, unsigned class_)
{
    const struct wf_submit m = work(class_);

    ready(s, 1000);
    submit(s, &m);
}

/* The last step gave attempt n of job 1 to that agent. */
static int assigned(const struct scene *s, uint32_t peer, uint64_t attempt)
{
    const struct wf_id want = bed_id(1);
    struct wf_msg m;

    return bed_told(&s->b, peer, WF_MSG_assign, 0, &m) &&
           wf_id_eq(&m.u.assign.job, &want) && m.u.assign.attempt == attempt &&
           wf_slice_is(m.u.assign.payload, "ping");
}

static int stopped(const struct scene *s, uint32_t peer, uint64_t attempt)
{
    struct wf_msg m;

    return bed_told(&s->b, peer, WF_MSG_stop, 0, &m) && m.u.stop.attempt == attempt &&
           m.u.stop.code == (uint64_t) -WEFT_ECANCELLED && !m.u.stop.waiting;
}

static void hedged(struct scene *s, unsigned class_)
{
    begin(s, class_);
    pass(s, 2);
    bed_durable(&s->b, s->b.c->lsn);
    must(hedge_is_on(bed_job(&s->b, 1)));
}

static const struct agent *agent_of(const struct scene *s, uint32_t peer)
{
    return session_get(&s->b.c->sessions, peer)->principal->agent;
}

static void copy_wins(void)
{
    struct wf_msg m;
    struct scene s;

    begin(&s, WF_CLASS_FAST);
    pass(&s, 1);
    ok(!hedge_is_on(bed_job(&s.b, 1)), "a run that takes as long as others has no copy");
    pass(&s, 1);
    ok(assigned(&s, s.other, 2), "one that takes longer has one elsewhere");
    is_int(bed_job(&s.b, 1)->attempt, 1, "while the first goes on");
    is_int(s.b.c->count.hedged, 1, "that is counted");
    bed_say(&s.b, s.other, WF_MSG_started, &(struct wf_started){bed_id(1), 2, 0});
    is_int(agent_of(&s, s.other)->running, 1, "both run");
    bed_result(&s.b, s.other, 1, 2, 0);
    is_int(bed_state(&s.b, 1), WF_JOB_OK, "the copy ends first");
    ok(bed_told(&s.b, s.client, WF_MSG_outcome, 0, &m) && m.u.outcome.attempt == 2 &&
           wf_slice_is(m.u.outcome.node, agent_of(&s, s.other)->principal->name),
       "its result is the outcome");
    ok(stopped(&s, s.first, 1), "the first is stopped");
    is_int(bed_count(&s.b, s.other, WF_MSG_result_ack), 1, "the winner may forget");
    ok(agent_of(&s, s.first)->assigned == 1 && agent_of(&s, s.other)->assigned == 0,
       "the loser holds its slot until it is over");
    bed_result(&s.b, s.first, 1, 1, 0);
    is_int(agent_of(&s, s.first)->assigned, 0, "then not any more");
    is_int(bed_count(&s.b, s.first, WF_MSG_result_ack), 1, "it may forget as well");
    is_int(bed_count(&s.b, s.client, WF_MSG_outcome), 0, "there is one outcome");
    ok(s.b.c->count.superseded == 0 && s.b.c->count.hedges_won == 1 &&
           s.b.c->count.hedges_lost == 1,
       "all that is counted");
    bed_fini(&s.b);
}

static void first_wins(void)
{
    struct scene s;

    hedged(&s, WF_CLASS_FAST);
    bed_result(&s.b, s.first, 1, 1, 0);
    is_int(bed_state(&s.b, 1), WF_JOB_OK, "the first ends first");
    ok(stopped(&s, s.other, 2), "the copy is stopped");
    bed_result(&s.b, s.other, 1, 2, WEFT_ECANCELLED);
    ok(!hedge_is_on(bed_job(&s.b, 1)) && agent_of(&s, s.other)->assigned == 0,
       "and over when it says so");
    is_int(bed_count(&s.b, s.other, WF_MSG_result_ack), 1, "which is acknowledged");
    is_int(agent_of(&s, s.other)->failed, 0, "no failure of its agent");
    bed_fini(&s.b);

    hedged(&s, WF_CLASS_FAST);
    bed_result(&s.b, s.first, 1, 1, 0);
    bed_say(&s.b, s.other, WF_MSG_bye, &(struct wf_bye){0});
    ok(!hedge_is_on(bed_job(&s.b, 1)), "or when its agent leaves");
    bed_fini(&s.b);
}

static void one_is_lost(void)
{
    const struct wf_refuse no = {bed_id(1), 2, (uint64_t) -WEFT_EBUSY, {0}};
    struct scene s;

    hedged(&s, WF_CLASS_FAST);
    bed_say(&s.b, s.first, WF_MSG_bye, &(struct wf_bye){0});
    ok(bed_job(&s.b, 1)->attempt == 2 && bed_job(&s.b, 1)->occupies &&
           !hedge_is_on(bed_job(&s.b, 1)),
       "when the first is lost the copy goes on alone");
    is_int(bed_job(&s.b, 1)->lost, 1, "the loss counts");
    bed_result(&s.b, s.other, 1, 2, 0);
    is_int(bed_state(&s.b, 1), WF_JOB_OK, "to the outcome");
    bed_fini(&s.b);

    hedged(&s, WF_CLASS_FAST);
    bed_say(&s.b, s.other, WF_MSG_refuse, &no);
    ok(bed_state(&s.b, 1) == WF_JOB_RUNNING && !hedge_is_on(bed_job(&s.b, 1)) &&
           bed_job(&s.b, 1)->tries == 0,
       "a copy that is refused costs nothing");
    bed_result(&s.b, s.first, 1, 1, WEFT_ESPAWN);
    is_int(bed_state(&s.b, 1), WF_JOB_QUEUED, "then the first fails as ever");
    pass(&s, 1);
    is_int(bed_job(&s.b, 1)->attempt, 3, "and no number is given twice");
    bed_fini(&s.b);

    hedged(&s, WF_CLASS_FAST);
    bed_result(&s.b, s.other, 1, 2, WEFT_EFAILED);
    is_int(bed_state(&s.b, 1), WF_JOB_RUNNING, "a copy that fails is no outcome");
    bed_result(&s.b, s.first, 1, 1, WEFT_EFAILED);
    is_int(bed_state(&s.b, 1), WF_JOB_QUEUED, "nor is the first that is tried again");
    bed_fini(&s.b);

    hedged(&s, WF_CLASS_FAST);
    bed_result(&s.b, s.first, 1, 1, WEFT_EFAILED);
    ok(bed_job(&s.b, 1)->attempt == 2 && bed_job(&s.b, 1)->tries == 1 &&
           bed_job(&s.b, 1)->nhistory == 1,
       "when the first fails the copy goes on");
    bed_fini(&s.b);
}

static void ends_otherwise(void)
{
    const struct wf_cancel cancel = {.req = 1, .job = bed_id(1)};
    struct scene s;

    hedged(&s, WF_CLASS_FAST);
    bed_say(&s.b, s.client, WF_MSG_cancel, &cancel);
    ok(stopped(&s, s.first, 1) && stopped(&s, s.other, 2), "cancelled: both are stopped");
    bed_result(&s.b, s.other, 1, 2, 0);
    bed_result(&s.b, s.first, 1, 1, 0);
    is_int(bed_state(&s.b, 1), WF_JOB_CANCELLED, "whatever they say then");
    ok(agent_of(&s, s.first)->assigned == 0 && agent_of(&s, s.other)->assigned == 0,
       "and no slot is held");
    bed_fini(&s.b);
}

static void resyncs(void)
{
    const struct wf_run_row row = {bed_id(1), 2, WF_RUN_RUNNING};
    struct wf_buf store = WF_BUF_INIT(1024);
    struct wf_resync m = {{0}};
    struct scene s;

    must(wf_rows_add(&store, &m.runs, wf_desc_run_row(), &row) == 0);
    hedged(&s, WF_CLASS_FAST);
    bed_down(&s.b, s.other);
    s.other =
        bed_hello(&s.b, agent_of(&s, s.first)->principal->key.b[0] == 1 ? 2 : 1,
                  WF_ROLE_AGENT, agent_of(&s, s.first)->principal->key.b[0] == 1 ? 2 : 1);
    bed_offer(&s.b, s.other, "echo", 1, 0);
    bed_say(&s.b, s.other, WF_MSG_resync, &m);
    ok(bed_count(&s.b, s.other, WF_MSG_stop) == 0 && hedge_is_on(bed_job(&s.b, 1)),
       "a copy that its agent still holds goes on");
    bed_result(&s.b, s.first, 1, 1, 0);
    bed_say(&s.b, s.other, WF_MSG_resync, &m);
    ok(stopped(&s, s.other, 2), "one that is not wanted any more is stopped again");
    bed_resync(&s.b, s.other);
    ok(!hedge_is_on(bed_job(&s.b, 1)) && agent_of(&s, s.other)->assigned == 0,
       "one that is not there is over");
    wf_buf_fini(&store);
    bed_fini(&s.b);
}

static void reserves(void)
{
    struct scene s;

    begin(&s, WF_CLASS_DURABLE);
    pass(&s, 2);
    ok(!hedge_is_on(bed_job(&s.b, 1)) && bed_job(&s.b, 1)->reserved == 2,
       "the number is written first");
    bed_durable(&s.b, s.b.c->lsn);
    ok(assigned(&s, s.other, 2), "then the copy starts");
    bed_result(&s.b, s.other, 1, 2, 0);
    is_int(bed_count(&s.b, s.other, WF_MSG_result_ack), 0, "its result is not safe yet");
    bed_result(&s.b, s.first, 1, 1, WEFT_ECANCELLED);
    is_int(bed_count(&s.b, s.first, WF_MSG_result_ack), 1, "the loser's need not be");
    bed_durable(&s.b, s.b.c->lsn);
    is_int(bed_count(&s.b, s.other, WF_MSG_result_ack), 1, "then it is");
    is_int(bed_count(&s.b, s.client, WF_MSG_outcome), 1, "and the outcome is told");
    bed_fini(&s.b);

    begin(&s, WF_CLASS_DURABLE);
    pass(&s, 2);
    bed_result(&s.b, s.first, 1, 1, 0);
    bed_durable(&s.b, s.b.c->lsn);
    is_int(s.b.c->count.hedged, 0, "no copy of what is over by then");
    bed_fini(&s.b);
}

/* 1 when this job gets a copy in two seconds. */
static int gets_copy(const struct wf_submit *m, uint64_t hedge_pm, int busy)
{
    struct scene s;
    int did;

    ready(&s, hedge_pm);
    submit(&s, m);
    if (busy) {
        bed_submit(&s.b, s.client, 2);
    }
    pass(&s, 2);
    did = hedge_is_on(bed_job(&s.b, 1));
    bed_fini(&s.b);
    return did;
}

static void limits(void)
{
    struct wf_submit m = work(WF_CLASS_FAST);

    ok(gets_copy(&m, 1000, 0), "what may be copied is");
    ok(gets_copy(&m, 34, 0), "one of thirty may be");
    ok(!gets_copy(&m, 33, 0), "but not more");
    ok(!gets_copy(&m, 1000, 1), "none where no slot is free");
    m.disconnect = WF_KEEP;
    ok(!gets_copy(&m, 1000, 0), "none of what waits for its agent");
    m.disconnect = WF_REPLACE_AFTER;
    m.hedge = 0;
    ok(!gets_copy(&m, 1000, 0), "none of what is not idempotent");
}

static void elsewhere(void)
{
    struct wf_submit m = work(WF_CLASS_FAST);
    struct principal *far;
    struct scene s;
    struct wf_key key = bed_key(3);

    ready(&s, 1000);
    bed_enrol(&s.b, 3, WF_ROLE_AGENT, "far");
    far = registry_key(&s.b.c->registry, &key);
    (void) snprintf(far->site, sizeof far->site, "oslo");
    (void) bed_agent(&s.b, 3, "far", 1);
    m.node = wf_slice_of("one");
    submit(&s, &m);
    pass(&s, 2);
    ok(!hedge_is_on(bed_job(&s.b, 1)), "no other node may have it");
    bed_fini(&s.b);

    ready(&s, 1000);
    bed_enrol(&s.b, 3, WF_ROLE_AGENT, "far");
    far = registry_key(&s.b.c->registry, &key);
    (void) snprintf(far->site, sizeof far->site, "oslo");
    m.node = wf_slice_of("");
    submit(&s, &m);
    pass(&s, 1);
    (void) bed_agent(&s.b, 3, "far", 1);
    pass(&s, 1);
    must(hedge_is_on(bed_job(&s.b, 1)));
    is_str(bed_job(&s.b, 1)->wishes->hedged.copy->agent->principal->name, "far",
           "another site is better than another node");
    bed_fini(&s.b);
}

/* Where something is, for job 1: 0, or the code of the answer. */
static int locate(struct scene *s, uint32_t peer)
{
    struct wf_buf store = WF_BUF_INIT(256);
    const struct wf_digest_row row = {.size = 1};
    struct wf_locate m = {.req = 1, .job = bed_id(1)};
    struct wf_msg told;

    must(wf_rows_add(&store, &m.rows, wf_desc_digest_row(), &row) == 0);
    bed_say(&s->b, peer, WF_MSG_locate, &m);
    wf_buf_fini(&store);
    must(bed_told(&s->b, peer, WF_MSG_located, 0, &told));
    return -(int) told.u.located.code;
}

static void copy_fetches(void)
{
    struct scene s;

    begin(&s, WF_CLASS_FAST);
    is_int(locate(&s, s.other), WEFT_EPERM,
           "who has no attempt is not told who has data");
    is_int(locate(&s, s.first), 0, "who has one is");
    pass(&s, 2);
    must(hedge_is_on(bed_job(&s.b, 1)));
    is_int(locate(&s, s.other), 0, "and so is who has the copy");
    is_int(locate(&s, s.first), 0, "beside the first");
    bed_result(&s.b, s.other, 1, 2, WEFT_EFAILED);
    is_int(locate(&s, s.other), WEFT_EPERM, "as long as it has it");
    bed_fini(&s.b);
}

int main(void)
{
    copy_fetches();
    copy_wins();
    first_wins();
    one_is_lost();
    ends_otherwise();
    resyncs();
    reserves();
    limits();
    elsewhere();
    return done();
}

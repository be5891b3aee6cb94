#include "broker/core/jobs/preempt.h"

#include "broker/core/jobs/asked.h"
#include "tests/unit/broker/bed.h"

struct scene {
    struct bed b;
    uint32_t client, agent;
    uint64_t pings;
};

static void begin(struct scene *s, uint64_t queue, int preempt)
{
    struct bed *b = &s->b;

    bed_init(b);
    b->cfg.durable = 1;
    b->cfg.preempt = preempt;
    bed_start(b);
    s->pings = 0;
    s->client = bed_client(b, 9, "app");
    s->agent = bed_agent(b, 1, "one", 1);
    bed_offer(b, s->agent, "echo", 1, queue);
    bed_durable(b, b->c->lsn);
}

static void submit(struct scene *s, uint8_t id, unsigned class_, unsigned priority)
{
    struct wf_submit m = bed_work(id);

    m.class_ = class_;
    m.priority = priority;
    bed_say(&s->b, s->client, WF_MSG_submit, &m);
}

static void settle(struct scene *s)
{
    bed_durable(&s->b, s->b.c->lsn);
}

/* So much time, in which both show that they are alive; the agent last. */
static void pass(struct scene *s, unsigned seconds)
{
    while (seconds-- > 0) {
        bed_tick(&s->b, BED_SECOND);
        bed_say(&s->b, s->client, WF_MSG_ping, &(struct wf_ping){.seq = s->pings});
        bed_say(&s->b, s->agent, WF_MSG_ping, &(struct wf_ping){.seq = ++s->pings});
    }
}

static void started(struct scene *s, uint8_t id, uint64_t attempt)
{
    bed_say(&s->b, s->agent, WF_MSG_started,
            &(struct wf_started){bed_id(id), attempt, 0});
}

/* The last step told the agent to stop this job. */
static int stopped(const struct scene *s, uint8_t id, int code, int waiting)
{
    const struct wf_id want = bed_id(id);
    struct wf_msg m;

    return bed_told(&s->b, s->agent, WF_MSG_stop, 0, &m) &&
           wf_id_eq(&m.u.stop.job, &want) && m.u.stop.code == (uint64_t) -code &&
           m.u.stop.waiting == (uint64_t) waiting;
}

static void ran(struct scene *s, uint8_t id, uint64_t run_us)
{
    const struct wf_result m = {.job = bed_id(id), .attempt = 1, .run_us = run_us};

    submit(s, id, WF_CLASS_FAST, 4);
    bed_say(&s->b, s->agent, WF_MSG_result, &m);
}

static void makes_way(unsigned class_, const char *what)
{
    struct scene s;

    begin(&s, 0, 1);
    submit(&s, 1, class_, 4);
    settle(&s);
    started(&s, 1, 1);
    settle(&s);
    pass(&s, 2);
    submit(&s, 2, class_, 9);
    if (class_ == WF_CLASS_DURABLE) {
        settle(&s);
    }
    ok(stopped(&s, 1, WEFT_EPREEMPTED, 0), "%s", what);
    is_int(bed_state(&s.b, 1), WF_JOB_RUNNING, "it runs until the agent says otherwise");
    bed_result(&s.b, s.agent, 1, 1, WEFT_EPREEMPTED);
    is_int(bed_state(&s.b, 2), WF_JOB_ASSIGNED, "the urgent one has its slot");
    settle(&s);
    is_int(bed_state(&s.b, 1), WF_JOB_QUEUED, "and it waits");
    ok(bed_job(&s.b, 1)->tries == 0 && bed_job(&s.b, 1)->lost == 0 &&
           bed_job(&s.b, 1)->retry_us == 0,
       "which costs no attempt and no back-off");
    is_int(bed_job(&s.b, 1)->preempted, 1, "but is told");
    is_int(s.b.c->count.preempted, 1, "and counted");
    is_int(bed_job(&s.b, 2)->agent->failed, 0, "the agent did not fail");
    bed_result(&s.b, s.agent, 2, 1, 0);
    settle(&s);
    is_int(bed_state(&s.b, 1), WF_JOB_ASSIGNED, "then it goes on");
    is_int(bed_job(&s.b, 1)->attempt, 2, "as the next attempt");
    bed_fini(&s.b);
}

/* 1 when the urgent one pushes the other aside, which ran for so long. */
static int pushes(int preempt, unsigned low, unsigned high, uint64_t deadline_ms)
{
    struct wf_submit m = bed_work(1);
    struct scene s;
    int did;

    begin(&s, 0, preempt);
    m.priority = low;
    m.deadline_ms = deadline_ms;
    bed_say(&s.b, s.client, WF_MSG_submit, &m);
    started(&s, 1, 1);
    pass(&s, 2);
    submit(&s, 2, WF_CLASS_FAST, high);
    did = bed_count(&s.b, s.agent, WF_MSG_stop) != 0;
    bed_fini(&s.b);
    return did;
}

static void who_may(void)
{
    ok(pushes(1, 4, 7, 0), "priority 7 pushes 4 aside");
    ok(!pushes(1, 4, 6, 0), "6 does not");
    ok(pushes(1, 6, 8, 0), "8 pushes 6");
    ok(!pushes(1, 7, 8, 0), "but not 7");
    ok(!pushes(1, 4, 9, 60000), "what has a deadline is left alone");
    ok(!pushes(0, 4, 9, 0), "and all is where it is switched off");
}

/* 1 when it is worth it, of runs of 10 s. */
static int pays(unsigned ran_s)
{
    struct scene s;
    int did;

    begin(&s, 0, 1);
    for (uint8_t id = 10; id < 30; id++) {
        ran(&s, id, 10 * BED_SECOND);
    }
    submit(&s, 1, WF_CLASS_FAST, 4);
    started(&s, 1, 1);
    pass(&s, ran_s);
    submit(&s, 2, WF_CLASS_FAST, 9);
    did = bed_count(&s.b, s.agent, WF_MSG_stop) != 0;
    bed_fini(&s.b);
    return did;
}

static void when_it_pays(void)
{
    ok(pays(1), "what just began is stopped");
    ok(pays(6), "and what is half done, for so much higher a priority");
    ok(!pays(9), "not what is nearly done");
    ok(pays(30), "what is overdue may last");
}

static void takes_what_waits_first(void)
{
    struct wf_refuse back = {bed_id(2), 1, (uint64_t) -WEFT_ERECALLED, {0}};
    struct scene s;

    begin(&s, 1, 1);
    submit(&s, 1, WF_CLASS_FAST, 4);
    submit(&s, 2, WF_CLASS_FAST, 4);
    started(&s, 1, 1);
    pass(&s, 2);
    submit(&s, 3, WF_CLASS_FAST, 9);
    ok(stopped(&s, 2, WEFT_ERECALLED, 1), "what waits is asked back");
    is_int(bed_count(&s.b, s.agent, WF_MSG_stop), 1, "and nothing else");
    bed_say(&s.b, s.agent, WF_MSG_refuse, &back);
    is_int(bed_state(&s.b, 3), WF_JOB_ASSIGNED, "the urgent one takes its place");
    is_int(bed_state(&s.b, 2), WF_JOB_QUEUED, "and it waits in the broker");
    ok(stopped(&s, 1, WEFT_EPREEMPTED, 0), "then what runs there makes way as well");
    bed_fini(&s.b);
}

static void waits_for_what_is_started(void)
{
    struct scene s;

    begin(&s, 4, 1);
    submit(&s, 1, WF_CLASS_FAST, 4);
    submit(&s, 2, WF_CLASS_FAST, 9);
    is_int(bed_count(&s.b, s.agent, WF_MSG_stop), 0, "nothing is known to run");
    started(&s, 1, 1);
    is_int(bed_count(&s.b, s.agent, WF_MSG_stop), 0, "what has just begun gains nothing");
    pass(&s, 1);
    ok(stopped(&s, 1, WEFT_EPREEMPTED, 0), "but what goes on is stopped");
    bed_fini(&s.b);

    begin(&s, 0, 1);
    submit(&s, 1, WF_CLASS_FAST, 4);
    started(&s, 1, 1);
    submit(&s, 2, WF_CLASS_FAST, 9);
    is_int(bed_count(&s.b, s.agent, WF_MSG_stop), 0,
           "of what waits in the broker as well");
    pass(&s, 1);
    ok(stopped(&s, 1, WEFT_EPREEMPTED, 0), "it is looked at again");
    bed_fini(&s.b);
}

static void not_too_often(void)
{
    struct scene s;

    begin(&s, 0, 1);
    submit(&s, 1, WF_CLASS_FAST, 4);
    for (uint8_t round = 1; round <= 3; round++) {
        uint8_t urgent = (uint8_t) (10 + round);

        started(&s, 1, round);
        pass(&s, round == 1 ? 2 : 40);
        submit(&s, urgent, WF_CLASS_FAST, 9);
        is_int(bed_count(&s.b, s.agent, WF_MSG_stop), round <= 2,
               "a job makes way twice");
        if (round <= 2) {
            bed_result(&s.b, s.agent, 1, round, WEFT_EPREEMPTED);
            bed_result(&s.b, s.agent, urgent, 1, 0);
        }
    }
    bed_fini(&s.b);

    begin(&s, 0, 1);
    submit(&s, 1, WF_CLASS_FAST, 4);
    started(&s, 1, 1);
    pass(&s, 2);
    submit(&s, 2, WF_CLASS_FAST, 9);
    bed_result(&s.b, s.agent, 1, 1, WEFT_EPREEMPTED);
    bed_result(&s.b, s.agent, 2, 1, 0);
    started(&s, 1, 2);
    pass(&s, 20);
    submit(&s, 3, WF_CLASS_FAST, 9);
    is_int(bed_count(&s.b, s.agent, WF_MSG_stop), 0, "an agent stops one in 30 s");
    bed_fini(&s.b);
}

/* What an agent is told, that makes room by itself for what has to begin. */
static void tells_the_agent(int preempt)
{
    struct wf_submit due = bed_work(2), once = bed_work(3);
    struct wf_msg m;
    struct scene s;

    begin(&s, 4, preempt);
    submit(&s, 1, WF_CLASS_FAST, 4);
    ok(bed_told(&s.b, s.agent, WF_MSG_assign, 0, &m) &&
           m.u.assign.yields == (uint64_t) preempt && m.u.assign.begin_ms == 0,
       "without a deadline it makes way");
    due.deadline_ms = 5000;
    bed_say(&s.b, s.client, WF_MSG_submit, &due);
    ok(bed_told(&s.b, s.agent, WF_MSG_assign, 0, &m) && m.u.assign.yields == 0 &&
           (preempt ? m.u.assign.begin_ms > 1000 && m.u.assign.begin_ms < 5000 &&
                          m.u.assign.left_ms > 4900 && m.u.assign.left_ms < 5100
                    : m.u.assign.begin_ms == 0),
       "with one it has to begin some time before that");
    once.max_attempts = 1;
    bed_say(&s.b, s.client, WF_MSG_submit, &once);
    ok(bed_told(&s.b, s.agent, WF_MSG_assign, 0, &m) && m.u.assign.yields == 0,
       "what may be tried once does not make way");
    bed_fini(&s.b);
}

/* An agent that made room: the job goes on, but not for ever. */
static void agent_stops(void)
{
    struct scene s;

    begin(&s, 4, 1);
    submit(&s, 1, WF_CLASS_FAST, 4);
    for (uint64_t round = 1; round <= 2; round++) {
        started(&s, 1, round);
        bed_result(&s.b, s.agent, 1, round, WEFT_EPREEMPTED);
        ok(bed_state(&s.b, 1) == WF_JOB_ASSIGNED &&
               bed_job(&s.b, 1)->attempt == round + 1 &&
               bed_job(&s.b, 1)->preempted == round,
           "it is placed again at once");
    }
    ok(!preempt_yields(s.b.c, bed_job(&s.b, 1)), "it does not yield a third time");
    started(&s, 1, 3);
    bed_result(&s.b, s.agent, 1, 3, WEFT_EPREEMPTED);
    ok(bed_job(&s.b, 1)->retry_us != 0 && bed_job(&s.b, 1)->tries == 0,
       "and waits when that was not asked");
    bed_fini(&s.b);
}

/* The broker that asked is gone: nobody is to blame, but it is not hurried. */
static void unasked(void)
{
    struct scene s;

    begin(&s, 0, 0);
    submit(&s, 1, WF_CLASS_FAST, 4);
    started(&s, 1, 1);
    bed_result(&s.b, s.agent, 1, 1, WEFT_EPREEMPTED);
    ok(bed_job(&s.b, 1)->tries == 0 && bed_job(&s.b, 1)->spared == 1,
       "stopped for another broker: after a back-off, without blame");
    bed_fini(&s.b);
}

int main(void)
{
    makes_way(WF_CLASS_FAST, "of class fast: what runs is stopped for the urgent one");
    makes_way(WF_CLASS_DURABLE, "durable: what runs is stopped for the urgent one");
    who_may();
    when_it_pays();
    takes_what_waits_first();
    waits_for_what_is_started();
    not_too_often();
    tells_the_agent(1);
    tells_the_agent(0);
    agent_stops();
    unasked();
    return done();
}

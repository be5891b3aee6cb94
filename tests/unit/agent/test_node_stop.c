/* What ends a run from outside: recalls, preemption, the end of the machine. */
#include "tests/unit/agent/bed.h"

static void stop(struct bed *b, uint8_t id, int code, uint64_t grace_ms, unsigned waiting)
{
    const struct wf_stop m = {id_of(id), 1, (uint64_t) -code, grace_ms, waiting};

    hears(b, WF_MSG_stop, &m);
}

/* The grace of a KILL in the last step; 0: there was none. */
static uint64_t grace(const struct bed *b, uint64_t run)
{
    for (size_t i = 0; i < b->fx.n; i++) {
        if (b->fx.v[i].kind == WF_EFFECT_KILL && b->fx.v[i].arg == run) {
            return b->fx.v[i].peer;
        }
    }
    return 0;
}

static void gives_back(void)
{
    struct wf_msg m;
    struct bed b;

    open_bed(&b, 1, 1);
    assign(&b, 1, 1, 4);
    assign(&b, 2, 1, 4);
    stop(&b, 1, WEFT_ECANCELLED, 0, 1);
    is_int(b.fx.n, 0, "one that runs is not given back");
    stop(&b, 9, WEFT_ECANCELLED, 0, 1);
    is_int(b.fx.n, 0, "nor what is not there");
    stop(&b, 2, WEFT_ECANCELLED, 0, 1);
    ok(said(&b, WF_MSG_refuse, 0, &m) && m.u.refuse.job.b[0] == 2 &&
           m.u.refuse.attempt == 1 && m.u.refuse.code == (uint64_t) -WEFT_ERECALLED &&
           wf_slice_is(m.u.refuse.text, "given back unstarted"),
       "one that waits is");
    ok(!said(&b, WF_MSG_result, 0, &m) && node_counts(b.n).waiting == 0,
       "without a result");
    assign(&b, 3, 1, 4);
    ok(!said(&b, WF_MSG_refuse, 0, &m), "and its place is free");
    ends(&b, b.started[0], 0);
    ok(said(&b, WF_MSG_result, 0, &m) && m.u.result.code == 0,
       "the one that ran did so to its end");
    stop(&b, 1, WEFT_ECANCELLED, 0, 1);
    is_int(b.fx.n, 0, "what is over is not given back either");
    close_bed(&b);
}

static void makes_way(void)
{
    struct wf_msg m;
    struct bed b;

    open_bed(&b, 1, 1);
    assign(&b, 1, 1, 4);
    assign(&b, 2, 1, 4);
    stop(&b, 1, WEFT_EREFUSED, 5000, 0);
    is_int(grace(&b, b.started[0]), 5000, "it gets the grace that it is told");
    b.now_us += 1000 * MS;
    stop(&b, 1, WEFT_ECANCELLED, 6000, 0);
    is_int(b.fx.n, 0, "no more of it by asking again");
    stop(&b, 1, WEFT_ECANCELLED, 100, 0);
    is_int(grace(&b, b.started[0]), 100, "but less");
    prints(&b, b.started[0], 1, "late");
    ends(&b, b.started[0], 0);
    ok(said(&b, WF_MSG_result, 0, &m) && m.u.result.code == (uint64_t) -WEFT_EREFUSED &&
           m.u.result.data.len == 0,
       "its result has the code of the first stop, however it ended");
    is_int(b.nstarted, 2, "the next one has the slot");
    stop(&b, 2, WEFT_ECANCELLED, 0, 0);
    is_int(grace(&b, b.started[1]), b.cfg.grace_ms, "none told is the agent's own");
    close_bed(&b);

    open_bed(&b, 1, 0);
    assign(&b, 1, 1, 4);
    b.now_us += 1000 * MS;
    stop(&b, 1, WEFT_ECANCELLED, UINT64_MAX, 0);
    is_int(grace(&b, b.started[0]), 4000, "no grace outlasts the limit of a run");
    close_bed(&b);

    init_bed(&b, 1, 0);
    b.cfg.caps[0].wall_ms = 0;
    start_bed(&b);
    assign(&b, 1, 1, 4);
    stop(&b, 1, WEFT_ECANCELLED, UINT64_MAX, 0);
    is_int(grace(&b, b.started[0]), UINT32_MAX, "without one it is as long as can be");
    close_bed(&b);
}

/* The machine is taken away in two minutes. */
static void is_noticed(void)
{
    struct node_event ev = {.kind = NODE_NOTICE, .left_ms = 120000};
    struct node_event off = {.kind = NODE_DRAIN, .on = 0};
    struct wf_msg m;
    struct bed b;

    open_bed(&b, 1, 2);
    ok(said(&b, WF_MSG_agent_info, 0, &m) && m.u.agent_info.notice_ms == 0 &&
           !m.u.agent_info.draining,
       "nothing is known of an end");
    assign(&b, 1, 1, 4);
    assign(&b, 2, 1, 4);
    assign(&b, 3, 1, 4);
    step(&b, &ev);
    ok(said(&b, WF_MSG_agent_info, 0, &m) && m.u.agent_info.notice_ms == 120000 &&
           m.u.agent_info.draining,
       "the broker is told");
    ok(said(&b, WF_MSG_refuse, 1, &m) && m.u.refuse.code == (uint64_t) -WEFT_EDRAIN &&
           node_counts(b.n).waiting == 0,
       "what waits is given back");
    ok(!did(&b, WF_EFFECT_KILL, b.started[0]) && node_counts(b.n).running == 1,
       "what runs goes on");
    assign(&b, 4, 1, 4);
    ok(said(&b, WF_MSG_refuse, 0, &m) && m.u.refuse.code == (uint64_t) -WEFT_EDRAIN,
       "no more is taken");
    step(&b, &off);
    ok(said(&b, WF_MSG_drain, 0, &m) && m.u.drain.on && node_counts(b.n).draining,
       "also when its runner is back meanwhile");
    happens(&b, NODE_LINK_DOWN);
    b.now_us += 60 * SECOND;
    happens(&b, NODE_TICK);
    connect(&b);
    ok(said(&b, WF_MSG_agent_info, 0, &m) && m.u.agent_info.notice_ms == 60000 &&
           m.u.agent_info.draining,
       "a new session is told what is left");
    close_bed(&b);
}

static void is_noticed_alone(void)
{
    struct node_event ev = {.kind = NODE_NOTICE};
    struct wf_msg m;
    struct bed b;

    open_bed(&b, 1, 1);
    assign(&b, 1, 1, 4);
    assign(&b, 2, 1, 4);
    happens(&b, NODE_LINK_DOWN);
    step(&b, &ev);
    is_int(node_counts(b.n).waiting, 0, "without a broker what waits is dropped");
    b.now_us += 60 * SECOND;
    happens(&b, NODE_TICK);
    connect(&b);
    ok(said(&b, WF_MSG_resync, 0, &m) && m.u.resync.runs.count == 1,
       "which finds that when the two compare");
    ok(said(&b, WF_MSG_agent_info, 0, &m) && m.u.agent_info.notice_ms == 1,
       "an end that is overdue is one all the same");
    close_bed(&b);
}

int main(void)
{
    gives_back();
    makes_way();
    is_noticed();
    is_noticed_alone();
    return done();
}

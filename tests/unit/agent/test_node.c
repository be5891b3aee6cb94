#include "tests/unit/agent/bed.h"

#include "common/mem.h"

static void introduces_itself(void)
{
    struct wf_msg m;
    struct wf_cap_row row;
    struct bed b;

    open_bed(&b, 2, 0);
    ok(said(&b, WF_MSG_agent_info, 0, &m) && m.u.agent_info.slots == 2 &&
           wf_rows_next(&m.u.agent_info.caps, wf_desc_cap_row(), &row) &&
           wf_slice_is(row.name, "echo") && row.slots == 2,
       "what it offers");
    ok(said(&b, WF_MSG_resync, 0, &m) && m.u.resync.runs.count == 0,
       "and that it holds nothing");
    close_bed(&b);
}

/* What placement goes by. */
static void says_its_class(void)
{
    struct wf_msg m;
    struct bed b;

    init_bed(&b, 1, 0);
    must(node_new(&b.cfg, &b.n) == 0);
    happens(&b, NODE_START);
    happens(&b, NODE_LINK_UP);
    hears(&b, WF_MSG_welcome, &(struct wf_welcome){.proto = 1, .tier = WF_TIER_EDGE});
    ok(said(&b, WF_MSG_agent_info, 0, &m) && wf_slice_is(m.u.agent_info.class_, "edge") &&
           m.u.agent_info.speed_pm == 0 && !m.u.agent_info.metered &&
           !m.u.agent_info.spot,
       "its tier is its class");
    close_bed(&b);

    init_bed(&b, 1, 0);
    (void) snprintf(b.cfg.class_, sizeof b.cfg.class_, "c6a.large");
    b.cfg.speed_pm = 1500;
    b.cfg.metered = b.cfg.spot = 1;
    start_bed(&b);
    ok(said(&b, WF_MSG_agent_info, 0, &m) &&
           wf_slice_is(m.u.agent_info.class_, "c6a.large") &&
           m.u.agent_info.speed_pm == 1500 && m.u.agent_info.metered &&
           m.u.agent_info.spot,
       "or what is set");
    close_bed(&b);
}

static int is_warm(const struct wf_msg *m)
{
    struct wf_rows rows = m->u.agent_info.caps;
    struct wf_cap_row row;

    return wf_rows_next(&rows, wf_desc_cap_row(), &row) && row.warm;
}

static void says_what_is_warm(void)
{
    struct node_event up = {.kind = NODE_WARM, .cap = 0, .on = 1};
    struct node_event down = {.kind = NODE_WARM, .cap = 0, .on = 0};
    const struct run_end end = {.warm_us = 7};
    struct node_event ev = {.kind = NODE_RUN_DONE, .run = 1, .end = &end};
    struct wf_msg m;
    struct bed b;

    init_bed(&b, 1, 0);
    b.cfg.caps[0].kind = WF_HANDLER_WORKER;
    start_bed(&b);
    ok(said(&b, WF_MSG_agent_info, 0, &m) && !is_warm(&m), "its workers are not up");
    step(&b, &up);
    ok(said(&b, WF_MSG_agent_info, 0, &m) && is_warm(&m), "now they are");
    step(&b, &up);
    is_int(b.fx.n, 0, "which is no news");
    step(&b, &down);
    ok(said(&b, WF_MSG_agent_info, 0, &m) && !is_warm(&m), "and now not");
    assign(&b, 1, 1, 4);
    step(&b, &ev);
    ok(said(&b, WF_MSG_result, 0, &m) && m.u.result.warm_us == 7,
       "what that cost a run is told");
    close_bed(&b);
}

static void runs(void)
{
    const struct wf_result_ack ack = {id_of(1), 1};
    struct wf_msg m;
    struct bed b;

    open_bed(&b, 1, 0);
    assign(&b, 1, 1, 4);
    is_int(b.nstarted, 1, "a run starts");
    b.now_us += 50 * MS;
    prints(&b, b.started[0], 1, "po");
    is_int(b.fx.n, 0, "a short one does not stream");
    prints(&b, b.started[0], 1, "ng");
    ends(&b, b.started[0], 0);
    ok(said(&b, WF_MSG_result, 0, &m) && m.u.result.code == 0 &&
           wf_slice_is(m.u.result.data, "pong") && m.u.result.run_us == 50 * MS,
       "what it printed is the result");
    is_int(node_counts(b.n).finished, 1, "which is kept");
    assign(&b, 1, 1, 4);
    ok(said(&b, WF_MSG_result, 0, &m) && b.nstarted == 1,
       "and told again, not run again");
    hears(&b, WF_MSG_result_ack, &ack);
    is_int(node_counts(b.n).finished, 0, "until it is acknowledged");
    close_bed(&b);
}

static void streams(void)
{
    struct wf_msg m;
    struct bed b;

    open_bed(&b, 1, 0);
    assign(&b, 1, 1, 4);
    prints(&b, b.started[0], 1, "out");
    prints(&b, b.started[0], 2, "err");
    b.now_us += 300 * MS;
    happens(&b, NODE_TICK);
    ok(said(&b, WF_MSG_started, 0, &m), "a longer run is told of");
    ok(said(&b, WF_MSG_output, 0, &m) && m.u.output.stream == 1 &&
           wf_slice_is(m.u.output.data, "out") && said(&b, WF_MSG_output, 1, &m) &&
           m.u.output.stream == 2 && wf_slice_is(m.u.output.data, "err"),
       "with what it printed so far");
    prints(&b, b.started[0], 1, "more");
    ok(said(&b, WF_MSG_output, 0, &m) && m.u.output.offset == 3, "and then as it comes");
    ends(&b, b.started[0], 0);
    ok(said(&b, WF_MSG_result, 0, &m) && wf_slice_is(m.u.result.data, "outmore"),
       "the result is all of stdout");
    close_bed(&b);
}

static void keeps_limits(void)
{
    struct wf_msg m;
    struct bed b;

    open_bed(&b, 1, 1);
    assign(&b, 1, 1, 4);
    assign(&b, 2, 1, 4);
    assign(&b, 3, 1, 4);
    ok(said(&b, WF_MSG_refuse, 0, &m) && m.u.refuse.code == (uint64_t) -WEFT_EBUSY,
       "one runs, one waits, the third is refused");
    ok(node_counts(b.n).running == 1 && node_counts(b.n).waiting == 1, "really");
    for (unsigned i = 0; i < 4; i++) {
        prints(&b, b.started[0], 1, "123456789012345678901234567890");
    }
    ok(did(&b, WF_EFFECT_KILL, b.started[0]), "too much output ends a run");
    ends(&b, b.started[0], WEFT_EFAILED);
    ok(said(&b, WF_MSG_result, 0, &m) && m.u.result.code == (uint64_t) -WEFT_EOUTPUT,
       "for that reason");
    is_int(b.nstarted, 2, "the next starts");
    b.now_us += 3000 * MS;
    hears(&b, WF_MSG_ping, &(struct wf_ping){.seq = 1});
    b.now_us += 2001 * MS;
    happens(&b, NODE_TICK);
    ok(did(&b, WF_EFFECT_KILL, b.started[1]), "too long a run is ended too");
    ends(&b, b.started[1], 0);
    ok(said(&b, WF_MSG_result, 0, &m) && m.u.result.code == (uint64_t) -WEFT_EWALL,
       "whatever it says of itself");
    close_bed(&b);
}

static void refuses(void)
{
    struct wf_assign other = {.job = id_of(9), .attempt = 1, .version = 1};
    const struct wf_drain on = {1};
    struct node_event ev = {.kind = NODE_DRAIN, .on = 1};
    struct wf_msg m;
    struct bed b;

    open_bed(&b, 1, 0);
    other.capability = wf_slice_of("magic");
    hears(&b, WF_MSG_assign, &other);
    ok(said(&b, WF_MSG_refuse, 0, &m) && m.u.refuse.code == (uint64_t) -WEFT_ENOCAP,
       "what it does not offer");
    hears(&b, WF_MSG_drain, &on);
    assign(&b, 1, 1, 4);
    ok(said(&b, WF_MSG_refuse, 0, &m) && m.u.refuse.code == (uint64_t) -WEFT_EDRAIN,
       "anything while it drains");
    b.now_us += SECOND;
    happens(&b, NODE_LINK_DOWN);
    b.now_us += 60 * SECOND;
    happens(&b, NODE_TICK);
    connect(&b);
    assign(&b, 1, 2, 4);
    is_int(b.nstarted, 1, "which a broker says anew in each session");
    step(&b, &ev);
    ok(said(&b, WF_MSG_drain, 0, &m) && m.u.drain.on, "its owner may drain it too");
    assign(&b, 2, 1, 4);
    ok(said(&b, WF_MSG_refuse, 0, &m), "and is obeyed");
    close_bed(&b);
}

static void stops(void)
{
    const struct wf_stop first = {id_of(1), 1, (uint64_t) -WEFT_ECANCELLED};
    const struct wf_stop second = {id_of(2), 1, (uint64_t) -WEFT_ECANCELLED};
    const struct wf_stop none = {id_of(9), 1, 1};
    struct wf_msg m;
    struct bed b;

    open_bed(&b, 1, 2);
    assign(&b, 1, 1, 4);
    assign(&b, 2, 1, 4);
    hears(&b, WF_MSG_stop, &second);
    ok(said(&b, WF_MSG_result, 0, &m) && m.u.result.code == (uint64_t) -WEFT_ECANCELLED &&
           m.u.result.job.b[0] == 2,
       "one that waits is over at once");
    hears(&b, WF_MSG_stop, &first);
    ok(did(&b, WF_EFFECT_KILL, b.started[0]) && !said(&b, WF_MSG_result, 0, &m),
       "one that runs is killed first");
    hears(&b, WF_MSG_stop, &first);
    ok(!did(&b, WF_EFFECT_KILL, b.started[0]), "once");
    ends(&b, b.started[0], WEFT_EFAILED);
    ok(said(&b, WF_MSG_result, 0, &m) && m.u.result.code == (uint64_t) -WEFT_ECANCELLED,
       "and then reported");
    hears(&b, WF_MSG_stop, &none);
    is_int(b.fx.n, 0, "what it does not hold it need not stop");
    close_bed(&b);
}

static void goes_by_priority(void)
{
    struct bed b;

    open_bed(&b, 1, 3);
    assign(&b, 1, 1, 4);
    assign(&b, 2, 1, 1);
    assign(&b, 3, 1, 9);
    assign(&b, 4, 1, 9);
    ends(&b, b.started[0], 0);
    ends(&b, b.started[1], 0);
    ends(&b, b.started[2], 0);
    ok(b.nstarted == 4 && b.started[1] == 3 && b.started[2] == 4 && b.started[3] == 2,
       "what waits starts by priority, then by age");
    close_bed(&b);
}

static void survives_its_link(void)
{
    struct wf_run_row row;
    struct wf_msg m;
    struct bed b;

    open_bed(&b, 2, 0);
    assign(&b, 1, 1, 4);
    assign(&b, 2, 1, 4);
    happens(&b, NODE_LINK_DOWN);
    ends(&b, b.started[0], 0);
    ok(!said(&b, WF_MSG_result, 0, &m), "nobody to tell");
    b.now_us += 60 * SECOND;
    happens(&b, NODE_TICK);
    ok(did(&b, WF_EFFECT_CONNECT, 0) || node_link(b.n)->state == WF_LINK_DIALLING,
       "it dials again");
    connect(&b);
    ok(said(&b, WF_MSG_resync, 0, &m) && m.u.resync.runs.count == 2,
       "and says what it has");
    ok(wf_rows_next(&m.u.resync.runs, wf_desc_run_row(), &row) &&
           row.state == WF_RUN_FINISHED &&
           wf_rows_next(&m.u.resync.runs, wf_desc_run_row(), &row) &&
           row.state == WF_RUN_RUNNING,
       "in which state");
    ok(said(&b, WF_MSG_result, 0, &m) && m.u.result.job.b[0] == 1,
       "and what ended meanwhile");
    close_bed(&b);
}

static void reports_changes(void)
{
    uint64_t metrics[WF_METRICS] = {[WF_METRIC_CPU_PM] = 160, [WF_METRIC_TEMP_MC] = 5};
    struct node_event ev = {.kind = NODE_SAMPLE,
                            .metrics_known =
                                1u << WF_METRIC_CPU_PM | 1u << WF_METRIC_TEMP_MC,
                            .metrics = metrics};
    struct wf_msg m;
    struct bed b;

    open_bed(&b, 1, 0);
    step(&b, &ev);
    ok(said(&b, WF_MSG_telemetry, 0, &m) && m.u.telemetry.metrics.count == 2,
       "what is known");
    metrics[WF_METRIC_CPU_PM] = 165;
    step(&b, &ev);
    is_int(b.fx.n, 0, "a small change is no news");
    metrics[WF_METRIC_CPU_PM] = 200;
    step(&b, &ev);
    ok(said(&b, WF_MSG_telemetry, 0, &m) && m.u.telemetry.metrics.count == 1,
       "a larger one is");
    close_bed(&b);
}

static void survives_oom(void)
{
    unsigned long made = 1;

    for (long n = 0; made >= (unsigned long) n && n < 100; n++) {
        const struct run_end end = {.data = wf_slice_of("result"), .has_data = 1};
        struct node_event ev = {.kind = NODE_RUN_DONE, .end = &end};
        struct wf_msg m;
        struct bed b;
        int lied = 0;

        open_bed(&b, 1, 0);
        wf_effects_fini(&b.fx);
        wf_mem_fail_after(n);
        assign(&b, 1, 1, 4);
        if (b.nstarted == 1) {
            ev.run = b.started[0];
            step(&b, &ev);
        }
        made = wf_mem_fail_after(-1);
        happens(&b, NODE_LINK_DOWN);
        b.now_us += 60 * SECOND;
        happens(&b, NODE_TICK);
        connect(&b);
        lied = said(&b, WF_MSG_result, 0, &m) && m.u.result.code == 0 &&
               !wf_slice_is(m.u.result.data, "result");
        ok(!lied, "allocation %ld: no empty result is told as a good one", n);
        close_bed(&b);
    }
}

int main(void)
{
    introduces_itself();
    says_its_class();
    says_what_is_warm();
    runs();
    streams();
    keeps_limits();
    refuses();
    stops();
    goes_by_priority();
    survives_its_link();
    reports_changes();
    survives_oom();
    return done();
}

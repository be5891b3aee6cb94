/* Work of other brokers, and for them: what a neighbour hears, and what it may say. */
#include "broker/core/mesh/guests.h"
#include "tests/unit/broker/bed.h"

#define HOME 7 /* the other broker's key */

static uint32_t neighbour(struct bed *b, const char *name)
{
    const struct wf_key k = bed_key(HOME);
    uint32_t peer;

    if (registry_key(&b->c->registry, &k) == NULL) {
        bed_enrol(b, HOME, WF_ROLE_BROKER, name);
    }
    peer = bed_hello(b, HOME, WF_ROLE_BROKER, 1);
    is_int(bed_count(b, peer, WF_MSG_resync), 1, "a neighbour hears what is held for it");
    bed_resync(b, peer);
    return peer;
}

static struct wf_assign work(uint8_t id, uint64_t attempt)
{
    return (struct wf_assign){.job = bed_id(id),
                              .attempt = attempt,
                              .seq = attempt,
                              .capability = wf_slice_of("echo"),
                              .version = 1,
                              .payload = wf_slice_of("ping"),
                              .priority = 4,
                              .class_ = WF_CLASS_FAST};
}

/* The n-th assign of the last step to the agent. */
static struct wf_assign given(const struct bed *b, uint32_t agent)
{
    struct wf_msg m;

    return bed_told(b, agent, WF_MSG_assign, 0, &m) ? m.u.assign : (struct wf_assign){0};
}

static struct wf_result outcome_of(const struct wf_assign *a)
{
    return (struct wf_result){
        .job = a->job, .attempt = a->attempt, .data = wf_slice_of("pong"), .run_us = 5};
}

static void runs_and_comes_home(void)
{
    struct wf_assign m = work(1, 3), to;
    struct wf_result_ack ack;
    struct wf_started started;
    struct wf_result r;
    struct wf_msg msg;
    uint32_t home, agent;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    agent = bed_agent(&b, 1, "a1", 1);
    home = neighbour(&b, "home");
    bed_tick(&b, BED_SECOND);
    bed_say(&b, home, WF_MSG_assign, &m);
    to = given(&b, agent);
    ok(to.attempt == 1 && wf_slice_is(to.payload, "ping"), "an agent of ours gets it");
    ok(!wf_id_eq(&to.job, &m.job), "under an id of its own");
    bed_say(&b, home, WF_MSG_assign, &m);
    is_int(bed_count(&b, agent, WF_MSG_assign) + bed_count(&b, home, WF_MSG_refuse), 0,
           "said twice it is held once");
    started = (struct wf_started){to.job, 1, 0};
    bed_say(&b, agent, WF_MSG_started, &started);
    ok(bed_told(&b, home, WF_MSG_started, 0, &msg) && msg.u.started.attempt == 3 &&
           wf_id_eq(&msg.u.started.job, &m.job),
       "its home hears that it runs, by its own id and attempt");
    r = outcome_of(&to);
    bed_say(&b, agent, WF_MSG_result, &r);
    ok(bed_told(&b, home, WF_MSG_result, 0, &msg) && msg.u.result.attempt == 3 &&
           wf_slice_is(msg.u.result.data, "pong") && wf_slice_is(msg.u.result.node, "a1"),
       "and the outcome, with where it ran");
    bed_down(&b, home);
    home = bed_hello(&b, HOME, WF_ROLE_BROKER, 1);
    ok(bed_told(&b, home, WF_MSG_resync, 0, &msg) && msg.u.resync.runs.count == 1 &&
           bed_count(&b, home, WF_MSG_result) == 1,
       "which is said again on a new session");
    ack = (struct wf_result_ack){m.job, 3};
    bed_say(&b, home, WF_MSG_result_ack, &ack);
    is_int(b.c->jobs.retained, 0, "until it is acknowledged: then it is forgotten");
    bed_fini(&b);
}

static void refuses(void)
{
    static const char *const paths[] = {"b1", "far"};
    struct wf_assign m = work(1, 1);
    struct wf_buf path = WF_BUF_INIT(1024);
    uint32_t home;
    struct wf_msg msg;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    home = neighbour(&b, "home");
    bed_say(&b, home, WF_MSG_assign, &m);
    ok(bed_told(&b, home, WF_MSG_refuse, 0, &msg), "what nobody here offers is refused");
    (void) bed_agent(&b, 1, "a1", 1);
    for (unsigned i = 0; i < 2; i++) {
        const struct wf_label_row row = {wf_slice_of(paths[i])};

        m = work((uint8_t) (2 + i), 1);
        wf_buf_clear(&path);
        must(wf_rows_add(&path, &m.path, wf_desc_label_row(), &row) == 0);
        bed_say(&b, home, WF_MSG_assign, &m);
        is_int(bed_count(&b, home, WF_MSG_refuse), i == 0,
               i == 0 ? "so is what came through here"
                      : "but not what came through others");
    }
    m = work(4, 1);
    bed_say(&b, home, WF_MSG_assign, &m);
    ok(bed_told(&b, home, WF_MSG_refuse, 0, &msg) && msg.u.refuse.code == -WEFT_EBUSY,
       "and what finds no room, at once");
    is_int(b.c->jobs.live, 1, "nothing of these is kept");
    wf_buf_fini(&path);
    bed_fini(&b);
}

static void goes_to_a_neighbour(void)
{
    struct wf_result r;
    struct wf_assign to;
    struct wf_label_row row;
    uint32_t site, client;
    struct wf_msg msg;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    site = neighbour(&b, "site");
    bed_offer(&b, site, "echo", 2, 0);
    client = bed_client(&b, 2, "c");
    bed_submit(&b, client, 1);
    to = given(&b, site);
    ok(to.attempt == 1 && wf_rows_next(&to.path, wf_desc_label_row(), &row) &&
           wf_slice_is(row.text, "b1"),
       "a job goes to the site that can run it, and says through whom");
    bed_down(&b, site);
    bed_tick(&b, 3 * BED_SECOND);
    is_int(bed_state(&b, 1), WF_JOB_ASSIGNED, "a link that is cut takes nothing back");
    site = bed_hello(&b, HOME, WF_ROLE_BROKER, 1);
    {
        const struct wf_run_row held = {bed_id(1), 1, WF_RUN_RUNNING};
        struct wf_buf rows = WF_BUF_INIT(256);
        struct wf_resync m = {{0}};

        must(wf_rows_add(&rows, &m.runs, wf_desc_run_row(), &held) == 0);
        bed_say(&b, site, WF_MSG_resync, &m);
        wf_buf_fini(&rows);
    }
    is_int(bed_state(&b, 1), WF_JOB_RUNNING, "it is known to run when the link is back");
    r = outcome_of(&to);
    bed_say(&b, site, WF_MSG_result, &r);
    ok(bed_told(&b, client, WF_MSG_outcome, 0, &msg) && msg.u.outcome.state == WF_JOB_OK,
       "its outcome is the client's");
    ok(bed_told(&b, site, WF_MSG_result_ack, 0, &msg), "and acknowledged");
    bed_fini(&b);
}

static void does_not_go_back(void)
{
    struct wf_assign m = work(1, 1);
    uint32_t home;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    home = neighbour(&b, "home");
    bed_offer(&b, home, "echo", 2, 0);
    bed_say(&b, home, WF_MSG_assign, &m);
    is_int(bed_count(&b, home, WF_MSG_assign), 0,
           "a guest does not go where it came from");
    is_int(bed_count(&b, home, WF_MSG_refuse), 1, "but is refused");
    bed_fini(&b);
}

static void is_given_back(void)
{
    struct wf_assign m = work(1, 1);
    struct wf_stop stop = {.job = bed_id(1), .attempt = 1, .code = -WEFT_ERECALLED};
    uint32_t home, agent;
    struct wf_msg msg;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    agent = bed_agent(&b, 1, "a1", 1);
    home = neighbour(&b, "home");
    bed_say(&b, home, WF_MSG_assign, &m);
    stop.waiting = 1;
    bed_say(&b, home, WF_MSG_stop, &stop);
    is_int(bed_count(&b, home, WF_MSG_refuse), 0, "what an agent has is not given back");
    bed_down(&b, agent);
    for (unsigned i = 0; i < 20 && bed_count(&b, home, WF_MSG_refuse) == 0; i++) {
        const struct wf_ping alive = {.seq = i + 1};

        bed_say(&b, home, WF_MSG_ping, &alive);
        bed_tick(&b, BED_SECOND);
    }
    ok(bed_told(&b, home, WF_MSG_refuse, 0, &msg) && msg.u.refuse.code == -WEFT_EBUSY,
       "what lost its agent and waits in vain goes back to its home");
    is_int(b.c->jobs.live, 0, "and is over here");
    bed_fini(&b);
}

/* Its data is looked for in vain: the home knows of other places. */
static void cannot_have_its_data(void)
{
    struct wf_assign m = work(1, 1), to;
    struct wf_fetching f = {.bytes = 1, .total = 9, .stands = WF_STAND_NOWHERE};
    struct wf_refuse no = {.code = -WEFT_EUNREACH, .text = wf_slice_of("nobody has it")};
    uint32_t home, agent;
    struct wf_msg msg;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    agent = bed_agent(&b, 1, "a1", 1);
    home = neighbour(&b, "home");
    bed_say(&b, home, WF_MSG_assign, &m);
    to = given(&b, agent);
    f.job = no.job = to.job;
    f.attempt = no.attempt = to.attempt;
    bed_say(&b, agent, WF_MSG_fetching, &f);
    ok(bed_told(&b, home, WF_MSG_fetching, 0, &msg) && msg.u.fetching.attempt == 1 &&
           wf_id_eq(&msg.u.fetching.job, &m.job) &&
           msg.u.fetching.stands == WF_STAND_NOWHERE,
       "its home hears how its data comes");
    bed_say(&b, agent, WF_MSG_refuse, &no);
    ok(bed_told(&b, home, WF_MSG_refuse, 0, &msg) &&
           msg.u.refuse.code == -WEFT_EUNREACH && wf_id_eq(&msg.u.refuse.job, &m.job),
       "and has it back when it cannot be had");
    is_int(b.c->jobs.live, 0, "it is over here");
    bed_fini(&b);
}

static void is_stopped(void)
{
    struct wf_assign m = work(1, 1);
    struct wf_stop stop = {.job = bed_id(1), .attempt = 1, .code = -WEFT_ECANCELLED};
    uint32_t home, agent, other;
    struct wf_msg msg;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    agent = bed_agent(&b, 1, "a1", 1);
    home = neighbour(&b, "home");
    bed_enrol(&b, 8, WF_ROLE_BROKER, "other");
    other = bed_hello(&b, 8, WF_ROLE_BROKER, 1);
    bed_say(&b, home, WF_MSG_assign, &m);
    bed_say(&b, other, WF_MSG_stop, &stop);
    is_int(b.c->jobs.live, 1, "another broker cannot stop it");
    bed_say(&b, home, WF_MSG_stop, &stop);
    ok(bed_told(&b, agent, WF_MSG_stop, 0, &msg), "its own can: the agent is told");
    ok(bed_told(&b, home, WF_MSG_result, 0, &msg) &&
           msg.u.result.code == -WEFT_ECANCELLED,
       "and the answer is the code that was asked for");
    bed_fini(&b);
}

static void offers_what_there_is(void)
{
    struct wf_cap_row row;
    struct wf_msg msg;
    uint32_t home, further;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    (void) bed_agent(&b, 1, "a1", 2);
    (void) bed_agent(&b, 2, "a2", 3);
    bed_enrol(&b, 8, WF_ROLE_BROKER, "further");
    further = bed_hello(&b, 8, WF_ROLE_BROKER, 1);
    bed_offer(&b, further, "deep", 4, 0);
    bed_resync(&b, further);
    bed_enrol(&b, HOME, WF_ROLE_BROKER, "home");
    home = bed_hello(&b, HOME, WF_ROLE_BROKER, 1);
    if (!bed_told(&b, home, WF_MSG_agent_info, 0, &msg)) {
        bed_tick(&b, BED_SECOND);
    }
    ok(bed_told(&b, home, WF_MSG_agent_info, 0, &msg),
       "a neighbour is offered something");
    is_int(msg.u.agent_info.caps.count, 2,
           "what our agents have, and what is further on");
    for (struct wf_rows rows = msg.u.agent_info.caps;
         wf_rows_next(&rows, wf_desc_cap_row(), &row);) {
        if (wf_slice_is(row.name, "echo")) {
            ok(row.slots == 5 && row.hops == 0, "the slots of both agents");
        } else {
            ok(row.slots == 4 && row.hops == 1, "and how far that is");
        }
    }
    bed_tick(&b, BED_SECOND);
    is_int(bed_count(&b, further, WF_MSG_agent_info) +
               bed_count(&b, home, WF_MSG_agent_info),
           0, "what did not change is not told again");
    bed_fini(&b);
}

int main(void)
{
    runs_and_comes_home();
    refuses();
    goes_to_a_neighbour();
    does_not_go_back();
    is_given_back();
    cannot_have_its_data();
    is_stopped();
    offers_what_there_is();
    return done();
}

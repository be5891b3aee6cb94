/* What pings tell of an agent's load, and when. */
#include "tests/unit/agent/bed.h"

static void gives(struct bed *b, uint8_t id, uint64_t work_us)
{
    const struct wf_assign m = {.job = id_of(id),
                                .attempt = 1,
                                .seq = id,
                                .capability = wf_slice_of("echo"),
                                .version = 1,
                                .priority = 4,
                                .work_us = work_us};

    hears(b, WF_MSG_assign, &m);
}

/* Let its next tick come; 1 when it pings. */
static int ticks(struct bed *b, struct wf_msg *ret)
{
    b->now_us = wf_max_u64(b->now_us, node_wakeup_us(b->n));
    happens(b, NODE_TICK);
    return said(b, WF_MSG_ping, 0, ret);
}

static int tells(const struct wf_msg *m, uint64_t covered, uint64_t jobs,
                 uint64_t work_us, uint64_t arrived)
{
    return m->u.ping.covered == covered && m->u.ping.jobs == jobs &&
           m->u.ping.work_us == work_us && m->u.ping.arrived == arrived;
}

static void tells_changes(void)
{
    struct wf_msg m;
    struct bed b;

    open_bed(&b, 4, 4);
    b.now_us += SECOND / 2;
    gives(&b, 1, 1000);
    ok(node_wakeup_us(b.n) > b.now_us, "one job more with four slots is no news");
    gives(&b, 2, 500);
    ok(node_wakeup_us(b.n) <= b.now_us && !said(&b, WF_MSG_ping, 0, &m),
       "two are, once what came with them was taken");
    gives(&b, 3, 20);
    ok(ticks(&b, &m) && tells(&m, 3, 3, 1520, 3), "all of it");
    b.now_us += 10 * MS;
    gives(&b, 4, 1);
    gives(&b, 5, 1);
    is_int(node_wakeup_us(b.n), b.now_us + 90 * MS, "the next so soon waits");
    ends(&b, b.started[0], 0);
    ok(node_wakeup_us(b.n) > b.now_us + 90 * MS, "what was undone is not told at all");
    b.now_us += 300 * MS;
    ends(&b, b.started[1], 0);
    ends(&b, b.started[2], 0);
    ok(ticks(&b, &m) == 0 || m.u.ping.jobs != 3, "two instead of three are no news");
    ends(&b, b.started[3], 0);
    ok(ticks(&b, &m) && tells(&m, 5, 1, 1, 5), "one is; what ended is work no more");
    close_bed(&b);
}

/* Ten a second at most, however much comes and goes; and none while nothing does. */
static void is_bounded(void)
{
    struct wf_msg m;
    struct bed b;
    unsigned pings = 0, wakes = 0;

    open_bed(&b, 1, 0);
    for (unsigned i = 0; i < 1000; i++) {
        b.now_us += MS;
        if (i % 10 < 5) {
            gives(&b, (uint8_t) (1 + i / 10), 1);
        } else if (node_counts(b.n).running != 0) {
            ends(&b, 1 + i / 10, 0);
        }
        if (node_wakeup_us(b.n) <= b.now_us) {
            happens(&b, NODE_TICK);
            pings += (unsigned) said(&b, WF_MSG_ping, 0, &m);
        }
    }
    ok(pings >= 5 && pings <= 10, "%u pings in a second of 100 jobs", pings);
    is_int(node_counts(b.n).running, 0, "all is done");
    while (b.now_us < 200 * SECOND) {
        hears(&b, WF_MSG_ping, &(struct wf_ping){.seq = 1});
        wakes += (unsigned) ticks(&b, &m);
    }
    ok(wakes >= 98 && wakes <= 100, "then a heartbeat a second: %u in 99 s", wakes);
    close_bed(&b);
}

static void counts_what_it_holds(void)
{
    const struct wf_stop second = {id_of(2), 1, (uint64_t) -WEFT_ECANCELLED, 0, 0};
    const struct wf_pong pong = {.seq = 1, .time_us = 100 * SECOND};
    struct wf_msg m;
    struct bed b;

    open_bed(&b, 1, 1);
    gives(&b, 1, UINT64_MAX);
    gives(&b, 2, 7);
    gives(&b, 3, 9);
    must(said(&b, WF_MSG_refuse, 0, &m));
    hears(&b, WF_MSG_pong, &pong);
    ok(said(&b, WF_MSG_ping, 0, &m) && tells(&m, 3, 2, UINT64_MAX / WF_RUNS_MAX + 7, 2),
       "an answer to a pong covers what was refused, which is no load");
    gives(&b, 1, UINT64_MAX);
    hears(&b, WF_MSG_stop, &second);
    b.now_us += 100 * MS;
    ok(ticks(&b, &m) && tells(&m, 3, 1, UINT64_MAX / WF_RUNS_MAX, 2),
       "what came twice is there once, what was stopped is not");
    happens(&b, NODE_LINK_DOWN);
    b.now_us += 60 * SECOND;
    happens(&b, NODE_TICK);
    connect(&b);
    ok(said(&b, WF_MSG_ping, 0, &m) && tells(&m, 0, 1, UINT64_MAX / WF_RUNS_MAX, 2),
       "a new session counts assignments anew, and nothing else");
    close_bed(&b);
}

int main(void)
{
    tells_changes();
    is_bounded();
    counts_what_it_holds();
    return done();
}

/* Time without a broker: what grows old, what is stopped, how much may gather. */
#include "tests/unit/agent/disk.h"

static void grows_old(void)
{
    struct disk d = {.n = 0};
    struct wf_msg m;
    struct bed b;

    open_spooling(&b, 2, 0);
    assign(&b, 1, 1, 4);
    assign(&b, 2, 1, 4);
    cut(&b, &d);
    ended(&b, &d, 0, "one", 0);
    wait_ms(&b, &d, 40000);
    ended(&b, &d, 1, "two", 0);
    wait_ms(&b, &d, 21000);
    ok(d.n == 1 && node_counts(b.n).spool.dropped == 1 && node_counts(b.n).finished == 1,
       "what nobody fetched in time goes, and is counted");
    reboot(&b, &d);
    wait_ms(&b, &d, 59000);
    is_int(d.n, 1, "a machine that was off has not aged");
    wait_ms(&b, &d, 2000);
    is_int(d.n, 0, "one that ran has");
    close_bed(&b);
    wipe(&d);

    open_spooling(&b, 1, 0);
    assign(&b, 1, 1, 4);
    wait_ms(&b, &d, 3000);
    ended(&b, &d, 0, "one", 0);
    for (int i = 0; i < 100; i++) {
        b.now_us += SECOND;
        hears(&b, WF_MSG_ping, &(struct wf_ping){.seq = 1});
        happens(&b, NODE_TICK);
    }
    ok(node_link(b.n)->state == WF_LINK_READY && node_counts(b.n).finished == 1,
       "nothing is dropped while the broker is there");
    cut(&b, &d);
    is_int(d.puts, 1, "nor before it was written");
    wait_ms(&b, &d, 61000);
    ok(d.n == 0 && node_counts(b.n).spool.dropped == 1, "but then");
    back(&b, &d);
    ok(said(&b, WF_MSG_resync, 0, &m) && m.u.resync.runs.count == 0, "for good");
    close_bed(&b);
    wipe(&d);
}

static void carries_its_age(void)
{
    struct disk d = {.n = 0};
    struct node_event ev = {.kind = NODE_STORE_ERROR};
    struct bed b;

    open_spooling(&b, 1, 0);
    assign(&b, 1, 1, 4);
    cut(&b, &d);
    ended(&b, &d, 0, "one", 0);
    ev.lsn = 1;
    step(&b, &ev);
    disk_remove(&d, d.row[0].bytes.p);
    wait_ms(&b, &d, 40000);
    must(d.puts == 1);
    reboot(&b, &d);
    wait_ms(&b, &d, 19000);
    is_int(d.n, 1, "a record says how old it was when it was written");
    wait_ms(&b, &d, 2000);
    is_int(d.n, 0, "which counts");
    close_bed(&b);
    wipe(&d);
}

static void stops_what_was_not_to_go_on(void)
{
    struct disk d = {.n = 0};
    struct wf_msg m;
    struct bed b;

    open_spooling(&b, 2, 1);
    assign_until(&b, 1, 3000);
    assign_until(&b, 2, 0);
    assign_until(&b, 3, 5000);
    b.now_us += SECOND;
    cut(&b, &d);
    wait_ms(&b, &d, 1900);
    ok(!did(&b, WF_EFFECT_KILL, b.started[0]), "a run goes on at first");
    wait_ms(&b, &d, 101);
    ok(did(&b, WF_EFFECT_KILL, b.started[0]),
       "it is stopped so long after the broker was last heard");
    wait_ms(&b, &d, 2001);
    ok(d.puts == 1 && d.row[0].bytes.p[0] == 3, "as is one that only waits");
    wait_ms(&b, &d, 60000);
    ok(!did(&b, WF_EFFECT_KILL, b.started[1]), "one without such a limit goes on");
    ended(&b, &d, 0, NULL, 0);
    ended(&b, &d, 1, "two", 0);
    back(&b, &d);
    ok(said(&b, WF_MSG_result, 0, &m) && m.u.result.job.b[0] == 1 &&
           m.u.result.code == (uint64_t) -WEFT_ELOST && m.u.result.reason.len != 0,
       "both are reported as lost");
    ok(said(&b, WF_MSG_result, 1, &m) && m.u.result.job.b[0] == 2 && m.u.result.code == 0,
       "beside what went on");
    close_bed(&b);
    wipe(&d);

    open_spooling(&b, 1, 1);
    assign_until(&b, 1, 3000);
    assign_until(&b, 2, 3000);
    cut(&b, &d);
    ended(&b, &d, 0, "one", 0);
    is_int(b.nstarted, 2, "what waits may start while cut off");
    wait_ms(&b, &d, 1000);
    back(&b, &d);
    wait_ms(&b, &d, 1000);
    hears(&b, WF_MSG_ping, &(struct wf_ping){.seq = 1});
    wait_ms(&b, &d, 3500);
    ok(!did(&b, WF_EFFECT_KILL, b.started[1]) && node_counts(b.n).running == 1,
       "and goes on when the link is back in time");
    close_bed(&b);
    wipe(&d);
}

/* The machine slept: in one tick the lease is over and the run's timer is due. */
static void counts_from_when_it_was_heard(void)
{
    struct disk d = {.n = 0};
    struct bed b;

    open_spooling(&b, 1, 0);
    assign_until(&b, 1, 60000);
    b.now_us += 4 * SECOND + SECOND / 2;
    happens(&b, NODE_TICK);
    ok(node_link(b.n)->state == WF_LINK_WAITING && !did(&b, WF_EFFECT_KILL, b.started[0]),
       "a run is not stopped in the moment in which the session ends");
    happens(&b, NODE_TICK);
    ok(!did(&b, WF_EFFECT_KILL, b.started[0]), "nor in the next one");
    wait_ms(&b, &d, 60000);
    ok(did(&b, WF_EFFECT_KILL, b.started[0]), "but when its time is over");
    close_bed(&b);
    wipe(&d);
}

static void takes_no_more_than_it_can_hold(void)
{
    struct disk d = {.n = 0};
    struct wf_msg m;
    struct bed b;

    init_bed(&b, 4, 0);
    b.cfg.max_held = 1000;
    start_bed(&b);
    assign(&b, 1, 1, 4);
    ended(&b, &d, 0, "one", 0);
    assign(&b, 2, 1, 4);
    ended(&b, &d, 1, "two", 0);
    assign(&b, 3, 1, 4);
    ok(said(&b, WF_MSG_refuse, 0, &m) && m.u.refuse.code == (uint64_t) -WEFT_EBUSY,
       "results that nobody acknowledges keep new work away");
    acks(&b, &d, 1);
    acks(&b, &d, 2);
    assign(&b, 3, 1, 4);
    is_int(b.nstarted, 3, "until they are");
    close_bed(&b);
}

int main(void)
{
    grows_old();
    carries_its_age();
    stops_what_was_not_to_go_on();
    counts_from_when_it_was_heard();
    takes_no_more_than_it_can_hold();
    return done();
}

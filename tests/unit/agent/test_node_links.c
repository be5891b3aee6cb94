/* What an agent tells of its link to the broker. */
#include "tests/unit/agent/bed.h"

static void probed(struct bed *b, uint64_t rtt_us)
{
    struct node_event ev = {.kind = NODE_PROBED, .rtt_us = rtt_us};

    b->now_us += SECOND;
    step(b, &ev);
}

/* The row of the last step's message: 1 when there is one. */
static int told(const struct bed *b, struct wf_link_row *ret)
{
    struct wf_msg m;

    return said(b, WF_MSG_links, 0, &m) &&
           wf_rows_next(&m.u.links.rows, wf_desc_link_row(), ret);
}

/* Answer the ping of the last step after so long. */
static void pongs(struct bed *b, uint64_t rtt_us)
{
    struct wf_msg m;
    struct wf_pong p;

    if (!said(b, WF_MSG_ping, 0, &m)) {
        b->now_us = wf_max_u64(b->now_us, node_wakeup_us(b->n));
        happens(b, NODE_TICK);
        must(said(b, WF_MSG_ping, 0, &m));
    }
    p = (struct wf_pong){m.u.ping.seq, m.u.ping.time_us, 0};
    b->now_us += rtt_us;
    hears(b, WF_MSG_pong, &p);
}

static void tells_news(void)
{
    static const struct wf_key broker;
    struct wf_link_row row;
    struct bed b;

    open_bed(&b, 1, 0);
    ok(!told(&b, &row), "nothing is measured yet");
    probed(&b, 5000);
    ok(told(&b, &row) && row.rtt_us == 5000 && wf_key_eq(&row.peer, &broker) &&
           row.samples == 1 && row.age_ms == 0,
       "the first sample is told");
    for (int i = 0; i < 20; i++) {
        probed(&b, 5000 + (uint64_t) i % 3 * 100);
        must(!told(&b, &row));
    }
    ok(1, "what is as before is not");
    probed(&b, 40000);
    ok(!told(&b, &row) && node_link_unsure(b.n), "one stray asks for another sample");
    probed(&b, 41000);
    ok(!told(&b, &row), "and another");
    probed(&b, 40500);
    ok(told(&b, &row) && row.rtt_us == 40000, "the third makes it news");
    for (int i = 0; i < 10; i++) {
        probed(&b, 0);
    }
    probed(&b, 40500);
    ok(told(&b, &row) && row.loss_pm > 200, "so do losses, with the next sample");
    b.now_us += 300 * SECOND;
    hears(&b, WF_MSG_ping, &(struct wf_ping){1, 0, 0, 0});
    probed(&b, 40500);
    ok(told(&b, &row), "every now and then it is told that nothing changed");
    close_bed(&b);
}

static void heartbeats_stand_in(void)
{
    struct wf_link_row row;
    struct wf_msg m;
    struct bed b;

    open_bed(&b, 1, 0);
    pongs(&b, 8000);
    ok(told(&b, &row) && row.rtt_us == 8000, "without probes heartbeats are measured");
    probed(&b, 2000);
    ok(told(&b, &row) && row.rtt_us == 2000 && row.samples == 1,
       "the first probe that is answered begins anew");
    b.now_us += SECOND;
    for (int i = 0; i < 5; i++) {
        pongs(&b, 90000);
        must(!told(&b, &row));
    }
    ok(1, "from then on heartbeats do not count");
    b.now_us += 2 * SECOND;
    happens(&b, NODE_TICK);
    ok(said(&b, WF_MSG_ping, 0, &m) && m.u.ping.rtt_us == 2000,
       "and the heartbeat tells what probes measured");
    happens(&b, NODE_UNPROBED);
    ok(!told(&b, &row), "when none is answered any more");
    pongs(&b, 9000);
    ok(told(&b, &row) && row.rtt_us == 9000, "they stand in again");
    close_bed(&b);
}

static void tells_each_session(void)
{
    struct wf_link_row row;
    struct bed b;

    open_bed(&b, 1, 0);
    probed(&b, 5000);
    happens(&b, NODE_LINK_DOWN);
    probed(&b, 5000);
    ok(!told(&b, &row), "cut off there is nobody to tell");
    b.now_us += SECOND;
    b.now_us = wf_max_u64(b.now_us, node_wakeup_us(b.n));
    happens(&b, NODE_TICK);
    connect(&b);
    ok(!told(&b, &row), "a new session");
    probed(&b, 5000);
    ok(told(&b, &row) && row.samples == 1, "hears of it anew");
    close_bed(&b);
}

int main(void)
{
    tells_news();
    heartbeats_stand_in();
    tells_each_session();
    return done();
}

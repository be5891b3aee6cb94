#include "broker/core/score.h"

#include "tests/lib/tap.h"

static void adds_up(void)
{
    const struct score_in in = {.client_rtt_us = 1000,
                                .agent_rtt_us = 4000,
                                .ahead = 0,
                                .slots = 2,
                                .queued_run_us = 500,
                                .run_us = 700};
    struct score s = score_agent(&in);

    is_int(s.link_us, 5000, "the way there and back");
    is_int(s.wait_us, 0, "no wait with a free slot");
    is_int(s.run_us, 700, "the run");
    is_int(s.total_us, 5700, "the sum");
    is_int(score_total(&s), s.total_us, "which can be checked from its terms");
}

static void waits(void)
{
    struct score_in in = {.slots = 2, .queued_run_us = 600, .ahead = 1};

    is_int(score_agent(&in).wait_us, 0, "one of two slots is free");
    in.ahead = 2;
    is_int(score_agent(&in).wait_us, 300, "both busy: one of them ends in half a run");
    in.ahead = 5;
    is_int(score_agent(&in).wait_us, 1200, "four runs over two slots");
}

static void overlaps(void)
{
    struct score_in in = {.slots = 1,
                          .ahead = 1,
                          .queued_run_us = 100,
                          .fetch_us = 70,
                          .warm_us = 30,
                          .run_us = 5,
                          .risk_us = 3,
                          .money_us = 2};

    is_int(score_agent(&in).total_us, 110, "fetch and warm-up happen while it waits");
    in.fetch_us = 150;
    is_int(score_agent(&in).total_us, 160, "the longest of them counts");
    in.warm_us = 400;
    is_int(score_agent(&in).total_us, 410, "whichever it is");
}

static void saturates(void)
{
    const struct score_in in = {.client_rtt_us = UINT64_MAX,
                                .agent_rtt_us = 1,
                                .slots = 1,
                                .ahead = UINT64_MAX / 2,
                                .queued_run_us = UINT64_MAX,
                                .run_us = UINT64_MAX};

    ok(score_agent(&in).total_us == UINT64_MAX, "the worst is the worst, and not best");
    ok(score_agent(&in).wait_us == UINT64_MAX, "also term by term");
}

int main(void)
{
    adds_up();
    waits();
    overlaps();
    saturates();
    return done();
}

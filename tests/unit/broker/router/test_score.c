#include "broker/core/router/score.h"

#include "tests/lib/tap.h"

static void adds_up(void)
{
    struct score s = {.link_us = 1,
                      .run_us = 100,
                      .risk_us = 1000,
                      .money_us = 10000,
                      .soft_us = 100000};

    is_int(score_total(&s, 0), 111101, "the terms are added");
    s.wait_us = 10;
    s.fetch_us = 60;
    s.warm_us = 5;
    is_int(score_total(&s, 0), 111161, "of wait, fetch and warm-up the longest counts");
    s.wait_us = 70;
    is_int(score_total(&s, 0), 111171, "whichever it is");
    is_int(score_total(&s, 1), 111231, "for throughput the link that is occupied, too");
    s.run_us = UINT64_MAX;
    ok(score_total(&s, 1) == UINT64_MAX, "the worst is the worst, and not best");
}

static void waits(void)
{
    is_int(score_wait(1, 600, 2, 1000), 0, "one of two slots is free");
    is_int(score_wait(2, 1200, 2, 1000), 300,
           "both busy: one of them ends in half a run");
    is_int(score_wait(5, 3000, 2, 1000), 1200, "four runs over two slots");
    is_int(score_wait(5, 3000, 2, 2000), 600, "at twice the speed");
    is_int(score_wait(1, 500, 1, 500), 1000, "one slot at half of it");
    ok(score_wait(UINT64_MAX, UINT64_MAX, 1, 1) == UINT64_MAX, "no end in sight");
}

static void runs(void)
{
    is_int(score_run(1000, 500), 2000, "work at half the speed");
    is_int(score_run(1000, 1500), 666, "and at one and a half");
    ok(score_run(1000, 0) == UINT64_MAX, "and at none");
}

static void presses(void)
{
    is_int(score_pressure(0, 0), 0, "nobody is pressed where there is nobody");
    is_int(score_pressure(1, 8), PRESS_ONE / 4, "with an eighth taken by a quarter");
    is_int(score_pressure(4, 8), PRESS_ONE, "with half of them in full");
    is_int(score_pressure(8, 8), PRESS_ONE, "and no more than that");
    is_int(score_pressed(1000, 0), 0, "what is held costs nobody in an idle mesh");
    is_int(score_pressed(1000, PRESS_ONE / 4), 250, "then by the pressure");
    is_int(score_pressed(1001, PRESS_ONE), 1001, "at last all of it");
    ok(score_pressed(UINT64_MAX, PRESS_ONE) == UINT64_MAX / PRESS_ONE, "within bounds");
}

static void others_wait(void)
{
    is_int(score_others(0, 0, 1000, 0), 0, "who is gone at once is in nobody's way");
    is_int(score_others(0, 1000, 700, 0), 1000, "who runs holds a slot");
    is_int(score_others(500, 1000, 700, 0), 2500, "who queues or fetches counts thrice");
    is_int(score_others(500, 1000, 700, CROWD_ONE), 2500 + 20 * 700,
           "where a usual run stands in the queue, twenty come after it");
    is_int(score_others(500, 1000, 1400, CROWD_ONE / 2), 2500 + 20 * 700,
           "as where half of one does, for twice the work");
    ok(score_others(1, 1, OTHERS_WORK_US - 1, UINT16_MAX) ==
           score_others_wide(1, 1, OTHERS_WORK_US - 1, UINT16_MAX),
       "what nearly is too much is told alike");
    ok(score_others(UINT64_MAX, 1, 1, 1) == UINT64_MAX &&
           score_others(1, UINT64_MAX, 1, 1) == UINT64_MAX &&
           score_others(1, 1, UINT64_MAX, UINT16_MAX) == UINT64_MAX,
       "and no longer than any time is");
}

static void risks(void)
{
    /* Once a day, and a job of an hour: one in 24 loses half an hour. */
    const uint64_t daily = 11574074, hour = UINT64_C(3600000000);

    is_int(score_risk(daily, hour) / 1000000, 74, "75 seconds an hour");
    is_int(score_risk(0, hour), 0, "nothing where nodes stay");
    ok(score_risk(UINT64_MAX, UINT64_MAX) == UINT64_MAX, "and everything at worst");
}

static void pays(void)
{
    is_int(score_money(100000000, 100000000), 1000000, "1e-4 $ at 1e-4 $ a second");
    is_int(score_money(0, 0), 0, "what is free costs no time");
    ok(score_money(1, 0) == UINT64_MAX, "if seconds are worth nothing");
}

int main(void)
{
    adds_up();
    waits();
    runs();
    presses();
    others_wait();
    risks();
    pays();
    return done();
}

#include "broker/core/router/load.h"
#include "tests/lib/tap.h"

static void own(void)
{
    const struct load_report report = {.jobs = 3, .work_us = 300};
    struct load l;

    load_init(&l);
    is_int(load_view(&l).jobs, 0, "nothing is there at first");
    load_sent(&l, 100);
    load_sent(&l, 50);
    is_int(load_view(&l).jobs, 2, "what was sent counts before any report");
    is_int(load_view(&l).work_us, 150, "with its work");
    load_ended(&l, 50, 0);
    is_int(load_view(&l).work_us, 100, "and is taken back when it ended");
    load_report(&l, &report, 1, 7);
    is_int(load_view(&l).jobs, 3, "a report takes the place of all that was sent");
    is_int(l.reported_us, 7, "and has a time");
    load_sent(&l, 10);
    is_int(load_view(&l).jobs, 4, "what is sent after it counts on top");
    load_ended(&l, 100, 1);
    is_int(load_view(&l).jobs, 3, "one of the report ended");
    is_int(load_view(&l).work_us, 210, "with its work");
}

static void uncovered(void)
{
    const struct load_report report = {
        .jobs = 1, .work_us = 100, .own_jobs = 2, .own_work_us = 70};
    struct load l;

    load_init(&l);
    load_report(&l, &report, 1, 1);
    is_int(load_view(&l).jobs, 3, "jobs that the report does not cover count as well");
    is_int(load_view(&l).work_us, 170, "with their work");
    for (unsigned i = 0; i < 9; i++) {
        load_ended(&l, 1000, i % 2 == 0);
    }
    is_int(load_view(&l).jobs, 0, "more ends than jobs leave none");
    is_int(load_view(&l).work_us, 0, "nor work");
}

/* One of five brokers sends a fifth of what arrives. */
static void others(void)
{
    struct load_report report = {0};
    struct load l;

    load_init(&l);
    for (unsigned i = 0; i < 100; i++) {
        for (unsigned k = 0; k < 4; k++) {
            load_sent(&l, 100);
        }
        report.arrived += 20;
        load_report(&l, &report, 5, i);
    }
    ok(l.others > 45 * LOAD_ONE / 10 && l.others <= 5 * LOAD_ONE,
       "a fifth is ours: one counts for about five (%u / %u)", l.others, LOAD_ONE);
    load_sent(&l, 100);
    ok(load_view(&l).jobs == 5 || load_view(&l).jobs == 4, "so one that is sent does");
    for (unsigned i = 0; i < 100; i++) {
        load_sent(&l, 100);
        report.arrived++;
        load_report(&l, &report, 5, i);
    }
    ok(l.others < 2 * LOAD_ONE, "all is ours: one counts for about one");
    report.arrived = 0;
    load_report(&l, &report, 5, 1);
    ok(l.others >= LOAD_ONE && l.others <= 5 * LOAD_ONE, "a count that went back is new");
    report.arrived = UINT64_MAX;
    load_report(&l, &report, 5, 1);
    is_int(l.others, 5 * LOAD_ONE, "no more than there are brokers");
    for (unsigned i = 0; i < 3; i++) {
        load_sent(&l, UINT64_MAX);
    }
    ok(load_view(&l).work_us >= UINT64_MAX >> 16,
       "work ends at the top, and does not wrap");
}

int main(void)
{
    own();
    uncovered();
    others();
    return done();
}

#include "broker/core/router/crowd.h"
#include "tests/lib/tap.h"

#define S UINT64_C(1000000)

/* A report each second of a wait that is there in jobs of one second. */
static void report(struct crowd *c, uint64_t wait_s, unsigned times)
{
    const struct crowd_report r = {
        .wait_us = wait_s * S, .jobs = wait_s, .work_us = wait_s * S, .past_us = S};

    for (unsigned i = 0; i < times; i++) {
        crowd_report(c, &r);
    }
}

static void stands(void)
{
    struct crowd c = {0};

    is_int(crowd_of(&c, 10 * S), 0, "of a node that never reported nothing is known");
    report(&c, 4, 1);
    is_int(c.stand_us, S, "a queue that came just now counts by a quarter");
    report(&c, 4, 1);
    is_int(c.stand_us, 1750000, "then more");
    report(&c, 4, 20);
    ok(c.stand_us > 39 * S / 10 && c.stand_us <= 4 * S, "and at last for what it is");
    is_int(c.usual_us, S, "the jobs there take a second each");
    ok(crowd_of(&c, 4 * S) >= 4 * CROWD_ONE - 2, "four of them stand there");
    is_int(crowd_of(&c, 2 * S), 2 * CROWD_ONE, "no more than are left of it");
    is_int(crowd_of(&c, 0), 0, "and none once a slot is free");
    report(&c, 1, 1);
    is_int(c.stand_us, S, "what was shorter for a moment did not stand");
    report(&c, 0, 1);
    report(&c, 4, 1);
    is_int(c.stand_us, S, "and one that comes and goes hardly counts");
}

static void passes(void)
{
    struct crowd c = {0};
    struct crowd_report r = {.wait_us = 4 * S, .jobs = 8, .work_us = 4 * S};

    crowd_report(&c, &r);
    is_int(c.stand_us, 0, "the first report tells of no time before it");
    is_int(c.usual_us, S / 2, "but how long jobs take");
    r.past_us = UINT64_MAX;
    crowd_report(&c, &r);
    is_int(c.stand_us, 4 * S * 2 / 5, "nor does one after a long silence of all of it");
    r = (struct crowd_report){.wait_us = 4 * S, .past_us = S};
    crowd_report(&c, &r);
    is_int(c.usual_us, S / 2, "where nothing runs, jobs are as they were");
}

static void bounds(void)
{
    struct crowd c = {0};
    struct crowd_report r = {
        .wait_us = UINT64_MAX, .jobs = 1, .work_us = 0, .past_us = UINT64_MAX};

    for (unsigned i = 0; i < 200; i++) {
        crowd_report(&c, &r);
    }
    ok(c.stand_us > UINT32_MAX / 100 * 99, "the longest wait is an hour");
    is_int(crowd_of(&c, UINT64_MAX), UINT16_MAX, "and the largest crowd fits");
    is_int(c.usual_us, 1, "no job takes no time");
    r.work_us = UINT64_MAX;
    crowd_report(&c, &r);
    ok(c.usual_us > UINT32_MAX / 5 * 2 - 9, "nor longer than an hour");
}

int main(void)
{
    stands();
    passes();
    bounds();
    return done();
}

/* In which order attempts that wait get their slots. */
#include "tests/unit/agent/bed.h"

static void gives(struct bed *b, uint8_t id, unsigned priority, uint64_t deadline_ms,
                  uint64_t work_us)
{
    const struct wf_assign m = {.job = id_of(id),
                                .attempt = 1,
                                .seq = id,
                                .capability = wf_slice_of("echo"),
                                .version = 1,
                                .priority = priority,
                                .deadline_ms = deadline_ms,
                                .work_us = work_us};

    hears(b, WF_MSG_assign, &m);
}

/* End what runs, and say which job runs next: runs are numbered as they came. */
static uint64_t next(struct bed *b)
{
    ends(b, b->started[b->nstarted - 1], 0);
    return b->started[b->nstarted - 1];
}

static void goes_by_deadline(void)
{
    struct bed b;

    open_bed(&b, 1, 8);
    gives(&b, 1, 4, 0, 1000);
    gives(&b, 2, 4, 0, 1000);
    gives(&b, 3, 4, 9000, 1000);
    gives(&b, 4, 4, 8000, 1000);
    gives(&b, 5, 4, 8000, 1000);
    gives(&b, 6, 5, 0, 1000);
    is_int(next(&b), 6, "the higher priority goes first");
    is_int(next(&b), 4, "then the earliest deadline");
    is_int(next(&b), 5, "of two the older");
    is_int(next(&b), 3, "then the later one");
    is_int(next(&b), 2, "then what has none");
    close_bed(&b);
}

static void grows_with_age(void)
{
    struct bed b;

    open_bed(&b, 1, 8);
    b.cfg.caps[0].wall_ms = 0;
    gives(&b, 1, 4, 0, 0);
    gives(&b, 2, 1, 0, 100 * MS);
    b.now_us += 1900 * MS;
    gives(&b, 3, 2, 5000, 100 * MS);
    gives(&b, 4, 3, 0, 100 * MS);
    is_int(next(&b), 4, "19 times its run is one level: a higher one goes first");
    b.now_us += 100 * MS;
    gives(&b, 5, 3, 9000, 100 * MS);
    is_int(next(&b), 5, "20 times are two: the deadline decides");
    b.now_us += 1000 * MS;
    gives(&b, 6, 3, 8000, 100 * MS);
    is_int(next(&b), 2, "30 times are three: it passes what came now");
    is_int(next(&b), 3, "as does what waited for 11 times its run, by its deadline");
    is_int(next(&b), 6, "and then that");
    close_bed(&b);
}

/* A stream of the most urgent jobs there are does not keep anything out for ever. */
static void starves_nothing(void)
{
    struct bed b;
    unsigned i = 2;

    open_bed(&b, 1, 4);
    gives(&b, 1, 9, 1, 10 * MS);
    gives(&b, 2, 0, 0, 0);
    do {
        gives(&b, (uint8_t) (i + 1), 9, 1, 10 * MS);
        b.now_us += SECOND;
        hears(&b, WF_MSG_ping, &(struct wf_ping){.seq = 1});
        b.nstarted = 1;
        b.started[0] = i == 2 ? 1 : i;
        i++;
    } while (next(&b) != 2 && i < 250);
    /* They rise too: by ten levels in the second that each of them waits. */
    ok(i > 195 && i < 205, "an unknown run counts as a second: it had to wait %u s", i);
    close_bed(&b);
}

int main(void)
{
    goes_by_deadline();
    grows_with_age();
    starves_nothing();
    return done();
}

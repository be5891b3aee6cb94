#include "broker/core/decisions.h"

#include "tests/lib/tap.h"

static struct wf_id id_of(unsigned n)
{
    struct wf_id id = {{0}};

    memcpy(id.b, &n, sizeof n);
    return id;
}

static void add(struct decision *d, uint64_t total_us, int full, uint64_t ahead)
{
    const struct decision_row row = {
        .score = {.total_us = total_us}, .full = full, .ahead = ahead};

    decision_add(d, &row);
}

static void keeps_the_best(void)
{
    struct decision d = {0};

    add(&d, 300, 0, 0);
    add(&d, 100, 0, 0);
    add(&d, 200, 0, 0);
    ok(d.nrows == 3 && d.rows[0].score.total_us == 100 &&
           d.rows[1].score.total_us == 200 && d.rows[2].score.total_us == 300,
       "best first");
    add(&d, 200, 0, 7);
    ok(d.rows[1].ahead == 0 && d.rows[2].ahead == 7, "ties in order of insertion");
    add(&d, 1, 1, 0);
    ok(d.rows[4].full && d.rows[4].score.total_us == 1,
       "one without room comes last, however good");
    for (unsigned i = 0; i < 30; i++) {
        add(&d, 50, 0, 0);
    }
    is_int(d.nrows, WF_SCORED_MAX, "no more than are told about");
    is_int(d.rows[WF_SCORED_MAX - 1].score.total_us, 50, "and those are the best");
}

static void finds(void)
{
    const struct wf_id one = id_of(1), two = id_of(2), none = id_of(999999);
    struct decisions d;

    must(decisions_init(&d) == 0);
    ok(decisions_of(&d, &one) == NULL, "nothing at first");
    decisions_next(&d)->job = one;
    decisions_next(&d)->job = two;
    ok(decisions_of(&d, &one) == &d.ring[0], "the record of a job");
    decisions_next(&d)->job = one;
    ok(decisions_of(&d, &one) == &d.ring[2], "the newest of them");
    ok(decisions_of(&d, &none) == NULL, "none of a job without");
    for (unsigned i = 0; i < DECISIONS_KEPT; i++) {
        decisions_next(&d)->job = id_of(10 + i);
    }
    ok(decisions_of(&d, &two) == NULL, "gone after so many later ones");
    d.ring[d.next % DECISIONS_KEPT].nrows = 5;
    is_int(decisions_next(&d)->nrows, 0, "a record is cleared before it is used again");
    decisions_fini(&d);
}

static void names(void)
{
    is_str(place_filter_name(PLACE_CAPABILITY), "capability", "the first filter");
    is_str(place_filter_name(PLACE_FULL), "full", "the last filter");
    is_str(place_filter_name(PLACE_FILTER_COUNT), "?", "none");
}

int main(void)
{
    keeps_the_best();
    finds();
    names();
    return done();
}

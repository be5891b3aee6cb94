#include "broker/core/place/decisions.h"

#include "tests/lib/tap.h"

#include <string.h>

static struct wf_id id_of(uint32_t n)
{
    struct wf_id id = {{0}};

    memcpy(id.b, &n, sizeof n);
    return id;
}

static void add(struct decision *d, uint64_t total_us, unsigned filter)
{
    d->route.rows[d->route.nrows++] =
        (struct route_row){.score = {.total_us = total_us}, .filter = (uint8_t) filter};
}

static void orders(void)
{
    struct decision d = {.route = {.best = 2}};
    unsigned order[ROUTE_ROWS_MAX];

    add(&d, 300, PLACE_PASSED);
    add(&d, 50, PLACE_NEEDS);
    add(&d, 200, PLACE_PASSED);
    add(&d, 100, PLACE_FULL);
    add(&d, 150, PLACE_PASSED);
    is_int(decision_order(&d, order), 5, "all that were looked at");
    is_int(order[0], 2, "the one that was chosen, whatever its score");
    ok(order[1] == 4 && order[2] == 0, "then those that passed, by score");
    is_int(order[3], 3, "then those that were refused last");
    is_int(order[4], 1, "then those refused first");
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
    d.ring[d.next % DECISIONS_KEPT].route.nrows = 3;
    is_int(decisions_next(&d)->route.nrows, 0,
           "a record is cleared before it is used again");
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
    orders();
    finds();
    names();
    return done();
}

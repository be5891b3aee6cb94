#include "cli/view/flip.h"
#include "tests/lib/tap.h"

static struct weft_scored row(uint64_t link, uint64_t wait, uint64_t fetch, uint64_t run)
{
    struct weft_scored r = {
        .node = "n", .link_us = link, .wait_us = wait, .fetch_us = fetch, .run_us = run};

    r.score_us = link + (wait > fetch ? wait : fetch) + run;
    return r;
}

static void test_single(void)
{
    struct weft_scored a = row(100, 0, 0, 1000), b = row(200, 900, 0, 1000);
    struct flip flip = flip_compute(&a, &b);

    is_int(flip.margin_us, 1000, "the margin");
    ok(!flip.single || flip.term == FLIP_RUN, "a wait of 900 cannot make up for 1000");
    b = row(100, 900, 0, 1000);
    flip = flip_compute(&a, &b);
    ok(flip.margin_us == 900 && flip.single && flip.term == FLIP_RUN &&
           flip.below_us == 100,
       "of terms that are not behind, the largest that could");
    is_int(flip.wait_us, 900, "or the winner's wait above the margin");
}

static void test_overlap(void)
{
    struct weft_scored a = row(0, 0, 0, 10), b = row(0, 900, 800, 10);
    struct flip flip = flip_compute(&a, &b);

    ok(!flip.single, "less wait does not help when the data takes as long");
    a = row(0, 0, 0, 850);
    flip = flip_compute(&a, &b);
    ok(flip.margin_us == 60 && flip.single && flip.term == FLIP_WAIT &&
           flip.below_us == 840,
       "but a little less does");
    a = row(50, 30, 40, 10);
    b = row(50, 30, 60, 10);
    flip = flip_compute(&a, &b);
    is_int(flip.wait_us, 60, "the winner's wait counts above what it overlaps");
}

static void test_choice(void)
{
    struct weft_scored a = row(10, 0, 0, 1000), b = row(60, 0, 0, 1000);
    struct flip flip;

    b.money_us = 30;
    b.score_us += 30;
    a.risk_us = 40;
    a.score_us += 40;
    flip = flip_compute(&a, &b);
    ok(flip.margin_us == 40 && flip.single && flip.term == FLIP_LINK &&
           flip.below_us == 20,
       "the term that is furthest behind, though the run is larger");
}

static void test_tie(void)
{
    struct weft_scored a = row(1, 2, 3, 4);
    struct flip flip = flip_compute(&a, &a);

    is_int(flip.margin_us, 0, "a tie has no margin");
}

static void test_terms(void)
{
    struct weft_scored a = row(100, 0, 0, 50), b = row(20, 500, 0, 60);
    uint64_t us = 0;

    ok(flip_worst(&a, &b, &us) == FLIP_WAIT && us == 500, "what costs most");
    ok(flip_best(&a, &b, &us) == FLIP_LINK && us == 80, "what gains most");
    is_int(flip_worst(&a, &a, &us), FLIP_TERMS, "nothing sets equals apart");
    for (enum flip_term t = FLIP_LINK; t < FLIP_TERMS; t++) {
        ok(flip_name(t)[0] != '?', "term %d has a name", (int) t);
    }
}

int main(void)
{
    test_single();
    test_overlap();
    test_choice();
    test_tie();
    test_terms();
    return done();
}

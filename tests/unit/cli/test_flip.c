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
    is_int(
        flip.wait_us, 225,
        "or the winner's wait above a quarter of the margin, since it holds up others");
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
    is_int(flip.wait_us, 45, "the winner's wait counts above what it overlaps");
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

/* A candidate that takes so long and costs so much, when a second is worth 100 pusd. */
static struct weft_scored priced(uint64_t us, uint64_t pusd)
{
    struct weft_scored r = row(0, 0, 0, us);

    r.cost_pusd = pusd;
    r.money_us = pusd * 10000;
    r.score_us += r.money_us;
    return r;
}

static void test_money(void)
{
    struct weft_scored rows[] = {
        priced(2000000, 10),   /* the winner: 2 s and 10 pusd */
        priced(1000000, 1010), /* a second sooner for 1000 more */
        priced(1500000, 210),  /* half a second for 200 more */
        priced(8000000, 4),    /* six later for 6 less */
        priced(5000000, 1),    /* three later for 9 less */
        priced(9000000, 900),  /* later and dearer */
        priced(100, 11),       /* refused */
    };
    struct flip_money flip;

    rows[6].filter = 3;
    flip = flip_money(&rows[0], rows, 7);
    ok(flip.dearer == &rows[2] && flip.above_pusd == 400,
       "the first that more would buy");
    ok(flip.cheaper == &rows[4] && flip.below_pusd == 3, "the first that less would do");
    flip = flip_money(&rows[0], rows, 1);
    ok(flip.dearer == NULL && flip.cheaper == NULL, "alone it wins at any price");
    flip = flip_money(&rows[0], (struct weft_scored[]){rows[0], rows[5]}, 2);
    ok(flip.dearer == NULL && flip.cheaper == NULL, "as against one worse in both");
    rows[1].cost_pusd = UINT64_MAX;
    rows[1].run_us = rows[1].score_us = rows[1].money_us = 0;
    flip = flip_money(&rows[0], rows, 2);
    ok(flip.dearer == &rows[1] && flip.above_pusd == (UINT64_MAX - 10) / 2,
       "large sums do not wrap");
    rows[0].run_us = rows[0].score_us = 1;
    rows[0].money_us = 0;
    flip = flip_money(&rows[0], rows, 2);
    is_int(flip.above_pusd == UINT64_MAX, 1, "and end at the largest");
}

int main(void)
{
    test_single();
    test_overlap();
    test_choice();
    test_tie();
    test_terms();
    test_money();
    return done();
}

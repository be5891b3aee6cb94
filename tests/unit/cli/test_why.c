#include "cli/view/why.h"
#include "tests/lib/tap.h"

/* The example of a job whose fastest candidate is not worth its money. */
static struct weft_scored rows[] = {
    {.node = "fra-op-07",
     .link_us = 4000,
     .fetch_us = 38000,
     .run_us = 410000,
     .money_us = 120000,
     .score_us = 572000,
     .report_ms = 200,
     .cost_pusd = 12000000,
     .fetch_bytes = 1200000,
     .site = "fra"},
    {.node = "edge-112",
     .link_us = 2000,
     .wait_us = 900000,
     .run_us = 820000,
     .score_us = 1722000,
     .ahead = 3,
     .report_ms = 300,
     .site = "lyon"},
    {.node = "aws-eu1-3",
     .link_us = 11000,
     .fetch_us = 95000,
     .run_us = 270000,
     .risk_us = 4000,
     .money_us = 1900000,
     .score_us = 2280000,
     .report_ms = 900,
     .cost_pusd = 190000000,
     .fetch_bytes = 1200000,
     .site = "eu1"},
    {.node = "edge-7", .filter = 6, .refused = "offline", .site = "lyon"},
};

static struct weft_count filters[] = {
    {"capability", 1902}, {"residency", 61}, {"silent", 3}};

static struct weft_why some_why(void)
{
    return (struct weft_why){.id = {{0x8f, 0x2c, 0x1a, 0x2b}},
                             .state = WEFT_JOB_OK,
                             .capability = "detect",
                             .version = 3,
                             .attempt = 1,
                             .node = "fra-op-07",
                             .text = "",
                             .broker = "br-fra",
                             .age_ms = 3000,
                             .known = 2140,
                             .capable = 174,
                             .scored = 20,
                             .chosen = 1,
                             .filters = filters,
                             .nfilters = 3,
                             .rows = rows,
                             .nrows = 4,
                             .goal = WEFT_GOAL_BALANCED,
                             .second_pusd = WEFT_USD / 10000,
                             .decided_ns = 1740,
                             .data_bytes = 1200000,
                             .took_wait_us = 51000,
                             .took_run_us = 433000,
                             .took_us = 491000,
                             .took_fetched = 1200000,
                             .took_cost_pusd = 12700000};
}

/* What is printed into a terminal of this width, or a pipe for 0; to be freed. */
static char *print(const struct weft_why *why, int width)
{
    char *text = NULL;
    size_t len = 0;
    struct cli cli = {
        .out = {.f = open_memstream(&text, &len), .tty = width > 0, .width = width}};

    why_print(&cli, why);
    fclose(cli.out.f);
    return text;
}

static void is_printed(const struct weft_why *why, int width, const char *want,
                       const char *what)
{
    char *text = print(why, width);

    is_str(text, want, what);
    free(text);
}

static int prints(const struct weft_why *why, int width, const char *want)
{
    char *text = print(why, width);
    int found = strstr(text, want) != NULL;

    free(text);
    return found;
}

static void test_widths(void)
{
    struct weft_why why = some_why();

    is_printed(
        &why, 80,
        "job 8f2c1a2b  detect@3  OK on fra-op-07  attempt 1\n"
        "decided 3 s ago by br-fra in 1.7 us; balanced: 1 s is worth $0.0001\n"
        "2140 agents known: -1902 capability, -61 residency, -3 silent = 174 capable;\n"
        "    20 scored\n"
        "   AGENT       LINK    WAIT   DATA     RUN   SCORE       COST  \n"
        ">  fra-op-07   4 ms       0  38 ms  410 ms  572 ms  $0.000012  chosen\n"
        "   edge-112    2 ms  900 ms      0  820 ms   1.7 s         $0  wait +900 ms, "
        "ha~\n"
        "   aws-eu1-3  11 ms       0  95 ms  270 ms   2.3 s   $0.00019  money +1.8 s, "
        "ru~\n"
        "   edge-7                                                      offline\n"
        "chosen by 1.1 s over edge-112. It would go there if fra-op-07 had a wait\n"
        "    above 326 ms (it has 0).\n"
        "It would go to aws-eu1-3 if 1 s were worth more than $0.00247.\n"
        "It would go to edge-112 if 1 s were worth less than $0.00000945.\n"
        "          LINK+WAIT     RUN   TOTAL    MOVED        COST\n"
        "expected      42 ms  410 ms  452 ms  1.1 MiB   $0.000012\n"
        "took          51 ms  433 ms  491 ms  1.1 MiB  $0.0000127\n",
        "80 columns hold what matters");
    ok(prints(
           &why, 120,
           "   AGENT       LINK    WAIT   DATA     RUN  RISK   MONEY   SCORE       COST  "
           "AHEAD    MOVES  \n") &&
           prints(
               &why, 120,
               "   edge-112    2 ms  900 ms      0  820 ms     0       0   1.7 s        "
               " $0      3      0 B  wait +900 ms, has the data\n"),
       "120 hold more");
    ok(prints(
           &why, 0,
           "\tedge-112\t2 ms\t900 ms\t0\t0\t820 ms\t0\t0\t0\t1.7 s\t$0\t3\t0 B\t300 ms\t"
           "lyon\twait +900 ms, has the data\n"),
       "a pipe gets every column");
    ok(prints(&why, 0,
              "\tedge-7" /* no terms */
              "\t\t\t\t\t\t\t\t\t\t\t\t\t\tlyon\toffline\n"),
       "of one that was refused there is nothing but by what");
}

static void test_sums(void)
{
    static struct weft_count full[] = {{"capability", 3}, {"full", 2}};
    struct weft_scored two[] = {rows[0], rows[1]};
    struct weft_why why = some_why();

    why.known = 6;
    why.capable = 3;
    why.scored = 3;
    why.filters = full;
    why.nfilters = 2;
    ok(prints(&why, 120, "6 agents known: -3 capability = 3 capable, 2 of them full; "),
       "the sum of who is capable is right");
    why.rows = two;
    why.nrows = 2;
    ok(!prints(&why, 120, "  REST  "), "terms that make up the score need no rest");
    two[1].score_us += 1350000;
    ok(prints(&why, 120, "  REST  ") && prints(&why, 120, "wait +900 ms") &&
           prints(&why, 0, "\t1.4 s\t3.1 s\t"),
       "what else is in the score is shown, with the wait that it comes from");
    two[1].score_us += 4050000;
    ok(prints(&why, 120, "rest +5.4 s"), "or for itself");
}

static void test_plan(void)
{
    struct weft_why why = some_why();

    why.plan = 1;
    why.took_us = why.took_run_us = why.took_wait_us = 0;
    why.deadline_left_ms = 5000;
    ok(prints(&why, 80, "plan  detect@3  would go to fra-op-07\n"),
       "a plan says where to");
    ok(prints(&why, 80,
              "decided by br-fra in 1.7 us; balanced: 1 s is worth $0.0001; 5 s "),
       "and how it was decided");
    ok(prints(&why, 80, "expected      42 ms") && !prints(&why, 80, "\ntook"),
       "what is expected, and nothing that happened");
    why.chosen = 0;
    why.nrows = 0;
    why.text = "waits for an agent that may take it";
    ok(prints(&why, 80, "plan  detect@3  would wait\n") &&
           prints(&why, 80, "\nwaits for an agent that may take it\n"),
       "or why it would wait");
}

static void test_waits(void)
{
    struct weft_why why = some_why();
    struct weft_scored full = rows[1];

    full.filter = 12;
    full.refused = "full";
    why.state = WEFT_QUEUED;
    why.chosen = 0;
    why.rows = &full;
    why.nrows = 1;
    why.took_us = why.took_run_us = why.took_wait_us = 0;
    why.second_pusd = why.decided_ns = 0;
    why.text = "waits for a slot: every capable agent is full";
    is_printed(&why, 80,
               "job 8f2c1a2b  detect@3  QUEUED  attempt 1\n"
               "looked at 3 s ago by br-fra\n"
               "2140 agents known: -1902 capability, -61 residency, -3 silent = 174 "
               "capable;\n"
               "    20 scored\n"
               "  AGENT     LINK    WAIT     RUN  SCORE  AHEAD  REPORT  SITE  \n"
               "  edge-112  2 ms  900 ms  820 ms  1.7 s      3  300 ms  lyon  full\n"
               "waits for a slot: every capable agent is full\n",
               "one that is full is shown with its terms");
}

static void test_hostile(void)
{
    struct weft_why why = some_why();
    struct weft_scored row = rows[0];

    row.node = "evil\033[2J";
    why.rows = &row;
    why.nrows = 1;
    why.text = "bad\033]0;x";
    ok(!prints(&why, 80, "\033") && prints(&why, 80, "the only candidate"),
       "what a broker says steers no terminal");
    why.plan = 1;
    why.capability = "x\033[2J";
    ok(!prints(&why, 80, "\033") && prints(&why, 80, "would go to evil?"),
       "nor in a plan");
    why.plan = 0;
    why.node = "\033c";
    ok(!prints(&why, 80, "\033"), "nor in the first line");
}

static void test_json(void)
{
    struct weft_why why = some_why();
    char *text = NULL;
    size_t len = 0;
    struct cli cli = {.out = {.f = open_memstream(&text, &len)}};

    why_json(&cli, "why", &why);
    fclose(cli.out.f);
    ok(strstr(text, "{\"schema\":\"weft.why.v1\",\"id\":\"8f2c1a2b") == text, "a schema");
    ok(strstr(text, "\"second_worth_pusd\":100000000") != NULL &&
           strstr(text, "\"goal\":\"balanced\"") != NULL,
       "what a second is worth");
    ok(strstr(text, "\"cost_pusd\":190000000,\"fetch_bytes\":1200000") != NULL, "money");
    ok(strstr(text, "\"refused\":\"offline\"") != NULL, "what refused a candidate");
    ok(strstr(text, "\"flip\":{\"runner_up\":\"edge-112\",\"margin_us\":1150000") !=
               NULL &&
           strstr(text,
                  "\"dearer\":\"aws-eu1-3\",\"second_worth_above_pusd\":2472222222") !=
               NULL,
       "what would flip it");
    ok(strstr(text, "\"took_cost_pusd\":12700000") != NULL, "what it took");
    free(text);
}

int main(void)
{
    test_widths();
    test_sums();
    test_plan();
    test_waits();
    test_hostile();
    test_json();
    return done();
}

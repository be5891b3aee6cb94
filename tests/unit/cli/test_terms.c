#include "cli/view/terms.h"
#include "tests/lib/tap.h"

static int is(const struct terms_part *part, const char *want)
{
    return part->len == strlen(want) && memcmp(part->text, want, part->len) == 0;
}

static void test_prefer(void)
{
    static const char *const bad[] = {
        "site=lyon", "site=lyon:", "site=lyon:soon", "site=lyon:0", ":200ms", "", ":"};
    struct terms_part need;
    uint64_t ms = 0;

    ok(terms_prefer("site=lyon:200ms", &need, &ms) == 0 && is(&need, "site=lyon") &&
           ms == 200,
       "a need and what it is worth");
    ok(terms_prefer("cpus>=4:2s", &need, &ms) == 0 && is(&need, "cpus>=4") && ms == 2000,
       "any need");
    ok(terms_prefer("rack=a:b:5s", &need, &ms) == 0 && is(&need, "rack=a:b"),
       "the time is behind the last colon");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        is_int(terms_prefer(bad[i], &need, &ms), -1, bad[i]);
    }
}

static void test_near(void)
{
    static const char *const bad[] = {"8f2c",   "job:",       "data:", "job::2s",
                                      "node:a", "job:8f2c:0", ""};
    enum weft_near_kind kind;
    struct terms_part what;
    uint64_t ms = 7;

    ok(terms_near("job:8f2c", 0, &kind, &what, &ms) == 0 && kind == WEFT_NEAR_JOB &&
           is(&what, "8f2c") && ms == 0,
       "near a job, a must");
    ok(terms_near("data:maps@3:2s", 0, &kind, &what, &ms) == 0 &&
           kind == WEFT_NEAR_DATA && is(&what, "maps@3") && ms == 2000,
       "near data, worth two seconds");
    ok(terms_near("job:primary:300ms", 1, &kind, &what, &ms) == 0 &&
           kind == WEFT_FAR_JOB && is(&what, "primary") && ms == 300,
       "far from a job");
    ok(terms_near("job:build:linux", 0, &kind, &what, &ms) == 0 &&
           is(&what, "build:linux") && ms == 0,
       "what is no time is part of the name");
    is_int(terms_near("data:maps", 1, &kind, &what, &ms), -1, "far from data is nothing");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        is_int(terms_near(bad[i], 0, &kind, &what, &ms), -1, bad[i]);
    }
}

static void test_goal(void)
{
    enum weft_goal goal = WEFT_GOAL_COST;

    ok(terms_goal(NULL, &goal) == 0 && goal == WEFT_GOAL_NONE, "none given");
    ok(terms_goal("latency", &goal) == 0 && goal == WEFT_GOAL_LATENCY, "the first");
    ok(terms_goal("cost", &goal) == 0 && goal == WEFT_GOAL_COST, "the last");
    is_int(terms_goal("", &goal), -1, "empty");
    is_int(terms_goal("speed", &goal), -1, "unknown");
}

int main(void)
{
    test_prefer();
    test_near();
    test_goal();
    return done();
}

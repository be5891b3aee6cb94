#include "cli/tool/opt.h"
#include "tests/lib/tap.h"

struct args {
    int all, quiet;
    const char *name, *level, *goal;
    uint64_t count, ttl_ms, bytes, pusd;
    struct opt_list needs;
};

#define AT(field) offsetof(struct args, field)

static const struct opt own[] = {
    {"all", 'a', OPT_FLAG, NULL, AT(all), 0, 0, ""},
    {"name", 'n', OPT_TEXT, "NAME", AT(name), 0, 0, ""},
    {"level", 0, OPT_CHOICE, "low|high", AT(level), 0, 0, ""},
    {"count", 'c', OPT_UINT, "N", AT(count), 1, 9, ""},
    {"ttl", 0, OPT_TIME, "TIME", AT(ttl_ms), 1, 0, ""},
    {"max-bytes", 0, OPT_SIZE, "SIZE", AT(bytes), 0, 0, ""},
    {"cost", 0, OPT_USD, "USD", AT(pusd), 1, 0, ""},
    {"goal", 0, OPT_CHOICE, "near|mid", AT(goal), 0, 0, ""},
    {"need", 0, OPT_LIST, "NEED", AT(needs), 0, 0, ""},
};

static const struct opt global[] = {
    {"quiet", 'q', OPT_FLAG, NULL, AT(quiet), 0, 0, ""},
    {"name", 'N', OPT_TEXT, "OTHER", AT(level), 0, 0, ""},
};

static char text[256];

#define PARSE(args, n, ...)                                                              \
    do {                                                                                 \
        char *argv_[] = {__VA_ARGS__};                                                   \
                                                                                         \
        rc = parse((args), 0, (int) (sizeof(argv_) / sizeof(argv_[0])), argv_, (n));     \
        memcpy(argv, argv_, sizeof(argv_));                                              \
    } while (0)

static int parse(struct args *args, int stop, int argc, char **argv, int *ret_n)
{
    struct opt_set sets[] = {{own, sizeof(own) / sizeof(own[0]), args},
                             {global, sizeof(global) / sizeof(global[0]), args}};

    memset(args, 0, sizeof(*args));
    text[0] = '\0';
    return opt_parse(sets, 2, stop, argc, argv, ret_n, text, sizeof(text));
}

static char a_all[] = "--all", a_aq[] = "-aq", a_n[] = "-n", a_nx[] = "-nx", a_x[] = "x",
            a_y[] = "y", a_end[] = "--", a_name_eq[] = "--name=v=w", a_name[] = "--name",
            a_dash[] = "-", a_low[] = "--level=low", a_mid[] = "--level=mid",
            a_c3[] = "--count=3", a_c0[] = "-c0", a_c10[] = "-c10", a_ttl[] = "--ttl=1m",
            a_ttl0[] = "--ttl=0", a_ttl_bad[] = "--ttl=soon",
            a_bytes[] = "--max-bytes=2k", a_need[] = "--need", a_all_v[] = "--all=1",
            a_cost[] = "--cost=0.002", a_cost0[] = "--cost=0",
            a_cost_bad[] = "--cost=dear", a_best[] = "--level=best", a_typo[] = "--conut",
            a_z[] = "-z", a_far[] = "--zzzzz", a_other[] = "-No";

static void test_forms(void)
{
    struct args args;
    char *argv[8];
    int n = 0, rc;

    PARSE(&args, &n, a_x, a_aq, a_y);
    ok(rc == 0 && args.all && args.quiet, "short flags may be joined, of both tables");
    ok(n == 2 && argv[0] == a_x && argv[1] == a_y, "operands come to the front in order");
    PARSE(&args, &n, a_n, a_x);
    ok(rc == 0 && strcmp(args.name, "x") == 0 && n == 0, "-n value");
    PARSE(&args, &n, a_nx);
    ok(rc == 0 && strcmp(args.name, "x") == 0, "-nvalue");
    PARSE(&args, &n, a_name_eq);
    ok(rc == 0 && strcmp(args.name, "v=w") == 0, "--name=value, with = in the value");
    PARSE(&args, &n, a_other, a_name, a_x);
    ok(strcmp(args.name, "x") == 0 && strcmp(args.level, "o") == 0,
       "the first table wins a name");
    PARSE(&args, &n, a_end, a_all, a_dash);
    ok(rc == 0 && n == 2 && !args.all && argv[0] == a_all, "-- ends the options");
    PARSE(&args, &n, a_dash);
    ok(rc == 0 && n == 1, "- alone is an operand");
    PARSE(&args, &n, a_need, a_x, a_need, a_y);
    ok(args.needs.n == 2 && args.needs.values[1] == a_y, "lists add up");
}

static void test_values(void)
{
    struct args args;
    char *argv[8];
    int n = 0, rc;

    PARSE(&args, &n, a_low, a_c3, a_ttl, a_bytes);
    ok(rc == 0 && strcmp(args.level, "low") == 0 && args.count == 3 &&
           args.ttl_ms == 60000 && args.bytes == 2048,
       "choices, numbers, times and sizes");
    PARSE(&args, &n, a_mid);
    ok(rc < 0 && strstr(text, "low|high") != NULL &&
           strstr(text, "did you mean `--goal mid`?") != NULL,
       "a wrong choice names the right ones, and the option that has it");
    PARSE(&args, &n, a_best);
    ok(rc < 0 && strstr(text, "low|high") != NULL && strstr(text, "mean") == NULL,
       "if there is one");
    PARSE(&args, &n, a_cost);
    ok(rc == 0 && args.pusd == 2000000000, "dollars");
    PARSE(&args, &n, a_cost0);
    ok(rc < 0 && strstr(text, "dollars such as 0.002") != NULL, "too few of them");
    PARSE(&args, &n, a_cost_bad);
    ok(rc < 0, "none");
    PARSE(&args, &n, a_c0);
    ok(rc < 0 && strstr(text, "1 to 9") != NULL, "too little names the range");
    PARSE(&args, &n, a_c10);
    ok(rc < 0, "too much is refused");
    PARSE(&args, &n, a_ttl_bad);
    ok(rc < 0 && strstr(text, "30s") != NULL, "a wrong time shows a right one");
    PARSE(&args, &n, a_ttl0);
    ok(rc < 0 && strstr(text, "at least 1 ms") != NULL, "one too short, the shortest");
    PARSE(&args, &n, a_name);
    ok(rc < 0 && strstr(text, "wants a value") != NULL, "a missing value is said");
    PARSE(&args, &n, a_n);
    ok(rc < 0, "also for the short form");
    PARSE(&args, &n, a_all_v);
    ok(rc < 0, "a flag takes no value");
}

static void test_unknown(void)
{
    struct args args;
    char *argv[8], *many[2 * OPT_LIST_MAX + 2];
    int n = 0, rc;

    PARSE(&args, &n, a_typo);
    ok(rc < 0 && strstr(text, "--count") != NULL, "a typo gets a suggestion: %s", text);
    PARSE(&args, &n, a_far);
    ok(rc < 0 && strstr(text, "mean") == NULL, "nonsense gets none");
    PARSE(&args, &n, a_z);
    ok(rc < 0 && strcmp(text, "unknown option `-z`") == 0, "an unknown letter");
    for (size_t i = 0; i < 2 * OPT_LIST_MAX + 2; i++) {
        many[i] = i % 2 == 0 ? a_need : a_x;
    }
    ok(parse(&args, 0, 2 * OPT_LIST_MAX + 2, many, &n) < 0, "lists are bounded");
}

static void test_stop(void)
{
    struct args args;
    char *argv[] = {a_all, a_x, a_typo};
    int n = 0;

    ok(parse(&args, 1, 3, argv, &n) == 0 && n == 1 && args.all,
       "with stop the first operand ends it");
    ok(parse(&args, 1, 1, argv, &n) == 0 && n == 1, "or the end");
}

int main(void)
{
    test_forms();
    test_values();
    test_unknown();
    test_stop();
    return done();
}

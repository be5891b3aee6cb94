#include "broker/core/place/need.h"

#include "common/err.h"
#include "tests/lib/tap.h"

static int parse(const char *text, struct need *ret)
{
    return need_parse(wf_slice_of(text), ret);
}

static int met(const char *text, const char *value)
{
    struct need n;

    must(parse(text, &n) == 0);
    return need_met(&n, value);
}

static void takes_apart(void)
{
    struct need n;

    is_int(parse("site=lyon", &n), 0, "key=value");
    ok(n.op == NEED_EQ && wf_slice_is(n.key, "site") && wf_slice_is(n.value, "lyon"),
       "is taken apart");
    is_int(parse("tier!=cloud", &n), 0, "key!=value");
    ok(n.op == NEED_NE && wf_slice_is(n.value, "cloud"), "is taken apart");
    is_int(parse("cpus>=4", &n), 0, "key>=value");
    ok(n.op == NEED_GE && wf_slice_is(n.key, "cpus") && wf_slice_is(n.value, "4"),
       "is taken apart");
    is_int(parse("mem<=2G", &n), 0, "key<=value");
    ok(n.op == NEED_LE, "is taken apart");
}

static void refuses(void)
{
    static const char *const bad[] = {"",    "site",      "=lyon", "site=",   "a!b",
                                      "a>4", "a<4",       "a=b=c", "a b=c",   "A=c",
                                      "a!=", "a>=",       "!=b",   "site==x", "a!",
                                      "a>",  "a>=banana", "a<=4x", "a>=4 "};
    struct need n = {.op = NEED_LE};
    char text[WF_LABEL_MAX + 3] = "key=";

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        is_int(parse(bad[i], &n), WEFT_EINVAL, bad[i]);
    }
    memset(text + 4, 'x', sizeof text - 5);
    is_int(parse(text, &n), WEFT_EINVAL, "one that is too long");
    ok(n.op == NEED_LE, "a refused need leaves the result alone");
}

static void is_met(void)
{
    ok(met("site=lyon", "lyon"), "equal text");
    ok(!met("site=lyon", "lyons"), "other text");
    ok(!met("site=lyon", NULL), "a node without the key fails");
    ok(met("tier!=cloud", "edge") && !met("tier!=cloud", "cloud"), "unequal text");
    ok(met("tier!=cloud", NULL), "a node without the key is not that");
    ok(met("cpus>=4", "4") && met("cpus>=4", "5") && !met("cpus>=4", "3"), "at least");
    ok(met("cpus<=4", "4") && met("cpus<=4", "3") && !met("cpus<=4", "5"), "at most");
    ok(met("mem>=2G", "2147483648") && !met("mem>=2G", "2147483647"), "sizes");
    ok(met("cpus>=10", "10") && !met("cpus>=10", "9"), "numbers, not text");
    ok(!met("cpus>=4", NULL) && !met("cpus>=4", "many"), "what is no number fails");
}

int main(void)
{
    takes_apart();
    refuses();
    is_met();
    return done();
}

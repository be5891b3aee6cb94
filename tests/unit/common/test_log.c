#include "common/err.h"
#include "common/log.h"
#include "common/str.h"
#include "tests/lib/tap.h"

static const char *value(const char *s)
{
    static char dst[64];

    return wf_log_value(dst, sizeof dst, s, strlen(s));
}

static void test_line(void)
{
    char dst[128];
    enum wf_log_level level = WF_LOG_DEBUG;
    size_t n;

    n = wf_log_line(dst, sizeof dst, WF_LOG_INFO, "jobs", "submitted", "job=%s n=%d",
                    "ab", 3);
    is_str(dst, "level=info area=jobs event=submitted job=ab n=3", "a line");
    is_int(n, strlen(dst), "its length");
    (void) wf_log_line(dst, sizeof dst, WF_LOG_ERROR, "io", "closed", NULL);
    is_str(dst, "level=error area=io event=closed", "without values");
    (void) wf_log_line(dst, sizeof dst, WF_LOG_WARN, "io", "odd", "a=%s",
                       "x\nlevel=\x1b\x7f");
    is_str(dst, "level=warn area=io event=odd a=x level=  ", "stays one line");

    is_int(wf_log_level_parse("warn", &level), 0, "parse a level");
    is_int(level, WF_LOG_WARN, "which");
    is_int(wf_log_level_parse("WARN", &level), WEFT_EINVAL, "strictly");
    is_int(wf_log_level_parse("", &level), WEFT_EINVAL, "nothing is no level");
    is_str(wf_log_level_name((enum wf_log_level) 77), "?", "no such level");
}

static void test_cut(void)
{
    char dst[512];
    int good = 1;

    for (size_t cap = 64; cap < 300; cap++) {
        size_t n;

        memset(dst, '#', sizeof dst);
        n = wf_log_line(dst, cap, WF_LOG_INFO, "a", "b", "k=%s",
                        "ääääääääääääääääääääää"
                        "ääääääääääääääääääääääääääääääääääääääääääääääääääääääääääää");
        good =
            good && n == strlen(dst) && n < cap && dst[cap] == '#' && wf_utf8_ok(dst, n);
        good = good && (n > 190 || strcmp(dst + n - 3, "...") == 0);
    }
    ok(good, "what does not fit is cut between characters");
    (void) wf_log_line(dst, 64, WF_LOG_INFO, "a", "%0500", "%0100d", 1);
    is_int(strlen(dst), 63, "cut in the values");
}

static void test_value(void)
{
    char dst[16];

    is_str(value("plain"), "plain", "plain");
    is_str(value(""), "\"\"", "empty");
    is_str(value("a b"), "\"a b\"", "with a space");
    is_str(value("a=b"), "\"a=b\"", "with an equals sign");
    is_str(value("a\"b\n"), "a\\x22b\\x0a", "with a quote and a newline");
    is_str(value("x\xff é"), "\"x\\xff é\"", "with what is not UTF-8");
    is_str(wf_log_value(dst, 8, "a bcdefghij", 11), "\"a bcd\"",
           "cut short, still quoted");
    is_str(wf_log_value(dst, 8, "abcdefghij", 10), "abcde", "cut short");
}

int main(void)
{
    test_line();
    test_cut();
    test_value();
    return done();
}

#include "common/err.h"
#include "common/parse.h"
#include "common/rng.h"
#include "tests/lib/tap.h"

static void test_u64(void)
{
    static const char *const bad[] = {"",
                                      " ",
                                      "1 ",
                                      " 1",
                                      "+1",
                                      "-1",
                                      "0x1",
                                      "1a",
                                      "1.",
                                      "18446744073709551616",
                                      "99999999999999999999999",
                                      "\xd9\xa1"};
    uint64_t v = 7;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        is_int(wf_parse_u64(bad[i], &v), WEFT_EINVAL, bad[i]);
    }
    is_int(v, 7, "untouched by failures");
    ok(wf_parse_u64("18446744073709551615", &v) == 0 && v == UINT64_MAX, "the maximum");
    ok(wf_parse_u64("007", &v) == 0 && v == 7, "leading zeros");
}

static void test_decimal(void)
{
    static const struct {
        const char *text;
        uint64_t value;
    } good[] = {
        {"0", 0},        {"3", 3000},       {"0.08", 80},
        {"1.500", 1500}, {"007.001", 7001}, {"18446744073709551.615", UINT64_MAX},
    };
    static const char *const bad[] = {"",
                                      " ",
                                      "1.",
                                      ".5",
                                      "0.0800",
                                      "1.2.3",
                                      "-1",
                                      "+1",
                                      "1e3",
                                      "0,08",
                                      "1.5 ",
                                      "1.-5",
                                      "$1",
                                      "18446744073709551.616",
                                      "18446744073709552",
                                      "99999999999999999999"};
    uint64_t v;

    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        ok(wf_parse_decimal(good[i].text, 3, &v) == 0 && v == good[i].value, "%s",
           good[i].text);
    }
    v = 7;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        is_int(wf_parse_decimal(bad[i], 3, &v), WEFT_EINVAL, bad[i]);
    }
    is_int(v, 7, "untouched by failures");
    ok(wf_parse_decimal("12", 0, &v) == 0 && v == 12, "no places");
    is_int(wf_parse_decimal("12.0", 0, &v), WEFT_EINVAL, "are no places");
}

static void test_duration(void)
{
    static const struct {
        const char *text;
        uint64_t ms;
    } good[] = {
        {"0", 0},        {"0s", 0},       {"250ms", 250},    {"5s", 5000},
        {"15m", 900000}, {"2h", 7200000}, {"7d", 604800000}, {"90m", 5400000},
    };
    static const char *const bad[] = {"",     "5",   "s",     "ms",
                                      "5S",   "5 s", "1.5s",  "-5s",
                                      "5sec", "5s ", "1h30m", "213503982335d"};
    uint64_t v = 7;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        is_int(wf_parse_duration_ms(bad[i], &v), WEFT_EINVAL, bad[i]);
    }
    is_int(v, 7, "untouched by failures");
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        ok(wf_parse_duration_ms(good[i].text, &v) == 0 && v == good[i].ms, "%s",
           good[i].text);
    }
    ok(wf_parse_duration_ms("213503982334d", &v) == 0, "the longest in days");
}

static void test_size(void)
{
    static const char *const bad[] = {"",   "K",    "1KB", "1KiB",      "1 K",
                                      "-1", "1.5M", "1X",  "16777216T", "0x10"};
    uint64_t v = 7;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        is_int(wf_parse_size(bad[i], &v), WEFT_EINVAL, bad[i]);
    }
    is_int(v, 7, "untouched by failures");
    ok(wf_parse_size("64K", &v) == 0 && v == 65536, "64K");
    ok(wf_parse_size("4m", &v) == 0 && v == 4u << 20, "4m");
    ok(wf_parse_size("1G", &v) == 0 && v == 1u << 30, "1G");
    ok(wf_parse_size("1000", &v) == 0 && v == 1000, "bare bytes");
    ok(wf_parse_size("16777215T", &v) == 0 && v == UINT64_C(16777215) << 40, "huge");
}

static void test_bool(void)
{
    int v = 7;

    ok(wf_parse_bool("yes", &v) == 0 && v == 1, "yes");
    ok(wf_parse_bool("no", &v) == 0 && v == 0, "no");
    ok(wf_parse_bool("true", &v) == 0 && v == 1, "true");
    ok(wf_parse_bool("off", &v) == 0 && v == 0, "off");
    ok(wf_parse_bool("1", &v) == 0 && v == 1, "1");
    is_int(wf_parse_bool("Yes", &v), WEFT_EINVAL, "Yes");
    is_int(wf_parse_bool("", &v), WEFT_EINVAL, "nothing");
    is_int(wf_parse_bool("2", &v), WEFT_EINVAL, "2");
}

static void test_format(void)
{
    char dst[WF_FORMAT_NUMBER];
    struct wf_rng r = {5};
    int good = 1;

    is_str(wf_format_duration_ms(dst, sizeof dst, 0), "0ms", "0");
    is_str(wf_format_duration_ms(dst, sizeof dst, 1500), "1500ms", "1500 ms");
    is_str(wf_format_duration_ms(dst, sizeof dst, 90000), "90s", "90 s");
    is_str(wf_format_duration_ms(dst, sizeof dst, 7200000), "2h", "2 h");
    is_str(wf_format_size(dst, sizeof dst, 0), "0", "0 bytes");
    is_str(wf_format_size(dst, sizeof dst, 65536), "64K", "64K");
    is_str(wf_format_size(dst, sizeof dst, 65537), "65537", "65537");
    is_str(wf_format_duration_ms(dst, sizeof dst, UINT64_MAX), "18446744073709551615ms",
           "the maximum fits");
    for (int i = 0; i < 10000; i++) {
        static const uint64_t factors[] = {1, 1000, 60000, 86400000, 1 << 10, 1 << 30};
        uint64_t v = (wf_rng_next(&r) >> (32 + wf_rng_below(&r, 32))) *
                     factors[wf_rng_below(&r, ARRAY_LEN(factors))];
        uint64_t back;

        good =
            good &&
            wf_parse_duration_ms(wf_format_duration_ms(dst, sizeof dst, v), &back) == 0 &&
            back == v && wf_parse_size(wf_format_size(dst, sizeof dst, v), &back) == 0 &&
            back == v;
    }
    ok(good, "what is written is read back");
}

int main(void)
{
    test_u64();
    test_decimal();
    test_duration();
    test_size();
    test_bool();
    test_format();
    return done();
}

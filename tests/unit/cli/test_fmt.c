#include "cli/tool/fmt.h"
#include "tests/lib/tap.h"

static void test_times(void)
{
    is_str(fmt_us(0).s, "0", "nothing");
    is_str(fmt_us(5).s, "5 us", "few microseconds");
    is_str(fmt_us(85).s, "85 us", "microseconds");
    is_str(fmt_us(1200).s, "1.2 ms", "milliseconds below ten have a digit more");
    is_str(fmt_us(12345).s, "12 ms", "milliseconds above ten have none");
    is_str(fmt_us(5000).s, "5 ms", "a round number has none");
    is_str(fmt_us(999499).s, "999 ms", "the last of the milliseconds");
    is_str(fmt_us(1000000).s, "1 s", "a second");
    is_str(fmt_us(1500000).s, "1.5 s", "one and a half");
    is_str(fmt_us(200000000).s, "3m20s", "minutes");
    is_str(fmt_ms(7500000).s, "2h05m", "hours");
    is_str(fmt_ms(UINT64_C(273600000)).s, "3d04h", "days");
    is_str(fmt_ms(UINT64_C(31536000000)).s, "365d", "a whole number of them");
    is_str(fmt_ms(300000).s, "5m", "minutes without seconds");
    is_int(strlen(fmt_ms(UINT64_MAX).s) < 32, 1, "the longest time fits");
}

static void test_sizes(void)
{
    is_str(fmt_size(0).s, "0 B", "no bytes");
    is_str(fmt_size(999).s, "999 B", "bytes");
    is_str(fmt_size(1536).s, "1.5 KiB", "kibibytes");
    is_str(fmt_size(64 << 20).s, "64 MiB", "mebibytes");
    is_int(strlen(fmt_size(UINT64_MAX).s) < 32, 1, "the largest size fits");
    is_str(fmt_permille(125).s, "13%", "per mille round to per cent");
    is_str(fmt_permille(1000).s, "100%", "all of it");
}

static void test_money(void)
{
    static const struct {
        uint64_t pusd;
        const char *text;
    } shown[] = {
        {0, "$0"},
        {1, "$0.000000000001"},
        {12000000, "$0.000012"},
        {190000000, "$0.00019"},
        {12345678, "$0.0000123"},
        {12355000, "$0.0000124"},
        {2500000000, "$0.0025"},
        {999600000000, "$1"},
        {1000000000000, "$1"},
        {1200000000000, "$1.20"},
        {1234567890123, "$1.23"},
        {12345678901234, "$12.30"},
        {340000000000000, "$340"},
        {1234567890123456, "$1230"},
    };
    static const char *const bad[] = {
        "",      "$",   "-1",       "1.", ".5", "1e3", "0.0000000000001",
        "1.2.3", "0,1", "18446745", "1 ", "$$1"};
    uint64_t pusd = 7;

    for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
        is_str(fmt_usd(shown[i].pusd).s, shown[i].text, shown[i].text);
    }
    is_int(strlen(fmt_usd(UINT64_MAX).s) < 32, 1, "the largest amount fits");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        is_int(fmt_parse_usd(bad[i], &pusd), -1, bad[i]);
    }
    is_int(pusd, 7, "untouched by failures");
    ok(fmt_parse_usd("0.002", &pusd) == 0 && pusd == 2000000000, "a fraction");
    ok(fmt_parse_usd("$3", &pusd) == 0 && pusd == 3000000000000, "with the sign");
    ok(fmt_parse_usd("0.000000000001", &pusd) == 0 && pusd == 1, "the smallest");
    ok(fmt_parse_usd("18446744.073709551615", &pusd) == 0 && pusd == UINT64_MAX,
       "the largest");
}

static void test_parse_time(void)
{
    uint64_t ms = 7;

    ok(fmt_parse_time("30", &ms) == 0 && ms == 30000, "bare numbers are seconds");
    ok(fmt_parse_time("250ms", &ms) == 0 && ms == 250, "milliseconds");
    ok(fmt_parse_time("1h30m", &ms) == 0 && ms == 5400000, "units add up");
    ok(fmt_parse_time("2d", &ms) == 0 && ms == 172800000, "days");
    ok(fmt_parse_time("0", &ms) == 0 && ms == 0, "zero");
    ms = 7;
    ok(fmt_parse_time("", &ms) < 0, "nothing is refused");
    ok(fmt_parse_time("5x", &ms) < 0, "an unknown unit is refused");
    ok(fmt_parse_time("-5s", &ms) < 0, "a sign is refused");
    ok(fmt_parse_time("ms", &ms) < 0, "a unit alone is refused");
    ok(fmt_parse_time("99999999999999999999", &ms) < 0, "too many digits are refused");
    ok(fmt_parse_time("999999999999999999d", &ms) < 0, "an overflow is refused");
    is_int(ms, 7, "what is refused changes nothing");
}

static void test_parse_size(void)
{
    uint64_t v = 7;

    ok(fmt_parse_size("512", &v) == 0 && v == 512, "bytes");
    ok(fmt_parse_size("512b", &v) == 0 && v == 512, "bytes with their letter");
    ok(fmt_parse_size("64k", &v) == 0 && v == 65536, "k");
    ok(fmt_parse_size("10M", &v) == 0 && v == 10 << 20, "M");
    ok(fmt_parse_size("2GiB", &v) == 0 && v == UINT64_C(2) << 30, "GiB");
    ok(fmt_parse_size("1TB", &v) == 0 && v == UINT64_C(1) << 40, "TB");
    ok(fmt_parse_size("1iB", &v) < 0, "iB needs a letter before it");
    ok(fmt_parse_size("99999999T", &v) < 0, "an overflow is refused");
    ok(fmt_parse_size("k", &v) < 0, "a letter alone is refused");
    ok(fmt_parse_uint("42", &v) == 0 && v == 42, "a number");
    ok(fmt_parse_uint("42a", &v) < 0, "digits only");
    ok(fmt_parse_uint("", &v) < 0, "at least one");
}

static void test_wall(void)
{
    is_str(fmt_wall(0, 1000).s, "never", "no time");
    is_int(strlen(fmt_wall(1000, 1000).s), 8, "today has no date");
    is_int(strlen(fmt_wall(1000, UINT64_C(864000000)).s), 19, "another day has one");
}

int main(void)
{
    test_times();
    test_sizes();
    test_money();
    test_parse_time();
    test_parse_size();
    test_wall();
    return done();
}

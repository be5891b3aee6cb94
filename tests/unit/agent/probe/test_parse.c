/* The parsers of /proc and /sys text, with what kernels print and with what they must not
 * be fooled by. */
#include "agent/probe/parse.h"

#include "client/include/weft/error.h"
#include "tests/lib/tap.h"

#define TEXT(s) (s), strlen(s)

static void numbers(void)
{
    uint64_t u = 7;
    int64_t s = 7;

    is_int(probe_parse_u64(TEXT("42\n"), &u), 0, "a decimal number with a newline");
    is_int(u, 42, "its value");
    is_int(probe_parse_u64(TEXT("0x10de\n"), &u), 0, "a hexadecimal number");
    is_int(u, 0x10de, "its value");
    is_int(probe_parse_u64(TEXT("18446744073709551615"), &u), 0, "the largest");
    ok(u == UINT64_MAX, "its value");
    is_int(probe_parse_u64(TEXT("18446744073709551616"), &u), WEFT_EINVAL, "one more");
    is_int(probe_parse_u64(TEXT(""), &u), WEFT_EINVAL, "nothing");
    is_int(probe_parse_u64(TEXT("0x"), &u), WEFT_EINVAL, "no digits behind 0x");
    is_int(probe_parse_u64(TEXT("12 13"), &u), WEFT_EINVAL, "two numbers");
    is_int(probe_parse_u64(TEXT("-1"), &u), WEFT_EINVAL, "a negative one");
    ok(u == UINT64_MAX, "failures leave the output alone");
    is_int(probe_parse_s64(TEXT("-273000\n"), &s), 0, "a signed number");
    is_int(s, -273000, "its value");
    is_int(probe_parse_s64(TEXT("9223372036854775808"), &s), WEFT_EINVAL, "beyond int64");
    is_int(probe_parse_s64(TEXT("--1"), &s), WEFT_EINVAL, "two signs");
}

static void load_and_uptime(void)
{
    uint32_t load = 0;
    uint64_t s = 0;

    is_int(probe_parse_loadavg(TEXT("0.07 0.04 0.00 1/87 5522\n"), &load), 0, "loadavg");
    is_int(load, 7, "0.07 is 7");
    is_int(probe_parse_loadavg(TEXT("12.50 1.00 1.00 1/1 1\n"), &load), 0, "a high load");
    is_int(load, 1250, "12.50 is 1250");
    is_int(probe_parse_loadavg(TEXT("99999999999.00"), &load), WEFT_EINVAL,
           "an absurd load");
    is_int(probe_parse_loadavg(TEXT("1.0"), &load), WEFT_EINVAL, "one digit only");
    is_int(probe_parse_loadavg(TEXT("x"), &load), WEFT_EINVAL, "no number");
    is_int(probe_parse_uptime(TEXT("350735.47 234388.90\n"), &s), 0, "uptime");
    is_int(s, 350735, "whole seconds");
    is_int(probe_parse_uptime(TEXT(""), &s), WEFT_EINVAL, "empty uptime");
}

static void cpu_times(void)
{
    struct probe_cpu_times a = {0, 0};
    struct probe_cpu_times b = {0, 0};
    uint32_t permille = 0;

    is_int(probe_parse_cpu_times(
               TEXT("cpu  100 0 100 700 50 0 25 25 9 9\ncpu0 1 1 1 1\n"), &a),
           0, "the summary line");
    is_int(a.total, 1000, "guest time is not counted twice");
    is_int(a.busy, 250, "idle and iowait are not busy; steal is");
    is_int(probe_parse_cpu_times(TEXT("cpu0 1 1 1 1\ncpu  1 1 1 7\n"), &b), 0,
           "four columns, not on the first line");
    is_int(b.total, 10, "their sum");
    is_int(probe_parse_cpu_times(TEXT("cpu0 1 1 1 1\n"), &b), WEFT_EINVAL,
           "no summary line");
    is_int(probe_parse_cpu_times(TEXT("cpu  1 2 3\n"), &b), WEFT_EINVAL, "three columns");
    is_int(probe_parse_cpu_times(TEXT("cpu  18446744073709551615 1 1 1\n"), &b),
           WEFT_EINVAL, "a sum that overflows");

    b.busy = a.busy + 30;
    b.total = a.total + 100;
    is_int(probe_cpu_busy(&a, &b, &permille), 0, "a delta");
    is_int(permille, 300, "30 of 100 ticks");
    is_int(probe_cpu_busy(&a, &a, &permille), WEFT_EINVAL, "no time passed");
    is_int(probe_cpu_busy(&b, &a, &permille), WEFT_EINVAL, "time ran backwards");
    b.busy = a.busy + 200;
    is_int(probe_cpu_busy(&a, &b, &permille), 0, "iowait that shrank");
    is_int(permille, 1000, "is clamped");
}

static void memory(void)
{
    static const char text[] = "MemTotal:       24684084 kB\n"
                               "MemFree:        24264296 kB\n"
                               "MemAvailable:   24323008 kB\n";
    struct probe_mem m = {0, 0};
    uint64_t v = 0;

    is_int(probe_parse_meminfo(TEXT(text), &m), 0, "meminfo");
    ok(m.total_bytes == UINT64_C(24684084) * 1024, "total in bytes");
    ok(m.available_bytes == UINT64_C(24323008) * 1024, "available in bytes");
    is_int(probe_parse_meminfo(TEXT("MemTotal: 100 kB\nMemFree: 40 kB\n"), &m), 0,
           "an old kernel without MemAvailable");
    is_int(m.available_bytes, 40 * 1024, "falls back to MemFree");
    is_int(probe_parse_meminfo(TEXT("MemTotal: 100 kB\nMemAvailable: 400 kB\n"), &m), 0,
           "more available than there is");
    is_int(m.available_bytes, 100 * 1024, "is clamped");
    is_int(probe_parse_meminfo(TEXT("MemTotal: 0 kB\nMemFree: 0 kB\n"), &m), WEFT_EINVAL,
           "no memory at all");
    is_int(
        probe_parse_meminfo(TEXT("MemTotal: 99999999999999999 kB\nMemFree: 1 kB\n"), &m),
        WEFT_EINVAL, "a total that overflows in bytes");
    is_int(probe_parse_stat_u64(TEXT("inactive_file_x 1\ninactive_file 42\n"),
                                "inactive_file", &v),
           0, "a key that begins like another");
    is_int(v, 42, "its value");
    is_int(probe_parse_stat_u64(TEXT("total_x 1\n"), "x", &v), WEFT_EINVAL,
           "a key in the middle of a line");
}

static void texts(void)
{
    static const char cpuinfo[] =
        "processor\t: 0\nmodel\t\t: 17\nmodel name\t: AMD  EPYC\n";
    char out[16];

    is_int(probe_parse_field(TEXT(cpuinfo), "model name", out, sizeof(out)), 0,
           "a field");
    is_str(out, "AMD EPYC", "inner blanks become one");
    is_int(probe_parse_field(TEXT(cpuinfo), "model", out, sizeof(out)), 0,
           "a shorter key");
    is_str(out, "17", "does not match the longer one");
    is_int(probe_parse_field(TEXT(cpuinfo), "Hardware", out, sizeof(out)), WEFT_EINVAL,
           "a key that is not there");
    is_int(probe_parse_line(TEXT("  evil\x1b[31m\xff name \nnext"), out, sizeof(out)), 0,
           "control bytes");
    is_str(out, "evil [31m name", "become blanks");
    is_int(probe_parse_line(TEXT("0123456789abcdefgh"), out, sizeof(out)), 0,
           "a long line");
    is_str(out, "0123456789abcde", "is cut");
    is_int(probe_parse_line(TEXT(" \t "), out, sizeof(out)), WEFT_EINVAL, "blanks only");
    is_int(probe_parse_line(TEXT("x"), out, 1), WEFT_EINVAL, "no room");
}

static void cpus(void)
{
    uint32_t n = 0;

    is_int(probe_parse_cpulist(TEXT("0-3,5,8-9\n"), &n), 0, "a list of CPUs");
    is_int(n, 7, "seven of them");
    is_int(probe_parse_cpulist(TEXT("0\n"), &n), 0, "one CPU");
    is_int(n, 1, "is one");
    is_int(probe_parse_cpulist(TEXT("3-1"), &n), WEFT_EINVAL, "a range backwards");
    is_int(probe_parse_cpulist(TEXT("0-99999999"), &n), WEFT_EINVAL, "an absurd range");
    is_int(probe_parse_cpulist(TEXT("0-"), &n), WEFT_EINVAL, "half a range");
    is_int(probe_parse_cpulist(TEXT("0,"), &n), WEFT_EINVAL, "a comma at the end");
    is_int(probe_parse_cpu_max(TEXT("max 100000\n"), &n), 0, "no CPU limit");
    is_int(n, 0, "is 0");
    is_int(probe_parse_cpu_max(TEXT("50000 100000\n"), &n), 0, "half a CPU");
    is_int(n, 500, "is 500");
    is_int(probe_parse_cpu_max(TEXT("1 1000000\n"), &n), 0, "next to nothing");
    is_int(n, 1, "is still a limit");
    is_int(probe_parse_cpu_max(TEXT("50000 0\n"), &n), WEFT_EINVAL, "no period");
    is_int(probe_parse_cpu_max(TEXT("50000\n"), &n), WEFT_EINVAL, "a period left out");
}

static void cgroups(void)
{
    static const char hybrid[] =
        "9:name=systemd:/\n4:memory:/box/7\n2:cpu,cpuacct:/a/../b\n"
        "1:cpuset:/\n0::/user.slice/x\n";
    char path[32];
    uint64_t v = 0;

    is_int(probe_parse_cgroup(TEXT(hybrid), "memory", path, sizeof(path)), 0, "memory");
    is_str(path, "/box/7", "its path");
    is_int(probe_parse_cgroup(TEXT(hybrid), "", path, sizeof(path)), 0, "unified");
    is_str(path, "/user.slice/x", "its path");
    is_int(probe_parse_cgroup(TEXT(hybrid), "cpuset", path, sizeof(path)), 0, "the root");
    is_str(path, "", "is empty");
    is_int(probe_parse_cgroup(TEXT(hybrid), "cpu", path, sizeof(path)), WEFT_EINVAL,
           "a path that climbs");
    is_int(probe_parse_cgroup(TEXT(hybrid), "pids", path, sizeof(path)), WEFT_EINVAL,
           "a controller that is not there");
    is_int(probe_parse_cgroup(TEXT(hybrid), "memory", path, 6), WEFT_EINVAL, "no room");
    is_int(probe_parse_cgroup(TEXT("0::/a/..b"), "", path, sizeof(path)), 0,
           "a name that begins with dots");
    is_int(probe_parse_cgroup(TEXT("0::/a/.."), "", path, sizeof(path)), WEFT_EINVAL,
           "a climb at the end");
    is_int(probe_parse_cgroup(TEXT("0:"), "", path, sizeof(path)), WEFT_EINVAL,
           "half a line");
    is_int(probe_parse_mem_max(TEXT("max\n"), &v), 0, "no memory limit");
    ok(v == UINT64_MAX, "is the largest number");
    is_int(probe_parse_mem_max(TEXT("9223372036854771712\n"), &v), 0,
           "version 1's no limit");
    ok(v == UINT64_MAX, "is the same");
    is_int(probe_parse_mem_max(TEXT("1073741824\n"), &v), 0, "a memory limit");
    is_int(v, 1073741824, "its value");
}

static void sensors(void)
{
    int32_t mc = 5;
    uint32_t percent = 5;

    is_int(probe_parse_temp(TEXT("47500\n"), &mc), 0, "a temperature");
    is_int(mc, 47500, "its value");
    is_int(probe_parse_temp(TEXT("-20000\n"), &mc), 0, "frost");
    is_int(mc, -20000, "its value");
    is_int(probe_parse_temp(TEXT("-273000\n"), &mc), WEFT_EINVAL, "absolute zero");
    is_int(probe_parse_temp(TEXT("1000000000\n"), &mc), WEFT_EINVAL, "a million degrees");
    is_int(mc, -20000, "failures leave the output alone");
    is_int(probe_parse_percent(TEXT("100\n"), &percent), 0, "a full battery");
    is_int(percent, 100, "its value");
    is_int(probe_parse_percent(TEXT("101\n"), &percent), WEFT_EINVAL, "more than full");
}

/* Every parser on every prefix and on every one-byte change of real text: none may read
 * beyond the length given, which the sanitizers of the CI watch. */
static void hostile(void)
{
    static const char *const seeds[] = {
        "cpu  100 0 100 700 50 0 25 25 9 9\n",
        "MemTotal: 1 kB\nMemFree: 1 kB\n",
        "0-3,5\n",
        "50000 100000\n",
        "4:memory:/box\n0::/x\n",
        "0.07 0.04 0.00 1/87 5\n",
        "model name\t: x\n",
    };
    unsigned runs = 0;
    size_t i;
    size_t len;
    int bytes;

    for (i = 0; i < sizeof(seeds) / sizeof(seeds[0]); i++) {
        size_t n = strlen(seeds[i]);

        for (len = 0; len <= n; len++) {
            for (bytes = 0; bytes < 256; bytes += 5) {
                char *copy = malloc(len != 0 ? len : 1);
                struct probe_cpu_times t;
                struct probe_mem m;
                char out[8];
                uint32_t u32;
                uint64_t u64;
                int32_t i32;

                must(copy != NULL);
                memcpy(copy, seeds[i], len);
                if (len != 0) {
                    copy[len - 1] = (char) bytes;
                }
                (void) probe_parse_u64(copy, len, &u64);
                (void) probe_parse_loadavg(copy, len, &u32);
                (void) probe_parse_cpu_times(copy, len, &t);
                (void) probe_parse_meminfo(copy, len, &m);
                (void) probe_parse_uptime(copy, len, &u64);
                (void) probe_parse_field(copy, len, "model name", out, sizeof(out));
                (void) probe_parse_cpulist(copy, len, &u32);
                (void) probe_parse_cpu_max(copy, len, &u32);
                (void) probe_parse_mem_max(copy, len, &u64);
                (void) probe_parse_cgroup(copy, len, "memory", out, sizeof(out));
                (void) probe_parse_cgroup(copy, len, "", out, sizeof(out));
                (void) probe_parse_temp(copy, len, &i32);
                free(copy);
                runs++;
            }
        }
    }
    ok(runs > 1000, "%u damaged texts were survived", runs);
}

int main(void)
{
    numbers();
    load_and_uptime();
    cpu_times();
    memory();
    texts();
    cpus();
    cgroups();
    sensors();
    hostile();
    return done();
}

/* Text of /proc and /sys files, through every parser. */
#include "tests/fuzz/fuzz.h"

#include "agent/probe/parse.h"
#include "common/check.h"

#include <string.h>

static void numbers(const char *text, size_t len)
{
    uint64_t u;
    int64_t s;
    uint32_t n;
    int32_t t;

    (void) probe_parse_u64(text, len, &u);
    (void) probe_parse_s64(text, len, &s);
    (void) probe_parse_loadavg(text, len, &n);
    (void) probe_parse_uptime(text, len, &u);
    (void) probe_parse_stat_u64(text, len, "anon", &u);
    (void) probe_parse_cpulist(text, len, &n);
    (void) probe_parse_mem_max(text, len, &u);
    if (probe_parse_cpu_max(text, len, &n) == 0 && n != 0) {
        WF_CHECK(n >= 1);
    }
    if (probe_parse_percent(text, len, &n) == 0) {
        WF_CHECK(n <= 100);
    }
    if (probe_parse_temp(text, len, &t) == 0) {
        WF_CHECK(t >= -55000 && t <= 150000);
    }
}

static void records(const char *text, size_t len)
{
    struct probe_cpu_times was = {0}, now;
    struct probe_mem mem;
    uint32_t busy;

    if (probe_parse_cpu_times(text, len, &now) == 0) {
        WF_CHECK(now.busy <= now.total);
        if (probe_cpu_busy(&was, &now, &busy) == 0) {
            WF_CHECK(busy <= 1000);
        }
    }
    if (probe_parse_meminfo(text, len, &mem) == 0) {
        WF_CHECK(mem.available_bytes <= mem.total_bytes);
    }
}

static void texts(const char *text, size_t len)
{
    char line[24];

    if (probe_parse_line(text, len, line, sizeof line) == 0) {
        WF_CHECK(line[0] != '\0' && memchr(line, '\0', sizeof line) != NULL);
    }
    if (probe_parse_field(text, len, "model name", line, sizeof line) == 0) {
        WF_CHECK(memchr(line, '\0', sizeof line) != NULL);
    }
    if (probe_parse_cgroup(text, len, "", line, sizeof line) == 0) {
        WF_CHECK(memchr(line, '\0', sizeof line) != NULL && strstr(line, "/../") == NULL);
    }
    (void) probe_parse_cgroup(text, len, "memory", line, sizeof line);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
    numbers((const char *) p, len);
    records((const char *) p, len);
    texts((const char *) p, len);
    return 0;
}

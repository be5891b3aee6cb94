/* parse.h - numbers out of the text of /proc and /sys files
 *
 * Pure: text and its length in, numbers out; the text needs no terminating zero.  Every
 * function returns 0, or WEFT_EINVAL when the text does not hold what it should or holds
 * a value that cannot be true; outputs are set on success only.
 */
#ifndef AGENT_PROBE_PARSE_H
#define AGENT_PROBE_PARSE_H

#include "common/defs.h"

/* Since boot, in the kernel's ticks.  Steal counts as busy: that time was not ours. */
struct probe_cpu_times {
    uint64_t busy;
    uint64_t total;
};

struct probe_mem {
    uint64_t total_bytes;
    uint64_t available_bytes;
};

/* The whole text is one number: decimal, or hexadecimal behind 0x; white space around. */
int probe_parse_u64(const char *text, size_t len, uint64_t *ret_v);
int probe_parse_s64(const char *text, size_t len, int64_t *ret_v);

/* /proc/loadavg: the one-minute load times 100. */
int probe_parse_loadavg(const char *text, size_t len, uint32_t *ret_x100);

/* /proc/stat: the line of all CPUs together. */
int probe_parse_cpu_times(const char *text, size_t len, struct probe_cpu_times *ret);

/* Busy share between two readings, 0..1000.  WEFT_EINVAL when no time has passed or the
 * counters ran backwards, as they do after a CPU was unplugged. */
int probe_cpu_busy(const struct probe_cpu_times *was, const struct probe_cpu_times *now,
                   uint32_t *ret_permille);

/* /proc/meminfo.  Kernels before 3.14 lack MemAvailable: MemFree stands in. */
int probe_parse_meminfo(const char *text, size_t len, struct probe_mem *ret);

/* /proc/uptime in whole seconds. */
int probe_parse_uptime(const char *text, size_t len, uint64_t *ret_s);

/* Number behind `key` and blanks at the start of a line, as in memory.stat. */
int probe_parse_stat_u64(const char *text, size_t len, const char *key, uint64_t *ret_v);

/* Text behind "key:" at the start of a line, as in /proc/cpuinfo, cleaned as below. */
int probe_parse_field(const char *text, size_t len, const char *key, char *ret,
                      size_t cap);

/* First line, trimmed; runs of anything but printable ASCII become one space, and what
 * does not fit `cap` is cut.  WEFT_EINVAL when nothing is left. */
int probe_parse_line(const char *text, size_t len, char *ret, size_t cap);

/* "0-3,5": how many CPUs that names. */
int probe_parse_cpulist(const char *text, size_t len, uint32_t *ret_n);

/* A cgroup's cpu.max: thousandths of a CPU; 0 when there is no limit. */
int probe_parse_cpu_max(const char *text, size_t len, uint32_t *ret_milli);

/* Quota over period in thousandths of a CPU, at least 1. */
int probe_cpu_quota(uint64_t quota_us, uint64_t period_us, uint32_t *ret_milli);

/* A cgroup's memory.max or limit_in_bytes; UINT64_MAX when there is no limit. */
int probe_parse_mem_max(const char *text, size_t len, uint64_t *ret_bytes);

/* /proc/self/cgroup: path of this process in the hierarchy of `controller`; "" asks for
 * the unified one.  Starts with '/', has no ".." part, and is "" for the root. */
int probe_parse_cgroup(const char *text, size_t len, const char *controller, char *ret,
                       size_t cap);

/* A sensor's milli-degrees Celsius.  Broken sensors say -273 degrees or 10^9: what no
 * working chip can have (below -55 or above 150 degrees) is WEFT_EINVAL. */
int probe_parse_temp(const char *text, size_t len, int32_t *ret_mc);

/* 0..100. */
int probe_parse_percent(const char *text, size_t len, uint32_t *ret_percent);

#endif

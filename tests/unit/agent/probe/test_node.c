/* A whole probe on fixture trees: a laptop, a container of either kind of control groups,
 * a bare board; and on the machine that runs the test. */
#include "agent/probe/probe.h"

#include "common/mem.h"
#include "tests/unit/agent/probe/tree.h"

static void put_base(const char *t)
{
    tree_put(t, "proc/loadavg", "1.50 0.04 0.00 1/87 5522\n");
    tree_put(t, "proc/stat", "cpu  100 0 100 700 100 0 0 0 0 0\n");
    tree_put(t, "proc/meminfo",
             "MemTotal: 4000000 kB\nMemFree: 1 kB\nMemAvailable: 2000000 kB\n");
    tree_put(t, "proc/uptime", "1234.56 1.00\n");
    tree_put(t, "proc/cpuinfo", "processor\t: 0\nmodel name\t: Test CPU\n");
    tree_put(t, "proc/sys/kernel/osrelease", "6.1.0-test\n");
    tree_put(t, "proc/self/status", "Name:\tx\nCpus_allowed_list:\t0-7\n");
    tree_put(t, "sys/devices/system/cpu/online", "0-7\n");
}

static void laptop(void)
{
    const char *t = tree_make();
    struct probe_resources r;
    struct probe_sample s;
    struct probe *p = NULL;

    put_base(t);
    tree_put(t, "sys/class/thermal/thermal_zone0/temp", "47500\n");
    tree_put(t, "sys/class/thermal/thermal_zone1/temp", "-274000\n");
    tree_put(t, "sys/class/hwmon/hwmon0/name", "coretemp\n");
    tree_put(t, "sys/class/hwmon/hwmon0/temp1_input", "61000\n");
    tree_put(t, "sys/class/hwmon/hwmon1/name", "drivetemp\n");
    tree_put(t, "sys/class/hwmon/hwmon1/temp1_input", "99000\n");
    tree_put(t, "sys/class/power_supply/AC/type", "Mains\n");
    tree_put(t, "sys/class/power_supply/AC/online", "0\n");
    tree_put(t, "sys/class/power_supply/BAT0/type", "Battery\n");
    tree_put(t, "sys/class/power_supply/BAT0/capacity", "80\n");
    tree_put(t, "sys/class/power_supply/BAT0/status", "Discharging\n");
    tree_put(t, "sys/class/power_supply/mouse/type", "Battery\n");
    tree_put(t, "sys/class/power_supply/mouse/scope", "Device\n");
    tree_put(t, "sys/class/power_supply/mouse/capacity", "2\n");
    must(probe_open(t, t, &p, NULL) == 0);

    probe_resources(p, &r);
    is_str(r.cpu_model, "Test CPU", "CPU model");
    is_str(r.kernel, "Linux 6.1.0-test", "kernel");
    ok(r.arch[0] != '\0', "an architecture: %s", r.arch);
    is_int(r.cpus_online, 8, "CPUs online");
    is_int(r.cpu_limit_milli, 8000, "all of them may be used");
    is_int(r.memory_bytes, INT64_C(4000000) * 1024, "memory");
    ok(r.disk_total_bytes > 0 && r.disk_free_bytes <= r.disk_total_bytes, "disk");
    is_int(r.n_accels, 0, "no accelerators");

    probe_sample(p, &s);
    is_int(s.valid,
           PROBE_LOAD | PROBE_MEMORY | PROBE_DISK | PROBE_TEMP | PROBE_BATTERY |
               PROBE_POWER | PROBE_UPTIME,
           "everything but the CPU share in the first sample");
    is_int(s.load1_x100, 150, "load");
    is_int(s.memory_available_bytes, INT64_C(2000000) * 1024, "available memory");
    is_int(s.uptime_s, 1234, "uptime");
    is_int(s.temp_mc, 61000, "the hottest sane sensor, and no disk is woken for it");
    is_int(s.battery_percent, 80, "the system's battery and not the mouse's");
    is_int(s.on_battery, 1, "unplugged");

    tree_put(t, "proc/stat", "cpu  150 0 150 1100 100 0 0 0 0 0\n");
    tree_put(t, "sys/class/power_supply/AC/online", "1\n");
    tree_put(t, "sys/class/power_supply/BAT0/capacity", "900\n");
    tree_put(t, "proc/loadavg", "garbage\n");
    probe_sample(p, &s);
    is_int(s.cpu_busy_permille, 200, "100 of 500 ticks were busy");
    is_int(s.valid,
           PROBE_CPU | PROBE_MEMORY | PROBE_DISK | PROBE_TEMP | PROBE_POWER |
               PROBE_UPTIME,
           "garbage and an impossible charge are not valid");
    is_int(s.battery_percent, 0, "and read as 0");
    is_int(s.on_battery, 0, "plugged in");
    probe_close(p);
    tree_remove(t);
}

static void container_v2(void)
{
    const char *t = tree_make();
    struct probe_resources r;
    struct probe_sample s;
    struct probe *p = NULL;

    put_base(t);
    tree_put(t, "proc/self/cgroup", "0::/box/inner\n");
    tree_put(t, "sys/fs/cgroup/cgroup.controllers", "cpu memory\n");
    tree_put(t, "sys/fs/cgroup/box/cpu.max", "150000 100000\n");
    tree_put(t, "sys/fs/cgroup/box/inner/cpu.max", "max 100000\n");
    tree_put(t, "sys/fs/cgroup/box/memory.max", "1000000\n");
    tree_put(t, "sys/fs/cgroup/box/memory.current", "600000\n");
    tree_put(t, "sys/fs/cgroup/box/memory.stat", "anon 1\ninactive_file 100000\n");
    tree_put(t, "sys/fs/cgroup/box/inner/memory.max", "max\n");
    must(probe_open(t, t, &p, NULL) == 0);
    probe_resources(p, &r);
    is_int(r.cpu_limit_milli, 1500, "version 2: the limit of a group above counts");
    is_int(r.memory_bytes, 1000000, "memory too");
    probe_sample(p, &s);
    is_int(s.memory_available_bytes, 500000, "cache that can be dropped is available");
    tree_put(t, "sys/fs/cgroup/box/memory.max", "2000000\n");
    probe_resources(p, &r);
    is_int(r.memory_bytes, 2000000, "a limit that was raised is seen");
    probe_close(p);
    tree_remove(t);
}

static void container_v1(void)
{
    const char *t = tree_make();
    struct probe_resources r;
    struct probe_sample s;
    struct probe *p = NULL;

    put_base(t);
    tree_put(t, "proc/self/status", "Cpus_allowed_list:\t0,3\n");
    tree_put(t, "proc/self/cgroup", "5:cpuacct,cpu:/hidden\n4:memory:/hidden\n");
    tree_put(t, "sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
    tree_put(t, "sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    tree_put(t, "sys/fs/cgroup/memory/memory.limit_in_bytes", "3000000\n");
    tree_put(t, "sys/fs/cgroup/memory/memory.usage_in_bytes", "9000000\n");
    must(probe_open(t, t, &p, NULL) == 0);
    probe_resources(p, &r);
    is_int(r.cpu_limit_milli, 2000, "version 1: pinned to two CPUs, without a quota");
    is_int(r.memory_bytes, 3000000, "the mount's root counts when the path is hidden");
    probe_sample(p, &s);
    is_int(s.memory_available_bytes, 0, "more used than allowed leaves none");
    tree_put(t, "sys/fs/cgroup/cpu/cpu.cfs_quota_us", "50000\n");
    probe_resources(p, &r);
    is_int(r.cpu_limit_milli, 500, "a quota below the pinning");
    probe_close(p);
    tree_remove(t);
}

static void bare(void)
{
    const char *t = tree_make();
    struct wf_err err;
    struct probe_resources r;
    struct probe_sample s;
    struct probe *p = NULL;

    tree_put(t, "proc/device-tree/model", "Raspberry Pi 4 Model B");
    must(probe_open(t, t, &p, NULL) == 0);
    probe_resources(p, &r);
    is_str(r.cpu_model, "Raspberry Pi 4 Model B", "a board names itself");
    is_int(r.cpus_online, 1, "at least one CPU");
    is_int(r.memory_bytes, 0, "memory is not known");
    probe_sample(p, &s);
    is_int(s.valid, PROBE_DISK, "nothing but the disk is valid");
    probe_close(p);
    is_int(probe_open("/nonexistent", t, &p, &err), WEFT_EIO, "a root that is not there");
    is_int(probe_open(t, "/nonexistent", &p, &err), WEFT_EIO,
           "a folder that is not there");
    ok(strstr(err.text, "/nonexistent") != NULL, "the error names it: %s", err.text);
    tree_remove(t);
}

static void out_of_memory(void)
{
    const char *t = tree_make();
    struct probe *p = NULL;
    int rc = WEFT_ENOMEM;
    long n;

    put_base(t);
    for (n = 0; n < 16 && rc == WEFT_ENOMEM; n++) {
        (void) wf_mem_fail_after(n);
        rc = probe_open(t, t, &p, NULL);
        (void) wf_mem_fail_after(-1);
    }
    is_int(rc, 0, "opening works once there is memory");
    ok(n > 2, "and failed cleanly %ld times before", n - 1);
    probe_close(p);
    tree_remove(t);
}

static void this_machine(void)
{
    struct probe_resources r;
    struct probe_sample s;
    struct probe *p = NULL;

    must(probe_open("/", "/", &p, NULL) == 0);
    probe_resources(p, &r);
    ok(r.cpus_online >= 1 && r.cpu_limit_milli >= 1, "%u CPUs, limit %u/1000, %s",
       r.cpus_online, r.cpu_limit_milli, r.cpu_model);
    ok(r.memory_bytes > 0 && r.kernel[0] != '\0', "%s with %" PRIu64 " bytes", r.kernel,
       r.memory_bytes);
    probe_sample(p, &s);
    (void) wf_mem_fail_after(0);
    probe_sample(p, &s);
    is_int(wf_mem_fail_after(-1), 0, "a sample allocates nothing");
    ok((s.valid & PROBE_MEMORY) != 0 && s.memory_available_bytes <= r.memory_bytes,
       "available memory is within the total");
    probe_close(p);
    probe_close(NULL);
}

int main(void)
{
    laptop();
    container_v2();
    container_v1();
    bare();
    out_of_memory();
    this_machine();
    return done();
}

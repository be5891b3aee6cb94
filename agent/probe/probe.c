#include "agent/probe/probe.h"

#include "agent/probe/accel.h"
#include "agent/probe/cgroup.h"
#include "agent/probe/file.h"
#include "agent/probe/nvml.h"
#include "agent/probe/parse.h"
#include "agent/probe/sensors.h"
#include "common/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

/* The sampled heads of files: longer ones are cut, and what we want comes first. */
#define HEAD_MAX 1024

struct probe {
    int root;
    int folder;
    int fd_loadavg;
    int fd_stat;
    int fd_meminfo;
    int fd_uptime;
    struct probe_cpu_times times; /* of the sample before; total 0: none yet */
    struct cgroup cgroup;
    struct sensors sensors;
    struct accel_set accels;
};

/* A tree of fixtures brings its own library, or has none. */
static int open_accels(struct probe *p, const char *root)
{
    char path[PROBE_PATH_MAX];
    int n;

    if (strcmp(root, "/") == 0) {
        return accel_open(&p->accels, p->root, NVML_LIBRARY);
    }
    n = snprintf(path, sizeof(path), "%s/usr/lib/%s", root, NVML_LIBRARY);
    return accel_open(&p->accels, p->root,
                      n > 0 && (size_t) n < sizeof(path) ? path : NULL);
}

static int open_folder(const char *path, int *ret_fd, struct wf_err *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0) {
        return wf_err_set(err, WEFT_EIO, "cannot open folder %s: %s", path,
                          strerror(errno));
    }
    *ret_fd = fd;
    return 0;
}

int probe_open(const char *root, const char *folder, struct probe **ret_p,
               struct wf_err *err)
{
    struct probe *p = wf_calloc(1, sizeof(*p));
    int rc;

    if (p == NULL) {
        return wf_err_set(err, WEFT_ENOMEM, "no memory for the probe");
    }
    p->root = p->folder = -1;
    p->fd_loadavg = p->fd_stat = p->fd_meminfo = p->fd_uptime = -1;
    p->cgroup.fd_mem_used = p->cgroup.fd_mem_stat = -1;
    rc = open_folder(root, &p->root, err);
    if (rc == 0) {
        rc = open_folder(folder, &p->folder, err);
    }
    if (rc == 0 && open_accels(p, root) != 0) {
        rc = wf_err_set(err, WEFT_ENOMEM, "no memory for the list of accelerators");
    }
    if (rc != 0) {
        probe_close(p);
        return rc;
    }
    p->fd_loadavg = probe_file_open(p->root, "proc/loadavg");
    p->fd_stat = probe_file_open(p->root, "proc/stat");
    p->fd_meminfo = probe_file_open(p->root, "proc/meminfo");
    p->fd_uptime = probe_file_open(p->root, "proc/uptime");
    cgroup_open(&p->cgroup, p->root);
    sensors_open(&p->sensors, p->root);
    *ret_p = p;
    return 0;
}

void probe_close(struct probe *p)
{
    int fds[6];
    size_t i;

    if (p == NULL) {
        return;
    }
    accel_close(&p->accels);
    sensors_close(&p->sensors);
    cgroup_close(&p->cgroup);
    fds[0] = p->fd_uptime;
    fds[1] = p->fd_meminfo;
    fds[2] = p->fd_stat;
    fds[3] = p->fd_loadavg;
    fds[4] = p->folder;
    fds[5] = p->root;
    for (i = 0; i < ARRAY_LEN(fds); i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
    wf_free(p);
}

/* PCs name their processor; ARM boards name themselves in the device tree. */
static void read_cpu_model(struct probe *p, char *ret, size_t cap)
{
    char text[PROBE_FILE_MAX];
    int n = probe_file_read(p->root, text, sizeof(text), "proc/cpuinfo");

    ret[0] = '\0';
    if (n > 0 && probe_parse_field(text, (size_t) n, "model name", ret, cap) == 0) {
        return;
    }
    n = probe_file_read(p->root, text, sizeof(text), "proc/device-tree/model");
    if (n > 0) {
        (void) probe_parse_line(text, (size_t) n, ret, cap);
    }
}

static void read_kernel(struct probe *p, struct probe_resources *ret)
{
    char text[PROBE_TEXT_MAX];
    char release[PROBE_TEXT_MAX - 16];
    struct utsname u;
    int n = probe_file_read(p->root, text, sizeof(text), "proc/sys/kernel/osrelease");

    if (n > 0 && probe_parse_line(text, (size_t) n, release, sizeof(release)) == 0) {
        snprintf(ret->kernel, sizeof(ret->kernel), "Linux %s", release);
    }
    if (uname(&u) == 0) {
        (void) probe_parse_line(u.machine, strlen(u.machine), ret->arch,
                                sizeof(ret->arch));
    }
}

static void read_cpus(struct probe *p, struct probe_resources *ret)
{
    char text[PROBE_FILE_MAX];
    char list[PROBE_FILE_MAX];
    uint32_t allowed;
    int n = probe_file_read(p->root, text, sizeof(text), "sys/devices/system/cpu/online");

    if (n < 0 || probe_parse_cpulist(text, (size_t) n, &ret->cpus_online) != 0) {
        ret->cpus_online = 1;
    }
    ret->cpu_limit_milli = ret->cpus_online * 1000;
    n = probe_file_read(p->root, text, sizeof(text), "proc/self/status");
    if (n > 0 &&
        probe_parse_field(text, (size_t) n, "Cpus_allowed_list", list, sizeof(list)) ==
            0 &&
        probe_parse_cpulist(list, strlen(list), &allowed) == 0 &&
        allowed < ret->cpus_online) {
        ret->cpu_limit_milli = allowed * 1000;
    }
    if (p->cgroup.cpu_milli != 0 && p->cgroup.cpu_milli < ret->cpu_limit_milli) {
        ret->cpu_limit_milli = p->cgroup.cpu_milli;
    }
}

static int read_disk(const struct probe *p, uint64_t *ret_total, uint64_t *ret_free)
{
    struct statvfs s;

    if (fstatvfs(p->folder, &s) != 0 || s.f_frsize == 0 ||
        s.f_blocks > UINT64_MAX / s.f_frsize || s.f_bavail > s.f_blocks) {
        return WEFT_EIO;
    }
    *ret_total = (uint64_t) s.f_blocks * s.f_frsize;
    *ret_free = (uint64_t) s.f_bavail * s.f_frsize;
    return 0;
}

static int read_memory(const struct probe *p, struct probe_mem *ret)
{
    char text[HEAD_MAX];
    uint64_t left;
    int n = probe_fd_read(p->fd_meminfo, text, sizeof(text));

    if (n < 0 || probe_parse_meminfo(text, (size_t) n, ret) != 0) {
        return WEFT_EIO;
    }
    ret->total_bytes = wf_min_u64(ret->total_bytes, p->cgroup.mem_max);
    if (cgroup_mem_left(&p->cgroup, &left) == 0) {
        ret->available_bytes = wf_min_u64(ret->available_bytes, left);
    }
    return 0;
}

void probe_resources(struct probe *p, struct probe_resources *ret)
{
    struct probe_mem mem;

    memset(ret, 0, sizeof(*ret));
    read_cpu_model(p, ret->cpu_model, sizeof(ret->cpu_model));
    read_kernel(p, ret);
    /* Limits may have been changed since the probe was opened. */
    cgroup_close(&p->cgroup);
    cgroup_open(&p->cgroup, p->root);
    read_cpus(p, ret);
    if (read_memory(p, &mem) == 0) {
        ret->memory_bytes = mem.total_bytes;
    }
    (void) read_disk(p, &ret->disk_total_bytes, &ret->disk_free_bytes);
    ret->n_accels = p->accels.n;
    memcpy(ret->accels, p->accels.list, sizeof(ret->accels));
}

static void sample_cpu(struct probe *p, struct probe_sample *ret)
{
    char text[HEAD_MAX];
    struct probe_cpu_times now;
    int n = probe_fd_read(p->fd_stat, text, sizeof(text));

    if (n < 0 || probe_parse_cpu_times(text, (size_t) n, &now) != 0) {
        return;
    }
    if (p->times.total != 0 &&
        probe_cpu_busy(&p->times, &now, &ret->cpu_busy_permille) == 0) {
        ret->valid |= PROBE_CPU;
    }
    p->times = now;
}

static void sample_clocks(struct probe *p, struct probe_sample *ret)
{
    char text[HEAD_MAX];
    int n = probe_fd_read(p->fd_loadavg, text, sizeof(text));

    if (n >= 0 && probe_parse_loadavg(text, (size_t) n, &ret->load1_x100) == 0) {
        ret->valid |= PROBE_LOAD;
    }
    n = probe_fd_read(p->fd_uptime, text, sizeof(text));
    if (n >= 0 && probe_parse_uptime(text, (size_t) n, &ret->uptime_s) == 0) {
        ret->valid |= PROBE_UPTIME;
    }
}

void probe_sample(struct probe *p, struct probe_sample *ret)
{
    struct probe_mem mem;
    uint64_t disk_total;
    uint32_t i;

    memset(ret, 0, sizeof(*ret));
    sample_clocks(p, ret);
    sample_cpu(p, ret);
    if (read_memory(p, &mem) == 0) {
        ret->memory_available_bytes = mem.available_bytes;
        ret->valid |= PROBE_MEMORY;
    }
    if (read_disk(p, &disk_total, &ret->disk_free_bytes) == 0) {
        ret->valid |= PROBE_DISK;
    }
    if (sensors_temp(&p->sensors, &ret->temp_mc) == 0) {
        ret->valid |= PROBE_TEMP;
    }
    if (sensors_battery(&p->sensors, &ret->battery_percent) == 0) {
        ret->valid |= PROBE_BATTERY;
    }
    if (sensors_on_battery(&p->sensors, &ret->on_battery) == 0) {
        ret->valid |= PROBE_POWER;
    }
    ret->n_accels = p->accels.n;
    for (i = 0; i < p->accels.n; i++) {
        accel_sample(&p->accels, i, &ret->accels[i]);
    }
}

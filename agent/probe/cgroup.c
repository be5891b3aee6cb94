#include "agent/probe/cgroup.h"

#include "agent/probe/file.h"
#include "agent/probe/parse.h"
#include "client/include/weft/error.h"

#include <string.h>
#include <unistd.h>

#define LEVELS_MAX   64
#define MEM_STAT_MAX 8192

/* Where one version keeps what. */
struct layout {
    const char *mem_base;
    const char *cpu_base;
    const char *mem_controller; /* "" in the unified hierarchy */
    const char *cpu_controller;
    const char *mem_max;
    const char *mem_used;
    const char *reclaim;
};

static const struct layout v2 = {
    "sys/fs/cgroup",  "sys/fs/cgroup", "", "", "memory.max",
    "memory.current", "inactive_file",
};

static const struct layout v1 = {
    "sys/fs/cgroup/memory",
    "sys/fs/cgroup/cpu",
    "memory",
    "cpu",
    "memory.limit_in_bytes",
    "memory.usage_in_bytes",
    "total_inactive_file",
};

static int own_path(int root, const char *controller, char *ret, size_t cap)
{
    char text[PROBE_FILE_MAX];
    int n = probe_file_read(root, text, sizeof(text), "proc/self/cgroup");

    return n >= 0 ? probe_parse_cgroup(text, (size_t) n, controller, ret, cap) : n;
}

/* Cuts the last part of a path; 0 once nothing is left to cut. */
static int to_parent(char *path)
{
    char *slash = strrchr(path, '/');

    if (slash == NULL) {
        return 0;
    }
    *slash = '\0';
    return 1;
}

static uint32_t cpu_limit_at(int root, const struct layout *l, const char *path)
{
    char text[64];
    uint32_t milli = 0;
    uint64_t quota;
    uint64_t period;
    int n;

    if (l == &v2) {
        n = probe_file_read(root, text, sizeof(text), "%s%s/cpu.max", l->cpu_base, path);
        if (n < 0 || probe_parse_cpu_max(text, (size_t) n, &milli) != 0) {
            return 0;
        }
        return milli;
    }
    /* A quota of -1 means none, and is not a number here. */
    if (probe_file_u64(root, &quota, "%s%s/cpu.cfs_quota_us", l->cpu_base, path) != 0 ||
        probe_file_u64(root, &period, "%s%s/cpu.cfs_period_us", l->cpu_base, path) != 0 ||
        probe_cpu_quota(quota, period, &milli) != 0) {
        return 0;
    }
    return milli;
}

static void find_cpu_limit(struct cgroup *g, int root, const struct layout *l)
{
    char path[PROBE_PATH_MAX / 2];
    int level;

    if (own_path(root, l->cpu_controller, path, sizeof(path)) != 0) {
        path[0] = '\0';
    }
    for (level = 0; level < LEVELS_MAX; level++) {
        uint32_t milli = cpu_limit_at(root, l, path);

        if (milli != 0 && (g->cpu_milli == 0 || milli < g->cpu_milli)) {
            g->cpu_milli = milli;
        }
        if (!to_parent(path)) {
            break;
        }
    }
}

static uint64_t mem_limit_at(int root, const struct layout *l, const char *path)
{
    char text[64];
    uint64_t max;
    int n = probe_file_read(root, text, sizeof(text), "%s%s/%s", l->mem_base, path,
                            l->mem_max);

    if (n < 0 || probe_parse_mem_max(text, (size_t) n, &max) != 0) {
        return UINT64_MAX;
    }
    return max;
}

static void find_mem_limit(struct cgroup *g, int root, const struct layout *l)
{
    char path[PROBE_PATH_MAX / 2];
    char lowest[PROBE_PATH_MAX / 2];
    int level;

    if (own_path(root, l->mem_controller, path, sizeof(path)) != 0) {
        path[0] = '\0';
    }
    for (level = 0; level < LEVELS_MAX; level++) {
        uint64_t max = mem_limit_at(root, l, path);

        if (max < g->mem_max) {
            g->mem_max = max;
            memcpy(lowest, path, sizeof(path));
        }
        if (!to_parent(path)) {
            break;
        }
    }
    if (g->mem_max != UINT64_MAX) {
        g->fd_mem_used =
            probe_file_open(root, "%s%s/%s", l->mem_base, lowest, l->mem_used);
        g->fd_mem_stat = probe_file_open(root, "%s%s/memory.stat", l->mem_base, lowest);
    }
}

void cgroup_open(struct cgroup *g, int root)
{
    const struct layout *l =
        faccessat(root, "sys/fs/cgroup/cgroup.controllers", F_OK, 0) == 0 ? &v2 : &v1;

    g->cpu_milli = 0;
    g->mem_max = UINT64_MAX;
    g->fd_mem_used = -1;
    g->fd_mem_stat = -1;
    g->reclaim = l->reclaim;
    find_cpu_limit(g, root, l);
    find_mem_limit(g, root, l);
}

void cgroup_close(struct cgroup *g)
{
    if (g->fd_mem_used >= 0) {
        close(g->fd_mem_used);
    }
    if (g->fd_mem_stat >= 0) {
        close(g->fd_mem_stat);
    }
    g->fd_mem_used = -1;
    g->fd_mem_stat = -1;
}

int cgroup_mem_left(const struct cgroup *g, uint64_t *ret_bytes)
{
    char text[MEM_STAT_MAX];
    uint64_t used;
    uint64_t cache;
    int n;

    if (g->mem_max == UINT64_MAX || probe_fd_u64(g->fd_mem_used, &used) != 0) {
        return WEFT_ENOENT;
    }
    n = probe_fd_read(g->fd_mem_stat, text, sizeof(text));
    if (n > 0 && probe_parse_stat_u64(text, (size_t) n, g->reclaim, &cache) == 0) {
        used -= wf_min_u64(used, cache);
    }
    *ret_bytes = g->mem_max - wf_min_u64(used, g->mem_max);
    return 0;
}

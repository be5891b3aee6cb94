/* cgroup.h - the CPU and memory that this process's control groups leave it
 *
 * The lowest limit from the process's own group up to the root of what is mounted counts.
 * Both versions of control groups; in a container whose own path is not visible the root
 * of the mount is the container's group, and the same walk ends there.
 */
#ifndef AGENT_PROBE_CGROUP_H
#define AGENT_PROBE_CGROUP_H

#include "common/defs.h"

struct cgroup {
    uint32_t cpu_milli; /* thousandths of a CPU; 0: no limit */
    uint64_t mem_max;   /* bytes; UINT64_MAX: no limit */
    int fd_mem_used;    /* of the group with the lowest memory limit; -1: none */
    int fd_mem_stat;
    const char *reclaim; /* key in memory.stat of page cache that the kernel may drop */
};

/* Never fails: what cannot be read does not limit. */
void cgroup_open(struct cgroup *g, int root);
void cgroup_close(struct cgroup *g);

/* Memory left below the limit: page cache that can be dropped does not count as used, or
 * a node that merely reads files would look full.  WEFT_ENOENT without a limit. */
int cgroup_mem_left(const struct cgroup *g, uint64_t *ret_bytes);

#endif

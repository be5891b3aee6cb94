/* cgroup.h - a cgroup v2 folder for each run, where we may make one
 *
 * A cgroup ends a tree at a stroke (cgroup.kill) and, with the memory and pids
 * controllers delegated to us (systemd: Delegate=yes), limits it as a whole.
 * Kernels with the v1 controllers mounted offer the first without the second.
 */
#ifndef AGENT_RUNNER_CGROUP_H
#define AGENT_RUNNER_CGROUP_H

#include "common/defs.h"

#include <limits.h>
#include <stdbool.h>

struct cgroup_base {
    char path[PATH_MAX]; /* where the runs' folders go; "" when unusable */
    bool memory;         /* controllers that we may use */
    bool pids;
};

/* `choice`: "auto", "off" or a path. */
void cgroup_probe(struct cgroup_base *b, const char *choice);
void cgroup_fini(struct cgroup_base *b);

/* Make the folder of a run with its limits (0: none).  *ret_procs_fd takes "0" from a
 * process that enters, *ret_kill_fd takes "1" to end all; both owned by the caller, -1
 * when there is none.  0 or WEFT_EIO. */
int cgroup_make(const struct cgroup_base *b, uint64_t id, uint64_t mem_bytes,
                uint32_t procs, int *ret_procs_fd, int *ret_kill_fd);

/* End everything in there. */
void cgroup_kill(const struct cgroup_base *b, uint64_t id);

/* Whether the kernel's memory limit killed something in there, or its pids limit
 * refused a fork. */
bool cgroup_hit_memory(const struct cgroup_base *b, uint64_t id);
bool cgroup_hit_pids(const struct cgroup_base *b, uint64_t id);

/* Its processes are gone: remove the folder. */
void cgroup_remove(const struct cgroup_base *b, uint64_t id);

#endif

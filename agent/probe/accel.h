/* accel.h - the accelerators of a node: found once, sampled often
 *
 * NVIDIA's devices come from its management library; without it, and for all others, from
 * the PCI bus, the drm class and the device files of edge TPUs.
 */
#ifndef AGENT_PROBE_ACCEL_H
#define AGENT_PROBE_ACCEL_H

#include "agent/probe/probe.h"

struct accel_source {
    int nvml; /* its device there; -1: none */
    int fd_busy_percent;
    int fd_memory_used;
};

struct accel_set {
    struct probe_accel list[PROBE_ACCEL_MAX];
    struct accel_source sources[PROBE_ACCEL_MAX];
    uint32_t n;
    struct nvml *nvml; /* owned; NULL: none */
};

/* `nvml_library` as for dlopen(), or NULL to do without.  WEFT_ENOMEM. */
int accel_open(struct accel_set *a, int root, const char *nvml_library);
void accel_close(struct accel_set *a);

void accel_sample(const struct accel_set *a, uint32_t i, struct probe_accel_sample *ret);

#endif

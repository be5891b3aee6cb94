/* nvml.h - NVIDIA's management library, when the machine has it
 *
 * Loaded at run time and never linked, so one agent binary serves nodes with and without
 * the driver.  The few entry points used have kept their ABI since driver 270.
 */
#ifndef AGENT_PROBE_NVML_H
#define AGENT_PROBE_NVML_H

#include "common/defs.h"

#define NVML_LIBRARY     "libnvidia-ml.so.1"
#define NVML_DEVICES_MAX 16

struct nvml; /* opaque */

/* `library` as for dlopen().  WEFT_ENOENT when there is none, or no device that answers;
 * WEFT_ENOMEM. */
int nvml_open(const char *library, struct nvml **ret_n);

/* NULL is allowed. */
void nvml_close(struct nvml *n);

/* Devices that answer, 1..NVML_DEVICES_MAX. */
size_t nvml_count(const struct nvml *n);

/* All of these: 0, or WEFT_EIO when the driver does not tell. */
int nvml_name(const struct nvml *n, size_t i, char *ret, size_t cap);
int nvml_memory(const struct nvml *n, size_t i, uint64_t *ret_total, uint64_t *ret_free);
int nvml_busy(const struct nvml *n, size_t i, uint32_t *ret_permille);

#endif

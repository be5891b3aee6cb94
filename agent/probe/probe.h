/* probe.h - what a node has, and how it is doing
 *
 * Resources are facts that change seldom; a sample is telemetry.  A probe keeps the
 * kernel files of a sample open, so that one costs a read each and no allocation.  What
 * the kernel does not tell, or tells wrongly, is marked as not valid rather than guessed.
 * Units are in the names.  A probe belongs to one thread; opening one may take long where
 * a GPU driver has to be woken, sampling takes microseconds but for slow sensors.
 */
#ifndef AGENT_PROBE_PROBE_H
#define AGENT_PROBE_PROBE_H

#include "common/err.h"

#define PROBE_TEXT_MAX  96
#define PROBE_ACCEL_MAX 16

struct probe; /* opaque */

enum probe_accel_kind {
    PROBE_ACCEL_NVIDIA,
    PROBE_ACCEL_AMD,
    PROBE_ACCEL_INTEL,
    PROBE_ACCEL_TPU,
    PROBE_ACCEL_OTHER,
};

struct probe_accel {
    enum probe_accel_kind kind;
    uint32_t index;            /* among those of its kind, in the driver's or bus order */
    uint64_t memory_bytes;     /* 0: not known, or shared with the CPU */
    char name[PROBE_TEXT_MAX]; /* "vendor:device" in hex where no driver knows better */
};

struct probe_resources {
    char cpu_model[PROBE_TEXT_MAX]; /* "" where not known */
    char kernel[PROBE_TEXT_MAX];    /* "Linux 6.1.0-13-amd64" */
    char arch[PROBE_TEXT_MAX];      /* "x86_64" */
    uint32_t cpus_online;           /* at least 1 */
    uint32_t cpu_limit_milli;       /* thousandths of a CPU that this process may use */
    uint64_t memory_bytes;          /* the machine's, or the cgroup's limit where lower */
    uint64_t disk_total_bytes;      /* of the file system of the folder; 0: not known */
    uint64_t disk_free_bytes;       /* to an ordinary user */
    uint32_t n_accels;
    struct probe_accel accels[PROBE_ACCEL_MAX];
};

/* Bits of probe_sample.valid. */
enum {
    PROBE_LOAD = 1 << 0,
    PROBE_CPU = 1 << 1,
    PROBE_MEMORY = 1 << 2,
    PROBE_DISK = 1 << 3,
    PROBE_TEMP = 1 << 4,
    PROBE_BATTERY = 1 << 5,
    PROBE_POWER = 1 << 6,
    PROBE_UPTIME = 1 << 7,
};

/* Bits of probe_accel_sample.valid. */
enum {
    PROBE_ACCEL_BUSY = 1 << 0,
    PROBE_ACCEL_MEMORY = 1 << 1,
};

struct probe_accel_sample {
    uint32_t valid;
    uint32_t busy_permille;
    uint64_t memory_free_bytes;
};

/* A field means something only when its bit is set, and is 0 otherwise. */
struct probe_sample {
    uint32_t valid;
    uint32_t load1_x100;
    uint32_t cpu_busy_permille; /* since the sample before; the first has none */
    uint32_t battery_percent;
    int32_t temp_mc; /* the hottest sensor */
    int on_battery;  /* PROBE_POWER */
    uint64_t memory_available_bytes;
    uint64_t disk_free_bytes;
    uint64_t uptime_s;
    uint32_t n_accels; /* as in the resources, in the same order */
    struct probe_accel_sample accels[PROBE_ACCEL_MAX];
};

/* `root` is "/" but in tests, which give a folder with proc, sys and dev inside; `folder`
 * is the one whose disk counts (borrowed for the call).  WEFT_ENOMEM, WEFT_EIO when
 * either cannot be opened. */
int probe_open(const char *root, const char *folder, struct probe **ret_p,
               struct wf_err *err);

/* NULL is allowed. */
void probe_close(struct probe *p);

/* Never fail: what is not known is empty, zero or not valid. */
void probe_resources(struct probe *p, struct probe_resources *ret);
void probe_sample(struct probe *p, struct probe_sample *ret);

/* "nvidia", "amd", "intel", "tpu", "other".  Static. */
const char *probe_accel_kind_text(enum probe_accel_kind kind);

#endif

#include "agent/probe/accel.h"

#include "agent/probe/file.h"
#include "agent/probe/nvml.h"
#include "agent/probe/parse.h"
#include "common/mem.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PCI_VENDOR_NVIDIA 0x10de
#define PCI_VENDOR_AMD    0x1002
#define PCI_VENDOR_INTEL  0x8086
#define PCI_VENDOR_GOOGLE 0x1ae0

/* Base class, the high byte of a device's class, and class with subclass. */
#define PCI_BASE_DISPLAY     0x03
#define PCI_BASE_ACCELERATOR 0x12
#define PCI_CLASS_3D         0x0302

static enum probe_accel_kind kind_of(uint64_t vendor)
{
    switch (vendor) {
    case PCI_VENDOR_NVIDIA:
        return PROBE_ACCEL_NVIDIA;
    case PCI_VENDOR_AMD:
        return PROBE_ACCEL_AMD;
    case PCI_VENDOR_INTEL:
        return PROBE_ACCEL_INTEL;
    case PCI_VENDOR_GOOGLE:
        return PROBE_ACCEL_TPU;
    default:
        return PROBE_ACCEL_OTHER;
    }
}

/* A plain display controller of a vendor that we do not know is the frame buffer of a
 * virtual machine or of a board's remote console, and computes nothing. */
static int computes(uint64_t class, uint64_t vendor)
{
    uint64_t base = class >> 16;

    return base == PCI_BASE_ACCELERATOR || class >> 8 == PCI_CLASS_3D ||
           (base == PCI_BASE_DISPLAY && kind_of(vendor) != PROBE_ACCEL_OTHER);
}

/* The next free entry with its kind and index set, or NULL when the table is full. */
static struct probe_accel *add(struct accel_set *a, enum probe_accel_kind kind)
{
    struct probe_accel *one;
    struct accel_source *src;
    uint32_t i;

    if (a->n == PROBE_ACCEL_MAX) {
        return NULL;
    }
    one = &a->list[a->n];
    src = &a->sources[a->n];
    one->kind = kind;
    for (i = 0; i < a->n; i++) {
        one->index += a->list[i].kind == kind;
    }
    src->nvml = -1;
    src->fd_busy_percent = -1;
    src->fd_memory_used = -1;
    a->n++;
    return one;
}

static void add_nvml(struct accel_set *a)
{
    size_t i;

    for (i = 0; i < nvml_count(a->nvml); i++) {
        struct probe_accel *one = add(a, PROBE_ACCEL_NVIDIA);
        uint64_t memory_free;

        if (one == NULL) {
            break;
        }
        a->sources[a->n - 1].nvml = (int) i;
        if (nvml_name(a->nvml, i, one->name, sizeof(one->name)) != 0) {
            memcpy(one->name, "NVIDIA", sizeof("NVIDIA"));
        }
        (void) nvml_memory(a->nvml, i, &one->memory_bytes, &memory_free);
    }
}

/* Names it after what a driver calls it, or else after its PCI numbers. */
static void name_device(struct probe_accel *one, int root, const char *dir,
                        const char *slot, uint64_t vendor)
{
    char text[1024];
    uint64_t device = 0;
    int n = probe_file_read(root, text, sizeof(text), "%s/product_name", dir);

    if (n > 0 && probe_parse_line(text, (size_t) n, one->name, sizeof(one->name)) == 0) {
        return;
    }
    n = probe_file_read(root, text, sizeof(text),
                        "proc/driver/nvidia/gpus/%s/information", slot);
    if (n > 0 &&
        probe_parse_field(text, (size_t) n, "Model", one->name, sizeof(one->name)) == 0) {
        return;
    }
    (void) probe_file_u64(root, &device, "%s/device", dir);
    snprintf(one->name, sizeof(one->name), "%04x:%04x", (unsigned) (vendor & 0xffff),
             (unsigned) (device & 0xffff));
}

static void add_device(struct accel_set *a, int root, const char *dir, const char *slot,
                       uint64_t vendor)
{
    struct probe_accel *one;
    struct accel_source *src;

    if (vendor == PCI_VENDOR_NVIDIA && a->nvml != NULL) {
        return;
    }
    one = add(a, kind_of(vendor));
    if (one == NULL) {
        return;
    }
    src = &a->sources[a->n - 1];
    name_device(one, root, dir, slot, vendor);
    (void) probe_file_u64(root, &one->memory_bytes, "%s/mem_info_vram_total", dir);
    src->fd_busy_percent = probe_file_open(root, "%s/gpu_busy_percent", dir);
    src->fd_memory_used = probe_file_open(root, "%s/mem_info_vram_used", dir);
}

static void scan_pci(struct accel_set *a, int root, char (*names)[PROBE_NAME_MAX])
{
    size_t n = probe_dir_list(root, "sys/bus/pci/devices", "", names, PROBE_DIR_MAX);
    size_t i;

    for (i = 0; i < n; i++) {
        char dir[PROBE_PATH_MAX / 2];
        uint64_t class;
        uint64_t vendor;

        snprintf(dir, sizeof(dir), "sys/bus/pci/devices/%s", names[i]);
        if (probe_file_u64(root, &class, "%s/class", dir) == 0 &&
            probe_file_u64(root, &vendor, "%s/vendor", dir) == 0 &&
            computes(class, vendor)) {
            add_device(a, root, dir, names[i], vendor);
        }
    }
}

/* For containers that hide the PCI bus: there the cards of the drm class remain. */
static void scan_drm(struct accel_set *a, int root, char (*names)[PROBE_NAME_MAX])
{
    size_t n = probe_dir_list(root, "sys/class/drm", "card", names, PROBE_DIR_MAX);
    size_t i;

    for (i = 0; i < n; i++) {
        char dir[PROBE_PATH_MAX / 2];
        uint64_t vendor;

        /* "card0-HDMI-A-1" is a connector of card0. */
        if (strchr(names[i], '-') != NULL) {
            continue;
        }
        snprintf(dir, sizeof(dir), "sys/class/drm/%s/device", names[i]);
        if (probe_file_u64(root, &vendor, "%s/vendor", dir) == 0 &&
            kind_of(vendor) != PROBE_ACCEL_OTHER) {
            add_device(a, root, dir, names[i], vendor);
        }
    }
}

/* Coral edge TPUs have no PCI class of their own; their driver makes device files. */
static void scan_apex(struct accel_set *a, int root, char (*names)[PROBE_NAME_MAX])
{
    size_t n = probe_dir_list(root, "dev", "apex_", names, PROBE_ACCEL_MAX);
    size_t i;

    for (i = 0; i < n; i++) {
        struct probe_accel *one = add(a, PROBE_ACCEL_TPU);

        if (one != NULL) {
            memcpy(one->name, "Coral Edge TPU", sizeof("Coral Edge TPU"));
        }
    }
}

int accel_open(struct accel_set *a, int root, const char *nvml_library)
{
    char(*names)[PROBE_NAME_MAX];

    memset(a, 0, sizeof(*a));
    names = wf_calloc(PROBE_DIR_MAX, sizeof(*names));
    if (names == NULL ||
        (nvml_library != NULL && nvml_open(nvml_library, &a->nvml) == WEFT_ENOMEM)) {
        wf_free(names);
        return WEFT_ENOMEM;
    }
    if (a->nvml != NULL) {
        add_nvml(a);
    }
    scan_pci(a, root, names);
    if (a->n == 0) {
        scan_drm(a, root, names);
    }
    scan_apex(a, root, names);
    wf_free(names);
    return 0;
}

void accel_close(struct accel_set *a)
{
    uint32_t i;

    for (i = 0; i < a->n; i++) {
        if (a->sources[i].fd_busy_percent >= 0) {
            close(a->sources[i].fd_busy_percent);
        }
        if (a->sources[i].fd_memory_used >= 0) {
            close(a->sources[i].fd_memory_used);
        }
    }
    nvml_close(a->nvml);
    memset(a, 0, sizeof(*a));
}

static void sample_nvml(const struct accel_set *a, size_t i,
                        struct probe_accel_sample *ret)
{
    uint64_t total;

    if (nvml_busy(a->nvml, i, &ret->busy_permille) == 0) {
        ret->valid |= PROBE_ACCEL_BUSY;
    }
    if (nvml_memory(a->nvml, i, &total, &ret->memory_free_bytes) == 0) {
        ret->valid |= PROBE_ACCEL_MEMORY;
    }
}

void accel_sample(const struct accel_set *a, uint32_t i, struct probe_accel_sample *ret)
{
    const struct accel_source *src = &a->sources[i];
    uint64_t v;

    memset(ret, 0, sizeof(*ret));
    if (src->nvml >= 0) {
        sample_nvml(a, (size_t) src->nvml, ret);
        return;
    }
    if (probe_fd_u64(src->fd_busy_percent, &v) == 0 && v <= 100) {
        ret->busy_permille = (uint32_t) v * 10;
        ret->valid |= PROBE_ACCEL_BUSY;
    }
    if (a->list[i].memory_bytes != 0 && probe_fd_u64(src->fd_memory_used, &v) == 0) {
        ret->memory_free_bytes =
            a->list[i].memory_bytes - wf_min_u64(v, a->list[i].memory_bytes);
        ret->valid |= PROBE_ACCEL_MEMORY;
    }
}

const char *probe_accel_kind_text(enum probe_accel_kind kind)
{
    switch (kind) {
    case PROBE_ACCEL_NVIDIA:
        return "nvidia";
    case PROBE_ACCEL_AMD:
        return "amd";
    case PROBE_ACCEL_INTEL:
        return "intel";
    case PROBE_ACCEL_TPU:
        return "tpu";
    case PROBE_ACCEL_OTHER:
        break;
    }
    return "other";
}

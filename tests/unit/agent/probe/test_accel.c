/* Accelerators from the PCI bus, the drm class, device files and a management library
 * (the program's argument) that stands in for NVIDIA's. */
#include "agent/probe/accel.h"

#include "agent/probe/nvml.h"
#include "tests/unit/agent/probe/tree.h"

static void put_pci(const char *t, const char *slot, const char *class,
                    const char *vendor, const char *device)
{
    char path[256];

    snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/class", slot);
    tree_put(t, path, class);
    snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/vendor", slot);
    tree_put(t, path, vendor);
    snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/device", slot);
    tree_put(t, path, device);
}

static int open_root(const char *t)
{
    int fd = open(t, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    must(fd >= 0);
    return fd;
}

static void put_server(const char *t)
{
    put_pci(t, "0000:00:1f.0", "0x060100\n", "0x8086\n", "0x1\n");
    put_pci(t, "0000:02:00.0", "0x030000\n", "0x1a03\n", "0x2000\n");
    put_pci(t, "0000:82:00.0", "0x030000\n", "0x10de\n", "0x2204\n");
    put_pci(t, "0000:81:00.0", "0x030200\n", "0x10de\n", "0x20b0\n");
    put_pci(t, "0000:03:00.0", "0x038000\n", "0x1002\n", "0x740f\n");
    put_pci(t, "0000:04:00.0", "0x120000\n", "0x1e52\n", "0xfaca\n");
    tree_put(t, "proc/driver/nvidia/gpus/0000:81:00.0/information",
             "Model: \t\t NVIDIA A100\nIRQ: 1\n");
    tree_put(t, "sys/bus/pci/devices/0000:03:00.0/product_name", "Instinct MI210\n");
    tree_put(t, "sys/bus/pci/devices/0000:03:00.0/mem_info_vram_total", "64000\n");
    tree_put(t, "sys/bus/pci/devices/0000:03:00.0/mem_info_vram_used", "1000\n");
    tree_put(t, "sys/bus/pci/devices/0000:03:00.0/gpu_busy_percent", "12\n");
    tree_put(t, "dev/apex_0", "");
}

static void server(void)
{
    const char *t = tree_make();
    struct accel_set a;
    struct probe_accel_sample s;
    int root;

    put_server(t);
    root = open_root(t);
    must(accel_open(&a, root, NULL) == 0);
    is_int(a.n, 5, "a bridge and a console's frame buffer are no accelerators");
    is_str(probe_accel_kind_text(a.list[0].kind), "amd", "in the order of the bus");
    is_str(a.list[0].name, "Instinct MI210", "its driver's name");
    is_int(a.list[0].memory_bytes, 64000, "its memory");
    is_str(probe_accel_kind_text(a.list[1].kind), "other",
           "an unknown vendor's accelerator");
    is_str(a.list[1].name, "1e52:faca", "goes by its numbers");
    is_str(a.list[2].name, "NVIDIA A100",
           "NVIDIA without its library: the driver's name");
    is_int(a.list[2].index, 0, "first of its kind");
    is_str(a.list[3].name, "10de:2204", "or its numbers");
    is_int(a.list[3].index, 1, "second of its kind");
    is_str(probe_accel_kind_text(a.list[4].kind), "tpu", "an edge TPU");

    accel_sample(&a, 0, &s);
    is_int(s.valid, PROBE_ACCEL_BUSY | PROBE_ACCEL_MEMORY, "AMD's driver tells both");
    is_int(s.busy_permille, 120, "busy share");
    is_int(s.memory_free_bytes, 63000, "free memory");
    accel_sample(&a, 2, &s);
    is_int(s.valid, 0, "sysfs tells nothing of NVIDIA");
    tree_put(t, "sys/bus/pci/devices/0000:03:00.0/gpu_busy_percent", "101\n");
    tree_put(t, "sys/bus/pci/devices/0000:03:00.0/mem_info_vram_used", "99999999\n");
    accel_sample(&a, 0, &s);
    is_int(s.valid, PROBE_ACCEL_MEMORY, "busier than 100 % is dropped");
    is_int(s.memory_free_bytes, 0, "more used than there is leaves none");
    accel_close(&a);
    close(root);
    tree_remove(t);
}

static void drm_only(void)
{
    const char *t = tree_make();
    struct accel_set a;
    int root;

    tree_put(t, "sys/class/drm/card0/device/vendor", "0x8086\n");
    tree_put(t, "sys/class/drm/card0/device/device", "0x56c0\n");
    tree_put(t, "sys/class/drm/card0-HDMI-A-1/device/vendor", "0x8086\n");
    tree_put(t, "sys/class/drm/card1/device/vendor", "0x1234\n");
    root = open_root(t);
    must(accel_open(&a, root, "/nonexistent/libnvidia-ml.so.1") == 0);
    is_int(a.n, 1, "one card; connectors and frame buffers do not count");
    is_str(a.list[0].name, "8086:56c0", "its numbers");
    is_str(probe_accel_kind_text(a.list[0].kind), "intel", "its kind");
    accel_close(&a);
    close(root);
    tree_remove(t);
}

static void many(void)
{
    const char *t = tree_make();
    struct accel_set a;
    int root;
    int i;

    for (i = 0; i < 24; i++) {
        char slot[32];

        snprintf(slot, sizeof(slot), "0000:%02x:00.0", i);
        put_pci(t, slot, "0x120000\n", "0x1ae0\n", "0x27\n");
    }
    root = open_root(t);
    must(accel_open(&a, root, NULL) == 0);
    is_int(a.n, PROBE_ACCEL_MAX, "more than fit are left out");
    is_int(a.list[15].index, 15, "and the rest is numbered");
    accel_close(&a);
    close(root);
    tree_remove(t);
}

static void with_library(const char *library)
{
    const char *t = tree_make();
    struct accel_set a;
    struct probe_accel_sample s;
    int root;

    put_server(t);
    root = open_root(t);
    must(accel_open(&a, root, library) == 0);
    is_int(a.n, 5, "two by the library, three others; none twice");
    is_str(a.list[0].name, "NVIDIA A100-SXM4-80GB", "the library's name");
    is_int(a.list[0].memory_bytes, 80000, "its memory");
    is_str(a.list[1].name, "NVIDIA T4", "a device off the bus is left out");
    is_int(a.list[1].memory_bytes, 0, "memory that the library does not tell");
    accel_sample(&a, 0, &s);
    is_int(s.valid, PROBE_ACCEL_BUSY | PROBE_ACCEL_MEMORY, "the library tells both");
    is_int(s.busy_permille, 370, "busy share");
    is_int(s.memory_free_bytes, 50000, "free memory");
    accel_sample(&a, 1, &s);
    is_int(s.valid, 0, "an absurd share and a failed call are not valid");
    accel_close(&a);
    close(root);
    tree_remove(t);
}

int main(int argc, char **argv)
{
    struct nvml *n = NULL;

    server();
    drm_only();
    many();
    is_int(nvml_open("/nonexistent/libnvidia-ml.so.1", &n), WEFT_ENOENT, "no library");
    is_int(nvml_open("libc.so.6", &n), WEFT_ENOENT, "a library that is another");
    if (argc > 1) {
        with_library(argv[1]);
    }
    nvml_close(NULL);
    return done();
}

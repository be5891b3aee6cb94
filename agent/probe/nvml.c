#include "agent/probe/nvml.h"

#include "agent/probe/parse.h"
#include "client/include/weft/error.h"
#include "common/mem.h"

#include <dlfcn.h>
#include <string.h>

#define NVML_NAME_MAX 96

/* What we use of nvml.h, declared here so that building needs no CUDA.  Every function
 * returns 0 on success. */
struct nvml_memory {
    unsigned long long total;
    unsigned long long free;
    unsigned long long used;
};

struct nvml_utilization {
    unsigned int gpu; /* percent */
    unsigned int memory;
};

struct nvml {
    void *library;
    void *devices[NVML_DEVICES_MAX];
    size_t n_devices;
    int (*init)(void);
    int (*shutdown)(void);
    int (*get_count)(unsigned int *);
    int (*get_handle)(unsigned int, void **);
    int (*get_name)(void *, char *, unsigned int);
    int (*get_memory)(void *, struct nvml_memory *);
    int (*get_utilization)(void *, struct nvml_utilization *);
};

/* Copies the address, because ISO C knows no cast from data to function pointers. */
static int resolve(void *library, const char *name, void *slot)
{
    void *sym = dlsym(library, name);

    memcpy(slot, &sym, sizeof(sym));
    return sym != NULL;
}

static int resolve_all(struct nvml *n)
{
    return resolve(n->library, "nvmlInit_v2", &n->init) &&
           resolve(n->library, "nvmlShutdown", &n->shutdown) &&
           resolve(n->library, "nvmlDeviceGetCount_v2", &n->get_count) &&
           resolve(n->library, "nvmlDeviceGetHandleByIndex_v2", &n->get_handle) &&
           resolve(n->library, "nvmlDeviceGetName", &n->get_name) &&
           resolve(n->library, "nvmlDeviceGetMemoryInfo", &n->get_memory) &&
           resolve(n->library, "nvmlDeviceGetUtilizationRates", &n->get_utilization);
}

/* A GPU that fell off the bus has no handle: the others still count. */
static void find_devices(struct nvml *n)
{
    unsigned int count = 0;
    unsigned int i;

    if (n->get_count(&count) != 0) {
        return;
    }
    for (i = 0; i < count && n->n_devices < NVML_DEVICES_MAX; i++) {
        if (n->get_handle(i, &n->devices[n->n_devices]) == 0) {
            n->n_devices++;
        }
    }
}

int nvml_open(const char *library, struct nvml **ret_n)
{
    struct nvml *n = wf_calloc(1, sizeof(*n));

    if (n == NULL) {
        return WEFT_ENOMEM;
    }
    n->library = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (n->library == NULL) {
        goto fail;
    }
    if (!resolve_all(n) || n->init() != 0) {
        goto fail_library;
    }
    find_devices(n);
    if (n->n_devices == 0) {
        nvml_close(n);
        return WEFT_ENOENT;
    }
    *ret_n = n;
    return 0;

fail_library:
    dlclose(n->library);
fail:
    wf_free(n);
    return WEFT_ENOENT;
}

void nvml_close(struct nvml *n)
{
    if (n != NULL) {
        n->shutdown();
        dlclose(n->library);
        wf_free(n);
    }
}

size_t nvml_count(const struct nvml *n)
{
    return n->n_devices;
}

int nvml_name(const struct nvml *n, size_t i, char *ret, size_t cap)
{
    char name[NVML_NAME_MAX];

    if (n->get_name(n->devices[i], name, sizeof(name)) != 0) {
        return WEFT_EIO;
    }
    name[sizeof(name) - 1] = '\0';
    return probe_parse_line(name, strlen(name), ret, cap) == 0 ? 0 : WEFT_EIO;
}

int nvml_memory(const struct nvml *n, size_t i, uint64_t *ret_total, uint64_t *ret_free)
{
    struct nvml_memory m = {0};

    if (n->get_memory(n->devices[i], &m) != 0 || m.free > m.total) {
        return WEFT_EIO;
    }
    *ret_total = m.total;
    *ret_free = m.free;
    return 0;
}

int nvml_busy(const struct nvml *n, size_t i, uint32_t *ret_permille)
{
    struct nvml_utilization u = {0};

    if (n->get_utilization(n->devices[i], &u) != 0 || u.gpu > 100) {
        return WEFT_EIO;
    }
    *ret_permille = u.gpu * 10;
    return 0;
}

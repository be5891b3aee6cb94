/* Stands where NVIDIA's management library would: three devices, of which one has fallen
 * off the bus and one tells nothing but its name. */
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

struct memory {
    unsigned long long total, free, used;
};

struct utilization {
    unsigned int gpu, memory;
};

EXPORT int nvmlInit_v2(void);
EXPORT int nvmlShutdown(void);
EXPORT int nvmlDeviceGetCount_v2(unsigned int *n);
EXPORT int nvmlDeviceGetHandleByIndex_v2(unsigned int i, void **ret);
EXPORT int nvmlDeviceGetName(void *d, char *ret, unsigned int cap);
EXPORT int nvmlDeviceGetMemoryInfo(void *d, struct memory *ret);
EXPORT int nvmlDeviceGetUtilizationRates(void *d, struct utilization *ret);

static int devices[3];

int nvmlInit_v2(void)
{
    return 0;
}

int nvmlShutdown(void)
{
    return 0;
}

int nvmlDeviceGetCount_v2(unsigned int *n)
{
    *n = 3;
    return 0;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned int i, void **ret)
{
    *ret = &devices[i];
    return i == 1 ? 15 : 0;
}

int nvmlDeviceGetName(void *d, char *ret, unsigned int cap)
{
    strncpy(ret, d == &devices[0] ? "NVIDIA A100-SXM4-80GB" : "NVIDIA T4", cap - 1);
    return 0;
}

int nvmlDeviceGetMemoryInfo(void *d, struct memory *ret)
{
    ret->total = 80000;
    ret->free = 50000;
    ret->used = 30000;
    return d == &devices[0] ? 0 : 3;
}

int nvmlDeviceGetUtilizationRates(void *d, struct utilization *ret)
{
    ret->gpu = d == &devices[0] ? 37 : 4000000000u;
    ret->memory = 0;
    return 0;
}

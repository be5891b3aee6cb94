#include "tests/bench/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WARM_UP_NS 300000000u
#define FILLER     0xa5

uint64_t load_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t) t.tv_sec * 1000000000u + (uint64_t) t.tv_nsec;
}

void load_start(struct load *l, uint32_t window, double seconds)
{
    memset(l, 0, sizeof(*l));
    l->window = window;
    l->from_ns = load_now() + WARM_UP_NS;
    l->until_ns = l->from_ns + (uint64_t) (seconds * 1e9);
}

void load_stamp(uint8_t payload[LOAD_PAYLOAD])
{
    uint64_t now = load_now();

    memset(payload, FILLER, LOAD_PAYLOAD);
    memcpy(payload, &now, sizeof(now));
}

int load_done(struct load *l, uint64_t sent_ns, uint64_t now_ns)
{
    if (now_ns >= l->until_ns && l->hist.n >= l->window) {
        return 0;
    }
    if (now_ns >= l->from_ns) {
        hist_add(&l->hist, now_ns - sent_ns);
        if (now_ns > l->until_ns) {
            l->until_ns = now_ns;
        }
    }
    return 1;
}

int load_reply(struct load *l, const void *payload, size_t len)
{
    const uint8_t *p = payload;
    uint64_t sent;

    if (len != LOAD_PAYLOAD || p[LOAD_PAYLOAD - 1] != FILLER) {
        fprintf(stderr, "bench: a reply of %zu bytes is not what was sent\n", len);
        exit(1);
    }
    memcpy(&sent, p, sizeof(sent));
    return load_done(l, sent, load_now());
}

void load_print(const struct load *l, const char *bench, const char *system)
{
    double seconds = (double) (l->until_ns - l->from_ns) / 1e9;

    printf("{\"bench\":\"%s\",\"system\":\"%s\",\"window\":%u,\"per_s\":%.0f,"
           "\"p50_us\":%.1f,\"p99_us\":%.1f}\n",
           bench, system, l->window, (double) l->hist.n / seconds,
           (double) hist_quantile(&l->hist, 500) / 1e3,
           (double) hist_quantile(&l->hist, 990) / 1e3);
}

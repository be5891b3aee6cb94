#include "tests/bench/data/data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILL_BYTES (1u << 20)

void data_fail(const char *what, const char *why)
{
    fprintf(stderr, "bench: %s: %s\n", what, why);
    exit(1);
}

/* Of all threads of a process, those that ended too. */
static double cpu_of(pid_t pid)
{
    char path[64], line[1024];
    unsigned long user = 0, system = 0;
    const char *p = NULL;
    FILE *f;

    snprintf(path, sizeof path, "/proc/%d/stat", (int) pid);
    f = fopen(path, "r");
    if (f != NULL && fgets(line, sizeof line, f) != NULL) {
        p = strrchr(line, ')');
    }
    if (f != NULL) {
        fclose(f);
    }
    if (p == NULL || sscanf(p, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
                            &user, &system) != 2) {
        data_fail("no processor time in", path);
    }
    return (double) (user + system) / (double) sysconf(_SC_CLK_TCK);
}

static double cpu_of_all(const struct data_clock *c)
{
    double sum = 0;

    for (size_t i = 0; i < DATA_PROCS; i++) {
        sum += c->procs[i] != 0 ? cpu_of(c->procs[i]) : 0;
    }
    return sum;
}

void data_clock_start(struct data_clock *c)
{
    c->cpu_s = -cpu_of_all(c);
    c->from_ns = load_now();
}

void data_clock_stop(struct data_clock *c)
{
    c->seconds = (double) (load_now() - c->from_ns) / 1e9;
    c->cpu_s += cpu_of_all(c);
}

void data_print(const char *system, const struct data_clock *c, uint64_t bytes,
                const char *more)
{
    printf("{\"bench\":\"data\",\"system\":\"%s\",\"mb_per_s\":%.1f,\"cpu_s_per_gb\":%.3f"
           "%s}\n",
           system, (double) bytes / 1e6 / c->seconds, c->cpu_s * 1e9 / (double) bytes,
           more);
}

void data_print_pings(const char *system, const struct hist *h)
{
    printf("{\"bench\":\"data\",\"system\":\"%s\",\"p50_us\":%.1f,\"p99_us\":%.1f,"
           "\"pings\":%llu}\n",
           system, (double) hist_quantile(h, 500) / 1e3,
           (double) hist_quantile(h, 990) / 1e3, (unsigned long long) h->n);
}

/* xorshift64* */
static uint64_t draw(uint64_t *x)
{
    *x ^= *x >> 12;
    *x ^= *x << 25;
    *x ^= *x >> 27;
    return *x * UINT64_C(0x2545f4914f6cdd1d);
}

void data_fill(const char *path, uint64_t bytes, uint64_t seed)
{
    static uint64_t words[FILL_BYTES / 8];
    FILE *f = fopen(path, "w");
    uint64_t x = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);

    for (uint64_t left = bytes; f != NULL && left != 0;) {
        size_t n = left < FILL_BYTES ? (size_t) left : FILL_BYTES;

        for (size_t i = 0; i < (n + 7) / 8; i++) {
            words[i] = draw(&x);
        }
        if (fwrite(words, 1, n, f) != n) {
            data_fail("cannot write", path);
        }
        left -= n;
    }
    if (f == NULL || fclose(f) != 0) {
        data_fail("cannot write", path);
    }
}

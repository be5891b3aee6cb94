/* bench.h - what the programs of the benchmarks share: options, the child that does the
 * work, and the end of everything in time
 *
 *   bench-NAME SYSTEM [--window N] [--seconds S] [--mib N]
 *
 * runs one system once and prints a JSON object for each row.  The work is done in a
 * child process, so that this one can end everything in time and remove what was left.
 */
#ifndef TESTS_BENCH_BENCH_H
#define TESTS_BENCH_BENCH_H

#include "tests/bench/load.h"

#include <stddef.h>
#include <stdint.h>

/* Exit status of a program that cannot run here; meson and automake agree on it. */
#define BENCH_SKIP 77

struct bench_run {
    uint32_t window;
    double seconds;
    uint32_t mib;    /* how much data is moved, where data is */
    const char *tmp; /* scratch folder, gone when the program ends */
    struct load load;
    int printed; /* the system has printed its rows itself */
};

/* A system under test: starts its servers as processes of its own, is the client itself
 * and measures into `load`.  0, 1 after saying why on stderr, or BENCH_SKIP after saying
 * what is missing. */
typedef int bench_fn(struct bench_run *r);

struct bench_system {
    const char *name;
    bench_fn *run;
    const char *missing; /* NULL, or the package without which it was not built */
};

/* A virtual machine gets memory from its host when it first touches it, at several
 * microseconds a page, and may give back what it does not use.  What a system fills while
 * it is measured must not cost more because it came first: have so many bytes here
 * before, or a quarter of what is free. */
void bench_touch(size_t bytes);

/* `name` is that of the benchmark.  The exit status: that of the system, or 2 for options
 * that are wrong. */
int bench_main(const char *name, const struct bench_system *systems, size_t n, int argc,
               char **argv);

#endif

/* data.h - the systems that move data, and what they share
 *
 * Each moves `mib` MiB of bytes that cannot be compressed from one process to another
 * over loopback and prints its rows itself.  Processor time is that of all processes that
 * have a part in it, in seconds for each 1e9 bytes.
 */
#ifndef TESTS_BENCH_DATA_DATA_H
#define TESTS_BENCH_DATA_DATA_H

#include "tests/bench/bench.h"

#include <sys/types.h>

#define DATA_PROCS 4

bench_fn data_weft_direct, data_weft_direct_plain, data_weft_relay, data_weft_relay_plain;
bench_fn data_ping, data_ping_relay;
bench_fn data_small, data_real;
bench_fn data_raw_curve, data_tcp;

/* Wall and processor time of a transfer. */
struct data_clock {
    pid_t procs[DATA_PROCS]; /* 0: none */
    uint64_t from_ns;
    double cpu_s, seconds;
};

/* Set the processes before; those of the clock go on until after the end. */
void data_clock_start(struct data_clock *c);
void data_clock_stop(struct data_clock *c);

/* The row of a transfer; `more` is "" or further members, each with a comma before it. */
void data_print(const char *system, const struct data_clock *c, uint64_t bytes,
                const char *more);
void data_print_pings(const char *system, const struct hist *h);

/* Write bytes that cannot be compressed, other ones for another seed, to a file.  Ends
 * the process when it cannot. */
void data_fill(const char *path, uint64_t bytes, uint64_t seed);

/* Say so and end the process. */
void data_fail(const char *what, const char *why);

#endif

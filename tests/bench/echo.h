/* echo.h - what a system under test implements
 *
 * Each starts its server and its worker as processes of their own, is the client itself,
 * and measures into `load`.
 */
#ifndef TESTS_BENCH_ECHO_H
#define TESTS_BENCH_ECHO_H

#include "tests/bench/load.h"

/* Exit status of a program that cannot run here; meson and automake agree on it. */
#define ECHO_SKIP 77

struct echo {
    uint32_t window;
    double seconds;
    const char *tmp; /* scratch folder */
    struct load load;
};

/* 0, 1 after saying why on stderr, or ECHO_SKIP after saying what is missing. */
typedef int echo_fn(struct echo *e);

echo_fn echo_relay;
echo_fn echo_relay_curve;
echo_fn echo_gearman;
echo_fn echo_nats_lib;
echo_fn echo_nats_bare;
echo_fn echo_nats_tls_lib;
echo_fn echo_nats_tls_bare;
echo_fn echo_weft;
echo_fn echo_weft_worker;

#endif

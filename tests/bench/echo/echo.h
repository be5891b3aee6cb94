/* echo.h - the systems that pass echo jobs of LOAD_PAYLOAD bytes
 *
 * Each starts its server and its worker as processes of their own and is the client
 * itself.
 */
#ifndef TESTS_BENCH_ECHO_ECHO_H
#define TESTS_BENCH_ECHO_ECHO_H

#include "tests/bench/bench.h"

bench_fn echo_relay;
bench_fn echo_relay_curve;
bench_fn echo_gearman;
bench_fn echo_nats_lib;
bench_fn echo_nats_bare;
bench_fn echo_nats_tls_lib;
bench_fn echo_nats_tls_bare;
bench_fn echo_weft;
bench_fn echo_weft_worker;

#endif

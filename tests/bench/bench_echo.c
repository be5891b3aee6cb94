/* bench-echo SYSTEM [--window N] [--seconds S]: echo jobs through one system */
#include "tests/bench/echo/echo.h"

#ifdef HAVE_GEARMAN
#define GEARMAN(fn) fn, NULL
#else
#define GEARMAN(fn) NULL, "libgearman-dev"
#endif
#ifdef HAVE_LIBNATS
#define LIBNATS(fn) fn, NULL
#else
#define LIBNATS(fn) NULL, "libnats-dev"
#endif
#ifdef HAVE_OPENSSL
#define OPENSSL(fn) fn, NULL
#else
#define OPENSSL(fn) NULL, "libssl-dev"
#endif

static const struct bench_system systems[] = {
    {"relay", echo_relay, NULL},
    {"relay-curve", echo_relay_curve, NULL},
    {"gearmand", GEARMAN(echo_gearman)},
    {"nats-lib", LIBNATS(echo_nats_lib)},
    {"nats-tls-lib", LIBNATS(echo_nats_tls_lib)},
    {"nats-bare", echo_nats_bare, NULL},
    {"nats-tls-bare", OPENSSL(echo_nats_tls_bare)},
    {"weft", echo_weft, NULL},
    {"weft-worker", echo_weft_worker, NULL},
};

int main(int argc, char **argv)
{
    return bench_main("echo", systems, sizeof(systems) / sizeof(systems[0]), argc, argv);
}

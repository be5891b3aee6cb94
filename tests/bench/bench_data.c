/* bench-data SYSTEM [--mib N] [--seconds S]: bytes from one process to another */
#include "tests/bench/data/data.h"

static const struct bench_system systems[] = {
    {"weft-direct", data_weft_direct, NULL},
    {"weft-direct-plain", data_weft_direct_plain, NULL},
    {"weft-relay", data_weft_relay, NULL},
    {"weft-relay-plain", data_weft_relay_plain, NULL},
    {"raw-curve", data_raw_curve, NULL},
    {"tcp", data_tcp, NULL},
    {"ping", data_ping, NULL},
    {"ping-relay", data_ping_relay, NULL},
    {"small-files", data_small, NULL},
    {"real-files", data_real, NULL},
};

int main(int argc, char **argv)
{
    return bench_main("data", systems, sizeof systems / sizeof systems[0], argc, argv);
}

/* bench-durable SYSTEM [--window N] [--seconds S]: durable submits to one system
 *
 * The scratch folder, below $TMPDIR, must be on a disk.  weft-fast is the same as weft
 * with jobs that are kept in memory only, to tell what durability costs.
 */
#include "tests/bench/durable/durable.h"

#define TOUCH_BYTES ((size_t) 2 << 30)

#ifdef HAVE_LIBPQ
#define LIBPQ(fn) fn, NULL
#else
#define LIBPQ(fn) NULL, "libpq-dev"
#endif

static const struct bench_system systems[] = {
    {"weft", durable_weft, NULL},
    {"weft-fast", durable_weft_fast, NULL},
    {"raw", durable_raw, NULL},
    {"raw-rewrite", durable_raw_rewrite, NULL},
    {"beanstalkd", durable_beanstalkd, NULL},
    {"jetstream", durable_jetstream, NULL},
    {"postgres-each", LIBPQ(durable_postgres_each)},
    {"postgres-batch", LIBPQ(durable_postgres_batch)},
};

int main(int argc, char **argv)
{
    bench_touch(TOUCH_BYTES);
    return bench_main("durable", systems, sizeof(systems) / sizeof(systems[0]), argc,
                      argv);
}

/* bench-durable SYSTEM [--window N] [--seconds S]: durable submits to one system
 *
 * The scratch folder, below $TMPDIR, must be on a disk.  weft-fast is the same as weft
 * with jobs that are kept in memory only, to tell what durability costs.
 */
#include "tests/bench/durable.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

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

/* A virtual machine gets memory from its host when it first touches it, at several
 * microseconds a page, and may give back what it does not use.  What a system fills while
 * it is measured must not cost more because it came first: have it all here before. */
static void touch_memory(void)
{
    const long page = sysconf(_SC_PAGESIZE), free_pages = sysconf(_SC_AVPHYS_PAGES);
    size_t len = (size_t) free_pages / 4 * (size_t) page;
    uint8_t *p;

    if (len > TOUCH_BYTES) {
        len = TOUCH_BYTES;
    }
    p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) {
        return;
    }
    for (size_t i = 0; i < len; i += (size_t) page) {
        ((volatile uint8_t *) p)[i] = 1;
    }
    (void) munmap(p, len);
}

int main(int argc, char **argv)
{
    touch_memory();
    return bench_main("durable", systems, sizeof(systems) / sizeof(systems[0]), argc,
                      argv);
}

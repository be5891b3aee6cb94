/* memory.h - what each broker of the world has allocated
 *
 * The program has this in place of common/mem.c: every block of the cores is charged to
 * the account that is in use when it is made, and taken off the one in use when it is
 * freed, as large as the allocator made it.  A core steps under its own account and
 * nobody else frees its blocks, so the sums are exact.
 */
#ifndef TESTS_SIM_SCALE_MEMORY_H
#define TESTS_SIM_SCALE_MEMORY_H

#include "common/mem.h"

struct account {
    int64_t bytes;
    int64_t most;
};

/* From now on, until it is called again.  NULL: nobody's.  Returns the one before. */
struct account *memory_use(struct account *a);

#endif

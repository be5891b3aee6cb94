/* runtimes_int.h - the body of the run times, for runtimes.c and runtimes_record.c */
#ifndef BROKER_CORE_ROUTER_RUNTIMES_INT_H
#define BROKER_CORE_ROUTER_RUNTIMES_INT_H

#include "broker/core/router/cells.h"
#include "broker/core/router/runtimes.h"

struct runtimes {
    struct cells cells;
    uint32_t aged;  /* the tick goes on here */
    uint64_t count; /* of all that was ever learned */
};

#define RUN_OCTAVES  64u
#define RUN_QUARTERS 256u

/* Buckets count from 1: 0 is no size. */
static inline uint16_t run_octave(uint64_t size)
{
    return (uint16_t) (size == 0 ? 0 : 64 - __builtin_clzll(size));
}

static inline uint16_t run_quarter(uint64_t size)
{
    const unsigned log2 = size == 0 ? 0 : 63u - (unsigned) __builtin_clzll(size);
    const uint64_t next = log2 >= 2 ? size >> (log2 - 2) : size << (2 - log2);

    return (uint16_t) (size == 0 ? 0 : 4 * log2 + (next & 3) + 1);
}

#endif

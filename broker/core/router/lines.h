/* lines.h - tables of which each record stands in as few lines of the cache as it can
 *
 * Allocators begin blocks at 16 bytes beyond a line, and then every other record of half
 * a line stands in two.  Records are to divide a line, or to be some whole lines.
 */
#ifndef BROKER_CORE_ROUTER_LINES_H
#define BROKER_CORE_ROUTER_LINES_H

#include "common/mem.h"

#define LINES_BYTES 64u

/* Zeroed room for n records, or NULL; what is to be freed later is the owned
 * *ret_block. */
static inline void *lines_calloc(size_t n, size_t size, void **ret_block)
{
    const size_t more = (LINES_BYTES + size - 1) / size;
    void *block = n > SIZE_MAX - more ? NULL : wf_calloc(n + more, size);

    if (block == NULL) {
        return NULL;
    }
    *ret_block = block;
    return (void *) (((uintptr_t) block + LINES_BYTES - 1) / LINES_BYTES * LINES_BYTES);
}

#endif

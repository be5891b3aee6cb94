/* fnv.h - FNV-1a over 64 bits, for state hashes and to find candidates
 *
 * Not for tables that strangers can fill (map.h is keyed) and not for checksums.
 * Source: Fowler, Noll, Vo; draft-eastlake-fnv.  Pure; any thread.
 */
#ifndef COMMON_FNV_H
#define COMMON_FNV_H

#include "common/defs.h"

#define WF_FNV_START UINT64_C(0xcbf29ce484222325)

static inline uint64_t wf_fnv_bytes(uint64_t h, const void *p, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        h = (h ^ ((const uint8_t *) p)[i]) * UINT64_C(0x100000001b3);
    }
    return h;
}

/* A number, least significant byte first. */
static inline uint64_t wf_fnv_u64(uint64_t h, uint64_t v)
{
    for (unsigned i = 0; i < 8; i++) {
        h = (h ^ ((v >> (8 * i)) & 0xff)) * UINT64_C(0x100000001b3);
    }
    return h;
}

#endif

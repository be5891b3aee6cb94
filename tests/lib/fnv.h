/* fnv.h - a hash of what tests compare: FNV-1a over 64 bits, never 0 */
#ifndef TESTS_LIB_FNV_H
#define TESTS_LIB_FNV_H

#include <stddef.h>
#include <stdint.h>

/* `seed`: 0, or the hash of what stands before. */
static inline uint64_t fnv_hash(uint64_t seed, const void *p, size_t len)
{
    const uint8_t *b = p;
    uint64_t h = seed ^ UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < len; i++) {
        h = (h ^ b[i]) * UINT64_C(0x100000001b3);
    }
    h ^= len;
    return h != 0 ? h : 1;
}

#endif

#include "broker/store/sum.h"

#define START UINT64_C(0x9e3779b97f4a7c15)
#define ODD   UINT64_C(0xff51afd7ed558ccd)

static uint64_t mix(uint64_t h, uint64_t word)
{
    h = (h ^ word) * ODD;
    return h ^ h >> 32;
}

/* Little-endian on every machine; compilers make one load of it where they can. */
static uint64_t word8(const uint8_t *p)
{
    return (uint64_t) p[0] | (uint64_t) p[1] << 8 | (uint64_t) p[2] << 16 |
           (uint64_t) p[3] << 24 | (uint64_t) p[4] << 32 | (uint64_t) p[5] << 40 |
           (uint64_t) p[6] << 48 | (uint64_t) p[7] << 56;
}

static uint64_t add(uint64_t h, struct wf_slice s)
{
    const uint8_t *p = s.p;
    size_t left = s.len;
    uint64_t last = 0;

    for (; left >= 8; p += 8, left -= 8) {
        h = mix(h, word8(p));
    }
    for (size_t i = 0; i < left; i++) {
        last |= (uint64_t) p[i] << (8 * i);
    }
    return mix(mix(h, last), s.len);
}

uint64_t store_sum(unsigned table, struct wf_slice key, struct wf_slice value)
{
    return add(add(mix(START, table), key), value);
}

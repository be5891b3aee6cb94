#include "common/bloom.h"

static uint64_t word_of(const uint8_t *p)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < 8; i++) {
        v |= (uint64_t) p[i] << (8 * i);
    }
    return v;
}

size_t wf_bloom_bytes(size_t n, size_t most)
{
    size_t bytes = WF_BLOOM_LEAST;

    while (bytes < most && bytes * 8 / WF_BLOOM_BITS < n) {
        bytes *= 2;
    }
    return bytes < most ? bytes : most;
}

void wf_bloom_add(uint8_t *bits, size_t bytes, const uint8_t *digest)
{
    const uint64_t second = word_of(digest + 8) | 1;
    uint64_t at = word_of(digest);

    for (unsigned i = 0; i < WF_BLOOM_HASHES; i++) {
        const uint64_t bit = at % (bytes * 8);

        bits[bit / 8] |= (uint8_t) (1u << bit % 8);
        at += second;
    }
}

int wf_bloom_has(const uint8_t *bits, size_t bytes, unsigned hashes,
                 const uint8_t *digest)
{
    const uint64_t second = word_of(digest + 8) | 1;
    uint64_t at = word_of(digest);

    for (unsigned i = 0; i < hashes; i++) {
        const uint64_t bit = at % (bytes * 8);

        if ((bits[bit / 8] >> bit % 8 & 1) == 0) {
            return 0;
        }
        at += second;
    }
    return 1;
}

size_t wf_bloom_count(const uint8_t *bits, size_t bytes)
{
    size_t n = 0;

    for (size_t i = 0; i < bytes; i++) {
        for (unsigned left = bits[i]; left != 0; left &= left - 1) {
            n++;
        }
    }
    return n;
}

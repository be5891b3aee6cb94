/* The source, so that what this processor would not choose is tried, too. */
#include "proto/leaves.c"
#include "tests/lib/tap.h"

#include <string.h>

#define CHUNKS 9
#define MOST   70000u

static uint8_t bytes[CHUNKS][MOST + 1];

/* Each length is tried at addresses that are and are not aligned. */
static unsigned differ(size_t n, size_t len)
{
    const uint8_t *chunks[CHUNKS] = {NULL};
    struct wf_digest leaves[CHUNKS + 1], want;
    unsigned bad = 0;

    memset(leaves, 0x5a, sizeof leaves);
    for (size_t i = 0; i < n; i++) {
        chunks[i] = bytes[i] + i % 2;
    }
    wf_leaves(chunks, n, len, leaves);
    for (size_t i = 0; i < n; i++) {
        wf_leaf(chunks[i], len, &want);
        bad += !wf_digest_eq(&leaves[i], &want);
    }
    memset(&want, 0x5a, sizeof want);
    return bad + !wf_digest_eq(&leaves[n], &want);
}

static void test_equal(void)
{
    static const size_t len[] = {0, 1, 127, 128, 129, 255, 256, 257, 4096, 65536, MOST};
    uint32_t x = 1;

    for (size_t i = 0; i < sizeof bytes; i++) {
        x = x * 1664525 + 1013904223;
        bytes[i / sizeof bytes[0]][i % sizeof bytes[0]] = (uint8_t) (x >> 24);
    }
    for (size_t i = 0; i < ARRAY_LEN(len); i++) {
        unsigned bad = 0;

        for (size_t n = 0; n <= CHUNKS; n++) {
            bad += differ(n, len[i]);
        }
        ok(bad == 0, "chunks of %zu bytes have the leaves that each has alone", len[i]);
    }
}

static void test_differ(void)
{
    const uint8_t *chunks[4] = {bytes[0], bytes[0], bytes[0], bytes[1]};
    struct wf_digest leaves[4];

    wf_leaves(chunks, 4, 65536, leaves);
    ok(wf_digest_eq(&leaves[0], &leaves[2]), "the same bytes have the same leaf");
    ok(!wf_digest_eq(&leaves[0], &leaves[3]), "others another one");
}

#if defined(__x86_64__)

static void test_avx2(void)
{
    const uint8_t *chunks[LANES] = {bytes[0], bytes[1], bytes[2], bytes[3]};
    struct wf_digest leaves[LANES], want, *to[LANES];
    unsigned bad = 0;

    for (size_t i = 0; i < LANES; i++) {
        to[i] = &leaves[i];
    }
    for (size_t len = 65530; len < 65540 && __builtin_cpu_supports("avx2"); len++) {
        hash_avx2(chunks, len, to);
        for (size_t i = 0; i < LANES; i++) {
            wf_leaf(chunks[i], len, &want);
            bad += !wf_digest_eq(&leaves[i], &want);
        }
    }
    ok(bad == 0, "without AVX-512 they are the same");
}

#else

static void test_avx2(void)
{
}

#endif

int main(void)
{
    test_equal();
    test_avx2();
    test_differ();
    return done();
}

#include "proto/leaves.h"

#include <string.h>

#define LANES WF_LEAVES_LANES

#if defined(__x86_64__)

#define BLOCK  128u
#define WORDS  16u
#define ROUNDS 12u

typedef uint64_t lanes __attribute__((vector_size(8 * LANES)));

static const uint64_t iv[8] = {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b,
                               0xa54ff53a5f1d36f1, 0x510e527fade682d1, 0x9b05688c2b3e6c1f,
                               0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};

/* Which word of the message is whose turn; the last two rounds are the first two. */
static const uint8_t sigma[ROUNDS][WORDS] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
    {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
    {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
    {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
    {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3}};

/* Of a digest of 32 bytes, no key, no tree; the personal "weft chunk" is at its end. */
static const uint64_t parameters[8] = {0x01010020,         0,     0, 0, 0, 0,
                                       0x7568632074666577, 0x6b6e};

/* All in one function for each kind of processor.  What UBSan adds to each step would
 * take clang minutes to compile. */
#define INLINE static inline __attribute__((always_inline, no_sanitize("undefined")))

#define ALL(x) ((lanes){(x), (x), (x), (x)})

INLINE uint64_t word_at(const uint8_t *p)
{
    uint64_t word;

    memcpy(&word, p, sizeof word);
    return word;
}

/* The block at `at` of each chunk, word by word; beyond the end are zeros. */
INLINE void load(const uint8_t *const *chunks, size_t at, size_t len, lanes *m)
{
    uint8_t last[LANES][BLOCK] = {{0}};
    const uint8_t *from[LANES];

    for (size_t lane = 0; lane < LANES; lane++) {
        from[lane] = chunks[lane] + at;
        if (len - at < BLOCK) {
            memcpy(last[lane], chunks[lane] + at, len - at);
            from[lane] = last[lane];
        }
    }
    for (size_t i = 0; i < WORDS; i++) {
        m[i] = (lanes){word_at(from[0] + 8 * i), word_at(from[1] + 8 * i),
                       word_at(from[2] + 8 * i), word_at(from[3] + 8 * i)};
    }
}

#define TURN(x, n) (((x) >> (n)) | ((x) << (64 - (n))))

INLINE void mix(lanes *v, unsigned a, unsigned b, unsigned c, unsigned d, const lanes *x,
                const lanes *y)
{
    v[a] += v[b] + *x;
    v[d] = TURN(v[d] ^ v[a], 32);
    v[c] += v[d];
    v[b] = TURN(v[b] ^ v[c], 24);
    v[a] += v[b] + *y;
    v[d] = TURN(v[d] ^ v[a], 16);
    v[c] += v[d];
    v[b] = TURN(v[b] ^ v[c], 63);
}

INLINE void turn(lanes *v, const lanes *m, const uint8_t *s)
{
    mix(v, 0, 4, 8, 12, &m[s[0]], &m[s[1]]);
    mix(v, 1, 5, 9, 13, &m[s[2]], &m[s[3]]);
    mix(v, 2, 6, 10, 14, &m[s[4]], &m[s[5]]);
    mix(v, 3, 7, 11, 15, &m[s[6]], &m[s[7]]);
    mix(v, 0, 5, 10, 15, &m[s[8]], &m[s[9]]);
    mix(v, 1, 6, 11, 12, &m[s[10]], &m[s[11]]);
    mix(v, 2, 7, 8, 13, &m[s[12]], &m[s[13]]);
    mix(v, 3, 4, 9, 14, &m[s[14]], &m[s[15]]);
}

/* Unrolled, so that what stays in registers is known. */
INLINE void compress(lanes *h, const lanes *m, uint64_t count, int last)
{
    lanes v[WORDS];

    for (size_t i = 0; i < 8; i++) {
        v[i] = h[i];
        v[8 + i] = ALL(iv[i]);
    }
    v[12] ^= ALL(count);
    v[14] = last ? ~v[14] : v[14];
    turn(v, m, sigma[0]);
    turn(v, m, sigma[1]);
    turn(v, m, sigma[2]);
    turn(v, m, sigma[3]);
    turn(v, m, sigma[4]);
    turn(v, m, sigma[5]);
    turn(v, m, sigma[6]);
    turn(v, m, sigma[7]);
    turn(v, m, sigma[8]);
    turn(v, m, sigma[9]);
    turn(v, m, sigma[10]);
    turn(v, m, sigma[11]);
    for (size_t i = 0; i < 8; i++) {
        h[i] ^= v[i] ^ v[8 + i];
    }
}

INLINE void hash(const uint8_t *const *chunks, size_t len, struct wf_digest *const *ret)
{
    lanes h[8], m[WORDS] = {{0}};

    for (size_t i = 0; i < 8; i++) {
        h[i] = ALL(iv[i] ^ parameters[i]);
    }
    for (size_t at = 0; at < len; at += BLOCK) {
        const int last = len - at <= BLOCK;

        load(chunks, at, len, m);
        compress(h, m, last ? len : at + BLOCK, last);
    }
    for (size_t lane = 0; lane < LANES; lane++) {
        for (size_t i = 0; i < WF_DIGEST_SIZE / 8; i++) {
            const uint64_t word = h[i][lane];

            memcpy(ret[lane]->b + 8 * i, &word, 8);
        }
    }
}

__attribute__((target("avx512f,avx512vl"), no_sanitize("undefined"))) static void
hash_avx512(const uint8_t *const *chunks, size_t len, struct wf_digest *const *ret)
{
    hash(chunks, len, ret);
}

__attribute__((target("avx2"), no_sanitize("undefined"))) static void hash_avx2(
    const uint8_t *const *chunks, size_t len, struct wf_digest *const *ret)
{
    hash(chunks, len, ret);
}

/* 0: not on this processor. */
static int hash_lanes(const uint8_t *const *chunks, size_t len,
                      struct wf_digest *const *ret)
{
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")) {
        hash_avx512(chunks, len, ret);
    } else if (__builtin_cpu_supports("avx2")) {
        hash_avx2(chunks, len, ret);
    } else {
        return 0;
    }
    return 1;
}

#else

static int hash_lanes(const uint8_t *const *chunks, size_t len,
                      struct wf_digest *const *ret)
{
    (void) chunks;
    (void) len;
    (void) ret;
    return 0;
}

#endif

/* Lanes that are left over take the first chunk once more: two at once are faster than
 * two in a row. */
static int four(const uint8_t *const *chunks, size_t n, size_t len,
                struct wf_digest *ret_leaves)
{
    const uint8_t *from[LANES];
    struct wf_digest spare, *to[LANES];

    for (size_t i = 0; i < LANES; i++) {
        from[i] = chunks[i < n ? i : 0];
        to[i] = i < n ? &ret_leaves[i] : &spare;
    }
    return hash_lanes(from, len, to);
}

void wf_leaves(const uint8_t *const *chunks, size_t n, size_t len,
               struct wf_digest *ret_leaves)
{
    for (size_t at = 0, step; at < n; at += step) {
        step = wf_min_u64(n - at, LANES);
        if (step > 1 && len != 0 && four(chunks + at, step, len, ret_leaves + at)) {
            continue;
        }
        for (size_t i = at; i < at + step; i++) {
            wf_leaf(chunks[i], len, &ret_leaves[i]);
        }
    }
}

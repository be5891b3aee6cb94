#include "common/bloom.h"

#include "common/fnv.h"
#include "tests/lib/tap.h"

#include <string.h>

#define N 1600u

/* Spread as digests are. */
static void digest_of(unsigned i, uint8_t digest[32])
{
    uint64_t h = wf_fnv_u64(WF_FNV_START, i);

    for (unsigned k = 0; k < 32; k++) {
        h = wf_fnv_u64(h, k);
        digest[k] = (uint8_t) (h >> 40);
    }
}

static void sizes(void)
{
    is_int(wf_bloom_bytes(0, 2048), 64, "an empty set takes the least");
    is_int(wf_bloom_bytes(51, 2048), 64, "so do 51");
    is_int(wf_bloom_bytes(52, 2048), 128, "one more takes twice that");
    is_int(wf_bloom_bytes(1638, 2048), 2048, "as many as fit");
    is_int(wf_bloom_bytes(1000000, 2048), 2048, "and no more than may be");
}

static void members(void)
{
    const size_t bytes = wf_bloom_bytes(N, 2048);
    uint8_t bits[2048] = {0}, digest[32];
    unsigned missing = 0, wrong = 0;

    for (unsigned i = 0; i < N; i++) {
        digest_of(i, digest);
        wf_bloom_add(bits, bytes, digest);
    }
    for (unsigned i = 0; i < 11 * N; i++) {
        digest_of(i, digest);
        if (wf_bloom_has(bits, bytes, WF_BLOOM_HASHES, digest)) {
            wrong += i >= N;
        } else {
            missing += i < N;
        }
    }
    is_int(missing, 0, "what is in it is never missing");
    ok(wrong > 0 && wrong < 10 * N / 50,
       "one in a hundred of the others is wrong: %u of %u", wrong, 10 * N);
    ok(wf_bloom_count(bits, bytes) < bytes * 8 * 55 / 100, "half of its bits are set");
    memset(bits, 0xff, bytes);
    is_int(wf_bloom_count(bits, bytes), bytes * 8, "or all");
}

/* Numbers of the spec: docs/spec/9-gossip.md. */
static void places(void)
{
    uint8_t bits[64] = {0}, digest[32] = {1, 0, 0, 0, 0, 0, 0, 0, 2};
    unsigned set = 0;

    wf_bloom_add(bits, sizeof bits, digest);
    for (unsigned i = 0; i < 7; i++) {
        set += bits[(1 + 3 * i) / 8] >> (1 + 3 * i) % 8 & 1;
    }
    is_int(set, 7, "from the first word on, in steps of the second made odd");
    is_int(wf_bloom_count(bits, sizeof bits), 7, "and no others");
    digest[0] = 2;
    ok(!wf_bloom_has(bits, sizeof bits, WF_BLOOM_HASHES, digest), "another is not in it");
}

int main(void)
{
    sizes();
    members();
    places();
    return done();
}

/* Signatures of facts for a world of one process, in place of those of libsodium: a world
 * makes and verifies thousands, of some 60 us each.  Nobody in a world knows how these
 * are made but the cores; what real ones are worth is tested on their own. */
#include "broker/core/mesh/gossip/sign.h"

#include "common/fnv.h"

#include <string.h>

/* Spread a number over bytes. */
static void fill(uint8_t *dst, size_t len, uint64_t h)
{
    for (size_t i = 0; i < len; i++) {
        dst[i] = (uint8_t) (h >> (8 * (i % 8)));
        h = i % 8 == 7 ? wf_fnv_u64(h, i) : h;
    }
}

static uint64_t sum_of(const struct said *f, const uint8_t *public_key)
{
    uint64_t h = wf_fnv_bytes(WF_FNV_START, public_key, WF_KEY_SIZE);

    h = wf_fnv_bytes(h, f->origin.b, sizeof f->origin.b);
    h = wf_fnv_u64(wf_fnv_u64(h, f->seq), f->kind);
    h = wf_fnv_bytes(wf_fnv_u64(h, f->key.len), f->key.p, f->key.len);
    return wf_fnv_bytes(wf_fnv_u64(h, f->body.len), f->body.p, f->body.len);
}

void sign_keys(const uint8_t seed[WF_KEY_SIZE], uint8_t ret_secret[SIGN_SECRET_SIZE],
               struct wf_key *ret_public)
{
    fill(ret_public->b, sizeof ret_public->b,
         wf_fnv_bytes(WF_FNV_START, seed, WF_KEY_SIZE));
    memcpy(ret_secret, seed, WF_KEY_SIZE);
    memcpy(ret_secret + WF_KEY_SIZE, ret_public->b, WF_KEY_SIZE);
}

void sign_make(const struct said *f, const uint8_t secret[SIGN_SECRET_SIZE],
               uint8_t ret_sign[WF_SIGN_SIZE])
{
    fill(ret_sign, WF_SIGN_SIZE, sum_of(f, secret + WF_KEY_SIZE));
}

int sign_verify(const struct said *f, const struct wf_key *public_key,
                const uint8_t sign[WF_SIGN_SIZE])
{
    uint8_t own[WF_SIGN_SIZE];

    fill(own, sizeof own, sum_of(f, public_key->b));
    return memcmp(own, sign, sizeof own) == 0;
}

void sign_wipe(uint8_t *secret, size_t len)
{
    memset(secret, 0, len);
}

#include "broker/core/mesh/gossip/sign.h"

#include "common/check.h"

#include <sodium.h>
#include <string.h>

#define DOMAIN     "weft fact 1"
#define HEAD       (sizeof DOMAIN + WF_KEY_SIZE + 8 + 1 + 1 + 4)
#define SIGNED_MAX (HEAD + WF_KEY_SIZE + WF_FACT_MAX)

_Static_assert(SIGN_SECRET_SIZE == crypto_sign_SECRETKEYBYTES, "of libsodium");
_Static_assert(WF_SIGN_SIZE == crypto_sign_BYTES, "of libsodium");
_Static_assert(WF_KEY_SIZE == crypto_sign_PUBLICKEYBYTES, "of libsodium");
_Static_assert(WF_KEY_SIZE == crypto_sign_SEEDBYTES, "of libsodium");

static uint8_t *put_bytes(uint8_t *at, const void *p, size_t len)
{
    if (len != 0) {
        memcpy(at, p, len);
    }
    return at + len;
}

static uint8_t *put_number(uint8_t *at, uint64_t v, unsigned bytes)
{
    while (bytes-- > 0) {
        *at++ = (uint8_t) (v >> (8 * bytes));
    }
    return at;
}

static size_t encode(const struct said *f, uint8_t *to)
{
    uint8_t *at = put_bytes(to, DOMAIN, sizeof DOMAIN);

    WF_CHECK(f->key.len <= WF_KEY_SIZE && f->body.len <= WF_FACT_MAX);
    at = put_bytes(at, f->origin.b, sizeof f->origin.b);
    at = put_number(at, f->seq, 8);
    at = put_number(at, f->kind, 1);
    at = put_number(at, f->key.len, 1);
    at = put_bytes(at, f->key.p, f->key.len);
    at = put_number(at, f->body.len, 4);
    at = put_bytes(at, f->body.p, f->body.len);
    return (size_t) (at - to);
}

void sign_keys(const uint8_t seed[WF_KEY_SIZE], uint8_t ret_secret[SIGN_SECRET_SIZE],
               struct wf_key *ret_public)
{
    (void) crypto_sign_seed_keypair(ret_public->b, ret_secret, seed);
}

void sign_make(const struct said *f, const uint8_t secret[SIGN_SECRET_SIZE],
               uint8_t ret_sign[WF_SIGN_SIZE])
{
    uint8_t bytes[SIGNED_MAX];
    size_t len = encode(f, bytes);

    (void) crypto_sign_detached(ret_sign, NULL, bytes, len, secret);
}

int sign_verify(const struct said *f, const struct wf_key *public_key,
                const uint8_t sign[WF_SIGN_SIZE])
{
    uint8_t bytes[SIGNED_MAX];
    size_t len = encode(f, bytes);

    return crypto_sign_verify_detached(sign, bytes, len, public_key->b) == 0;
}

void sign_wipe(uint8_t *secret, size_t len)
{
    sodium_memzero(secret, len);
}

#include "agent/blob/seal_stream.h"

#include "client/include/weft/error.h"

#ifdef HAVE_LIBCRYPTO

#include <openssl/evp.h>
#include <sodium/crypto_core_hchacha20.h>
#include <sodium/crypto_secretstream_xchacha20poly1305.h>
#include <sodium/crypto_stream_chacha20.h>
#include <sodium/randombytes.h>
#include <sodium/utils.h>
#include <string.h>

#define HEADER crypto_secretstream_xchacha20poly1305_HEADERBYTES
#define FINAL  crypto_secretstream_xchacha20poly1305_TAG_FINAL
#define BLOCK  64
#define MAC    16

/* The key and nonce of a stream with this header, at its first message. */
struct first {
    uint8_t key[crypto_core_hchacha20_OUTPUTBYTES];
    uint8_t nonce[12];
};

static void first_of(struct first *f, const uint8_t *key, const uint8_t *header)
{
    (void) crypto_core_hchacha20(f->key, header, key, NULL);
    memset(f->nonce, 0, sizeof f->nonce);
    f->nonce[0] = 1;
    memcpy(f->nonce + 4, header + crypto_core_hchacha20_INPUTBYTES, 8);
}

void stream_init(struct stream *s)
{
    s->aead = EVP_CIPHER_CTX_new();
    if (s->aead != NULL &&
        EVP_CipherInit_ex(s->aead, EVP_chacha20_poly1305(), NULL, NULL, NULL, 1) != 1) {
        stream_fini(s);
    }
}

void stream_fini(struct stream *s)
{
    EVP_CIPHER_CTX_free(s->aead);
    s->aead = NULL;
}

/* Additional data, then the block with the tag. */
static int begin(EVP_CIPHER_CTX *c, const struct first *f, int seal, const void *ad,
                 size_t ad_len, const uint8_t *block, uint8_t *ret_block)
{
    int n;

    return EVP_CipherInit_ex(c, NULL, NULL, f->key, f->nonce, seal) == 1 &&
           EVP_CipherUpdate(c, NULL, &n, ad, (int) ad_len) == 1 &&
           EVP_CipherUpdate(c, ret_block, &n, block, BLOCK) == 1 && n == BLOCK;
}

static int fits(const struct stream *s, size_t len)
{
    return s->aead != NULL && len % MAC == 0 && len <= INT32_MAX;
}

int stream_push(struct stream *s, const uint8_t *key, const void *ad, size_t ad_len,
                const void *p, size_t len, uint8_t *box)
{
    uint8_t block[BLOCK] = {FINAL}, end[MAC];
    struct first f;
    int n, good;

    if (!fits(s, len)) {
        return WEFT_ESUPPORT;
    }
    randombytes_buf(box, HEADER);
    first_of(&f, key, box);
    good = begin(s->aead, &f, 1, ad, ad_len, block, block) &&
           EVP_CipherUpdate(s->aead, box + HEADER + 1, &n, p, (int) len) == 1 &&
           EVP_CipherFinal_ex(s->aead, end, &n) == 1 &&
           EVP_CIPHER_CTX_ctrl(s->aead, EVP_CTRL_AEAD_GET_TAG, MAC,
                               box + HEADER + 1 + len) == 1;
    box[HEADER] = block[0];
    sodium_memzero(&f, sizeof f);
    return good ? 0 : WEFT_ESUPPORT;
}

int stream_pull(struct stream *s, const uint8_t *key, const void *ad, size_t ad_len,
                const uint8_t *box, void *dst, size_t len)
{
    uint8_t block[BLOCK] = {0}, mac[MAC];
    struct first f;
    int n, good;

    if (!fits(s, len)) {
        return WEFT_ESUPPORT;
    }
    first_of(&f, key, box);
    memcpy(mac, box + HEADER + 1 + len, MAC);
    /* What was not kept of the block is zeros under the stream. */
    (void) crypto_stream_chacha20_ietf_xor_ic(block, block, BLOCK, f.nonce, 1, f.key);
    block[0] = box[HEADER];
    good = begin(s->aead, &f, 0, ad, ad_len, block, block) &&
           EVP_CipherUpdate(s->aead, dst, &n, box + HEADER + 1, (int) len) == 1 &&
           EVP_CIPHER_CTX_ctrl(s->aead, EVP_CTRL_AEAD_SET_TAG, MAC, mac) == 1 &&
           EVP_CipherFinal_ex(s->aead, mac, &n) == 1 && block[0] == FINAL;
    sodium_memzero(&f, sizeof f);
    return good ? 0 : WEFT_ESUPPORT;
}

#else

void stream_init(struct stream *s)
{
    s->aead = NULL;
}

void stream_fini(struct stream *s)
{
    (void) s;
}

int stream_push(struct stream *s, const uint8_t *key, const void *ad, size_t ad_len,
                const void *p, size_t len, uint8_t *box)
{
    (void) s;
    (void) key;
    (void) ad;
    (void) ad_len;
    (void) p;
    (void) len;
    (void) box;
    return WEFT_ESUPPORT;
}

int stream_pull(struct stream *s, const uint8_t *key, const void *ad, size_t ad_len,
                const uint8_t *box, void *dst, size_t len)
{
    (void) s;
    (void) key;
    (void) ad;
    (void) ad_len;
    (void) box;
    (void) dst;
    (void) len;
    return WEFT_ESUPPORT;
}

#endif

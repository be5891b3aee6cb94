#include "proto/blob.h"

static const uint8_t chunk_personal[crypto_generichash_blake2b_PERSONALBYTES] =
    "weft chunk";
static const uint8_t blob_personal[crypto_generichash_blake2b_PERSONALBYTES] =
    "weft blob";

uint32_t wf_chunk_size(uint64_t size)
{
    return size <= UINT64_C(64) << 20  ? WF_CHUNK_MIN
           : size <= UINT64_C(1) << 30 ? 256u << 10
                                       : WF_CHUNK_MAX;
}

uint64_t wf_chunk_count(uint64_t size)
{
    uint32_t chunk = wf_chunk_size(size);

    return size / chunk + (size % chunk != 0);
}

uint32_t wf_chunk_len(uint64_t size, uint64_t i)
{
    uint32_t chunk = wf_chunk_size(size);

    return (uint32_t) wf_min_u64(chunk, size - i * chunk);
}

void wf_leaf(const void *chunk, size_t len, struct wf_digest *ret_leaf)
{
    (void) crypto_generichash_blake2b_salt_personal(
        ret_leaf->b, sizeof ret_leaf->b, chunk, len, NULL, 0, NULL, chunk_personal);
}

void wf_blob_hash_init(struct wf_blob_hash *h, uint64_t size)
{
    uint8_t head[8];

    for (unsigned i = 0; i < sizeof head; i++) {
        head[i] = (uint8_t) (size >> (8 * i));
    }
    (void) crypto_generichash_blake2b_init_salt_personal(
        &h->state, NULL, 0, WF_DIGEST_SIZE, NULL, blob_personal);
    (void) crypto_generichash_blake2b_update(&h->state, head, sizeof head);
}

void wf_blob_hash_leaf(struct wf_blob_hash *h, const struct wf_digest *leaf)
{
    (void) crypto_generichash_blake2b_update(&h->state, leaf->b, sizeof leaf->b);
}

void wf_blob_hash_final(struct wf_blob_hash *h, struct wf_digest *ret_digest)
{
    (void) crypto_generichash_blake2b_final(&h->state, ret_digest->b,
                                            sizeof ret_digest->b);
}

void wf_blob_digest(uint64_t size, const struct wf_digest *leaves,
                    struct wf_digest *ret_digest)
{
    struct wf_blob_hash h;

    wf_blob_hash_init(&h, size);
    for (uint64_t i = 0; i < wf_chunk_count(size); i++) {
        wf_blob_hash_leaf(&h, &leaves[i]);
    }
    wf_blob_hash_final(&h, ret_digest);
}

void wf_blob_of(const void *p, size_t len, struct wf_digest *ret_digest)
{
    struct wf_blob_hash h;
    struct wf_digest leaf;

    wf_blob_hash_init(&h, len);
    for (uint64_t i = 0; i < wf_chunk_count(len); i++) {
        wf_leaf((const uint8_t *) p + i * wf_chunk_size(len), wf_chunk_len(len, i),
                &leaf);
        wf_blob_hash_leaf(&h, &leaf);
    }
    wf_blob_hash_final(&h, ret_digest);
}

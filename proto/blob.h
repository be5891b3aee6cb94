/* blob.h - what names a blob: the size of its chunks and the digest over them
 *
 *     leaf   = BLAKE2b-256(chunk)                     personal "weft chunk"
 *     digest = BLAKE2b-256(u64 size | leaves)         personal "weft blob"
 *
 * docs/spec/7-data.md, 7.1.  Whoever has checked the leaves of a blob verifies each chunk
 * alone.  Source of the hash: RFC 7693, from libsodium.  Pure; any thread, one object in
 * one thread at a time.
 */
#ifndef PROTO_BLOB_H
#define PROTO_BLOB_H

#include "proto/msg.h"

#include <sodium/crypto_generichash_blake2b.h>

#define WF_BLOB_MAX     (UINT64_C(1) << 40) /* bytes */
#define WF_CHUNK_MIN    (64u << 10)
#define WF_CHUNK_MAX    (1u << 20)
#define WF_CHUNKS_MAX   (1u << 20) /* of one blob */
#define WF_LEAVES_PIECE 2048u      /* leaves that fit into one piece */

/* Bytes of a chunk of a blob of `size` bytes; how many chunks it has; bytes of chunk
 * number `i`, which is below that. */
uint32_t wf_chunk_size(uint64_t size);
uint64_t wf_chunk_count(uint64_t size);
uint32_t wf_chunk_len(uint64_t size, uint64_t i);

/* The leaf of a chunk. */
void wf_leaf(const void *chunk, size_t len, struct wf_digest *ret_leaf);

/* The digest of a blob from its leaves, all of them in order. */
void wf_blob_digest(uint64_t size, const struct wf_digest *leaves,
                    struct wf_digest *ret_digest);

/* The same, leaf by leaf, for who does not keep them. */
struct wf_blob_hash {
    crypto_generichash_blake2b_state state;
};

void wf_blob_hash_init(struct wf_blob_hash *h, uint64_t size);
void wf_blob_hash_leaf(struct wf_blob_hash *h, const struct wf_digest *leaf);
void wf_blob_hash_final(struct wf_blob_hash *h, struct wf_digest *ret_digest);

/* The digest of bytes in memory. */
void wf_blob_of(const void *p, size_t len, struct wf_digest *ret_digest);

#endif

/* seal_stream.h - one message as libsodium's secretstream seals it, by a faster library
 *
 * crypto_secretstream_xchacha20poly1305 with one message, tagged final, is the AEAD of
 * RFC 8439 under a key of its own (HChaCha20 of the header) over a block that holds the
 * tag, then the message: of that block one byte is kept.  Where this was built with
 * OpenSSL's libcrypto, its AEAD takes a third of the time on a processor with AVX-512.
 * The bytes are the same: either opens what the other sealed (a test looks).
 *
 * Only for messages of a multiple of 16 bytes, since secretstream pads others in a way of
 * its own.  Whatever fails here, libsodium has the last word.
 *
 * Source: libsodium's secretstream documentation; RFC 8439, 2.8.
 */
#ifndef AGENT_BLOB_SEAL_STREAM_H
#define AGENT_BLOB_SEAL_STREAM_H

#include "common/defs.h"

struct stream {
    void *aead; /* NULL: there is none */
};

/* Where there is no memory, or no such library, all else fails. */
void stream_init(struct stream *s);
void stream_fini(struct stream *s);

/* `key` has 32 bytes, `box` len + 41.  0; WEFT_ESUPPORT. */
int stream_push(struct stream *s, const uint8_t *key, const void *ad, size_t ad_len,
                const void *p, size_t len, uint8_t *box);

/* The same way back.  0; WEFT_ESUPPORT: perhaps it is not what was sealed. */
int stream_pull(struct stream *s, const uint8_t *key, const void *ad, size_t ad_len,
                const uint8_t *box, void *dst, size_t len);

#endif

/* seal.h - chunks under the key of this node: XChaCha20-Poly1305 by sodium's secretstream
 *
 * A sealed chunk is one stream of one message: header, then ciphertext with its tag; the
 * additional data are the digest of the blob and the number of the chunk, so that none
 * passes for another.  Any order, each alone; one thread at a time.
 */
#ifndef AGENT_BLOB_SEAL_H
#define AGENT_BLOB_SEAL_H

#include "agent/blob/seal_stream.h"
#include "common/err.h"
#include "proto/blob.h"

#include <sodium/crypto_secretstream_xchacha20poly1305.h>

#define SEAL_KEY crypto_secretstream_xchacha20poly1305_KEYBYTES
#define SEAL_EXTRA                                                                       \
    (crypto_secretstream_xchacha20poly1305_HEADERBYTES +                                 \
     crypto_secretstream_xchacha20poly1305_ABYTES)
#define SEAL_NAME 17 /* text that tells keys apart, with its zero */

struct seal {
    int has_key;
    uint8_t key[SEAL_KEY];
    int has_stream; /* from the first large chunk on */
    struct stream stream;
};

/* First of all, once or more.  WEFT_EIO. */
int seal_init(void);

/* Load the key.  WEFT_ENOENT; WEFT_EKEY: others may read it, or it is no key. */
int seal_load(struct seal *s, const char *path, struct wf_err *err);

/* Make a key and its file, which must not be there. */
int seal_make(struct seal *s, const char *path, struct wf_err *err);

/* What tells keys apart, and says nothing about them. */
void seal_name(const struct seal *s, char *dst);

void seal_wipe(struct seal *s);

/* `box` has len + SEAL_EXTRA bytes. */
void seal_chunk(struct seal *s, const struct wf_digest *d, uint64_t chunk, const void *p,
                size_t len, uint8_t *box);

/* 0; WEFT_EPROTO: not what was sealed. */
int seal_open(struct seal *s, const struct wf_digest *d, uint64_t chunk,
              const uint8_t *box, size_t len, void *dst);

#endif

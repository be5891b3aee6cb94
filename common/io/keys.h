/* keys.h - CURVE key pairs, random bytes, fingerprints
 *
 * A key pair is 2 x 32 raw bytes; as text a key is 40 characters of Z85
 * (rfc.zeromq.org/spec/32).  Files are czmq certificates.  A secret file that others may
 * read is not used.
 */
#ifndef COMMON_IO_KEYS_H
#define COMMON_IO_KEYS_H

#include "common/err.h"

#define KEY_BYTES       32
#define KEY_TEXT        41 /* with the terminating zero */
#define KEY_FINGERPRINT 20 /* "4f9a-c2e1-03d7-88b0" and zero */

struct keys {
    uint8_t pub[KEY_BYTES];
    uint8_t sec[KEY_BYTES];
};

/* Once a process, before anything else here and before any zsock: readies libsodium and
 * takes czmq's hands off signals.  Idempotent.  0 or WEFT_EIO. */
int keys_init(void);

void keys_make(struct keys *k);

/* The pair that a seed of 32 bytes always gives (join tokens). */
void keys_from_seed(const uint8_t *seed, struct keys *k);

/* 32 secret bytes for another purpose, always the same for a pair and a name. */
void keys_derive(const struct keys *k, const char *purpose, uint8_t *dst);

/* Save the pair to `path` (0600) at once or not at all.  WEFT_EIO, WEFT_EEXIST: keys are
 * never overwritten. */
int keys_save(const struct keys *k, const char *path, struct wf_err *err);

/* Load a pair.  WEFT_ENOENT: no such file; WEFT_EKEY: others may read it, or it is not a
 * secret certificate. */
int keys_load(const char *path, struct keys *ret_keys, struct wf_err *err);

/* The public half as a certificate that may be handed around (0644; replaced). */
int keys_save_public(const uint8_t *pub, const char *path, struct wf_err *err);

/* Text forms of a public key. */
void keys_text(const uint8_t *pub, char *dst);        /* KEY_TEXT bytes */
void keys_fingerprint(const uint8_t *pub, char *dst); /* KEY_FINGERPRINT bytes */

/* Z85 back to 32 bytes.  WEFT_EINVAL. */
int keys_parse(const char *text, size_t len, uint8_t *ret_key);

void keys_random(void *dst, size_t len);

/* Overwrite in a way that the compiler keeps. */
void keys_wipe(void *p, size_t len);

#endif

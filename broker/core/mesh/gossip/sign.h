/* sign.h - what a broker signs when it says a fact
 *
 * Ed25519 (RFC 8032, not prehashed) over one encoding without any choice in it: the text
 * "weft fact 1" with its terminating zero, the origin's key, seq (8 bytes, most
 * significant first), kind (1), length of the key (1), the key, length of the body (4),
 * the body.  The key pair comes from a seed of 32 bytes that the owner keeps as secret as
 * its CURVE key.  Verifying takes some 60 us: callers do it last.  Pure; any thread.
 */
#ifndef BROKER_CORE_MESH_GOSSIP_SIGN_H
#define BROKER_CORE_MESH_GOSSIP_SIGN_H

#include "proto/msg.h"

#define SIGN_SECRET_SIZE 64u

/* A fact as it is signed and as it travels; all bytes are borrowed. */
struct said {
    struct wf_key origin;
    uint64_t seq;
    unsigned kind;        /* enum wf_fact_kind */
    struct wf_slice key;  /* empty or WF_KEY_SIZE */
    struct wf_slice body; /* at most WF_FACT_MAX */
};

void sign_keys(const uint8_t seed[WF_KEY_SIZE], uint8_t ret_secret[SIGN_SECRET_SIZE],
               struct wf_key *ret_public);

void sign_make(const struct said *f, const uint8_t secret[SIGN_SECRET_SIZE],
               uint8_t ret_sign[WF_SIGN_SIZE]);

/* 1 when it is the signature of the owner of that key. */
int sign_verify(const struct said *f, const struct wf_key *public_key,
                const uint8_t sign[WF_SIGN_SIZE]);

/* Overwrite a secret or a seed. */
void sign_wipe(uint8_t *secret, size_t len);

#endif

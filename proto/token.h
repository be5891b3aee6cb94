/* token.h - join tokens as text
 *
 * A token is one line, "weft1-" and base64url of a msgpack array with an 8-byte BLAKE2b
 * checksum.  It names the broker by address and public key, so that the device trusts
 * nobody on first use, and holds a seed.  The seed's CURVE key pair is what the device
 * connects with once; the broker keeps only that pair's public half, from which the seed
 * cannot be found.  docs/spec/3-identity.md.  Pure and thread-safe.
 */
#ifndef PROTO_TOKEN_H
#define PROTO_TOKEN_H

#include "common/err.h"
#include "proto/msg.h"

#define WF_TOKEN_ENDPOINTS 8
#define WF_TOKEN_SEED      32
#define WF_TOKEN_TEXT_MAX  4096

struct wf_token {
    unsigned role;              /* enum wf_role */
    unsigned tier;              /* enum wf_tier */
    char name[WF_NAME_MAX + 1]; /* empty: the device chooses */
    char site[WF_NAME_MAX + 1];
    unsigned nendpoints;
    char endpoints[WF_TOKEN_ENDPOINTS][WF_ENDPOINT_MAX + 1];
    struct wf_key broker;
    uint8_t seed[WF_TOKEN_SEED]; /* secret */
    uint64_t expires_ms;         /* wall clock; for the reader: the broker decides */
};

/* Append the text, without newline. */
int wf_token_format(const struct wf_token *t, struct wf_buf *out);

/* Read the text; surrounding white space is allowed.  WEFT_ETOKEN with what is wrong. */
int wf_token_parse(const char *text, size_t len, struct wf_token *ret_token,
                   struct wf_err *err);

/* The key pair of the token's seed: docs/spec/3-identity.md. */
void wf_token_keypair(const uint8_t seed[WF_TOKEN_SEED], struct wf_key *ret_public,
                      uint8_t ret_secret[WF_KEY_SIZE]);

#endif

/* weft/admin.h - what operators do
 *
 * All calls wait up to timeout_ms and need a context whose role is operator (WEFT_EPERM).
 */
#ifndef WEFT_ADMIN_H
#define WEFT_ADMIN_H

#include "info.h"

#ifdef __cplusplus
extern "C" {
#endif

enum weft_role {
    WEFT_ROLE_NONE,
    WEFT_ROLE_AGENT,
    WEFT_ROLE_CLIENT,
    WEFT_ROLE_OPERATOR,
    WEFT_ROLE_BROKER
};

/* Set with WEFT_TOKEN_INIT. */
struct weft_token {
    size_t size;
    enum weft_role role;
    const char *name; /* NULL: the device chooses */
    const char *site; /* NULL: the broker's */
    const char *tier; /* "edge", "onprem", "cloud"; NULL: none */
    uint64_t ttl_ms;  /* until it expires */
    const char
        *endpoint; /* where the device should connect; NULL: what the broker says */
};

#define WEFT_TOKEN_INIT                                                                  \
    {                                                                                    \
        sizeof(struct weft_token), WEFT_ROLE_AGENT, NULL, NULL, NULL, 15 * 60 * 1000,    \
            NULL                                                                         \
    }

/* Make a single-use join token.  Its secret is drawn here and never reaches the broker.
 * *ret_text is one line, to be freed with weft_free(). */
WEFT_API int weft_token_create(weft_client *client, const struct weft_token *token,
                               int timeout_ms, char **ret_text, char *why, size_t cap);

struct weft_key {
    char key[65];
    const char *role, *name, *site, *tier, *state;
    uint64_t created_ms, expires_ms, seen_ms; /* wall clock, ms since 1970; 0: never */
};

/* What logs and joins call a key, given as hex: "7d04-8079-75d0-2f03", the first digits
 * of its BLAKE2b hash.  WEFT_EINVAL: these are not 64 digits.  Thread-safe. */
#define WEFT_FINGERPRINT_TEXT 20 /* with the zero */
WEFT_API int weft_fingerprint(const char *key, char text[WEFT_FINGERPRINT_TEXT]);

/* Enrolled keys; or join tokens that are open or not long gone. */
WEFT_API int weft_keys(weft_client *client, int timeout_ms, struct weft_key **ret_rows,
                       size_t *ret_n);
WEFT_API int weft_tokens(weft_client *client, int timeout_ms, struct weft_key **ret_rows,
                         size_t *ret_n);

/* The next calls fill `why` (may be NULL) with the broker's sentence on failure. */

/* Revoke a key or an open token by name, or by hex of at least 8 digits: its live session
 * ends. */
WEFT_API int weft_key_revoke(weft_client *client, const char *key, int timeout_ms,
                             char *why, size_t cap);
WEFT_API int weft_node_drain(weft_client *client, const char *node, int timeout_ms,
                             char *why, size_t cap);
WEFT_API int weft_node_undrain(weft_client *client, const char *node, int timeout_ms,
                               char *why, size_t cap);
WEFT_API int weft_node_revoke(weft_client *client, const char *node, int timeout_ms,
                              char *why, size_t cap);

/* Set "key=value" on a node, or remove it with "key=". */
WEFT_API int weft_node_label(weft_client *client, const char *node, const char *label,
                             int timeout_ms, char *why, size_t cap);

#ifdef __cplusplus
}
#endif
#endif

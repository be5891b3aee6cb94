/* weft/context.h - named identities and where they connect
 *
 * A context is a folder below $WEFT_HOME, else $XDG_CONFIG_HOME/weft, else
 * ~/.config/weft: contexts/NAME/ holds the key pair (secret file 0600), the broker's
 * public key and addresses, and the role.  One context is selected.  Thread-safe across
 * processes.
 */
#ifndef WEFT_CONTEXT_H
#define WEFT_CONTEXT_H

#include "admin.h"

#ifdef __cplusplus
extern "C" {
#endif

struct weft_context {
    const char *name;
    const char *role;      /* "client" or "operator" */
    const char *as;        /* the name enrolled at the broker */
    const char *endpoints; /* separated by spaces */
    char key[65];          /* own public key, hex */
    char broker_key[65];
    int selected;
};

/* All contexts, by name; free with weft_rows_free(). */
WEFT_API int weft_contexts(struct weft_context **ret_rows, size_t *ret_n, char *why,
                           size_t cap);

/* Join with a token: draw a key, enrol it, store it as context `name`, select it when it
 * is the first.  Waits up to timeout_ms.  WEFT_ETOKEN, WEFT_ETOKENUSED,
 * WEFT_ETOKENEXPIRED, WEFT_ETOKENROLE (the token is for an agent), WEFT_EEXIST,
 * WEFT_EUNREACH, WEFT_EAUTH (the broker does not know the token), WEFT_EIO. */
WEFT_API int weft_context_join(const char *name, const char *token, int timeout_ms,
                               char *why, size_t cap);

WEFT_API int weft_context_select(const char *name, char *why, size_t cap);
WEFT_API int weft_context_remove(const char *name, char *why, size_t cap);

#ifdef __cplusplus
}
#endif
#endif

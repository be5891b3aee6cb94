/* identity.h - who this device is, and at which broker: a folder
 *
 *     DIR/key        own key pair, a czmq certificate (0600)
 *     DIR/identity   role, name, site, tier, public keys, the broker's addresses (ZPL)
 *
 * Made once with a join token; the private key is drawn here and never leaves.  A folder
 * is an identity once it holds `identity`, which is written last.
 */
#ifndef COMMON_IO_IDENTITY_H
#define COMMON_IO_IDENTITY_H

#include "common/conf.h"
#include "common/io/keys.h"
#include "proto/token.h"

#define IDENTITY_ENDPOINTS WF_TOKEN_ENDPOINTS

struct identity {
    char role[16];
    char name[WF_NAME_MAX + 1]; /* as enrolled */
    char site[WF_NAME_MAX + 1];
    char tier[16];
    char broker[WF_NAME_MAX + 1];
    char key[65]; /* own public key and the broker's, hex */
    char broker_key[65];
    struct wf_conf_list endpoints; /* at least one */
};

/* WEFT_ENOENT, WEFT_ECONF, WEFT_EIO. */
int identity_load(const char *dir, struct identity *ret_identity, struct wf_err *err);

/* The key pair.  WEFT_ENOENT, WEFT_EKEY. */
int identity_keys(const char *dir, struct keys *ret_keys, struct wf_err *err);

/* The broker's key as bytes; it was checked when the identity was loaded. */
void identity_broker_key(const struct identity *id, uint8_t ret_key[KEY_BYTES]);

/* Join with a token and write the folder (made if missing).  `wish` is the name when the
 * token names none; NULL: none.  Waits up to timeout_ms.  WEFT_EEXIST: the folder is an
 * identity already, or the name is taken; the others as enrol_run(), WEFT_EIO.  On
 * failure the folder holds no key. */
int identity_join(const char *dir, const struct wf_token *token, const char *wish,
                  const char *software, uint64_t timeout_ms,
                  struct identity *ret_identity, struct wf_err *err);

/* Remove the files, and the folder if nothing else is in it. */
void identity_remove(const char *dir);

#endif

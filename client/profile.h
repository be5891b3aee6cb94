/* profile.h - contexts on disk
 *
 *     HOME/current                  the name of the selected context
 *     HOME/contexts/NAME/key        own key pair (0600)
 *     HOME/contexts/NAME/context    role, name, public keys, addresses (ZPL)
 *     HOME/contexts/NAME/brokers    others that it learned of (common/io/broker_file.h)
 *
 * HOME is $WEFT_HOME, else $XDG_CONFIG_HOME/weft, else ~/.config/weft.  A context is made
 * in a temporary folder and moved into place whole, so other processes see all or nothing
 * of it.  Names follow proto/name.h, so none leaves the folder.
 */
#ifndef CLIENT_PROFILE_H
#define CLIENT_PROFILE_H

#include "common/conf.h"
#include "common/io/keys.h"
#include "proto/brokers.h"

#define PROFILE_ENDPOINTS 8
#define PROFILE_PATH      512

struct profile {
    char name[WF_NAME_MAX + 1];
    char role[16];
    char as[WF_NAME_MAX + 1];
    char key[65]; /* own public key and the broker's, hex */
    char broker_key[65];
    struct wf_conf_list endpoints;
    struct wf_conf_list brokers; /* further ones: wf_brokers_parse() */
};

/* Read one, without its secret.  `name` NULL: $WEFT_CONTEXT, else the selected one.
 * WEFT_ENOENT, WEFT_EINVAL, WEFT_ECONF, WEFT_EIO. */
int profile_load(const char *name, struct profile *ret_profile, struct wf_err *err);

/* Its key pair.  WEFT_ENOENT, WEFT_EKEY. */
int profile_keys(const struct profile *p, struct keys *ret_keys, struct wf_err *err);

/* The key as bytes.  WEFT_ECONF. */
int profile_broker_key(const struct profile *p, uint8_t ret_key[KEY_BYTES],
                       struct wf_err *err);

/* All brokers that it may turn to: its own, the further ones, those in the file.
 * WEFT_ECONF, WEFT_EINVAL, WEFT_EFULL. */
int profile_brokers(const struct profile *p, struct wf_broker_table *ret_table,
                    struct wf_err *err);

/* Its folder.  WEFT_ENOENT, WEFT_EINVAL. */
int profile_folder(const struct profile *p, char dst[PROFILE_PATH], struct wf_err *err);

/* Call `fn` with each name, in order, until it returns nonzero, which is returned. */
int profile_each(int (*fn)(const char *name, void *arg), void *arg, struct wf_err *err);

/* The selected name; empty when there is none. */
int profile_selected(char name[WF_NAME_MAX + 1], struct wf_err *err);
int profile_select(const char *name, struct wf_err *err);

/* WEFT_EEXIST when the name is taken, WEFT_EINVAL when it is not one. */
int profile_free_name(const char *name, struct wf_err *err);

/* A new context in two steps: a private folder that already holds the key; then, once the
 * broker knows the key, the rest.  Without the second, drop it. */
int profile_begin(const char *name, const struct keys *keys, char dir[PROFILE_PATH],
                  struct wf_err *err);
int profile_commit(const char *dir, const struct profile *p, struct wf_err *err);
void profile_drop(const char *dir);

int profile_remove(const char *name, struct wf_err *err);

#endif

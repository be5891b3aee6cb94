/* identity.h - who an agent is, as kept in its state folder
 *
 *     STATE/key        own key pair, drawn here (0600)
 *     STATE/identity   name, site, tier, the broker's key and addresses (ZPL)
 *     STATE/brokers    others that it learned of (broker_file.h)
 *
 * The key is written before the node asks to be enrolled, the rest when it was: a key
 * without an identity is an enrolment that did not come to its end.
 */
#ifndef COMMON_IO_IDENTITY_H
#define COMMON_IO_IDENTITY_H

#include "common/conf.h"
#include "common/io/keys.h"
#include "proto/brokers.h"
#include "proto/limits.h"

#define IDENTITY_ENDPOINTS 8
#define IDENTITY_HEX       (2 * KEY_BYTES + 1)

struct identity {
    char name[WF_NAME_MAX + 1], site[WF_NAME_MAX + 1], tier[16];
    char broker[WF_NAME_MAX + 1];
    char broker_key[IDENTITY_HEX];
    uint8_t broker_pub[KEY_BYTES]; /* the same, raw; not in the file */
    char token[IDENTITY_HEX];      /* public key of the token that it joined with */
    struct wf_conf_list endpoints;
    struct keys keys; /* not in this file */
};

/* 0; WEFT_ENOENT: not enrolled; WEFT_EKEY: the key cannot be used; WEFT_ECONF, WEFT_EIO.
 */
int identity_load(const char *state, struct identity *ret_id, struct wf_err *err);

/* All but the key pair. */
int identity_save(const char *state, const struct identity *id, struct wf_err *err);

/* The broker that it joined at, then those of configuration lines (wf_brokers_parse();
 * `lines` may be NULL), then those in the file.  WEFT_EINVAL, WEFT_EFULL: a line. */
int identity_brokers(const struct identity *id, const char *state,
                     const struct wf_conf_list *lines, struct wf_broker_table *ret_table,
                     struct wf_err *err);

/* Load the key pair; where there is none, draw one and save it (*ret_fresh).  WEFT_EKEY,
 * WEFT_EIO. */
int identity_key(const char *state, struct keys *ret_keys, int *ret_fresh,
                 struct wf_err *err);

/* Give a file that root wrote into the folder of another user, the agent's, to that user.
 * WEFT_EIO. */
int identity_adopt(const char *state, const char *file, struct wf_err *err);

/* Forget all of it.  WEFT_ENOENT: there is neither. */
int identity_remove(const char *state, struct wf_err *err);

#endif

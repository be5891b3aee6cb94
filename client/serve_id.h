/* serve_id.h - the identity of an agent, as `weft-agent join` left it
 *
 *     STATE/key        own key pair (0600)
 *     STATE/identity   name, the broker's key and addresses (ZPL)
 *
 * Read here, never written.
 */
#ifndef CLIENT_SERVE_ID_H
#define CLIENT_SERVE_ID_H

#include "common/conf.h"
#include "common/io/keys.h"
#include "proto/limits.h"

struct serve_id {
    char name[WF_NAME_MAX + 1], site[WF_NAME_MAX + 1], tier[16];
    char broker[WF_NAME_MAX + 1];
    char broker_key[65]; /* hex */
    char token[65];
    struct wf_conf_list endpoints;
    struct keys keys;
    uint8_t broker_pub[KEY_BYTES];
};

/* WEFT_ENOENT: not enrolled; WEFT_EKEY, WEFT_ECONF, WEFT_EIO. */
int serve_id_load(const char *state, struct serve_id *ret_id, struct wf_err *err);

#endif

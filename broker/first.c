#include "broker/first.h"

#include "common/failpoint.h"
#include "common/io/file.h"
#include "common/io/loop.h"
#include "common/str.h"
#include "proto/token.h"
#include "proto/words.h"

#include <stdio.h>
#include <string.h>

#define OPERATOR_TTL_MS (24ull * 3600 * 1000)

int first_keys(const char *state, struct keys *ret_keys, const struct log_sink *log,
               struct wf_err *err)
{
    char path[512], pub[512], fingerprint[KEY_FINGERPRINT];
    int rc;

    (void) snprintf(path, sizeof path, "%s/broker.key", state);
    (void) snprintf(pub, sizeof pub, "%s/broker.pub", state);
    rc = keys_load(path, ret_keys, err);
    if (rc != WEFT_ENOENT) {
        return rc;
    }
    keys_make(ret_keys);
    WF_FAILPOINT("first.key.before");
    rc = keys_save(ret_keys, path, err);
    WF_FAILPOINT("first.key.after");
    if (rc == 0) {
        rc = keys_save_public(ret_keys->pub, pub, err);
    }
    if (rc == 0) {
        keys_fingerprint(ret_keys->pub, fingerprint);
        log_info(log, "broker", "keys-made", "path=%s key=%s", path, fingerprint);
    }
    return rc;
}

int first_operator(const struct config *cfg, struct core *core, const uint8_t *pub,
                   const struct log_sink *log, struct wf_effects *out, struct wf_err *err)
{
    struct wf_token token = {.role = WF_ROLE_OPERATOR,
                             .expires_ms = wf_wall_ms() + OPERATOR_TTL_MS};
    struct wf_buf text = WF_BUF_INIT(WF_TOKEN_TEXT_MAX);
    uint8_t secret[WF_KEY_SIZE];
    struct wf_key key;
    char path[512], number[16];
    int rc;

    keys_random(token.seed, sizeof token.seed);
    keys_random(number, 4);
    memcpy(token.broker.b, pub, sizeof token.broker.b);
    (void) snprintf(token.name, sizeof token.name, "operator-%02x%02x",
                    (unsigned char) number[0], (unsigned char) number[1]);
    for (unsigned i = 0; i < core_endpoints(core) && i < WF_TOKEN_ENDPOINTS; i++) {
        (void) wf_str_copy(token.endpoints[token.nendpoints++], sizeof token.endpoints[0],
                           core_endpoint(core, i));
    }
    wf_token_keypair(token.seed, &key, secret);
    rc = core_put_token(core, &key, WF_ROLE_OPERATOR, token.name, token.expires_ms, out);
    if (rc != 0) {
        return wf_err_set(err, rc, "cannot register the operator's token");
    }
    (void) snprintf(path, sizeof path, "%s/operator.token", cfg->state);
    rc = wf_token_format(&token, &text);
    if (rc == 0) {
        rc = wf_buf_put(&text, "\n", 1);
    }
    WF_FAILPOINT("first.token.before");
    if (rc == 0) {
        rc = file_write(path, text.p, text.len, 0600, err);
    }
    WF_FAILPOINT("first.token.after");
    if (rc == 0) {
        log_warn(log, "broker", "no-operator",
                 "text=\"make an operator context within 24 h: weft ctx add NAME "
                 "%s\"",
                 path);
    }
    keys_wipe(&token, sizeof token);
    keys_wipe(secret, sizeof secret);
    if (text.p != NULL) {
        keys_wipe(text.p, text.len);
    }
    wf_buf_fini(&text);
    return rc;
}

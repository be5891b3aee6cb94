#include "client/include/weft/admin.h"

#include "client/ask.h"
#include "common/io/keys.h"
#include "common/mem.h"
#include "common/str.h"
#include "proto/name.h"
#include "proto/token.h"
#include "proto/words.h"

#include <string.h>

_Static_assert(WEFT_FINGERPRINT_TEXT == KEY_FINGERPRINT, "one text of fingerprints");

int weft_fingerprint(const char *key, char text[WEFT_FINGERPRINT_TEXT])
{
    uint8_t pub[KEY_BYTES];
    size_t len = 0;

    if (key == NULL || wf_unhex(pub, sizeof pub, key, &len) != 0 || len != sizeof pub) {
        return WEFT_EINVAL;
    }
    keys_fingerprint(pub, text);
    return 0;
}

/* -- tokens ------------------------------------------------------------------------- */

static int is_name_or_none(const char *s)
{
    struct wf_slice x = wf_slice_of(s);

    return x.len == 0 || wf_name_ok(x);
}

/* What is wrong with it; NULL: nothing. */
static const char *token_fault(const struct weft_token *w)
{
    if ((unsigned) w->role < WEFT_ROLE_AGENT || (unsigned) w->role > WEFT_ROLE_BROKER) {
        return "a token needs a role";
    }
    if (w->tier != NULL && wf_tier_parse(w->tier) < 0) {
        return "a token's tier is edge, onprem or cloud";
    }
    if (!is_name_or_none(w->name)) {
        return "a token's name is of a-z 0-9 . _ -, at most 63, a letter or digit first";
    }
    if (!is_name_or_none(w->site)) {
        return "a token's site is of a-z 0-9 . _ -, at most 63, a letter or digit first";
    }
    if (w->ttl_ms == 0) {
        return "a token needs a time to live";
    }
    if (w->endpoint != NULL && !wf_endpoint_ok(w->endpoint, 0)) {
        return "a token's endpoint is tcp://HOST:PORT";
    }
    return NULL;
}

/* The token as its text will say it, with a fresh seed. */
static int plan_token(const struct weft_token *given, const struct ask *how,
                      struct weft_token *w, struct wf_token *t)
{
    const char *fault;

    if (given == NULL || given->size < offsetof(struct weft_token, name) ||
        given->size > sizeof *w) {
        return ask_fail(how, WEFT_EINVAL, "a token is set with WEFT_TOKEN_INIT");
    }
    memcpy(w, given, given->size);
    fault = token_fault(w);
    if (fault != NULL) {
        return ask_fail(how, WEFT_EINVAL, fault);
    }
    memset(t, 0, sizeof *t);
    t->role = (unsigned) w->role;
    t->tier = w->tier != NULL ? (unsigned) wf_tier_parse(w->tier) : 0;
    (void) wf_str_copy(t->name, sizeof t->name, w->name != NULL ? w->name : "");
    (void) wf_str_copy(t->site, sizeof t->site, w->site != NULL ? w->site : "");
    t->expires_ms = wf_add_sat(wf_wall_ms(), w->ttl_ms);
    keys_random(t->seed, sizeof t->seed);
    return 0;
}

static void add_endpoint(struct wf_token *t, const char *endpoint)
{
    if (t->nendpoints < WF_TOKEN_ENDPOINTS && wf_endpoint_ok(endpoint, 0)) {
        (void) wf_str_copy(t->endpoints[t->nendpoints++], sizeof t->endpoints[0],
                           endpoint);
    }
}

/* Where the device should connect: as told, else what the broker says, else where we
 * ourselves reach it. */
static void add_endpoints(const struct wf_broker *at, struct wf_token *t,
                          const char *told, struct wf_rows said)
{
    char text[WF_LABEL_MAX + 1];
    struct wf_label_row row;

    if (told != NULL) {
        add_endpoint(t, told);
        return;
    }
    while (wf_rows_next(&said, wf_desc_label_row(), &row)) {
        add_endpoint(t, wf_slice_str(row.text, text, sizeof text));
    }
    if (t->nendpoints == 0) {
        add_endpoint(t, at->endpoint);
    }
}

static int format_token(const struct wf_token *t, char **ret_text)
{
    struct wf_buf text = WF_BUF_INIT(WF_TOKEN_TEXT_MAX);
    int rc = wf_token_format(t, &text);

    if (rc == 0) {
        *ret_text = wf_memdup(text.p, text.len);
        rc = *ret_text != NULL ? 0 : WEFT_ENOMEM;
    }
    if (text.p != NULL) {
        keys_wipe(text.p, text.cap);
    }
    wf_buf_fini(&text);
    return rc;
}

int weft_token_create(weft_client *c, const struct weft_token *token, int timeout_ms,
                      char **ret_text, char *why, size_t cap)
{
    struct ask how = {timeout_ms, why, cap};
    struct weft_token w = WEFT_TOKEN_INIT;
    uint8_t secret[WF_KEY_SIZE];
    struct wf_token_put body;
    struct wf_broker at;
    struct weft_future *f = NULL;
    struct wf_token t;
    struct wf_msg msg;
    int rc = plan_token(token, &how, &w, &t);

    if (rc != 0) {
        return rc;
    }
    body = (struct wf_token_put){.role = t.role,
                                 .name = wf_slice_of(t.name),
                                 .site = wf_slice_of(t.site),
                                 .tier = t.tier,
                                 .ttl_ms = w.ttl_ms};
    wf_token_keypair(t.seed, &body.key, secret);
    keys_wipe(secret, sizeof secret);
    rc = ask(c, &how, WF_MSG_token_put, &body, WF_MSG_done, &msg, &f);
    if (rc == 0) {
        client_lock(c);
        at = *client_broker(c);
        client_unlock(c);
        t.broker = at.key;
        add_endpoints(&at, &t, w.endpoint, msg.u.done.endpoints);
        rc = format_token(&t, ret_text);
    }
    weft_future_free(f);
    keys_wipe(&t, sizeof t);
    return rc;
}

/* -- keys and nodes ----------------------------------------------------------------- */

int weft_key_revoke(weft_client *c, const char *key, int timeout_ms, char *why,
                    size_t cap)
{
    struct ask how = {timeout_ms, why, cap};
    struct wf_key_revoke body = {.key = wf_slice_of(key)};

    if (body.key.len == 0 || body.key.len > WF_TEXT_MAX ||
        !wf_utf8_ok(body.key.p, body.key.len)) {
        return ask_fail(&how, WEFT_EINVAL, "a key is named by its name or by hex");
    }
    return ask_done(c, &how, WF_MSG_key_revoke, &body);
}

static int node_set(struct weft_client *c, const char *node, enum wf_node_action action,
                    const char *text, const struct ask *how)
{
    struct wf_node_set body = {
        .node = wf_slice_of(node), .action = action, .text = wf_slice_of(text)};

    if (!wf_name_ok(body.node)) {
        return ask_fail(how, WEFT_EINVAL, "this is not the name of a node");
    }
    return ask_done(c, how, WF_MSG_node_set, &body);
}

int weft_node_drain(weft_client *c, const char *node, int timeout_ms, char *why,
                    size_t cap)
{
    struct ask how = {timeout_ms, why, cap};

    return node_set(c, node, WF_NODE_ACT_DRAIN, NULL, &how);
}

int weft_node_undrain(weft_client *c, const char *node, int timeout_ms, char *why,
                      size_t cap)
{
    struct ask how = {timeout_ms, why, cap};

    return node_set(c, node, WF_NODE_ACT_UNDRAIN, NULL, &how);
}

int weft_node_revoke(weft_client *c, const char *node, int timeout_ms, char *why,
                     size_t cap)
{
    struct ask how = {timeout_ms, why, cap};

    return node_set(c, node, WF_NODE_ACT_REVOKE, NULL, &how);
}

int weft_node_label(weft_client *c, const char *node, const char *label, int timeout_ms,
                    char *why, size_t cap)
{
    struct ask how = {timeout_ms, why, cap};
    struct wf_slice text = wf_slice_of(label);

    /* "key=" removes one: it is a label but for the value. */
    if (text.len < 2 || text.len > WF_LABEL_MAX ||
        (text.p[text.len - 1] != '=' && !wf_label_ok(text)) ||
        !wf_utf8_ok(text.p, text.len)) {
        return ask_fail(&how, WEFT_EINVAL, "a label is KEY=VALUE, or KEY= to remove it");
    }
    return node_set(c, node, WF_NODE_ACT_LABEL, label, &how);
}

#include "common/io/identity.h"

#include "common/check.h"
#include "common/io/conf_file.h"
#include "common/io/enrol.h"
#include "common/io/file.h"
#include "common/str.h"
#include "proto/name.h"
#include "proto/words.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PATH_MAX_LEN 1024

static const struct wf_conf_option options[] = {
    {"role", WF_CONF_STR, WF_CONF_AT(struct identity, role), "1", NULL, NULL,
     "agent, client, operator or broker"},
    {"name", WF_CONF_STR, WF_CONF_AT(struct identity, name), "1", NULL, NULL,
     "The name enrolled at the broker."},
    {"site", WF_CONF_STR, WF_CONF_AT(struct identity, site), NULL, NULL, NULL,
     "Where the device is."},
    {"tier", WF_CONF_STR, WF_CONF_AT(struct identity, tier), NULL, NULL, NULL,
     "edge, onprem or cloud"},
    {"broker", WF_CONF_STR, WF_CONF_AT(struct identity, broker), NULL, NULL, NULL,
     "The broker's name."},
    {"key", WF_CONF_STR, WF_CONF_AT(struct identity, key), "64", NULL, NULL,
     "Own public key, hex."},
    {"broker_key", WF_CONF_STR, WF_CONF_AT(struct identity, broker_key), "64", NULL, NULL,
     "The broker's public key, hex."},
    {"endpoint", WF_CONF_LIST, WF_CONF_AT(struct identity, endpoints), "1", NULL, NULL,
     "Where the broker listens; may repeat."},
};

static int path_of(char path[PATH_MAX_LEN], const char *dir, const char *file,
                   struct wf_err *err)
{
    int n = snprintf(path, PATH_MAX_LEN, "%s/%s", dir, file);

    return n > 0 && n < PATH_MAX_LEN
               ? 0
               : wf_err_set(err, WEFT_EINVAL, "the path of the identity is too long");
}

static int is_key(const char *hex)
{
    uint8_t key[KEY_BYTES];
    size_t n = 0;

    return wf_unhex(key, sizeof key, hex, &n) == 0 && n == sizeof key;
}

static int check(const struct identity *id, const char *path, struct wf_err *err)
{
    if (wf_role_parse(id->role) < 0) {
        return wf_err_set(err, WEFT_ECONF, "%.128s: unknown role", path);
    }
    if (!is_key(id->key) || !is_key(id->broker_key)) {
        return wf_err_set(err, WEFT_ECONF, "%.128s: a key is not 64 hex digits", path);
    }
    if (id->endpoints.n > IDENTITY_ENDPOINTS) {
        return wf_err_set(err, WEFT_ECONF, "%.128s: too many endpoints", path);
    }
    for (size_t i = 0; i < id->endpoints.n; i++) {
        if (!wf_endpoint_ok(id->endpoints.item[i], 0)) {
            return wf_err_set(err, WEFT_ECONF, "%.96s: `%.96s` is not an endpoint", path,
                              id->endpoints.item[i]);
        }
    }
    return 0;
}

int identity_load(const char *dir, struct identity *ret_identity, struct wf_err *err)
{
    static const struct wf_conf_schema schema = {options, ARRAY_LEN(options), NULL, 0};
    char path[PATH_MAX_LEN];
    struct identity id;
    int rc = path_of(path, dir, "identity", err);

    memset(&id, 0, sizeof id);
    if (rc == 0) {
        rc = conf_file_load(path, &schema, &id, err);
    }
    if (rc == 0) {
        rc = check(&id, path, err);
    }
    if (rc == 0) {
        *ret_identity = id;
    }
    return rc;
}

int identity_keys(const char *dir, struct keys *ret_keys, struct wf_err *err)
{
    char path[PATH_MAX_LEN];
    int rc = path_of(path, dir, "key", err);

    return rc == 0 ? keys_load(path, ret_keys, err) : rc;
}

void identity_broker_key(const struct identity *id, uint8_t ret_key[KEY_BYTES])
{
    size_t n = 0;

    WF_CHECK(wf_unhex(ret_key, KEY_BYTES, id->broker_key, &n) == 0 && n == KEY_BYTES);
}

/* -- joining ------------------------------------------------------------------------ */

static void describe(const struct wf_token *t, const struct keys *keys,
                     const struct wf_join_result *r, struct identity *id)
{
    memset(id, 0, sizeof *id);
    (void) wf_str_copy(id->role, sizeof id->role, wf_role_name(t->role));
    (void) wf_str_copy(id->name, sizeof id->name, r->name);
    (void) wf_str_copy(id->site, sizeof id->site, r->site);
    (void) wf_str_copy(id->tier, sizeof id->tier, wf_tier_name(r->tier));
    (void) wf_str_copy(id->broker, sizeof id->broker, r->broker);
    wf_hex(id->key, keys->pub, sizeof keys->pub);
    wf_hex(id->broker_key, t->broker.b, sizeof t->broker.b);
    for (size_t i = 0; i < t->nendpoints; i++) {
        (void) wf_str_copy(id->endpoints.item[i], sizeof id->endpoints.item[i],
                           t->endpoints[i]);
    }
    id->endpoints.n = t->nendpoints;
}

static int save(const char *dir, const struct identity *id, struct wf_err *err)
{
    struct wf_buf text = WF_BUF_INIT(8192);
    char path[PATH_MAX_LEN];
    int rc = path_of(path, dir, "identity", err);

    (void) wf_buf_printf(&text,
                         "role = %s\nname = %s\nsite = %s\ntier = %s\nbroker = %s\n"
                         "key = %s\nbroker_key = %s\n",
                         id->role, id->name, id->site, id->tier, id->broker, id->key,
                         id->broker_key);
    for (size_t i = 0; i < id->endpoints.n; i++) {
        (void) wf_buf_printf(&text, "endpoint = %s\n", id->endpoints.item[i]);
    }
    if (rc == 0 && text.err != 0) {
        rc = wf_err_set(err, text.err, "no memory for an identity");
    }
    if (rc == 0) {
        rc = file_write(path, text.p, text.len, 0600, err);
    }
    wf_buf_fini(&text);
    return rc;
}

static int enrol(const char *dir, const struct wf_token *t, const struct keys *keys,
                 const struct enrol *e, struct identity *ret_identity, struct wf_err *err)
{
    struct wf_join_result result;
    struct identity id;
    int rc = enrol_run(e, &result, err);

    if (rc == 0) {
        describe(t, keys, &result, &id);
        rc = save(dir, &id, err);
    }
    if (rc == 0) {
        *ret_identity = id;
    }
    return rc;
}

/* The folder, and in it a fresh key in place of one that never was enrolled. */
static int prepare(const char *dir, const struct keys *keys, struct wf_err *err)
{
    char path[PATH_MAX_LEN];
    int rc = path_of(path, dir, "identity", err);

    if (rc == 0 && access(path, F_OK) == 0) {
        rc = wf_err_set(err, WEFT_EEXIST, "%.128s holds an identity already", dir);
    }
    if (rc == 0) {
        rc = file_mkdirs(dir, 0700, err);
    }
    if (rc == 0) {
        rc = path_of(path, dir, "key", err);
    }
    if (rc == 0) {
        (void) unlink(path);
        rc = keys_save(keys, path, err);
    }
    return rc;
}

int identity_join(const char *dir, const struct wf_token *token, const char *wish,
                  const char *software, uint64_t timeout_ms,
                  struct identity *ret_identity, struct wf_err *err)
{
    struct keys keys;
    const struct enrol e = {.token = token,
                            .key = keys.pub,
                            .name = wish,
                            .software = software,
                            .timeout_ms = timeout_ms};
    int rc;

    keys_make(&keys);
    rc = prepare(dir, &keys, err);
    if (rc == 0) {
        rc = enrol(dir, token, &keys, &e, ret_identity, err);
        if (rc != 0) {
            identity_remove(dir);
        }
    }
    keys_wipe(&keys, sizeof keys);
    return rc;
}

void identity_remove(const char *dir)
{
    char path[PATH_MAX_LEN];

    if (path_of(path, dir, "identity", NULL) == 0) {
        (void) unlink(path);
    }
    if (path_of(path, dir, "key", NULL) == 0) {
        (void) unlink(path);
    }
    (void) rmdir(dir);
}

#include "common/io/identity.h"

#include "common/io/conf_file.h"
#include "common/io/file.h"
#include "common/io/roster.h"
#include "common/str.h"
#include "proto/name.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_CAP  512
#define AT(field) WF_CONF_AT(struct identity, field)

static const struct wf_conf_option options[] = {
    {"name", WF_CONF_STR, AT(name), "1", NULL, NULL, "Own name."},
    {"site", WF_CONF_STR, AT(site), NULL, NULL, NULL, "Where the node is."},
    {"tier", WF_CONF_STR, AT(tier), NULL, NULL, NULL, "edge, onprem or cloud."},
    {"broker", WF_CONF_STR, AT(broker), NULL, NULL, NULL, "Name of the broker."},
    {"broker_key", WF_CONF_STR, AT(broker_key), "64", "64", NULL, "Its key, hex."},
    {"token", WF_CONF_STR, AT(token), NULL, NULL, NULL, "Key of the token used, hex."},
    {"endpoint", WF_CONF_LIST, AT(endpoints), "1", "8", NULL, "Address of the broker."},
};

static const struct wf_conf_schema schema = {options, ARRAY_LEN(options), NULL, 0};

static const char *path_of(char *dst, const char *state, const char *file)
{
    (void) snprintf(dst, PATH_CAP, "%s/%s", state, file);
    return dst;
}

int identity_adopt(const char *state, const char *file, struct wf_err *err)
{
    char path[PATH_CAP];
    struct stat st;

    (void) path_of(path, state, file);
    if (geteuid() == 0 && stat(state, &st) == 0 && st.st_uid != 0 &&
        chown(path, st.st_uid, st.st_gid) != 0) {
        return wf_err_set(err, WEFT_EIO, "cannot give %.128s to user %u: %s", path,
                          (unsigned) st.st_uid, strerror(errno));
    }
    return 0;
}

static int check(const char *path, struct identity *id, struct wf_err *err)
{
    size_t len;

    if (wf_unhex(id->broker_pub, sizeof id->broker_pub, id->broker_key, &len) != 0 ||
        len != sizeof id->broker_pub) {
        return wf_err_set(err, WEFT_ECONF, "%.160s: broker_key is not hex", path);
    }
    for (size_t i = 0; i < id->endpoints.n; i++) {
        if (!wf_endpoint_ok(id->endpoints.item[i], 0)) {
            return wf_err_set(err, WEFT_ECONF, "%.160s: `%.64s` is not tcp://HOST:PORT",
                              path, id->endpoints.item[i]);
        }
    }
    return 0;
}

int identity_load(const char *state, struct identity *ret_id, struct wf_err *err)
{
    char path[PATH_CAP];
    int rc = conf_file_load(path_of(path, state, "identity"), &schema, ret_id, err);

    if (rc == WEFT_ENOENT) {
        return wf_err_set(err, rc,
                          "not enrolled: there is no %.120s; `weft-agent join` makes it",
                          path);
    }
    if (rc == 0) {
        rc = check(path, ret_id, err);
    }
    if (rc != 0) {
        return rc;
    }
    rc = keys_load(path_of(path, state, "key"), &ret_id->keys, err);
    return rc == WEFT_ENOENT ? wf_err_set(err, WEFT_EKEY, "there is no key %.160s", path)
                             : rc;
}

int identity_save(const char *state, const struct identity *id, struct wf_err *err)
{
    struct wf_buf text = WF_BUF_INIT(16384);
    char path[PATH_CAP];
    int rc;

    (void) wf_buf_printf(&text,
                         "# Written by `weft-agent join`.\n"
                         "name = %s\nsite = \"%s\"\ntier = \"%s\"\nbroker = \"%s\"\n"
                         "broker_key = %s\ntoken = \"%s\"\n",
                         id->name, id->site, id->tier, id->broker, id->broker_key,
                         id->token);
    for (size_t i = 0; i < id->endpoints.n; i++) {
        (void) wf_buf_printf(&text, "endpoint = \"%s\"\n", id->endpoints.item[i]);
    }
    rc = text.err != 0
             ? wf_err_set(err, text.err, "no memory for the identity")
             : file_write(path_of(path, state, "identity"), text.p, text.len, 0600, err);
    wf_buf_fini(&text);
    return rc == 0 ? identity_adopt(state, "identity", err) : rc;
}

int identity_brokers(const struct identity *id, const char *state,
                     const struct wf_conf_list *lines, struct wf_broker_table *ret_table,
                     struct wf_err *err)
{
    struct wf_key key;
    int rc = 0;

    *ret_table = (struct wf_broker_table){0};
    memcpy(key.b, id->broker_pub, sizeof key.b);
    for (size_t i = 0; i < id->endpoints.n && rc == 0; i++) {
        rc = wf_brokers_give(ret_table, &key, id->endpoints.item[i]);
    }
    for (size_t i = 0; lines != NULL && i < lines->n && rc == 0; i++) {
        rc = wf_brokers_parse(ret_table, lines->item[i], err);
    }
    if (rc == 0) {
        roster_recall(state, ret_table);
    }
    return rc;
}

int identity_key(const char *state, struct keys *ret_keys, int *ret_fresh,
                 struct wf_err *err)
{
    char path[PATH_CAP];
    struct keys k;
    int rc = keys_load(path_of(path, state, "key"), &k, err);
    int fresh = rc == WEFT_ENOENT;

    if (fresh) {
        keys_make(&k);
        rc = keys_save(&k, path, err);
        rc = rc == 0 ? identity_adopt(state, "key", err) : rc;
    }
    if (rc == 0) {
        *ret_keys = k;
        *ret_fresh = fresh;
    }
    keys_wipe(&k, sizeof k);
    return rc;
}

int identity_remove(const char *state, struct wf_err *err)
{
    /* The identity goes first: a key alone is a beginning, the other way round is none.
     */
    static const char *const files[] = {"identity", "brokers", "key"};
    char path[PATH_CAP];
    unsigned gone = 0;

    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        if (unlink(path_of(path, state, files[i])) == 0) {
            gone++;
        } else if (errno != ENOENT) {
            return wf_err_set(err, WEFT_EIO, "cannot remove %.160s: %s", path,
                              strerror(errno));
        }
    }
    return gone != 0
               ? 0
               : wf_err_set(err, WEFT_ENOENT, "no node was enrolled in %.160s", state);
}

#include "client/serve_id.h"

#include "common/io/conf_file.h"
#include "common/str.h"
#include "proto/name.h"

#include <stdio.h>
#include <string.h>

#define PATH_CAP  1024
#define AT(field) WF_CONF_AT(struct serve_id, field)

static const struct wf_conf_option options[] = {
    {"name", WF_CONF_STR, AT(name), "1", NULL, NULL, "Own name."},
    {"site", WF_CONF_STR, AT(site), NULL, NULL, NULL, "Where the node is."},
    {"tier", WF_CONF_STR, AT(tier), NULL, NULL, NULL, "edge, onprem or cloud."},
    {"broker", WF_CONF_STR, AT(broker), NULL, NULL, NULL, "Name of the broker."},
    {"broker_key", WF_CONF_STR, AT(broker_key), "64", "64", NULL, "Its key, hex."},
    {"token", WF_CONF_STR, AT(token), NULL, NULL, NULL, "Key of the token used, hex."},
    {"endpoint", WF_CONF_LIST, AT(endpoints), "1", "8", NULL, "Address of the broker."},
};

static int check(struct serve_id *id, const char *path, struct wf_err *err)
{
    size_t n = 0;

    if (wf_unhex(id->broker_pub, sizeof id->broker_pub, id->broker_key, &n) != 0 ||
        n != sizeof id->broker_pub) {
        return wf_err_set(err, WEFT_ECONF, "%.160s: broker_key is not hex", path);
    }
    for (size_t i = 0; i < id->endpoints.n; i++) {
        if (!wf_endpoint_ok(id->endpoints.item[i], 0)) {
            return wf_err_set(err, WEFT_ECONF, "%.128s: `%.64s` is not tcp://HOST:PORT",
                              path, id->endpoints.item[i]);
        }
    }
    return 0;
}

int serve_id_load(const char *state, struct serve_id *ret_id, struct wf_err *err)
{
    static const struct wf_conf_schema schema = {options, ARRAY_LEN(options), NULL, 0};
    char path[PATH_CAP];
    int n = snprintf(path, sizeof path, "%s/identity", state);
    int rc;

    if (n < 0 || (size_t) n >= sizeof path) {
        return wf_err_set(err, WEFT_EINVAL, "the path of the identity is too long");
    }
    memset(ret_id, 0, sizeof *ret_id);
    rc = conf_file_load(path, &schema, ret_id, err);
    if (rc == WEFT_ENOENT) {
        return wf_err_set(err, WEFT_ENOENT,
                          "%.128s holds no identity: make one with `weft-agent join`",
                          state);
    }
    if (rc == 0) {
        rc = check(ret_id, path, err);
    }
    if (rc == 0) {
        (void) snprintf(path, sizeof path, "%.*s/key", (int) sizeof path - 8, state);
        rc = keys_load(path, &ret_id->keys, err);
    }
    return rc;
}

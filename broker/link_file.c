#include "broker/link_file.h"

#include "broker/first.h"
#include "client/include/weft/version.h"
#include "common/io/conf_file.h"
#include "common/io/enrol.h"
#include "common/io/file.h"
#include "common/str.h"
#include "proto/name.h"
#include "proto/words.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_CAP         640
#define ENROL_TIMEOUT_MS 15000
#define AT(field)        WF_CONF_AT(struct link_file, field)

static const struct wf_conf_option options[] = {
    {"broker", WF_CONF_STR, AT(broker), "1", NULL, NULL, "Name of the neighbour."},
    {"broker_key", WF_CONF_STR, AT(broker_key), "64", "64", NULL, "Its key, hex."},
    {"endpoint", WF_CONF_LIST, AT(endpoints), "1", "8", NULL, "Its address."},
};

static const struct wf_conf_schema schema = {options, ARRAY_LEN(options), NULL, 0};

static int load(const char *path, struct link_file *f, struct wf_err *err)
{
    size_t len;
    int rc = conf_file_load(path, &schema, f, err);

    if (rc == 0 && (wf_unhex(f->key, sizeof f->key, f->broker_key, &len) != 0 ||
                    len != sizeof f->key || !wf_name_ok(wf_slice_of(f->broker)))) {
        rc = wf_err_set(err, WEFT_ECONF, "%.160s: broker or broker_key is none", path);
    }
    for (size_t i = 0; rc == 0 && i < f->endpoints.n; i++) {
        if (!wf_endpoint_ok(f->endpoints.item[i], 0)) {
            rc = wf_err_set(err, WEFT_ECONF, "%.160s: `%.64s` is not tcp://HOST:PORT",
                            path, f->endpoints.item[i]);
        }
    }
    return rc;
}

static int is_link(const struct dirent *e)
{
    return wf_name_ok(wf_slice_of(e->d_name));
}

int link_files_each(const char *state, void (*fn)(void *arg, const struct link_file *f),
                    void (*bad)(void *arg, const struct wf_err *err), void *arg,
                    struct wf_err *err)
{
    char path[PATH_CAP];
    struct dirent **names;
    int n;

    (void) snprintf(path, sizeof path, "%.500s/links", state);
    n = scandir(path, &names, is_link, alphasort);
    if (n < 0) {
        return errno == ENOENT ? 0
                               : wf_err_set(err, WEFT_EIO, "cannot read %.160s: %s", path,
                                            strerror(errno));
    }
    for (int i = 0; i < n; i++) {
        struct link_file f;
        struct wf_err why = {0, ""};

        (void) snprintf(path, sizeof path, "%.500s/links/%.63s", state, names[i]->d_name);
        if (load(path, &f, &why) == 0) {
            fn(arg, &f);
        } else {
            bad(arg, &why);
        }
        free(names[i]);
    }
    free(names);
    return 0;
}

static int save(const struct config *cfg, const struct wf_token *t, const char *broker,
                struct wf_err *err)
{
    struct wf_buf text = WF_BUF_INIT(8192);
    char path[PATH_CAP], hex[LINK_HEX];
    int rc;

    wf_hex(hex, t->broker.b, sizeof t->broker.b);
    (void) wf_buf_printf(&text,
                         "# Written by `weft-broker link`.\nbroker = %s\n"
                         "broker_key = %s\n",
                         broker, hex);
    for (unsigned i = 0; i < t->nendpoints; i++) {
        (void) wf_buf_printf(&text, "endpoint = \"%s\"\n", t->endpoints[i]);
    }
    (void) snprintf(path, sizeof path, "%.500s/links", cfg->state);
    rc = text.err != 0 ? wf_err_set(err, text.err, "out of memory")
                       : file_mkdirs(path, 0700, err);
    if (rc == 0) {
        (void) snprintf(path, sizeof path, "%.500s/links/%.63s", cfg->state, broker);
        rc = file_write(path, text.p, text.len, 0600, err);
    }
    if (rc == 0) {
        (void) printf("ok  link stored  %s\n", path);
    }
    wf_buf_fini(&text);
    return rc;
}

static int read_token(const char *path, struct wf_token *ret_token, struct wf_err *err)
{
    const int from_stdin = path == NULL || strcmp(path, "-") == 0;
    struct wf_buf text = WF_BUF_INIT(2 * WF_TOKEN_TEXT_MAX);
    int rc = file_read(from_stdin ? "/dev/stdin" : path, &text, err);

    if (rc == WEFT_ETOOBIG) {
        rc = wf_err_set(err, WEFT_ETOKEN, "this is longer than any token");
    } else if (rc == 0) {
        rc = wf_token_parse(text.p != NULL ? (const char *) text.p : "", text.len,
                            ret_token, err);
    }
    if (text.p != NULL) {
        keys_wipe(text.p, text.cap);
    }
    wf_buf_fini(&text);
    return rc == 0 && ret_token->role != WF_ROLE_BROKER
               ? wf_err_set(err, WEFT_ETOKENROLE,
                            "the token is for role %s, not for a broker: an operator of "
                            "the neighbour makes one with `weft token create --role "
                            "broker`",
                            wf_role_name(ret_token->role))
               : rc;
}

int link_enrol(const struct config *cfg, const char *token_file, struct wf_err *err)
{
    struct log_sink quiet;
    struct wf_join_result r;
    struct wf_token t;
    struct keys keys;
    struct enrol e = {.token = &t,
                      .key = keys.pub,
                      .name = cfg->name,
                      .software = "weft-broker " WEFT_VERSION,
                      .timeout_ms = ENROL_TIMEOUT_MS};
    int rc = read_token(token_file, &t, err);

    log_init(&quiet, WF_LOG_ERROR);
    if (rc == 0) {
        rc = file_mkdirs(cfg->state, 0700, err);
    }
    if (rc == 0) {
        rc = first_keys(cfg->state, &keys, &quiet, err);
        keys_wipe(keys.sec, sizeof keys.sec);
    }
    if (rc == 0) {
        rc = enrol_run(&e, &r, err);
    }
    if (rc == 0 &&
        (!wf_name_ok(wf_slice_of(r.broker)) || strcmp(r.name, cfg->name) != 0)) {
        rc = wf_err_set(err, WEFT_EINVAL,
                        "the token is for a broker of the name %.63s, this one is %s",
                        r.name, cfg->name);
    }
    if (rc == 0) {
        (void) printf("ok  enrolled at broker %s as %s\n", r.broker, r.name);
        rc = save(cfg, &t, r.broker, err);
    }
    if (rc == 0) {
        (void) printf("next: start weft-broker, or send SIGHUP to the one that runs\n");
    }
    keys_wipe(&t, sizeof t);
    return rc;
}

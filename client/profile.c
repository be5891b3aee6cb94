#include "client/profile.h"

#include "common/io/conf_file.h"
#include "common/io/file.h"
#include "common/io/roster.h"
#include "common/mem.h"
#include "common/str.h"
#include "proto/name.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAMES_MAX 4096

static const struct wf_conf_option options[] = {
    {"role", WF_CONF_STR, WF_CONF_AT(struct profile, role), "1", NULL, NULL,
     "client or operator"},
    {"as", WF_CONF_STR, WF_CONF_AT(struct profile, as), NULL, NULL, NULL,
     "The name enrolled at the broker."},
    {"key", WF_CONF_STR, WF_CONF_AT(struct profile, key), "64", NULL, NULL,
     "Own public key, hex."},
    {"broker_key", WF_CONF_STR, WF_CONF_AT(struct profile, broker_key), "64", NULL, NULL,
     "The broker's public key, hex."},
    {"endpoint", WF_CONF_LIST, WF_CONF_AT(struct profile, endpoints), "1", NULL, NULL,
     "Where the broker listens; may repeat."},
    {"broker", WF_CONF_LIST, WF_CONF_AT(struct profile, brokers), NULL, NULL, NULL,
     "A further broker to turn to, \"tcp://HOST:PORT KEY\"; may repeat."},
};

/* -- paths -------------------------------------------------------------------------- */

static int home(char *dst, size_t cap, struct wf_err *err)
{
    const char *weft = getenv("WEFT_HOME"), *xdg = getenv("XDG_CONFIG_HOME"),
               *user = getenv("HOME");
    int n;

    if (weft != NULL && weft[0] != '\0') {
        n = snprintf(dst, cap, "%s", weft);
    } else if (xdg != NULL && xdg[0] == '/') {
        n = snprintf(dst, cap, "%s/weft", xdg);
    } else if (user != NULL && user[0] == '/') {
        n = snprintf(dst, cap, "%s/.config/weft", user);
    } else {
        return wf_err_set(err, WEFT_ENOENT, "set HOME or WEFT_HOME to find contexts");
    }
    return n > 0 && (size_t) n < cap
               ? 0
               : wf_err_set(err, WEFT_EINVAL, "the path of the contexts is too long");
}

/* HOME, then `/`, what, `/`, name, `/`, file; those that are NULL are left out. */
static int path_of(char dst[PROFILE_PATH], const char *what, const char *name,
                   const char *file, struct wf_err *err)
{
    /* Leave room for all that is appended here. */
    char base[PROFILE_PATH - 2 * WF_NAME_MAX - 64];
    int rc = home(base, sizeof base, err);

    if (rc == 0) {
        (void) snprintf(dst, PROFILE_PATH, "%s/%s%s%s%s%s", base, what,
                        name != NULL ? "/" : "", name != NULL ? name : "",
                        file != NULL ? "/" : "", file != NULL ? file : "");
    }
    return rc;
}

static int check_name(const char *name, struct wf_err *err)
{
    return wf_name_ok(wf_slice_of(name))
               ? 0
               : wf_err_set(err, WEFT_EINVAL,
                            "`%.64s` is not a name: use a-z, 0-9, `.`, `_` and `-`",
                            name);
}

/* -- the selected one --------------------------------------------------------------- */

int profile_selected(char name[WF_NAME_MAX + 1], struct wf_err *err)
{
    struct wf_buf text = WF_BUF_INIT(256);
    char path[PROFILE_PATH];
    int rc = path_of(path, "current", NULL, NULL, err);

    name[0] = '\0';
    if (rc == 0) {
        rc = file_read(path, &text, err);
    }
    if (rc == 0) {
        while (text.len > 0 && text.p[text.len - 1] == '\n') {
            text.len--;
        }
        if (!wf_name_ok(wf_slice_make(text.p, text.len))) {
            rc = wf_err_set(err, WEFT_ECONF, "%.128s does not hold a name", path);
        } else {
            wf_slice_str(wf_slice_make(text.p, text.len), name, WF_NAME_MAX + 1);
        }
    }
    wf_buf_fini(&text);
    return rc == WEFT_ENOENT ? 0 : rc;
}

int profile_select(const char *name, struct wf_err *err)
{
    char path[PROFILE_PATH], line[WF_NAME_MAX + 2];
    struct profile p;
    int n, rc = profile_load(name, &p, err);

    if (rc == 0) {
        rc = path_of(path, "current", NULL, NULL, err);
    }
    if (rc != 0) {
        return rc;
    }
    n = snprintf(line, sizeof line, "%s\n", p.name);
    return file_write(path, line, (size_t) n, 0600, err);
}

static int choose(const char *name, char ret_name[WF_NAME_MAX + 1], struct wf_err *err)
{
    int rc;

    if (name == NULL) {
        name = getenv("WEFT_CONTEXT");
    }
    if (name != NULL && name[0] != '\0') {
        rc = check_name(name, err);
        if (rc == 0) {
            (void) wf_str_copy(ret_name, WF_NAME_MAX + 1, name);
        }
        return rc;
    }
    rc = profile_selected(ret_name, err);
    if (rc == 0 && ret_name[0] == '\0') {
        rc = wf_err_set(err, WEFT_ENOENT,
                        "no context is selected: `weft ctx use NAME`, or make one from a "
                        "token: `weft ctx add NAME TOKENFILE`");
    }
    return rc;
}

/* -- reading ------------------------------------------------------------------------ */

static int check_key(const char *hex)
{
    uint8_t key[KEY_BYTES];
    size_t n = 0;

    return wf_unhex(key, sizeof key, hex, &n) == 0 && n == sizeof key;
}

static int check(const struct profile *p, const char *path, struct wf_err *err)
{
    if (strcmp(p->role, "client") != 0 && strcmp(p->role, "operator") != 0) {
        return wf_err_set(err, WEFT_ECONF, "%.128s: unknown role", path);
    }
    if (!check_key(p->key) || !check_key(p->broker_key)) {
        return wf_err_set(err, WEFT_ECONF, "%.128s: a key is not 64 hex digits", path);
    }
    if (p->endpoints.n > PROFILE_ENDPOINTS) {
        return wf_err_set(err, WEFT_ECONF, "%.128s: too many endpoints", path);
    }
    for (size_t i = 0; i < p->endpoints.n; i++) {
        if (!wf_endpoint_ok(p->endpoints.item[i], 0)) {
            return wf_err_set(err, WEFT_ECONF, "%.96s: `%.96s` is not an endpoint", path,
                              p->endpoints.item[i]);
        }
    }
    return 0;
}

int profile_load(const char *name, struct profile *ret_profile, struct wf_err *err)
{
    static const struct wf_conf_schema schema = {options, ARRAY_LEN(options), NULL, 0};
    char path[PROFILE_PATH], chosen[WF_NAME_MAX + 1];
    struct profile p;
    int rc = choose(name, chosen, err);

    if (rc == 0) {
        rc = path_of(path, "contexts", chosen, "context", err);
    }
    memset(&p, 0, sizeof p);
    if (rc == 0) {
        rc = conf_file_load(path, &schema, &p, err);
        if (rc == WEFT_ENOENT) {
            return wf_err_set(err, WEFT_ENOENT,
                              "there is no context `%s`: see `weft ctx "
                              "ls`",
                              chosen);
        }
    }
    if (rc == 0) {
        rc = check(&p, path, err);
    }
    if (rc == 0) {
        (void) wf_str_copy(p.name, sizeof p.name, chosen);
        *ret_profile = p;
    }
    return rc;
}

int profile_keys(const struct profile *p, struct keys *ret_keys, struct wf_err *err)
{
    char path[PROFILE_PATH];
    int rc = path_of(path, "contexts", p->name, "key", err);

    return rc == 0 ? keys_load(path, ret_keys, err) : rc;
}

int profile_broker_key(const struct profile *p, uint8_t ret_key[KEY_BYTES],
                       struct wf_err *err)
{
    size_t n = 0;

    if (wf_unhex(ret_key, KEY_BYTES, p->broker_key, &n) != 0 || n != KEY_BYTES) {
        return wf_err_set(err, WEFT_ECONF, "context `%s`: bad broker key", p->name);
    }
    return 0;
}

int profile_folder(const struct profile *p, char dst[PROFILE_PATH], struct wf_err *err)
{
    return path_of(dst, "contexts", p->name, NULL, err);
}

int profile_brokers(const struct profile *p, struct wf_broker_table *ret_table,
                    struct wf_err *err)
{
    char folder[PROFILE_PATH];
    struct wf_key key;
    int rc = profile_broker_key(p, key.b, err);

    *ret_table = (struct wf_broker_table){0};
    for (size_t i = 0; i < p->endpoints.n && rc == 0; i++) {
        rc = wf_brokers_give(ret_table, &key, p->endpoints.item[i]);
    }
    for (size_t i = 0; i < p->brokers.n && rc == 0; i++) {
        rc = wf_brokers_parse(ret_table, p->brokers.item[i], err);
    }
    if (rc == 0) {
        rc = profile_folder(p, folder, err);
    }
    if (rc == 0) {
        roster_recall(folder, ret_table);
    }
    return rc;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_name(const struct dirent *d)
{
    return wf_name_ok(wf_slice_of(d->d_name));
}

int profile_each(int (*fn)(const char *name, void *arg), void *arg, struct wf_err *err)
{
    char path[PROFILE_PATH];
    struct dirent **list = NULL;
    int n, rc = path_of(path, "contexts", NULL, NULL, err);

    if (rc != 0) {
        return rc;
    }
    n = scandir(path, &list, is_name, by_name);
    if (n < 0) {
        return errno == ENOENT ? 0
                               : wf_err_set(err, WEFT_EIO, "cannot read %.128s: %s", path,
                                            strerror(errno));
    }
    for (int i = 0; i < n; i++) {
        if (rc == 0 && i < NAMES_MAX) {
            rc = fn(list[i]->d_name, arg);
        }
        free(list[i]);
    }
    free(list);
    return rc;
}

/* -- writing ------------------------------------------------------------------------ */

int profile_free_name(const char *name, struct wf_err *err)
{
    char path[PROFILE_PATH];
    int rc = check_name(name, err);

    if (rc == 0) {
        rc = path_of(path, "contexts", name, NULL, err);
    }
    if (rc == 0 && access(path, F_OK) == 0) {
        rc = wf_err_set(err, WEFT_EEXIST, "there is a context `%s` already", name);
    }
    return rc;
}

int profile_begin(const char *name, const struct keys *keys, char dir[PROFILE_PATH],
                  struct wf_err *err)
{
    char path[PROFILE_PATH], key[PROFILE_PATH + 16];
    int rc = profile_free_name(name, err);

    if (rc == 0) {
        rc = path_of(path, "contexts", NULL, NULL, err);
    }
    if (rc == 0) {
        rc = file_mkdirs(path, 0700, err);
    }
    if (rc != 0) {
        return rc;
    }
    /* A leading dot: not a name, so no one lists a context that is not complete. */
    (void) snprintf(dir, PROFILE_PATH, "%.400s/.new-XXXXXX", path);
    if (mkdtemp(dir) == NULL) {
        return wf_err_set(err, WEFT_EIO, "cannot write in %.128s: %s", path,
                          strerror(errno));
    }
    (void) snprintf(key, sizeof key, "%s/key", dir);
    rc = keys_save(keys, key, err);
    if (rc != 0) {
        profile_drop(dir);
    }
    return rc;
}

int profile_commit(const char *dir, const struct profile *p, struct wf_err *err)
{
    struct wf_buf text = WF_BUF_INIT(8192);
    char to[PROFILE_PATH], file[PROFILE_PATH + 16];
    int rc = path_of(to, "contexts", p->name, NULL, err);

    (void) wf_buf_printf(&text, "role = %s\nas = %s\nkey = %s\nbroker_key = %s\n",
                         p->role, p->as, p->key, p->broker_key);
    for (size_t i = 0; i < p->endpoints.n; i++) {
        (void) wf_buf_printf(&text, "endpoint = %s\n", p->endpoints.item[i]);
    }
    for (size_t i = 0; i < p->brokers.n; i++) {
        (void) wf_buf_printf(&text, "broker = \"%s\"\n", p->brokers.item[i]);
    }
    if (rc == 0) {
        rc = text.err;
    }
    if (rc == 0) {
        (void) snprintf(file, sizeof file, "%s/context", dir);
        rc = file_write(file, text.p, text.len, 0600, err);
    }
    if (rc == 0 && rename(dir, to) != 0) {
        rc =
            errno == EEXIST || errno == ENOTEMPTY
                ? wf_err_set(err, WEFT_EEXIST, "there is a context `%s` already", p->name)
                : wf_err_set(err, WEFT_EIO, "cannot write %.128s: %s", to,
                             strerror(errno));
    }
    wf_buf_fini(&text);
    return rc;
}

void profile_drop(const char *dir)
{
    static const char *const files[] = {"key", "brokers", "context"};
    char file[PROFILE_PATH + 16];

    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        (void) snprintf(file, sizeof file, "%s/%s", dir, files[i]);
        (void) unlink(file);
    }
    (void) rmdir(dir);
}

int profile_remove(const char *name, struct wf_err *err)
{
    char path[PROFILE_PATH], selected[WF_NAME_MAX + 1];
    int rc = check_name(name, err);

    if (rc == 0) {
        rc = path_of(path, "contexts", name, NULL, err);
    }
    if (rc != 0) {
        return rc;
    }
    if (access(path, F_OK) != 0) {
        return wf_err_set(err, WEFT_ENOENT, "there is no context `%s`", name);
    }
    profile_drop(path);
    if (access(path, F_OK) == 0) {
        return wf_err_set(err, WEFT_EIO, "cannot remove %.128s", path);
    }
    rc = profile_selected(selected, err);
    if (rc == 0 && strcmp(selected, name) == 0 &&
        path_of(path, "current", NULL, NULL, err) == 0) {
        (void) unlink(path);
    }
    return rc;
}

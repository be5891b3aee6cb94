#include "client/include/weft/context.h"

#include "client/profile.h"
#include "client/rows.h"
#include "common/io/enrol.h"
#include "common/mem.h"
#include "common/str.h"
#include "proto/words.h"

#include <stdio.h>
#include <string.h>

/* Hand a failure to the caller's `why`. */
static int report(int rc, const struct wf_err *err, char *why, size_t cap)
{
    if (rc != 0 && why != NULL && cap != 0) {
        (void) wf_str_copy(why, cap,
                           err->text[0] != '\0' ? err->text : wf_err_sentence(rc));
    }
    return rc;
}

/* -- listing ------------------------------------------------------------------------ */

struct listing {
    struct profile *v; /* owned */
    size_t n;
    struct wf_err *err;
};

static int add_profile(const char *name, void *arg)
{
    struct listing *l = arg;
    struct profile *v = wf_realloc(l->v, (l->n + 1) * sizeof *v);

    if (v == NULL) {
        return wf_err_set(l->err, WEFT_ENOMEM, "no memory for the list of contexts");
    }
    l->v = v;
    /* One that cannot be read does not hide the others. */
    l->n += profile_load(name, &v[l->n], NULL) == 0;
    return 0;
}

static size_t text_bytes(const struct profile *p)
{
    size_t n = strlen(p->name) + strlen(p->role) + strlen(p->as) + 4;

    for (size_t i = 0; i < p->endpoints.n; i++) {
        n += strlen(p->endpoints.item[i]) + 1;
    }
    return n;
}

static void join_endpoints(const struct profile *p, struct wf_buf *out)
{
    wf_buf_clear(out);
    for (size_t i = 0; i < p->endpoints.n; i++) {
        (void) wf_buf_printf(out, "%s%s", i != 0 ? " " : "", p->endpoints.item[i]);
    }
}

static int make_list(const struct listing *l, const char *selected,
                     struct weft_context **ret_rows, size_t *ret_n)
{
    struct wf_buf text = WF_BUF_INIT(PROFILE_ENDPOINTS * (WF_ENDPOINT_MAX + 2));
    struct weft_context *to;
    size_t bytes = 0;
    struct rows r;
    int rc;

    for (size_t i = 0; i < l->n; i++) {
        bytes += text_bytes(&l->v[i]);
    }
    rc = rows_init(&r, 1, l->n * sizeof *to, bytes);
    if (rc != 0) {
        return rc;
    }
    to = rows_array(&r, l->n, sizeof *to);
    for (size_t i = 0; i < l->n; i++) {
        const struct profile *p = &l->v[i];

        join_endpoints(p, &text);
        to[i].name = rows_text(&r, wf_slice_of(p->name));
        to[i].role = rows_text(&r, wf_slice_of(p->role));
        to[i].as = rows_text(&r, wf_slice_of(p->as));
        to[i].endpoints = rows_text(&r, wf_slice_make(text.p, text.len));
        memcpy(to[i].key, p->key, sizeof to[i].key);
        memcpy(to[i].broker_key, p->broker_key, sizeof to[i].broker_key);
        to[i].selected = strcmp(p->name, selected) == 0;
    }
    wf_buf_fini(&text);
    *ret_rows = (struct weft_context *) (void *) r.base;
    *ret_n = l->n;
    return 0;
}

int weft_contexts(struct weft_context **ret_rows, size_t *ret_n, char *why, size_t cap)
{
    char selected[WF_NAME_MAX + 1];
    struct wf_err err = {0, ""};
    struct listing l = {NULL, 0, &err};
    int rc = profile_selected(selected, &err);

    if (rc == 0) {
        rc = profile_each(add_profile, &l, &err);
    }
    if (rc == 0) {
        rc = make_list(&l, selected, ret_rows, ret_n);
    }
    wf_free(l.v);
    return report(rc, &err, why, cap);
}

/* -- joining ------------------------------------------------------------------------ */

static int read_token(const char *text, struct wf_token *ret, struct wf_err *err)
{
    int rc = wf_token_parse(text, strlen(text), ret, err);

    if (rc == 0 && ret->role != WF_ROLE_CLIENT && ret->role != WF_ROLE_OPERATOR) {
        rc = wf_err_set(err, WEFT_ETOKENROLE,
                        "this token is for the role `%s`: use it on the device, with "
                        "`weft-%s`",
                        wf_role_name(ret->role),
                        ret->role == WF_ROLE_BROKER ? "broker link" : "agent join");
    }
    return rc;
}

static void describe(const char *name, const struct wf_token *t, const struct keys *keys,
                     const struct wf_join_result *r, struct profile *p)
{
    memset(p, 0, sizeof *p);
    (void) wf_str_copy(p->name, sizeof p->name, name);
    (void) wf_str_copy(p->role, sizeof p->role, wf_role_name(t->role));
    (void) wf_str_copy(p->as, sizeof p->as, r->name);
    wf_hex(p->key, keys->pub, sizeof keys->pub);
    wf_hex(p->broker_key, t->broker.b, sizeof t->broker.b);
    for (size_t i = 0; i < t->nendpoints; i++) {
        (void) wf_str_copy(p->endpoints.item[i], sizeof p->endpoints.item[i],
                           t->endpoints[i]);
    }
    p->endpoints.n = t->nendpoints;
}

static int enrol_into(const char *name, const struct wf_token *t, const struct keys *keys,
                      const char *dir, uint64_t timeout_ms, struct wf_err *err)
{
    const struct enrol e = {.token = t,
                            .key = keys->pub,
                            .name = name,
                            .software = "libweft " WEFT_VERSION,
                            .timeout_ms = timeout_ms};
    struct wf_join_result result;
    struct profile p;
    int rc = enrol_run(&e, &result, err);

    if (rc == 0) {
        describe(name, t, keys, &result, &p);
        rc = profile_commit(dir, &p, err);
    }
    return rc;
}

/* Select the first context there is. */
static int select_first(const char *name, struct wf_err *err)
{
    char selected[WF_NAME_MAX + 1];
    int rc = profile_selected(selected, err);

    return rc == 0 && selected[0] == '\0' ? profile_select(name, err) : rc;
}

static int join(const char *name, const char *token, uint64_t timeout_ms,
                struct wf_err *err)
{
    char dir[PROFILE_PATH];
    struct wf_token t;
    struct keys keys;
    int rc = read_token(token, &t, err);

    if (rc != 0) {
        return rc;
    }
    keys_make(&keys);
    rc = profile_begin(name, &keys, dir, err);
    if (rc == 0) {
        rc = enrol_into(name, &t, &keys, dir, timeout_ms, err);
        if (rc != 0) {
            profile_drop(dir);
        } else {
            rc = select_first(name, err);
        }
    }
    keys_wipe(&keys, sizeof keys);
    keys_wipe(&t, sizeof t);
    return rc;
}

int weft_context_join(const char *name, const char *token, int timeout_ms, char *why,
                      size_t cap)
{
    struct wf_err err = {0, ""};
    int rc;

    if (name == NULL || token == NULL) {
        return report(WEFT_EINVAL, &err, why, cap);
    }
    rc = keys_init();
    if (rc == 0) {
        rc = join(name, token, timeout_ms < 0 ? UINT32_MAX : (uint64_t) timeout_ms, &err);
    }
    return report(rc, &err, why, cap);
}

int weft_context_select(const char *name, char *why, size_t cap)
{
    struct wf_err err = {0, ""};
    int rc = name == NULL ? WEFT_EINVAL : profile_select(name, &err);

    return report(rc, &err, why, cap);
}

int weft_context_remove(const char *name, char *why, size_t cap)
{
    struct wf_err err = {0, ""};
    int rc = name == NULL ? WEFT_EINVAL : profile_remove(name, &err);

    return report(rc, &err, why, cap);
}

#include "agent/join.h"

#include "agent/spool.h"
#include "client/include/weft/version.h"
#include "common/io/enrol.h"
#include "common/io/file.h"
#include "common/io/identity.h"
#include "common/io/loop.h"
#include "common/str.h"
#include "proto/name.h"
#include "proto/words.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

WF_PRINTF(1, 2)
static void ok(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void) fputs("ok  ", stdout);
    (void) vprintf(fmt, ap);
    (void) putchar('\n');
    (void) fflush(stdout);
    va_end(ap);
}

/* -- the token ------------------------------------------------------------------------
 */

static int read_token(const char *path, struct wf_token *ret_token, struct wf_err *err)
{
    int from_stdin = path == NULL || strcmp(path, "-") == 0;
    struct wf_buf text = WF_BUF_INIT(2 * WF_TOKEN_TEXT_MAX);
    int rc;

    if (from_stdin && isatty(STDIN_FILENO)) {
        (void) fputs("Paste the token, then press Enter and Ctrl-D:\n", stderr);
    }
    rc = file_read(from_stdin ? "/dev/stdin" : path, &text, err);
    if (rc == WEFT_ETOOBIG) {
        rc = wf_err_set(err, WEFT_ETOKEN, "this is longer than any token");
    } else if (rc == 0 && text.len == 0) {
        rc = wf_err_set(err, WEFT_ETOKEN,
                        "nothing came: give --token-file FILE, or the "
                        "token on standard input");
    } else if (rc == 0) {
        rc = wf_token_parse((const char *) text.p, text.len, ret_token, err);
    }
    if (text.p != NULL) {
        keys_wipe(text.p, text.cap);
    }
    wf_buf_fini(&text);
    if (rc == 0 && ret_token->role != WF_ROLE_AGENT) {
        rc =
            wf_err_set(err, WEFT_ETOKENROLE, "the token is for role %s, not for an agent",
                       wf_role_name(ret_token->role));
    }
    return rc;
}

/* The key that the broker knows the token by: tells tokens apart without their secret. */
static void token_hex(const struct wf_token *t, char *dst)
{
    uint8_t secret[WF_KEY_SIZE];
    struct wf_key pub;

    wf_token_keypair(t->seed, &pub, secret);
    keys_wipe(secret, sizeof secret);
    wf_hex(dst, pub.b, sizeof pub.b);
}

/* -- the name -------------------------------------------------------------------------
 */

/* The host's name as far as it can be a node's. */
static void host_name(char dst[WF_NAME_MAX + 1])
{
    char host[256] = "";
    size_t n = 0;

    (void) gethostname(host, sizeof host - 1);
    for (const char *s = host; *s != '\0' && *s != '.' && n < WF_NAME_MAX; s++) {
        int c = tolower((unsigned char) *s);

        if (isalnum(c) || (n > 0 && (c == '-' || c == '_'))) {
            dst[n++] = (char) c;
        }
    }
    dst[n] = '\0';
    if (n == 0) {
        (void) wf_str_copy(dst, WF_NAME_MAX + 1, "agent");
    }
}

static int choose_name(const struct join_opts *o, const struct wf_token *t,
                       char dst[WF_NAME_MAX + 1], struct wf_err *err)
{
    if (o->name == NULL) {
        host_name(dst);
    } else if (!wf_name_ok(wf_slice_of(o->name))) {
        return wf_err_set(err, WEFT_EINVAL,
                          "`%.64s` is no name: a-z 0-9 . _ -, at most %u characters",
                          o->name, WF_NAME_MAX);
    } else if (t->name[0] != '\0' && strcmp(t->name, o->name) != 0) {
        return wf_err_set(err, WEFT_EINVAL,
                          "the token is for the name `%s`, not `%.64s`: leave --name out",
                          t->name, o->name);
    } else {
        (void) wf_str_copy(dst, WF_NAME_MAX + 1, o->name);
    }
    return 0;
}

/* -- joining --------------------------------------------------------------------------
 */

/* Nonzero when there is nothing left to do: enrolled, or not to be touched. */
static int was_enrolled(const struct join_opts *o, const char *token, int *ret_rc,
                        struct wf_err *err)
{
    struct identity id;
    int rc = identity_load(o->state, &id, err);

    if (rc == WEFT_ENOENT) {
        return 0;
    }
    *ret_rc = rc;
    if (rc != 0) {
        return 1;
    }
    keys_wipe(&id.keys, sizeof id.keys);
    if (strcmp(id.token, token) == 0) {
        ok("enrolled already, with this token, as %s at broker %s", id.name, id.broker);
    } else {
        *ret_rc = wf_err_set(err, WEFT_ESTATE,
                             "this node is enrolled already, as %s at broker %s", id.name,
                             id.broker);
    }
    return 1;
}

/* Text that goes into a file of our own, or on a terminal. */
static int check_result(const struct wf_join_result *r, struct wf_err *err)
{
    if (!wf_name_ok(wf_slice_of(r->name)) ||
        (r->site[0] != '\0' && !wf_name_ok(wf_slice_of(r->site))) ||
        (r->broker[0] != '\0' && !wf_name_ok(wf_slice_of(r->broker)))) {
        return wf_err_set(err, WEFT_EPROTO,
                          "the broker answered with names that are none");
    }
    return 0;
}

static int store(const char *state, const struct wf_token *t, const char *token,
                 const struct wf_join_result *r, struct wf_err *err)
{
    struct identity id = {{0}};

    (void) wf_str_copy(id.name, sizeof id.name, r->name);
    (void) wf_str_copy(id.site, sizeof id.site, r->site);
    (void) wf_str_copy(id.broker, sizeof id.broker, r->broker);
    (void) wf_str_copy(id.tier, sizeof id.tier,
                       r->tier != WF_TIER_NONE ? wf_tier_name(r->tier) : "");
    (void) wf_str_copy(id.token, sizeof id.token, token);
    wf_hex(id.broker_key, t->broker.b, sizeof t->broker.b);
    for (unsigned i = 0; i < t->nendpoints; i++) {
        (void) wf_str_copy(id.endpoints.item[i], sizeof id.endpoints.item[i],
                           t->endpoints[i]);
    }
    id.endpoints.n = t->nendpoints;
    return identity_save(state, &id, err);
}

static int make_key(const char *state, struct keys *ret_keys, struct wf_err *err)
{
    char fingerprint[KEY_FINGERPRINT];
    int fresh = 0;
    int rc = identity_key(state, ret_keys, &fresh, err);

    if (rc == 0) {
        keys_fingerprint(ret_keys->pub, fingerprint);
        ok("key %s  %s/key  %s", fresh ? "created" : "kept from before", state,
           fingerprint);
    }
    return rc;
}

static int enrol(const struct join_opts *o, const struct wf_token *t, const char *token,
                 const char *name, struct wf_err *err)
{
    struct wf_join_result r;
    struct keys keys;
    struct enrol e = {.token = t,
                      .key = keys.pub,
                      .name = name,
                      .software = "weft-agent " WEFT_VERSION,
                      .timeout_ms = o->timeout_ms};
    int rc = make_key(o->state, &keys, err);

    keys_wipe(keys.sec, sizeof keys.sec);
    if (rc == 0) {
        rc = enrol_run(&e, &r, err);
    }
    if (rc == 0) {
        rc = check_result(&r, err);
    }
    if (rc != 0) {
        return rc;
    }
    ok("enrolled as %s  site %s, tier %s, broker %s", r.name,
       r.site[0] != '\0' ? r.site : "-",
       r.tier != WF_TIER_NONE ? wf_tier_name(r.tier) : "-", r.broker);
    rc = store(o->state, t, token, &r, err);
    if (rc == 0) {
        ok("identity stored  %s/identity", o->state);
    }
    return rc;
}

static int join_locked(const struct join_opts *o, const struct wf_token *t,
                       struct wf_err *err)
{
    char name[WF_NAME_MAX + 1], token[IDENTITY_HEX];
    int rc = 0;

    token_hex(t, token);
    if (was_enrolled(o, token, &rc, err)) {
        return rc;
    }
    rc = choose_name(o, t, name, err);
    if (rc != 0) {
        return rc;
    }
    ok("token read  for broker at %s%s", t->endpoints[0],
       t->expires_ms != 0 && t->expires_ms < wf_wall_ms()
           ? " (expired, if this device's clock is right)"
           : "");
    return enrol(o, t, token, name, err);
}

static int open_state(const char *state, int *ret_lock, struct wf_err *err)
{
    int rc = file_mkdirs(state, 0700, err);

    if (rc == 0) {
        rc = file_lock(state, ret_lock, err);
    }
    return rc == 0 ? identity_adopt(state, "lock", err) : rc;
}

int join_run(const struct join_opts *o, struct wf_err *err)
{
    struct wf_token t;
    int lock = -1;
    int rc = read_token(o->token_file, &t, err);

    if (rc == 0) {
        rc = open_state(o->state, &lock, err);
    }
    if (rc == 0) {
        rc = join_locked(o, &t, err);
    }
    file_unlock(lock);
    keys_wipe(&t, sizeof t);
    return rc;
}

/* Results for this broker are no other's business. */
static int wipe_spool(const char *state, struct wf_err *err)
{
    struct spool *s = NULL;
    size_t records = 0;
    int rc = spool_new(state, &s, err);

    if (rc == 0) {
        rc = spool_wipe(s, &records, err);
    }
    spool_free(s);
    if (rc == 0 && records != 0) {
        ok("%zu results that were not delivered are dropped; their jobs run elsewhere",
           records);
    }
    return rc;
}

int join_leave(const char *state, struct wf_err *err)
{
    struct identity id;
    char name[WF_NAME_MAX + 1] = "NODE";
    int lock = -1;
    int rc;

    if (access(state, F_OK) != 0) {
        return wf_err_set(err, WEFT_ENOENT, "no node was enrolled in %.160s", state);
    }
    rc = file_lock(state, &lock, err);
    if (rc != 0) {
        return rc;
    }
    if (identity_load(state, &id, NULL) == 0) {
        (void) wf_str_copy(name, sizeof name, id.name);
        keys_wipe(&id.keys, sizeof id.keys);
    }
    rc = wipe_spool(state, err);
    if (rc == 0) {
        rc = identity_remove(state, err);
    }
    file_unlock(lock);
    if (rc == 0) {
        ok("identity and key removed from %s", state);
        (void) printf("next: the broker still knows the key: `weft node revoke %s`\n",
                      name);
    }
    return rc;
}

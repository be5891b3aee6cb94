#include "proto/token.h"

#include "common/cursor.h"
#include "common/str.h"
#include "proto/name.h"
#include "proto/pack.h"
#include "proto/words.h"

#include <sodium.h>
#include <string.h>

#define PREFIX    "weft1-"
#define VERSION   1
#define CHECKSUM  8
#define BYTES_MAX 2048

int wf_token_format(const struct wf_token *t, struct wf_buf *out)
{
    struct wf_buf body = WF_BUF_INIT(BYTES_MAX - CHECKSUM);
    char text[WF_TOKEN_TEXT_MAX];
    uint8_t *sum;
    int rc;

    (void) wf_pack_array(&body, 9);
    (void) wf_pack_uint(&body, VERSION);
    (void) wf_pack_uint(&body, t->role);
    (void) wf_pack_uint(&body, t->tier);
    (void) wf_pack_str(&body, t->name, (uint32_t) strlen(t->name));
    (void) wf_pack_str(&body, t->site, (uint32_t) strlen(t->site));
    (void) wf_pack_array(&body, t->nendpoints);
    for (unsigned i = 0; i < t->nendpoints; i++) {
        (void) wf_pack_str(&body, t->endpoints[i], (uint32_t) strlen(t->endpoints[i]));
    }
    (void) wf_pack_bin(&body, t->broker.b, sizeof t->broker.b);
    (void) wf_pack_bin(&body, t->seed, sizeof t->seed);
    (void) wf_pack_uint(&body, t->expires_ms);
    body.max = BYTES_MAX;
    sum = wf_buf_extend(&body, CHECKSUM);
    rc = body.err;
    if (sum != NULL) {
        (void) crypto_generichash(sum, CHECKSUM, body.p, body.len - CHECKSUM, NULL, 0);
        rc = wf_base64url_encode(text, sizeof text, body.p, body.len);
    }
    if (rc == 0) {
        rc = wf_buf_printf(out, PREFIX "%s", text);
    }
    if (body.p != NULL) {
        sodium_memzero(body.p, body.len);
    }
    sodium_memzero(text, sizeof text);
    wf_buf_fini(&body);
    return rc;
}

static int take_text(struct wf_cursor *c, char *dst, size_t cap)
{
    uint32_t len = 0;
    const uint8_t *p = wf_cur_str(c, &len);

    if (c->err != 0 || !wf_utf8_ok(p, len)) {
        return WEFT_ETOKEN;
    }
    return wf_str_copy_n(dst, cap, p, len) == 0 ? 0 : WEFT_ETOKEN;
}

/* A name, or nothing where none was given. */
static int take_name(struct wf_cursor *c, char *dst, size_t cap)
{
    int rc = take_text(c, dst, cap);

    return rc == 0 && dst[0] != '\0' && !wf_name_ok(wf_slice_of(dst)) ? WEFT_ETOKEN : rc;
}

static int take_bytes(struct wf_cursor *c, uint8_t *dst, uint32_t want)
{
    uint32_t len = 0;
    const uint8_t *p = wf_cur_bin(c, &len);

    if (c->err != 0 || len != want) {
        return WEFT_ETOKEN;
    }
    memcpy(dst, p, want);
    return 0;
}

static int take_token(struct wf_cursor *c, struct wf_token *t, struct wf_err *err)
{
    uint32_t n = wf_cur_array(c);
    uint64_t version = wf_cur_uint(c);
    uint64_t role, tier;

    if (c->err != 0 || n < 9) {
        return wf_err_set(err, WEFT_ETOKEN, "the token is not complete");
    }
    if (version != VERSION) {
        return wf_err_set(err, WEFT_ETOKEN,
                          "the token is of version %u, this program "
                          "knows version %u",
                          (unsigned) version, VERSION);
    }
    role = wf_cur_uint(c);
    tier = wf_cur_uint(c);
    if (c->err != 0 || role == WF_ROLE_NONE || role > WF_ROLE_BROKER ||
        tier > WF_TIER_CLOUD || take_name(c, t->name, sizeof t->name) != 0 ||
        take_name(c, t->site, sizeof t->site) != 0) {
        return wf_err_set(err, WEFT_ETOKEN, "the token holds an unknown role or name");
    }
    t->role = (unsigned) role;
    t->tier = (unsigned) tier;
    n = wf_cur_array(c);
    if (c->err != 0 || n == 0 || n > WF_TOKEN_ENDPOINTS) {
        return wf_err_set(err, WEFT_ETOKEN, "the token names no broker address");
    }
    for (t->nendpoints = 0; t->nendpoints < n; t->nendpoints++) {
        char *e = t->endpoints[t->nendpoints];

        if (take_text(c, e, sizeof t->endpoints[0]) != 0 || !wf_endpoint_ok(e, 0)) {
            return wf_err_set(err, WEFT_ETOKEN, "the token holds a bad broker address");
        }
    }
    if (take_bytes(c, t->broker.b, sizeof t->broker.b) != 0 ||
        take_bytes(c, t->seed, sizeof t->seed) != 0) {
        return wf_err_set(err, WEFT_ETOKEN, "the token holds no usable key");
    }
    t->expires_ms = wf_cur_uint(c);
    return c->err == 0 ? 0 : wf_err_set(err, WEFT_ETOKEN, "the token is not complete");
}

static int is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

int wf_token_parse(const char *text, size_t len, struct wf_token *ret_token,
                   struct wf_err *err)
{
    uint8_t bytes[BYTES_MAX], sum[CHECKSUM];
    struct wf_token t = {0};
    struct wf_cursor c;
    size_t n = 0;
    int rc;

    while (len > 0 && is_space(text[0])) {
        text++;
        len--;
    }
    while (len > 0 && is_space(text[len - 1])) {
        len--;
    }
    if (len < strlen(PREFIX) || memcmp(text, PREFIX, strlen(PREFIX)) != 0) {
        return wf_err_set(err, WEFT_ETOKEN,
                          "this is not a join token: those begin with "
                          "`" PREFIX "`");
    }
    text += strlen(PREFIX);
    len -= strlen(PREFIX);
    if (wf_base64url_decode(bytes, sizeof bytes, text, len, &n) != 0 || n <= CHECKSUM) {
        return wf_err_set(err, WEFT_ETOKEN,
                          "the token has characters that do not belong "
                          "there, or an end that is missing");
    }
    (void) crypto_generichash(sum, sizeof sum, bytes, n - CHECKSUM, NULL, 0);
    if (memcmp(sum, bytes + n - CHECKSUM, CHECKSUM) != 0) {
        rc = wf_err_set(err, WEFT_ETOKEN,
                        "the token's checksum does not match: part of "
                        "it is missing or altered");
    } else {
        wf_cur_init(&c, bytes, n - CHECKSUM);
        rc = take_token(&c, &t, err);
    }
    if (rc == 0) {
        *ret_token = t;
    }
    sodium_memzero(bytes, sizeof bytes);
    sodium_memzero(&t, sizeof t);
    return rc;
}

void wf_token_keypair(const uint8_t seed[WF_TOKEN_SEED], struct wf_key *ret_public,
                      uint8_t ret_secret[WF_KEY_SIZE])
{
    (void) crypto_box_seed_keypair(ret_public->b, ret_secret, seed);
}

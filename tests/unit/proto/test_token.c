#include "proto/token.h"

#include "common/err.h"
#include "common/mem.h"
#include "common/rng.h"
#include "common/str.h"
#include "proto/pack.h"
#include "proto/words.h"
#include "tests/lib/tap.h"

#include <sodium.h>

static void fill(uint8_t *p, size_t len, struct wf_rng *r)
{
    for (size_t i = 0; i < len; i++) {
        p[i] = (uint8_t) wf_rng_next(r);
    }
}

static struct wf_token sample(uint64_t seed)
{
    struct wf_rng r = {seed};
    struct wf_token t = {
        .role = 1 + (unsigned) wf_rng_below(&r, WF_ROLE_BROKER),
        .tier = (unsigned) wf_rng_below(&r, WF_TIER_CLOUD + 1),
        .nendpoints = 1 + (unsigned) wf_rng_below(&r, WF_TOKEN_ENDPOINTS),
        .expires_ms = wf_rng_next(&r) >> wf_rng_below(&r, 64),
    };

    for (uint64_t n = wf_rng_below(&r, WF_NAME_MAX + 1), i = 0; i < n; i++) {
        t.name[i] = (char) ('a' + wf_rng_below(&r, 26));
        t.site[i] = (char) ('0' + wf_rng_below(&r, 10));
    }
    for (unsigned i = 0; i < t.nendpoints; i++) {
        (void) snprintf(t.endpoints[i], sizeof t.endpoints[i], "tcp://host%u.example:%u",
                        i, 1 + (unsigned) wf_rng_below(&r, 65535));
    }
    fill(t.broker.b, sizeof t.broker.b, &r);
    fill(t.seed, sizeof t.seed, &r);
    return t;
}

static int same(const struct wf_token *a, const struct wf_token *b)
{
    int good = a->role == b->role && a->tier == b->tier &&
               strcmp(a->name, b->name) == 0 && strcmp(a->site, b->site) == 0 &&
               a->nendpoints == b->nendpoints && wf_key_eq(&a->broker, &b->broker) &&
               memcmp(a->seed, b->seed, sizeof a->seed) == 0 &&
               a->expires_ms == b->expires_ms;

    for (unsigned i = 0; good && i < a->nendpoints; i++) {
        good = strcmp(a->endpoints[i], b->endpoints[i]) == 0;
    }
    return good;
}

static void test_round_trip(void)
{
    unsigned bad = 0;

    for (uint64_t seed = 0; seed < 300; seed++) {
        struct wf_buf out = WF_BUF_INIT(WF_TOKEN_TEXT_MAX);
        struct wf_token t = sample(seed), got;
        struct wf_err err;

        bad += wf_token_format(&t, &out) != 0 || out.len < 7 ||
               memcmp(out.p, "weft1-", 6) != 0 ||
               wf_token_parse((const char *) out.p, out.len, &got, &err) != 0 ||
               !same(&t, &got);
        wf_buf_fini(&out);
    }
    ok(bad == 0, "what is formatted is read back");
}

static void test_largest(void)
{
    struct wf_buf out = WF_BUF_INIT(WF_TOKEN_TEXT_MAX - 1);
    struct wf_token t = sample(1), got;
    struct wf_err err;

    memset(t.name, 'n', WF_NAME_MAX);
    memset(t.site, 's', WF_NAME_MAX);
    t.nendpoints = WF_TOKEN_ENDPOINTS;
    for (unsigned i = 0; i < t.nendpoints; i++) {
        memset(t.endpoints[i], 'h', WF_ENDPOINT_MAX);
        memcpy(t.endpoints[i], "tcp://", 6);
        strcpy(t.endpoints[i] + WF_ENDPOINT_MAX - 2, ":1");
    }
    t.expires_ms = UINT64_MAX;
    ok(wf_token_format(&t, &out) == 0 &&
           wf_token_parse((const char *) out.p, out.len, &got, &err) == 0 &&
           same(&t, &got),
       "the largest token has %zu characters", out.len);
    wf_buf_fini(&out);
}

static void refused(const char *text, size_t len, const char *why)
{
    struct wf_token got = {.role = 99};
    struct wf_err err = {0};

    ok(wf_token_parse(text, len, &got, &err) == WEFT_ETOKEN && got.role == 99 &&
           err.code == WEFT_ETOKEN && err.text[0] != '\0',
       "%s: %s", why, err.text);
}

static void test_damaged(void)
{
    struct wf_buf out = WF_BUF_INIT(WF_TOKEN_TEXT_MAX);
    struct wf_token t = sample(2), got;
    unsigned bad = 0;
    char *text;

    must(wf_token_format(&t, &out) == 0 && wf_buf_put(&out, " \r\n\t", 4) == 0);
    text = (char *) out.p;
    is_int(wf_token_parse(text, out.len, &got, NULL), 0,
           "white space after it is allowed");
    out.len -= 4;
    refused("", 0, "nothing");
    refused("  \n", 3, "white space alone");
    refused("weft1-", 6, "the prefix alone");
    refused("weft2-AAAA", 10, "another prefix");
    refused("hello", 5, "other text");
    refused("weft1-!!!!", 10, "other characters");
    refused("weft1-AAAAAAAAAAA", 17, "a checksum alone");
    for (size_t len = 0; len < out.len; len++) {
        bad += wf_token_parse(text, len, &got, NULL) != WEFT_ETOKEN;
    }
    ok(bad == 0, "cut anywhere it is refused");
    for (size_t i = 0; i < out.len; i++) {
        char was = text[i];

        text[i] = was == 'A' ? 'B' : 'A';
        bad += wf_token_parse(text, out.len, &got, NULL) != WEFT_ETOKEN;
        text[i] = ' ';
        bad += i > 0 && i + 1 < out.len &&
               wf_token_parse(text, out.len, &got, NULL) != WEFT_ETOKEN;
        text[i] = was;
    }
    ok(bad == 0, "any one character altered, it is refused");
    wf_buf_fini(&out);
}

/* A token with a right checksum around these bytes. */
static void refused_body(struct wf_buf *body, const char *why)
{
    char text[WF_TOKEN_TEXT_MAX] = "weft1-";
    uint8_t *sum = wf_buf_extend(body, 8);

    must(sum != NULL);
    (void) crypto_generichash(sum, 8, body->p, body->len - 8, NULL, 0);
    must(wf_base64url_encode(text + 6, sizeof text - 6, body->p, body->len) == 0);
    refused(text, strlen(text), why);
    wf_buf_fini(body);
}

/* Build the body of a token up to the endpoints; the rest is good. */
static struct wf_buf body_of(uint32_t fields, uint64_t version, uint64_t role,
                             uint64_t tier, struct wf_slice name, uint32_t nendpoints,
                             const char *endpoint, uint32_t seed_len)
{
    static const uint8_t zero[64];
    struct wf_buf b = WF_BUF_INIT(4096);

    (void) wf_pack_array(&b, fields);
    (void) wf_pack_uint(&b, version);
    (void) wf_pack_uint(&b, role);
    (void) wf_pack_uint(&b, tier);
    (void) wf_pack_str(&b, name.p, name.len);
    (void) wf_pack_str(&b, "site", 4);
    (void) wf_pack_array(&b, nendpoints);
    for (uint32_t i = 0; i < nendpoints; i++) {
        (void) wf_pack_str(&b, endpoint, (uint32_t) strlen(endpoint));
    }
    (void) wf_pack_bin(&b, zero, 32);
    (void) wf_pack_bin(&b, zero, seed_len);
    (void) wf_pack_uint(&b, 1);
    must(b.err == 0);
    return b;
}

static void test_hostile(void)
{
    static const struct {
        uint32_t fields;
        uint64_t version, role, tier;
        const char *name;
        uint32_t nendpoints;
        const char *endpoint;
        uint32_t seed_len;
        const char *why;
    } cases[] = {
        {8, 1, 1, 1, "n", 1, "tcp://a:1", 32, "a field too few"},
        {9, 2, 1, 1, "n", 1, "tcp://a:1", 32, "a later version"},
        {9, 1, 0, 1, "n", 1, "tcp://a:1", 32, "no role"},
        {9, 1, 6, 1, "n", 1, "tcp://a:1", 32, "an unknown role"},
        {9, 1, 1, 4, "n", 1, "tcp://a:1", 32, "an unknown tier"},
        {9, 1, 1, 1, "A B", 1, "tcp://a:1", 32, "a name against the grammar"},
        {9, 1, 1, 1, "n", 0, "", 32, "no endpoint"},
        {9, 1, 1, 1, "n", 9, "tcp://a:1", 32, "nine endpoints"},
        {9, 1, 1, 1, "n", 1, "ipc://x:1", 32, "an endpoint that is not TCP"},
        {9, 1, 1, 1, "n", 1, "tcp://a:1", 31, "a short seed"},
        {9, 1, 1, 1, "n", 1, "tcp://a:1", 33, "a long seed"},
    };
    char name[WF_NAME_MAX + 2];
    struct wf_buf b;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        b = body_of(cases[i].fields, cases[i].version, cases[i].role, cases[i].tier,
                    wf_slice_of(cases[i].name), cases[i].nendpoints, cases[i].endpoint,
                    cases[i].seed_len);
        refused_body(&b, cases[i].why);
    }
    memset(name, 'x', sizeof name);
    b = body_of(9, 1, 1, 1, wf_slice_make(name, WF_NAME_MAX + 1), 1, "tcp://a:1", 32);
    refused_body(&b, "a long name");
    b = body_of(9, 1, 1, 1, wf_slice_make("a\0b", 3), 1, "tcp://a:1", 32);
    refused_body(&b, "a name with a zero byte");
    b = body_of(9, 1, 1, 1, wf_slice_of("n"), 1, "tcp://a:1", 32);
    wf_buf_truncate(&b, b.len - 1);
    refused_body(&b, "no end");
}

/* A later release may append fields. */
static void test_later_fields(void)
{
    struct wf_buf b = body_of(10, 1, 1, 1, wf_slice_of("n"), 1, "tcp://a:1", 32);
    char text[WF_TOKEN_TEXT_MAX] = "weft1-";
    struct wf_token got;
    uint8_t *sum;

    (void) wf_pack_str(&b, "later", 5);
    sum = wf_buf_extend(&b, 8);
    must(sum != NULL);
    (void) crypto_generichash(sum, 8, b.p, b.len - 8, NULL, 0);
    must(wf_base64url_encode(text + 6, sizeof text - 6, b.p, b.len) == 0);
    is_int(wf_token_parse(text, strlen(text), &got, NULL), 0,
           "unknown fields are skipped");
    wf_buf_fini(&b);
}

static void test_key_pair(void)
{
    /* The secret is the first half of SHA-512 of the seed, the public key its X25519. */
    static const uint8_t seed[WF_TOKEN_SEED];
    uint8_t secret[WF_KEY_SIZE], public[WF_KEY_SIZE], other[WF_TOKEN_SEED] = {1};
    struct wf_key key, key2;
    char hex[2 * WF_KEY_SIZE + 1];

    wf_token_keypair(seed, &key, secret);
    wf_hex(hex, key.b, sizeof key.b);
    is_str(hex, "5bf55c73b82ebe22be80f3430667af570fae2556a6415e6b30d4065300aa947d",
           "a seed of zeros always gives this public key");
    must(crypto_scalarmult_base(public, secret) == 0);
    ok(memcmp(public, key.b, sizeof public) == 0, "public and secret belong together");
    wf_token_keypair(other, &key2, secret);
    ok(!wf_key_eq(&key, &key2), "another seed gives another pair");
}

static void test_out_of_memory(void)
{
    struct wf_token t = sample(3);
    unsigned bad = 0, failed = 0;
    int rc = WEFT_ENOMEM;

    for (long n = 0; rc != 0; n++) {
        struct wf_buf out = WF_BUF_INIT(WF_TOKEN_TEXT_MAX);

        wf_mem_fail_after(n);
        rc = wf_token_format(&t, &out);
        wf_mem_fail_after(-1);
        failed += rc != 0;
        bad += rc != 0 && rc != WEFT_ENOMEM;
        wf_buf_fini(&out);
    }
    ok(failed > 0 && bad == 0, "%u failed allocations are reported", failed);
}

int main(void)
{
    must(sodium_init() >= 0);
    test_round_trip();
    test_largest();
    test_damaged();
    test_hostile();
    test_later_fields();
    test_key_pair();
    test_out_of_memory();
    return done();
}

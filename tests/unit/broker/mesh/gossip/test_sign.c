#include "broker/core/mesh/gossip/sign.h"
#include "proto/words.h"
#include "tests/lib/tap.h"

#include <sodium.h>

static const char body[] = "what is said";

static struct said a_fact(void)
{
    struct said f = {.seq = 258, .kind = WF_FACT_SITE, .body = wf_slice_of(body)};

    memset(f.origin.b, 7, sizeof f.origin.b);
    return f;
}

/* Byte by byte, as docs/spec/9-gossip.md has it. */
static void encoding(void)
{
    static const uint8_t head[] = "weft fact 1";
    uint8_t seed[WF_KEY_SIZE] = {1}, secret[SIGN_SECRET_SIZE], sign[WF_SIGN_SIZE];
    uint8_t bytes[256] = {0};
    struct said f = a_fact();
    struct wf_key key;
    size_t n = 0;

    memcpy(bytes, head, sizeof head);
    n = sizeof head;
    memset(bytes + n, 7, 32);
    n += 32;
    bytes[n + 6] = 1; /* 258, in eight bytes */
    bytes[n + 7] = 2;
    n += 8;
    bytes[n++] = WF_FACT_SITE;
    bytes[n++] = 0;
    bytes[n + 3] = (uint8_t) strlen(body);
    n += 4;
    memcpy(bytes + n, body, strlen(body));
    n += strlen(body);
    sign_keys(seed, secret, &key);
    sign_make(&f, secret, sign);
    ok(crypto_sign_verify_detached(sign, bytes, n, key.b) == 0,
       "the encoding is as told");
}

static void everything_counts(void)
{
    uint8_t seed[WF_KEY_SIZE] = {1}, secret[SIGN_SECRET_SIZE], sign[WF_SIGN_SIZE];
    uint8_t about[WF_KEY_SIZE] = {9};
    struct said f = a_fact(), g;
    struct wf_key key, other;

    sign_keys(seed, secret, &key);
    sign_make(&f, secret, sign);
    ok(sign_verify(&f, &key, sign), "what was signed verifies");
    other = key;
    other.b[3] ^= 1;
    ok(!sign_verify(&f, &other, sign), "not under another key");
    g = f;
    g.origin.b[0]++;
    ok(!sign_verify(&g, &key, sign), "not of another origin");
    g = f;
    g.seq++;
    ok(!sign_verify(&g, &key, sign), "not with another seq");
    g = f;
    g.kind = WF_FACT_LOAD;
    ok(!sign_verify(&g, &key, sign), "not of another kind");
    g = f;
    g.key = wf_slice_make(about, sizeof about);
    ok(!sign_verify(&g, &key, sign), "not about something else");
    g = f;
    g.body = wf_slice_of("what is not said");
    ok(!sign_verify(&g, &key, sign), "not with another body");
    sign[60] ^= 1;
    ok(!sign_verify(&f, &key, sign), "not with another signature");
    seed[31] = 1;
    sign_keys(seed, secret, &other);
    ok(!wf_key_eq(&key, &other), "another seed, another key");
    sign_wipe(secret, sizeof secret);
    for (unsigned i = 0; i < sizeof secret; i++) {
        must(secret[i] == 0);
    }
    ok(1, "a wiped secret is gone");
}

int main(void)
{
    encoding();
    everything_counts();
    return done();
}

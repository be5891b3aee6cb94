#include "broker/core/mesh/gossip/keys.h"
#include "common/err.h"
#include "common/rng.h"
#include "proto/words.h"
#include "tests/lib/tap.h"

#define WORDS 6u

static struct wf_key key_of(uint8_t b)
{
    struct wf_key k;

    memset(k.b, b, sizeof k.b);
    return k;
}

static void order(void)
{
    const struct wf_key a = key_of(1), b = key_of(2);
    struct wf_key_fact x = {.state = WF_KEY_ACTIVE, .version = 5};
    struct wf_key_fact y = {.state = WF_KEY_REVOKED, .version = 1};

    ok(keys_above(&y, &a, &x, &b) && !keys_above(&x, &b, &y, &a),
       "revoked stands above any version");
    y.state = WF_KEY_ACTIVE;
    ok(keys_above(&x, &a, &y, &b) && !keys_above(&y, &b, &x, &a),
       "then the higher version");
    y.version = 5;
    ok(keys_above(&y, &b, &x, &a) && !keys_above(&x, &a, &y, &b),
       "then the greater origin");
    ok(!keys_above(&x, &a, &x, &a), "nothing stands above itself");
}

static void say(struct facts *s, uint8_t by, uint64_t seq, const struct wf_key *about,
                const struct wf_key_fact *word)
{
    const uint8_t sign[WF_SIGN_SIZE] = {0};
    struct wf_key key = key_of(by);
    struct origin *o = facts_origin(s, &key);
    struct wf_buf body = WF_BUF_INIT(1024);
    struct said said = {.origin = key, .seq = seq, .kind = WF_FACT_KEY};
    struct fact *f;

    if (o == NULL) {
        must(facts_add_origin(s, &key, &o) == 0);
    }
    if (word != NULL) {
        must(wf_msg_encode(&body, WF_MSG_key_fact, word) == 0);
    }
    said.key = wf_slice_make(about->b, sizeof about->b);
    said.body = wf_slice_make(body.p, body.len);
    must(facts_put(s, o, &said, sign, seq - 1, 1, &f) == 0);
    wf_buf_fini(&body);
}

/* In any order the same word stands. */
static void same_word(void)
{
    const struct facts_limits limit = {
        .origins = 20, .facts = 20, .origin_bytes = 1 << 20, .bytes = 1 << 20};
    const struct wf_key about = key_of(99);
    struct wf_rng rng = {.s = 4};
    unsigned different = 0;

    for (unsigned round = 0; round < 200; round++) {
        struct wf_key_fact words[WORDS], got;
        struct wf_key by[2];

        for (unsigned i = 0; i < WORDS; i++) {
            words[i] = (struct wf_key_fact){
                .state = wf_rng_chance(&rng, 1, 8) ? WF_KEY_REVOKED : WF_KEY_ACTIVE,
                .version = wf_rng_below(&rng, 3),
                .tier = i % 4};
        }
        for (unsigned turn = 0; turn < 2; turn++) {
            struct facts s;
            const struct fact *f;

            must(facts_init(&s, &limit, 1) == 0);
            for (unsigned i = 0; i < WORDS; i++) {
                unsigned k = turn == 0 ? i : WORDS - 1 - i;

                say(&s, (uint8_t) (k + 1), 1, &about, &words[k]);
            }
            f = keys_word(&s, &about, &got);
            must(f != NULL);
            by[turn] = f->of->key;
            facts_check(&s);
            facts_fini(&s);
        }
        different += !wf_key_eq(&by[0], &by[1]);
    }
    is_int(different, 0, "whatever the order, one word stands");
}

static void absent(void)
{
    const struct facts_limits limit = {
        .origins = 20, .facts = 20, .origin_bytes = 1 << 20, .bytes = 1 << 20};
    const struct wf_key about = key_of(99);
    const struct wf_key_fact word = {.version = 3};
    struct wf_key_fact got;
    struct facts s;

    must(facts_init(&s, &limit, 1) == 0);
    ok(keys_word(&s, &about, NULL) == NULL, "a key that nobody spoke of");
    say(&s, 1, 1, &about, &word);
    ok(keys_word(&s, &about, &got) != NULL && got.version == 3, "one word");
    say(&s, 1, 2, &about, NULL);
    ok(keys_word(&s, &about, &got) == NULL, "that was taken back");
    is_int(keys_read(wf_slice_of("nonsense"), &got), WEFT_EPROTO, "what is no word");
    facts_fini(&s);
}

int main(void)
{
    order();
    same_word();
    absent();
    return done();
}

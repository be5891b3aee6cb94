#include "broker/core/mesh/gossip/facts.h"
#include "common/err.h"
#include "common/mem.h"
#include "common/rng.h"
#include "proto/words.h"
#include "tests/lib/tap.h"

static const uint8_t sign[WF_SIGN_SIZE];

static struct wf_key key_of(unsigned b)
{
    struct wf_key k;

    memset(k.b, (int) b, sizeof k.b);
    return k;
}

static void begin(struct facts *s, struct origin **ret_o, unsigned facts, uint64_t bytes)
{
    const struct facts_limits limit = {
        .origins = 4, .facts = facts, .origin_bytes = bytes, .bytes = 2 * bytes};
    struct wf_key key = key_of(1);

    must(facts_init(s, &limit, 1) == 0);
    must(facts_add_origin(s, &key, ret_o) == 0);
}

/* A fact about key number `about`, 0: about the origin. */
static int put(struct facts *s, struct origin *o, uint64_t seq, uint64_t base,
               unsigned about, const char *body)
{
    struct wf_key key = key_of(about);
    struct said said = {
        .origin = o->key, .seq = seq, .kind = WF_FACT_HOLDS, .body = wf_slice_of(body)};
    struct fact *f;
    int rc;

    if (about != 0) {
        said.key = wf_slice_make(key.b, sizeof key.b);
    }
    rc = facts_put(s, o, &said, sign, base, 1, &f);
    facts_check(s);
    return rc;
}

static void in_order(void)
{
    struct facts s;
    struct origin *o;

    begin(&s, &o, 10, 1 << 20);
    is_int(put(&s, o, 1, 0, 1, "a"), 0, "the first fact");
    is_int(o->seen, 1, "is seen");
    (void) put(&s, o, 5, 4, 2, "b");
    is_int(o->seen, 1, "behind a gap nothing is");
    (void) put(&s, o, 8, 5, 3, "c");
    is_int(o->seen, 1, "nor behind that");
    (void) put(&s, o, 4, 1, 4, "d");
    is_int(o->seen, 8, "what closes the gap brings all");
    (void) put(&s, o, 9, 8, 1, "e");
    ok(o->n == 4 && o->seen == 9 && o->facts[0]->seq == 4, "newer replaces older");
    is_int(facts_base(o, 0), 0, "nothing is left before the first");
    is_int(facts_base(o, 3), 8, "the one before is the base");
    ok(facts_after(o, 5) == 2 && facts_after(o, 9) == 4, "those after a seq");
    ok(facts_has(o, 5) && !facts_has(o, 6), "whether a seq is there");
    facts_fini(&s);
}

static void claims(void)
{
    struct facts s;
    struct origin *o;
    struct wf_key two = key_of(2);

    begin(&s, &o, 10, 1 << 20);
    (void) put(&s, o, 1, 0, 1, "a");
    (void) put(&s, o, 7, 6, 2, "b");
    facts_claim(o, facts_find(&s, &o->key, WF_FACT_HOLDS, wf_slice_make(two.b, 32)), 7,
                3);
    is_int(o->seen, 1, "a better claim that does not reach");
    is_int(facts_base(o, 1), 3, "is passed on");
    facts_claim(o, o->facts[1], 3, 1);
    is_int(o->seen, 7, "an older fact's claim closes the gap");
    facts_claim(o, NULL, 9, 7);
    is_int(o->seen, 9, "one that found no room counts as seen");
    facts_claim(o, NULL, 12, 10);
    is_int(o->seen, 9, "unless something is missing before it");
    facts_check(&s);
    facts_fini(&s);
}

static void bounds(void)
{
    struct facts s;
    struct origin *o, *other;
    struct wf_key key = key_of(2);
    char big[3000];

    begin(&s, &o, 3, 4 * sizeof(struct fact));
    for (unsigned i = 1; i <= 3; i++) {
        must(put(&s, o, i, i - 1, i, "x") == 0);
    }
    is_int(put(&s, o, 4, 3, 4, "x"), WEFT_EFULL, "one fact too many");
    is_int(put(&s, o, 4, 3, 3, "y"), 0, "in place of another it has room");
    memset(big, 'b', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    is_int(put(&s, o, 5, 4, 3, big), WEFT_EFULL, "too many bytes of one origin");
    must(facts_add_origin(&s, &key, &other) == 0);
    is_int(put(&s, other, 1, 0, 0, "x"), 0, "another has its own share");
    is_int(facts_add_origin(&s, &key, &other), WEFT_EEXIST, "an origin twice");
    for (unsigned i = 3; i <= 4; i++) {
        key = key_of(i);
        must(facts_add_origin(&s, &key, &other) == 0);
    }
    key = key_of(5);
    is_int(facts_add_origin(&s, &key, &other), WEFT_EFULL, "one origin too many");
    facts_check(&s);
    facts_fini(&s);
}

/* Whatever allocation fails, all is as before. */
static void no_memory(void)
{
    struct facts s;
    struct origin *o;
    unsigned failures = 0;
    int rc = WEFT_ENOMEM;

    begin(&s, &o, 10, 1 << 20);
    for (long n = 0; rc == WEFT_ENOMEM; n++) {
        uint64_t before = facts_hash(&s);
        struct wf_key key = key_of(9);
        const struct said said = {.origin = o->key,
                                  .seq = 1,
                                  .kind = WF_FACT_KEY,
                                  .key = wf_slice_make(key.b, sizeof key.b),
                                  .body = wf_slice_of("x")};
        struct fact *f;

        (void) wf_mem_fail_after(n);
        rc = facts_put(&s, o, &said, sign, 0, 1, &f);
        (void) wf_mem_fail_after(-1);
        failures += rc == WEFT_ENOMEM && facts_hash(&s) == before && o->seen == 0 &&
                    facts_about(&s, &key, NULL) == NULL;
        must(failures == (unsigned) n + (rc == WEFT_ENOMEM));
        facts_check(&s);
    }
    ok(failures >= 4 && rc == 0 && o->n == 1, "%u allocations failed one by one",
       failures);
    facts_fini(&s);
}

static void keeps_keys(void)
{
    struct facts s;
    struct origin *o;
    struct wf_key key = key_of(9);
    struct said said = {.seq = 2, .kind = WF_FACT_KEY, .body = wf_slice_of("x")};
    struct fact *f;

    begin(&s, &o, 10, 1 << 20);
    must(put(&s, o, 1, 0, 0, "site") == 0);
    said.origin = o->key;
    said.key = wf_slice_make(key.b, sizeof key.b);
    must(facts_put(&s, o, &said, sign, 1, 1, &f) == 0);
    o->revoked = 1;
    facts_keep_keys(&s, o);
    ok(o->n == 1 && o->facts[0] == f && facts_about(&s, &key, NULL) == f,
       "of a revoked one its word on keys stays");
    facts_check(&s);
    facts_fini(&s);
}

int main(void)
{
    in_order();
    claims();
    bounds();
    no_memory();
    keeps_keys();
    return done();
}

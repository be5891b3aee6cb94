/* What a broken, newer or hostile peer can send: the decoder takes what it may, refuses
 * the rest and never reads out of bounds.  Every input stands in a block of its exact
 * size, so that the address sanitizer sees a byte too many. */
#include "common/err.h"
#include "common/mem.h"
#include "proto/msg.h"
#include "proto/pack.h"
#include "tests/lib/gen.h"
#include "tests/lib/raw.h"
#include "tests/lib/tap.h"

/* Decode everything in the bytes, reading each row and dumping each message.  The result
 * is that of the last message.  A message that was taken must survive being encoded. */
static int drain(const uint8_t *p, size_t len, unsigned *ret_taken)
{
    uint8_t *exact = malloc(len != 0 ? len : 1);
    struct wf_buf again = WF_BUF_INIT(64u << 20);
    struct wf_cursor c, c2;
    struct wf_msg msg, msg2;
    char line[512];
    int rc = 0;

    must(exact != NULL);
    memcpy(exact, p, len);
    wf_cur_init(&c, exact, len);
    *ret_taken = 0;
    while (wf_cur_left(&c) > 0 && rc != WEFT_EPROTO) {
        rc = wf_msg_decode(&c, &msg);
        if (rc == 0) {
            const struct wf_desc *d = wf_desc_of(msg.type);

            wf_buf_clear(&again);
            must(wf_msg_encode(&again, msg.type, &msg.u) == 0);
            wf_cur_init(&c2, again.p, again.len);
            must(wf_msg_decode(&c2, &msg2) == 0 && gen_equal(d, &msg.u, &msg2.u));
            wf_msg_dump(line, sizeof line, msg.type, &msg.u);
            ++*ret_taken;
        }
    }
    wf_buf_fini(&again);
    free(exact);
    return rc;
}

static int drain_hex(const char *hex, unsigned *ret_taken)
{
    struct wf_buf b = WF_BUF_INIT(1u << 20);
    int rc;

    raw_hex(&b, hex);
    rc = drain(b.p, b.len, ret_taken);
    wf_buf_fini(&b);
    return rc;
}

static void test_truncated(void)
{
    struct wf_buf out = WF_BUF_INIT(WF_FRAME_MAX);
    struct gen g;
    struct wf_msg m;
    unsigned taken;

    gen_init(&g, 10);
    for (size_t i = 0; wf_desc_at(i) != NULL; i++) {
        const struct wf_desc *d = wf_desc_at(i);
        unsigned bad = 0;

        for (unsigned round = 0; round < 3; round++) {
            wf_buf_clear(&out);
            gen_body(&g, d, GEN_SMALL, &m.u);
            must(wf_msg_encode(&out, (enum wf_type) d->number, &m.u) == 0);
            for (size_t len = 1; len < out.len; len++) {
                bad += drain(out.p, len, &taken) != WEFT_EPROTO || taken != 0;
            }
        }
        ok(bad == 0, "%s: cut at every byte it is refused", d->name);
    }
    gen_fini(&g);
    wf_buf_fini(&out);
}

static void test_mutated(void)
{
    static uint8_t bytes[64u << 10];
    struct wf_buf out = WF_BUF_INIT(sizeof bytes);
    struct gen g, hand;
    struct wf_msg m;
    unsigned taken, any = 0, refused = 0;

    gen_init(&g, 11);
    gen_init(&hand, 12);
    for (unsigned i = 0; i < 30000; i++) {
        const struct wf_desc *d = gen_pick(&g);
        size_t len;

        wf_buf_clear(&out);
        gen_body(&g, d, GEN_SMALL, &m.u);
        must(wf_msg_encode(&out, (enum wf_type) d->number, &m.u) == 0);
        memcpy(bytes, out.p, out.len);
        len = gen_mutate(&hand, bytes, out.len, sizeof bytes);
        refused += drain(bytes, len, &taken) == WEFT_EPROTO;
        any += taken > 0;
    }
    ok(any > 1000 && refused > 1000,
       "of 30000 altered messages %u were refused and %u taken, without harm", refused,
       any);
    gen_fini(&g);
    gen_fini(&hand);
    wf_buf_fini(&out);
}

/* Bytes that are not messages at all. */
static void test_noise(void)
{
    struct wf_rng rng = {13};
    uint8_t bytes[64];
    unsigned taken;

    for (unsigned i = 0; i < 20000; i++) {
        size_t len = 1 + (size_t) wf_rng_below(&rng, sizeof bytes);

        for (size_t k = 0; k < len; k++) {
            bytes[k] = (uint8_t) wf_rng_next(&rng);
        }
        /* So that most get past the first byte. */
        bytes[0] = (uint8_t) (0x90 | (bytes[0] & 0x0f));
        (void) drain(bytes, len, &taken);
    }
    ok(1, "20000 pieces of noise did no harm");
}

/* Compare the first `n` fields; the others must be zero. */
static int same_prefix(const struct wf_desc *d, const void *want, const void *got,
                       unsigned n)
{
    static const uint8_t zero[sizeof(struct wf_msg)];
    struct wf_desc head = *d;

    head.nfields = n;
    if (!gen_equal(&head, want, got)) {
        return 0;
    }
    if (n < d->nfields) {
        size_t at = d->fields[n].offset;

        return memcmp((const uint8_t *) got + at, zero, d->size - at) == 0;
    }
    return 1;
}

static void test_other_versions(void)
{
    struct wf_buf out = WF_BUF_INIT(4 * WF_FRAME_MAX);
    struct gen g;
    struct wf_msg m, got;
    struct wf_cursor c;

    gen_init(&g, 14);
    for (size_t i = 0; wf_desc_at(i) != NULL; i++) {
        const struct wf_desc *d = wf_desc_at(i);
        unsigned bad = 0;

        for (unsigned n = 0; n <= d->nfields + 13; n++) {
            const struct raw how = {
                .fields = n,
                .extra = n > d->nfields ? n - d->nfields : 0,
                .row_extra = n % 4,
                .wide = (int) n % 2,
            };

            wf_buf_clear(&out);
            gen_body(&g, d, n % 3 == 0 ? GEN_EDGE : GEN_SMALL, &m.u);
            raw_encode(&out, d, &m.u, &how);
            raw_encode(&out, d, &m.u, &how);
            memset(&got, 0xa5, sizeof got);
            wf_cur_init(&c, out.p, out.len);
            bad += wf_msg_decode(&c, &got) != 0 ||
                   !same_prefix(d, &m.u, &got.u, n < d->nfields ? n : d->nfields) ||
                   wf_cur_left(&c) != out.len / 2 || wf_msg_decode(&c, &got) != 0 ||
                   wf_cur_left(&c) != 0;
        }
        ok(bad == 0, "%s: missing fields are zero, surplus ones skipped, any width read",
           d->name);
    }
    gen_fini(&g);
    wf_buf_fini(&out);
}

static void test_unknown_message(void)
{
    static const char *const known = " 92 1a 01"; /* drain on=1 */
    static const char *const unknown[] = {
        "91 00",                           /* number 0 */
        "91 3f",                           /* 63 */
        "92 cd 03e8 c0",                   /* 1000 */
        "93 cf ffffffffffffffff 90 80",    /* the largest number */
        "92 3f 93 91 91 c0 81 01 c4 00 c3" /* nested fields */
    };
    char hex[128];
    unsigned taken = 0;

    for (size_t i = 0; i < ARRAY_LEN(unknown); i++) {
        (void) snprintf(hex, sizeof hex, "%s%s", unknown[i], known);
        ok(drain_hex(hex, &taken) == 0 && taken == 1,
           "the unknown message %s is skipped, the next one read", unknown[i]);
        is_int(drain_hex(unknown[i], &taken), WEFT_ESUPPORT, "alone it is not supported");
    }
    is_int(drain_hex("93 3f 93 91", &taken), WEFT_EPROTO, "cut short it is malformed");
}

/* Each of these made some decoder of msgpack allocate, recurse or overrun. */
static void test_hostile(void)
{
    static const struct {
        const char *hex, *what;
    } vectors[] = {
        {"dd 05f5e100", "an array of 100 million without content"},
        {"dd ffffffff 00", "an array of 2^32-1"},
        {"dc ffff 1a", "an array16 longer than the input"},
        {"90", "an empty array"},
        {"91", "an array without content"},
        {"91 c0", "nil for a number"},
        {"91 a1 31", "text for a number"},
        {"91 ff", "a negative number"},
        {"91 ca 3f800000", "a float for a number"},
        {"80", "a map"},
        {"c1", "the byte that msgpack never uses"},
        {"c7 ff", "an ext cut short"},
        {"df ffffffff", "a huge map"},
        {"92 1a c1", "the unused byte as a field"},
        {"92 1a c3", "true for a number field"},
        {"92 1a 02", "a field over its limit"},
        {"93 1a 01 c1", "the unused byte as an unknown field"},
        {"93 1a 01 dd 05f5e100", "a huge array as an unknown field"},
        {"93 1a 01 df ffffffff 00", "a huge map as an unknown field"},
        {"93 1a 01 db ffffffff 61", "huge text as an unknown field"},
        {"93 1a 01 c6 ffffffff 61", "huge bytes as an unknown field"},
        {"93 1a 01 c9 ffffffff 61", "a huge ext as an unknown field"},
        {"92 3f dd 05f5e100", "a huge array in an unknown message"},
        {"93 11 00 dd 05f5e100", "a huge list of rows"},
        {"93 11 00 91 dd 05f5e100", "a huge row"},
        {"93 11 00 91 c0", "a row that is no array"},
        {"93 11 00 c0", "a list that is no array"},
        {"93 17 c4 0f 000000000000000000000000000000 01", "an id of 15 bytes"},
        {"93 17 c4 11 0000000000000000000000000000000000 01", "an id of 17 bytes"},
        {"93 17 b0 30303030303030303030303030303030 01", "an id as text"},
        {"93 06 00 c4 01 61", "bytes for text"},
        {"93 06 00 a1 ff", "text that is not UTF-8"},
        {"93 06 00 a2 c0af", "an overlong slash"},
        {"93 06 00 a3 eda080", "a surrogate"},
        {"93 06 00 a4 f4908080", "a character past U+10FFFF"},
        {"93 06 00 a1 c3", "a character cut short"},
    };
    unsigned taken;

    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        ok(drain_hex(vectors[i].hex, &taken) == WEFT_EPROTO && taken == 0,
           "%s is malformed", vectors[i].what);
    }
    ok(drain_hex("92 1a d0 01", &taken) == 0 && taken == 1,
       "a signed form of a positive number is taken");
}

/* A megabyte of opened containers: neither recursion nor quadratic time. */
static void test_deep(void)
{
    static const uint8_t openers[] = {0x91, 0x81, 0xdc, 0xdd, 0xde, 0xdf};
    static uint8_t bytes[1u << 20];
    unsigned taken;

    for (size_t i = 0; i < ARRAY_LEN(openers); i++) {
        memset(bytes, openers[i], sizeof bytes);
        memcpy(bytes, "\x93\x1a\x01", 3);
        is_int(drain(bytes, sizeof bytes, &taken), WEFT_EPROTO,
               "a million containers in each other are malformed");
    }
    /* This one is well-formed: an array of an array of ... of nil. */
    memset(bytes, 0x91, sizeof bytes);
    memcpy(bytes, "\x93\x1a\x01", 3);
    bytes[sizeof bytes - 1] = 0xc0;
    ok(drain(bytes, sizeof bytes, &taken) == 0 && taken == 1,
       "closed properly they are skipped");
}

/* After an error the cursor gives nothing more. */
static void test_sticky(void)
{
    static const uint8_t bytes[] = {0x92, 0x1a, 0xc1, 0x92, 0x1a, 0x01};
    struct wf_cursor c;
    struct wf_msg msg;

    wf_cur_init(&c, bytes, sizeof bytes);
    is_int(wf_msg_decode(&c, &msg), WEFT_EPROTO, "the first message is malformed");
    is_int(wf_msg_decode(&c, &msg), WEFT_EPROTO, "so is all that follows");
    is_int(c.err, WEFT_EPROTO, "the error sticks");
    wf_cur_init(&c, bytes, 0);
    is_int(wf_msg_decode(&c, &msg), WEFT_EPROTO, "nothing is no message");
}

static void test_no_allocation(void)
{
    struct wf_buf out = WF_BUF_INIT(WF_FRAME_MAX);
    struct wf_cursor c;
    struct gen g;
    struct wf_msg m, got;
    unsigned bad = 0;

    gen_init(&g, 15);
    for (unsigned i = 0; i < 200; i++) {
        const struct wf_desc *d = gen_pick(&g);

        wf_buf_clear(&out);
        gen_body(&g, d, GEN_EDGE, &m.u);
        must(wf_msg_encode(&out, (enum wf_type) d->number, &m.u) == 0);
        wf_mem_fail_after(0);
        wf_cur_init(&c, out.p, out.len);
        bad += wf_msg_decode(&c, &got) != 0;
        bad += wf_mem_fail_after(-1) != 0;
    }
    ok(bad == 0, "decoding allocates nothing");
    gen_fini(&g);
    wf_buf_fini(&out);
}

int main(void)
{
    test_truncated();
    test_mutated();
    test_noise();
    test_other_versions();
    test_unknown_message();
    test_hostile();
    test_deep();
    test_sticky();
    test_no_allocation();
    return done();
}

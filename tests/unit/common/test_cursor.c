#include "common/cursor.h"
#include "common/err.h"
#include "common/rng.h"
#include "tests/lib/tap.h"

/* Cursor over a string literal. */
#define READ(c, bytes) wf_cur_init((c), (bytes), sizeof(bytes) - 1)

/* The read so far was good and took everything. */
static int finished(const struct wf_cursor *c)
{
    return c->err == 0 && wf_cur_left(c) == 0;
}

static int refused(const struct wf_cursor *c)
{
    return c->err == WEFT_EPROTO && wf_cur_left(c) == 0;
}

static void reads_uint(const void *p, size_t len, uint64_t want)
{
    struct wf_cursor c;

    wf_cur_init(&c, p, len);
    ok(wf_cur_uint(&c) == want && finished(&c), "uint %" PRIu64, want);
    if (want <= INT64_MAX) {
        wf_cur_init(&c, p, len);
        ok(wf_cur_int(&c) == (int64_t) want && finished(&c), "as int too");
    } else {
        wf_cur_init(&c, p, len);
        ok(wf_cur_int(&c) == 0 && refused(&c), "too large as int");
    }
}

static void reads_negative(const void *p, size_t len, int64_t want)
{
    struct wf_cursor c;

    wf_cur_init(&c, p, len);
    ok(wf_cur_int(&c) == want && finished(&c), "int %" PRId64, want);
    wf_cur_init(&c, p, len);
    ok(wf_cur_uint(&c) == 0 && refused(&c), "not as uint");
}

static void test_integers(void)
{
    reads_uint("\x00", 1, 0);
    reads_uint("\x7f", 1, 127);
    reads_uint("\xcc\xff", 2, 255);
    reads_uint("\xcd\xff\xfe", 3, 65534);
    reads_uint("\xce\xff\xff\xff\xff", 5, UINT32_MAX);
    reads_uint("\xcf\x7f\xff\xff\xff\xff\xff\xff\xff", 9, INT64_MAX);
    reads_uint("\xcf\x80\x00\x00\x00\x00\x00\x00\x00", 9, UINT64_C(1) << 63);
    reads_uint("\xcf\xff\xff\xff\xff\xff\xff\xff\xff", 9, UINT64_MAX);
    reads_uint("\xcf\x00\x00\x00\x00\x00\x00\x00\x05", 9, 5);
    reads_uint("\xd0\x7f", 2, 127);
    reads_uint("\xd3\x7f\xff\xff\xff\xff\xff\xff\xff", 9, INT64_MAX);
    reads_negative("\xff", 1, -1);
    reads_negative("\xe0", 1, -32);
    reads_negative("\xd0\x80", 2, -128);
    reads_negative("\xd1\x80\x00", 3, -32768);
    reads_negative("\xd2\xff\xff\xff\xfe", 5, -2);
    reads_negative("\xd3\x80\x00\x00\x00\x00\x00\x00\x00", 9, INT64_MIN);
}

static void test_strings(void)
{
    struct wf_cursor c;
    uint32_t len = 7;
    const uint8_t *p;

    READ(&c, "\xa3"
             "abc\xd9\x01"
             "d\xda\x00\x01"
             "e\xdb\x00\x00\x00\x01"
             "f\xc4\x02gh\xc5\x00\x01i\xc6\x00\x00\x00\x01j");
    p = wf_cur_str(&c, &len);
    ok(p != NULL && len == 3 && memcmp(p, "abc", 3) == 0, "fixstr");
    ok(*wf_cur_str(&c, &len) == 'd' && len == 1, "str 8");
    ok(*wf_cur_str(&c, &len) == 'e' && len == 1, "str 16");
    ok(*wf_cur_str(&c, &len) == 'f' && len == 1, "str 32");
    p = wf_cur_bin(&c, &len);
    ok(p != NULL && len == 2 && memcmp(p, "gh", 2) == 0, "bin 8");
    ok(*wf_cur_bin(&c, &len) == 'i' && len == 1, "bin 16");
    ok(*wf_cur_bin(&c, &len) == 'j' && finished(&c), "bin 32");

    READ(&c, "\xa0");
    ok(wf_cur_str(&c, &len) != NULL && len == 0 && finished(&c),
       "an empty str is not NULL");
    READ(&c, "\xc4\x00");
    ok(wf_cur_bin(&c, &len) != NULL && len == 0 && finished(&c), "nor an empty bin");
    len = 7;
    READ(&c, "\xc4\x01x");
    ok(wf_cur_str(&c, &len) == NULL && len == 0 && refused(&c), "a bin is no str");
    READ(&c, "\xa1x");
    ok(wf_cur_bin(&c, &len) == NULL && len == 0 && refused(&c), "a str is no bin");
    READ(&c, "\xdb\xff\xff\xff\xffx");
    ok(wf_cur_str(&c, &len) == NULL && refused(&c), "a claimed length is not believed");
}

static void test_others(void)
{
    struct wf_cursor c;
    uint32_t len;

    READ(&c, "\xc3\xc2\xc0");
    ok(wf_cur_bool(&c) == 1 && wf_cur_bool(&c) == 0, "true and false");
    ok(wf_cur_bool(&c) == 0 && refused(&c), "nil is no bool");
    READ(&c, "\x92\x01\x02");
    ok(wf_cur_array(&c) == 2 && wf_cur_uint(&c) == 1 && wf_cur_uint(&c) == 2 &&
           finished(&c),
       "an array");
    READ(&c, "\xdc\x00\x01\x05");
    ok(wf_cur_array(&c) == 1 && wf_cur_left(&c) == 1, "array 16");
    READ(&c, "\xdd\x00\x00\x00\x01\x05");
    ok(wf_cur_array(&c) == 1 && wf_cur_left(&c) == 1, "array 32");
    READ(&c, "\xdd\x05\xf5\xe1\x00");
    ok(wf_cur_array(&c) == 0 && refused(&c), "more elements claimed than bytes left");
    READ(&c, "\x81\x01\x02");
    ok(wf_cur_array(&c) == 0 && refused(&c), "a map is no array");
    wf_cur_init(&c, NULL, 0);
    ok(wf_cur_left(&c) == 0 && c.err == 0, "nothing is no error by itself");
    ok(wf_cur_str(&c, &len) == NULL && refused(&c), "but nothing can be read from it");

    READ(&c, "\x81\x01\x02");
    (void) wf_cur_array(&c);
    ok(wf_cur_uint(&c) == 0 && wf_cur_bool(&c) == 0 && wf_cur_int(&c) == 0 &&
           wf_cur_bin(&c, &len) == NULL && refused(&c),
       "the first error sticks");
}

static void skips(const void *p, size_t len, const char *what)
{
    struct wf_cursor c;

    wf_cur_init(&c, p, len);
    wf_cur_skip(&c);
    ok(finished(&c), "skip %s", what);
    for (size_t n = 0; n < len; n++) {
        wf_cur_init(&c, p, n);
        wf_cur_skip(&c);
        if (!refused(&c)) {
            ok(0, "skip %s cut at %zu", what, n);
        }
    }
}

static void test_skip(void)
{
    struct wf_cursor c;
    static uint8_t deep[100000];

#define SKIPS(bytes, what) skips((bytes), sizeof(bytes) - 1, (what))
    SKIPS("\xc0", "nil");
    SKIPS("\x05", "fixint");
    SKIPS("\xe5", "negative fixint");
    SKIPS("\xca\x01\x02\x03\x04", "float 32");
    SKIPS("\xcb\x01\x02\x03\x04\x05\x06\x07\x08", "float 64");
    SKIPS("\xcd\x01\x02", "uint 16");
    SKIPS("\xd3\x01\x02\x03\x04\x05\x06\x07\x08", "int 64");
    SKIPS("\xa2xy", "fixstr");
    SKIPS("\xda\x00\x02xy", "str 16");
    SKIPS("\xc6\x00\x00\x00\x02xy", "bin 32");
    SKIPS("\xc7\x02\x01xy", "ext 8");
    SKIPS("\xc8\x00\x02\x01xy", "ext 16");
    SKIPS("\xc9\x00\x00\x00\x02\x01xy", "ext 32");
    SKIPS("\xd4\x01x", "fixext 1");
    SKIPS("\xd8\x01"
          "0123456789abcdef",
          "fixext 16");
    SKIPS("\x82\xa1x\x01\xa1y\x92\x01\x80", "nested map");
    SKIPS("\xde\x00\x01\x01\xdf\x00\x00\x00\x01\x02\xdd\x00\x00\x00\x00", "wide headers");
    READ(&c, "\xc1");
    wf_cur_skip(&c);
    ok(refused(&c), "the unused tag");
    READ(&c, "\x92\x01\x02\x07");
    wf_cur_skip(&c);
    ok(wf_cur_uint(&c) == 7 && finished(&c), "stops after one value");

    memset(deep, 0x91, sizeof deep);
    deep[sizeof deep - 1] = 0xc0;
    wf_cur_init(&c, deep, sizeof deep);
    wf_cur_skip(&c);
    ok(finished(&c), "nesting does not cost stack");
    /* Arrays of 4 billion arrays of 4 billion arrays... */
    memset(deep, 0xff, sizeof deep);
    for (size_t i = 0; i + 5 < sizeof deep; i += 5) {
        deep[i] = 0xdd;
    }
    wf_cur_init(&c, deep, sizeof deep);
    wf_cur_skip(&c);
    ok(refused(&c), "claimed counts are not believed");
}

/* A message with every kind of value; read as a decoder reads. */
static const uint8_t message[] =
    "\x98\xcd\x12\x34\xd9\x03"
    "abc\xc4\x02xy\xc3\xd2\xff\xff\xff\x00\x92\x01\x82\xa1k\xca\x00\x00\x00\x00\x02\xc0"
    "\xdc\x00\x02\xa0\x05\xcf\x00\x00\x00\x01\x00\x00\x00\x00";

static int decode(const uint8_t *p, size_t len)
{
    struct wf_cursor c;
    uint32_t n;
    uint32_t slen;
    const uint8_t *s;

    wf_cur_init(&c, p, len);
    (void) wf_cur_array(&c);
    (void) wf_cur_uint(&c);
    s = wf_cur_str(&c, &slen);
    must(s == NULL || (s >= p && slen <= (size_t) (p + len - s)));
    s = wf_cur_bin(&c, &slen);
    must(s == NULL || (s >= p && slen <= (size_t) (p + len - s)));
    (void) wf_cur_bool(&c);
    (void) wf_cur_int(&c);
    wf_cur_skip(&c);
    n = wf_cur_array(&c);
    must(n <= len);
    for (uint32_t i = 0; i < n; i++) {
        wf_cur_skip(&c);
    }
    (void) wf_cur_uint(&c);
    must(c.p <= c.end && c.end == (len != 0 ? p : c.p) + len);
    return finished(&c) ? 0 : c.err != 0 ? c.err : WEFT_EPROTO;
}

/* Each input stands in a block of its own size, so that the sanitizers and valgrind see a
 * read past its end. */
static int decode_copy(const uint8_t *p, size_t len)
{
    uint8_t *copy = malloc(len != 0 ? len : 1);
    int rc;

    must(copy != NULL);
    memcpy(copy, p, len);
    rc = decode(copy, len);
    free(copy);
    return rc;
}

static void test_hostile(void)
{
    size_t len = sizeof message - 1;
    uint8_t bad[sizeof message];
    struct wf_rng r = {42};
    int good = 1;

    is_int(decode_copy(message, len), 0, "the message itself is good");
    for (size_t n = 0; n < len; n++) {
        good = good && decode_copy(message, n) == WEFT_EPROTO;
    }
    ok(good, "every truncation is refused");
    for (int i = 0; i < 200000; i++) {
        size_t n = wf_rng_chance(&r, 1, 4) ? wf_rng_below(&r, len + 1) : len;

        memcpy(bad, message, len);
        for (uint64_t k = 1 + wf_rng_below(&r, 4); k > 0; k--) {
            bad[wf_rng_below(&r, len)] = (uint8_t) wf_rng_next(&r);
        }
        (void) decode_copy(bad, n);
    }
    for (int i = 0; i < 100000; i++) {
        size_t n = wf_rng_below(&r, sizeof bad);

        for (size_t k = 0; k < n; k++) {
            bad[k] = (uint8_t) wf_rng_next(&r);
        }
        (void) decode_copy(bad, n);
    }
    ok(1, "mutations and noise are read without harm");
}

int main(void)
{
    test_integers();
    test_strings();
    test_others();
    test_skip();
    test_hostile();
    return done();
}

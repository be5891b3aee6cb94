#include "common/err.h"
#include "common/rng.h"
#include "common/str.h"
#include "tests/lib/tap.h"

static void test_copy(void)
{
    char dst[4];

    is_int(wf_str_copy(dst, sizeof dst, "abc"), 0, "fits exactly");
    is_str(dst, "abc", "copied");
    is_int(wf_str_copy(dst, sizeof dst, "wxyz"), WEFT_ETOOBIG, "one too long");
    is_str(dst, "wxy", "cut and terminated");
    is_int(wf_str_copy(dst, 0, ""), WEFT_ETOOBIG, "no room for the end");
    is_int(wf_str_copy_n(dst, sizeof dst, "abcdef", 2), 0, "some bytes");
    is_str(dst, "ab", "only those");
    is_int(wf_str_copy_n(dst, sizeof dst, NULL, 0), 0, "none");
    is_str(dst, "", "empty");
    is_int(wf_str_copy(dst, sizeof dst, "ab\xc3\xa9"), WEFT_ETOOBIG,
           "cut in a character");
    is_str(dst, "ab", "leaves it out");
    is_int(wf_str_copy(dst, sizeof dst, "a\xc3\xa9z"), WEFT_ETOOBIG, "cut after one");
    is_str(dst, "a\xc3\xa9", "keeps it");
    is_int(wf_str_copy_n(dst, sizeof dst, "a\0b", 3), WEFT_EINVAL, "a zero inside");
}

static void test_hex(void)
{
    char text[9];
    uint8_t bytes[4];
    size_t n = 99;

    wf_hex(text, "\x00\xff\x1a\xb2", 4);
    is_str(text, "00ff1ab2", "to hex");
    is_int(wf_unhex(bytes, 4, "00FF1ab2", &n), 0, "from hex, either case");
    ok(n == 4 && memcmp(bytes, "\x00\xff\x1a\xb2", 4) == 0, "the bytes");
    is_int(wf_unhex(bytes, 3, "00ff1ab2", &n), WEFT_ETOOBIG, "too long");
    is_int(wf_unhex(bytes, 4, "00f", &n), WEFT_EINVAL, "odd");
    is_int(wf_unhex(bytes, 4, "0g", &n), WEFT_EINVAL, "not hex");
    is_int(n, 4, "untouched by failures");
    is_int(wf_unhex(bytes, 4, "", &n), 0, "nothing");
    is_int(n, 0, "is no bytes");
}

static const char *escaped(const char *s, size_t len)
{
    static char dst[256];

    (void) wf_str_escape(dst, sizeof dst, s, len);
    return dst;
}

static void test_escape(void)
{
    char dst[16];
    int good = 1;

    is_str(escaped("plain, text!", 12), "plain, text!", "printable ASCII stays");
    is_str(escaped("a\"b'c\\d", 7), "a\\x22b\\x27c\\x5cd", "quotes and backslashes");
    is_str(escaped("a\0b\n\x7f", 5), "a\\x00b\\x0a\\x7f", "control characters");
    is_str(escaped("é€😀", 9), "é€😀", "UTF-8 stays");
    is_str(escaped("\xc3(\xff", 3), "\\xc3(\\xff", "broken UTF-8");
    is_str(escaped("\xc2\x9b", 2), "\\xc2\\x9b", "C1 controls");
    is_str(escaped("\xe2\x80\xae", 3), "\\xe2\\x80\\xae", "right-to-left override");
    is_str(escaped("\xe2\x82", 2), "\\xe2\\x82", "a character cut short");
    for (size_t cap = 0; cap < sizeof dst; cap++) {
        size_t n;

        memset(dst, '#', sizeof dst);
        n = wf_str_escape(dst, cap, "a\né\x01€xyz", 10);
        good = good && (cap == 0 ? n == 0 : n < cap && dst[n] == '\0') &&
               dst[cap] == '#' && (cap == 0 || wf_utf8_ok(dst, n));
        good = good && !(n > 1 && n < 5);
    }
    ok(good, "cut between characters and escapes");
}

static void test_base64url(void)
{
    static const char *const bad[] = {
        "A", "AAAAA", "AB", "AAB", "AA=", "AA==", "A+AA", "A/AA", "AA A", "AA\nA"};
    static const char *const rfc[] = {"",       "Zg",      "Zm8",     "Zm9v",
                                      "Zm9vYg", "Zm9vYmE", "Zm9vYmFy"};
    uint8_t bytes[64];
    uint8_t back[64];
    char text[WF_BASE64URL_LEN(64) + 1];
    struct wf_rng r = {9};
    size_t n = 99;
    int good = 1;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        is_int(wf_base64url_decode(bytes, 64, bad[i], strlen(bad[i]), &n), WEFT_EINVAL,
               "refused");
    }
    is_int(n, 99, "untouched by failures");
    for (size_t i = 0; i < ARRAY_LEN(rfc); i++) {
        must(wf_base64url_encode(text, sizeof text, "foobar", i) == 0);
        is_str(text, rfc[i], "RFC 4648 section 10");
    }
    must(wf_base64url_encode(text, sizeof text, "\xfb\xff", 2) == 0);
    is_str(text, "-_8", "the alphabet of section 5");
    for (size_t len = 0; len <= 64; len++) {
        for (size_t i = 0; i < len; i++) {
            bytes[i] = (uint8_t) wf_rng_next(&r);
        }
        good = good && wf_base64url_encode(text, WF_BASE64URL_LEN(len), bytes, len) ==
                           WEFT_ETOOBIG;
        good =
            good && wf_base64url_encode(text, WF_BASE64URL_LEN(len) + 1, bytes, len) == 0;
        good = good && strlen(text) == WF_BASE64URL_LEN(len);
        good = good && (len == 0 || wf_base64url_decode(back, len - 1, text, strlen(text),
                                                        &n) == WEFT_ETOOBIG);
        good = good && wf_base64url_decode(back, len, text, strlen(text), &n) == 0 &&
               n == len && memcmp(back, bytes, len) == 0;
    }
    ok(good, "every length, with exactly the room it takes");
    is_int(wf_base64url_encode(text, 0, "", 0), WEFT_ETOOBIG, "no room for the end");
}

static void test_utf8(void)
{
    static const char *const bad[] = {"\x80",
                                      "\xbf",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xc3",
                                      "\xc3(",
                                      "\xe0\x80\x80",
                                      "\xe0\x9f\xbf",
                                      "\xed\xa0\x80",
                                      "\xed\xbf\xbf",
                                      "\xf0\x80\x80\x80",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xf8\x88\x80\x80\x80",
                                      "\xff",
                                      "\xe2\x82",
                                      "abc\xf0\x9f\x98"};
    static const char *const fine[] = {"",
                                       "abc",
                                       "\x7f",
                                       "\xc2\x80",
                                       "\xdf\xbf",
                                       "\xe0\xa0\x80",
                                       "\xed\x9f\xbf",
                                       "\xee\x80\x80",
                                       "\xef\xbf\xbf",
                                       "\xf0\x90\x80\x80",
                                       "\xf4\x8f\xbf\xbf"};

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        ok(!wf_utf8_ok(bad[i], strlen(bad[i])), "malformed %zu", i);
    }
    for (size_t i = 0; i < ARRAY_LEN(fine); i++) {
        ok(wf_utf8_ok(fine[i], strlen(fine[i])), "well-formed %zu", i);
    }
    ok(wf_utf8_ok("a\0b", 3), "a zero is a character");
    ok(!wf_utf8_ok("\xc3\xa9", 1), "the length counts, not what follows");
}

static void test_glob(void)
{
    char text[2001];
    char pattern[] = "*a*a*a*a*a*a*a*a*a*a*a*a*b";

    ok(wf_glob("abc", "abc") && !wf_glob("abc", "abcd") && !wf_glob("abc", "ab"),
       "literal");
    ok(wf_glob("", "") && !wf_glob("", "a") && wf_glob("*", "") && wf_glob("**", "x"),
       "nothing");
    ok(wf_glob("a*", "a") && wf_glob("a*c", "abbc") && !wf_glob("a*c", "abcd"),
       "one star");
    ok(wf_glob("*.a.*", "x.a.y") && wf_glob("*ab*ab", "aababab"), "more stars");
    ok(!wf_glob("a?c", "abc") && wf_glob("a?c", "a?c") && !wf_glob("[a]", "a"),
       "nothing else is special");
    memset(text, 'a', 2000);
    text[2000] = '\0';
    ok(!wf_glob(pattern, text), "hostile patterns end soon");
}

int main(void)
{
    test_copy();
    test_hex();
    test_escape();
    test_base64url();
    test_utf8();
    test_glob();
    return done();
}

#include "common/err.h"
#include "proto/msg.h"
#include "tests/lib/tap.h"

static void test_slices(void)
{
    const struct wf_slice none = {0};
    char small[4];

    is_int(wf_slice_of("abc").len, 3, "a slice of text has its length");
    is_int(wf_slice_of(NULL).len, 0, "of NULL it is empty");
    ok(wf_slice_eq(wf_slice_of("abc"), wf_slice_make("abcd", 3)), "the same bytes equal");
    ok(!wf_slice_eq(wf_slice_of("abc"), wf_slice_of("abd")), "other bytes do not");
    ok(!wf_slice_eq(wf_slice_of("abc"), wf_slice_of("ab")), "nor does a prefix");
    ok(wf_slice_eq(none, wf_slice_of("")), "empty ones equal, also without an address");
    ok(wf_slice_is(wf_slice_make("echo!", 4), "echo"), "a slice is compared with text");
    ok(!wf_slice_is(wf_slice_make("a\0b", 3), "a"), "a zero inside counts");
    is_str(wf_slice_str(wf_slice_of("abcdef"), small, sizeof small), "abc",
           "a copy is cut at its room");
    is_str(wf_slice_str(wf_slice_of("abc"), small, sizeof small), "abc", "or fits");
    is_str(wf_slice_str(none, small, sizeof small), "", "or is empty");
    is_str(wf_slice_str(wf_slice_of("abc"), small, 1), "", "room for the zero alone");
}

static void test_ids(void)
{
    struct wf_id a = {{0}}, b = {{0}};
    struct wf_key k = {{0}}, l = {{0}};
    char text[WF_ID_TEXT];

    ok(wf_id_is_zero(&a), "an id of zeros is zero");
    a.b[WF_ID_SIZE - 1] = 1;
    ok(!wf_id_is_zero(&a) && !wf_id_eq(&a, &b), "one bit makes another id");
    b = a;
    ok(wf_id_eq(&a, &b), "a copy is the same");
    k.b[WF_KEY_SIZE - 1] = 1;
    ok(!wf_key_eq(&k, &l) && wf_key_eq(&k, &k), "keys compare over their whole length");

    is_str(wf_id_text(&a, text), "00000000000000000000000000000001", "an id as text");
    is_int(wf_id_parse("0123456789abcdefFEDCBA9876543210", &b), 0, "text as an id");
    is_str(wf_id_text(&b, text), "0123456789abcdeffedcba9876543210", "and back");
    is_int(wf_id_parse("", &a), WEFT_EINVAL, "nothing is no id");
    is_int(wf_id_parse("0123456789abcdeffedcba987654321", &a), WEFT_EINVAL, "31 digits");
    is_int(wf_id_parse("0123456789abcdeffedcba98765432100", &a), WEFT_EINVAL,
           "33 digits");
    is_int(wf_id_parse("0123456789abcdeffedcba98765432100a", &a), WEFT_EINVAL,
           "34 digits");
    is_int(wf_id_parse("0123456789abcdeffedcba987654321g", &a), WEFT_EINVAL,
           "a letter past f");
    is_int(wf_id_parse(" 123456789abcdeffedcba9876543210", &a), WEFT_EINVAL, "a space");
    is_int(a.b[WF_ID_SIZE - 1], 1, "a refused text leaves the id alone");
}

int main(void)
{
    test_slices();
    test_ids();
    return done();
}

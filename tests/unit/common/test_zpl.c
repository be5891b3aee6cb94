#include "common/rng.h"
#include "common/zpl.h"
#include "tests/lib/tap.h"

/* Shows the items as "level name[=value]|...", or the error's text. */
static const char *items_n(const char *text, size_t len)
{
    static char got[1024];
    struct wf_zpl z;
    struct wf_zpl_item item;
    struct wf_err err;
    size_t used = 0;
    int rc = wf_zpl_init(&z, text, len, &err);

    got[0] = '\0';
    while (rc == 0 && (rc = wf_zpl_next(&z, &item, &err)) > 0) {
        used += (size_t) snprintf(got + used, sizeof got - used, "%u:%u %s%s%s|",
                                  item.line, item.level, item.name,
                                  item.has_value ? "=" : "", item.value);
        must(used < sizeof got);
        rc = 0;
    }
    return rc == 0 ? got : rc == WEFT_ECONF ? strcpy(got, err.text) : "wrong code";
}

static const char *items(const char *text)
{
    return items_n(text, strlen(text));
}

static void test_lines(void)
{
    is_str(items(""), "", "nothing");
    is_str(items_n(NULL, 0), "", "not even a pointer");
    is_str(items("\n\r\n  # only\n   \n#\n"), "", "blank lines and comments");
    is_str(items("a = b\n"), "1:0 a=b|", "a value");
    is_str(items("a = b"), "1:0 a=b|", "without a newline at the end");
    is_str(items("a = b\r\nc=d\r\n"), "1:0 a=b|2:0 c=d|", "CRLF");
    is_str(items("a = b\r"), "1:0 a=b|", "a CR at the end");
    is_str(items("a=b c  # d\n"), "1:0 a=b c|", "spaces inside and a comment");
    is_str(items("a =\nb = # x\nc=\"\"\n"), "1:0 a=|2:0 b=|3:0 c=|", "empty values");
    is_str(items("a = \"x # y\" # z\n"), "1:0 a=x # y|", "in quotes");
    is_str(items("a = 'say \"x\"'\n"), "1:0 a=say \"x\"|", "either quote");
    is_str(items("a = it's\n"), "1:0 a=it's|", "a quote inside");
    is_str(items("s\n    a = 1\n\n    b = 2\nc = é\n"), "1:0 s|2:1 a=1|4:1 b=2|5:0 c=é|",
           "a section");
    is_str(items("s # x\n    t\n"), "1:0 s|2:1 t|", "a section's comment");
}

static void test_refused(void)
{
    is_str(items("a = \"x\n"), "line 1: the value's quote is not closed", "quote");
    is_str(items("a = \"x\" y\n"), "line 1: text after the closing quote", "after quote");
    is_str(items("\na = x#y\n"), "line 2: put a value that holds # in quotes", "#");
    is_str(items("a b\n"), "line 1: expected `=` after `a`", "no equals sign");
    is_str(items("= b\n"), "line 1: expected a name of 1 to 63 bytes", "no name");
    is_str(items("a\n  b = 1\n"),
           "line 2: indented by 2 spaces, not 4 (in a section) or 0", "odd indentation");
    is_str(items("        b = 1\n"),
           "line 1: indented by 8 spaces, not 4 (in a section) or 0", "too deep");
    is_str(items("a\n\tb = 1\n"), "line 2: a tab (use spaces) at column 1", "tab");
    is_str(items("a = b\rc = d\n"), "line 1: a control character at column 6",
           "CR inside");
    is_str(items("a = \x1b[m\n"), "line 1: a control character at column 5", "escape");
    is_str(items_n("a = b\0c\n", 8), "line 1: a control character at column 6", "NUL");
    is_str(items("a = \xff\n"), "line 1: not UTF-8", "not UTF-8");
    is_str(items("# \xff\n"), "line 1: not UTF-8", "in a comment too");
    is_str(items("\xef\xbb\xbf"
                 "a = 1\n"),
           "line 1: expected a name of 1 to 63 bytes", "a byte order mark");
}

static void test_limits(void)
{
    static char text[WF_ZPL_TEXT_MAX + 1];
    struct wf_zpl z;
    struct wf_zpl_item item;
    struct wf_err err;

    memset(text, 'n', 63);
    memcpy(text + 63, " = 1", 5);
    must(wf_zpl_init(&z, text, strlen(text), &err) == 0);
    is_int(wf_zpl_next(&z, &item, &err), 1, "the longest name");
    text[63] = 'n';
    must(wf_zpl_init(&z, text, strlen(text), &err) == 0);
    is_int(wf_zpl_next(&z, &item, &err), WEFT_ECONF, "one longer");

    memset(text, 'v', sizeof text);
    memcpy(text, "a=", 2);
    must(wf_zpl_init(&z, text, WF_ZPL_LINE_MAX, &err) == 0);
    ok(wf_zpl_next(&z, &item, &err) == 1 && strlen(item.value) == WF_ZPL_LINE_MAX - 2,
       "the longest line");
    must(wf_zpl_init(&z, text, WF_ZPL_LINE_MAX + 1, &err) == 0);
    is_int(wf_zpl_next(&z, &item, &err), WEFT_ECONF, "one longer");
    is_str(err.text, "line 1: longer than 4096 bytes", "says so");
    memset(text, '\n', sizeof text);
    must(wf_zpl_init(&z, text, WF_ZPL_TEXT_MAX, &err) == 0);
    is_int(wf_zpl_next(&z, &item, &err), 0, "the longest text");
    is_int(z.line, WF_ZPL_TEXT_MAX, "all its lines");
    is_int(wf_zpl_init(&z, text, WF_ZPL_TEXT_MAX + 1, &err), WEFT_ECONF, "one longer");
    is_str(err.text, "longer than 1048576 bytes", "says so");
}

static void test_noise(void)
{
    static const char alphabet[] = "ab= \n\r#\"'\t\0\xc3\xa9    ";
    struct wf_rng r = {17};
    struct wf_zpl z;
    struct wf_zpl_item item;

    for (int i = 0; i < 100000; i++) {
        size_t len = wf_rng_below(&r, 60);
        char *text = malloc(len != 0 ? len : 1);

        must(text != NULL);
        for (size_t k = 0; k < len; k++) {
            text[k] = alphabet[wf_rng_below(&r, sizeof alphabet - 1)];
        }
        must(wf_zpl_init(&z, text, len, NULL) == 0);
        while (wf_zpl_next(&z, &item, NULL) > 0) {
            must(item.level <= 1 && *item.name != '\0' &&
                 (item.has_value || *item.value == '\0'));
        }
        free(text);
    }
    ok(1, "noise is read without harm");
}

int main(void)
{
    test_lines();
    test_refused();
    test_limits();
    test_noise();
    return done();
}

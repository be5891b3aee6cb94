#include "cli/tool/json.h"
#include "tests/lib/tap.h"

static char *text;
static size_t len;

static struct json start(const char *name)
{
    struct json json;

    json_begin(&json, open_memstream(&text, &len), name);
    return json;
}

static void finish(struct json *json, const char *want, const char *what)
{
    json_end(json);
    fclose(json->f);
    is_str(text, want, what);
    free(text);
}

static void test_shape(void)
{
    struct json json = start("x");

    finish(&json, "{\"schema\":\"weft.x.v1\"}\n", "an empty document");
    json = start("x");
    json_array(&json, "a");
    json_uint(&json, NULL, 1);
    json_object(&json, NULL);
    json_bool(&json, "b", 1);
    json_int(&json, "c", -2);
    json_close_object(&json);
    json_object(&json, NULL);
    json_close_object(&json);
    json_close_array(&json);
    json_text(&json, "d", NULL);
    json_uint(&json, "e", UINT64_MAX);
    finish(&json,
           "{\"schema\":\"weft.x.v1\",\"a\":[1,{\"b\":true,\"c\":-2},{}],\"d\":null,"
           "\"e\":18446744073709551615}\n",
           "commas stand between, never behind");
}

static void test_escapes(void)
{
    struct json json = start("x");

    json_text(&json, "k", "a\"b\\c\n\t\x01\x7f/");
    finish(&json,
           "{\"schema\":\"weft.x.v1\",\"k\":\"a\\\"b\\\\c\\n\\t\\u0001\\u007f/\"}\n",
           "quotes, backslashes and controls are escaped");
    json = start("x");
    json_text(&json, "k", "\xc3\xa9\xff\xc3(\xed\xa0\x80");
    finish(&json,
           "{\"schema\":\"weft.x.v1\",\"k\":\"\xc3\xa9\\ufffd\\ufffd(\\ufffd\\ufffd"
           "\\ufffd\"}\n",
           "what is not UTF-8 is replaced");
}

static void test_data(void)
{
    struct json json = start("x");

    json_data(&json, "d", "hi", 2);
    json_data(&json, "e", "\0\xff\x10", 3);
    json_data(&json, "f", "\xff", 1);
    json_data(&json, "g", "\xff\xfe", 2);
    json_data(&json, "h", "", 0);
    finish(&json,
           "{\"schema\":\"weft.x.v1\",\"d\":\"hi\",\"e_base64\":\"AP8Q\","
           "\"f_base64\":\"/w==\",\"g_base64\":\"//4=\",\"h\":\"\"}\n",
           "data is text, or base64 when it is not");
}

static void test_depth(void)
{
    struct json json = start("x");

    for (int i = 0; i < 3 * JSON_DEPTH; i++) {
        json_array(&json, i == 0 ? "a" : NULL);
    }
    for (int i = 0; i < 3 * JSON_DEPTH; i++) {
        json_close_array(&json);
    }
    json_end(&json);
    fclose(json.f);
    ok(len > 0, "nesting too deep stays in its bounds");
    free(text);
}

int main(void)
{
    test_shape();
    test_escapes();
    test_data();
    test_depth();
    return done();
}

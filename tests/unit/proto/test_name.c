#include "proto/name.h"

#include "common/err.h"
#include "tests/lib/tap.h"

static int label_ok(const char *s)
{
    return wf_label_ok(wf_slice_of(s));
}

static void test_names(void)
{
    static const char *const good[] = {"a", "0", "edge-1", "lyon.fr", "a_b", "x--..__"};
    static const char *const bad[] = {
        "",    "-a",       ".a",  "_a",    "A",   "aB",  "a b", "a/b", "a=b",  "a,b",
        "a\n", "\xc3\xa9", "a@1", "a\x7f", "a\"", "a:b", "a;b", "a$b", "a\\b", "a'b"};
    char name[WF_NAME_MAX + 2];

    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        ok(wf_name_ok(wf_slice_of(good[i])), "`%s` is a name", good[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        ok(!wf_name_ok(wf_slice_of(bad[i])), "bad name %zu is refused", i);
    }
    memset(name, 'x', sizeof name);
    ok(wf_name_ok(wf_slice_make(name, WF_NAME_MAX)), "63 bytes are a name");
    ok(!wf_name_ok(wf_slice_make(name, WF_NAME_MAX + 1)), "64 are not");
    ok(!wf_name_ok(wf_slice_make("a\0b", 3)), "a zero byte is not part of a name");
    ok(!wf_name_ok(wf_slice_make(NULL, 0)), "nothing is no name");
}

static void test_capabilities(void)
{
    static const char *const bad[] = {
        "",      "@1",   "a@",    "a@0",  "a@01",
        "a@-1",  "a@+1", "a@ 1",  "a@1 ", "a@4294967296",
        "a@1@2", "A@1",  "a b@1", "a@x",  "a@18446744073709551617"};
    char name[WF_CAP_NAME_MAX + 1] = "before", text[WF_CAP_NAME_MAX + 8];
    uint32_t version = 99;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        is_int(wf_capability_parse(bad[i], name, &version), WEFT_EINVAL,
               "a bad capability is refused");
    }
    ok(strcmp(name, "before") == 0 && version == 99, "refusals set nothing");
    is_int(wf_capability_parse("resize@2", name, &version), 0, "name and version");
    is_str(name, "resize", "the name");
    is_int(version, 2, "the version");
    is_int(wf_capability_parse("resize", name, &version), 0, "a name alone");
    is_int(version, 0, "has version 0, which means any");
    is_int(wf_capability_parse("a@4294967295", name, &version), 0, "largest version");
    is_int(version, UINT32_MAX, "is read");
    memset(text, 'x', sizeof text);
    strcpy(text + WF_CAP_NAME_MAX, "@1");
    is_int(wf_capability_parse(text, name, &version), 0, "63 bytes and a version");
    strcpy(text + WF_CAP_NAME_MAX, "x@1");
    is_int(wf_capability_parse(text, name, &version), WEFT_EINVAL, "64 bytes");
}

static void test_labels(void)
{
    char text[WF_LABEL_MAX + 2];

    ok(label_ok("gpu=a100"), "key=value");
    ok(label_ok("room=Salle d'\xc3\xa9t\xc3\xa9"), "values may hold spaces and UTF-8");
    ok(label_ok("empty="), "a value may be empty");
    ok(!label_ok("") && !label_ok("gpu") && !label_ok("=a"), "key and `=` are needed");
    ok(!label_ok("GPU=a") && !label_ok("a b=c"), "a key is a name");
    ok(!label_ok("a=b=c") && !label_ok("a=b,c"), "a value holds no `=` or `,`");
    ok(!label_ok("a=b\n") && !label_ok("a=\x7f"), "nor control characters");
    ok(!wf_label_ok(wf_slice_make("a=b\0c", 5)), "nor a zero byte");
    memset(text, 'x', sizeof text);
    text[1] = '=';
    ok(wf_label_ok(wf_slice_make(text, WF_LABEL_MAX)), "127 bytes are a label");
    ok(!wf_label_ok(wf_slice_make(text, WF_LABEL_MAX + 1)), "128 are not");
    ok(!wf_label_ok(wf_slice_make(NULL, 0)), "nothing is none");
}

static void test_endpoints(void)
{
    static const char *const bad[] = {"",
                                      "tcp:",
                                      "tcp://",
                                      "tcp://:7400",
                                      "tcp://host",
                                      "tcp://host:",
                                      "tcp://host:70000",
                                      "tcp://host:1x",
                                      "tcp://host:-1",
                                      "ipc:///tmp/x:1",
                                      "udp://host:1",
                                      "TCP://host:1",
                                      "tcp://ho st:1",
                                      "tcp://a;tcp://b:1",
                                      "tcp://a,b:1",
                                      "tcp://a:1\n"};
    char text[WF_ENDPOINT_MAX + 2] = "tcp://";

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        ok(!wf_endpoint_ok(bad[i], 0) && !wf_endpoint_ok(bad[i], 1),
           "bad endpoint %zu is refused", i);
    }
    ok(wf_endpoint_ok("tcp://broker.example:7400", 0), "host and port");
    ok(wf_endpoint_ok("tcp://[::1]:65535", 0), "an IPv6 address");
    ok(!wf_endpoint_ok("tcp://host:0", 0) && !wf_endpoint_ok("tcp://host:*", 0),
       "to connect needs a port");
    ok(wf_endpoint_ok("tcp://127.0.0.1:0", 1) && wf_endpoint_ok("tcp://*:*", 1),
       "to listen may leave it to the kernel");
    memset(text + 6, 'x', sizeof text - 7);
    strcpy(text + WF_ENDPOINT_MAX - 2, ":1");
    ok(wf_endpoint_ok(text, 0), "127 bytes are an endpoint");
    strcpy(text + WF_ENDPOINT_MAX - 1, ":1");
    ok(!wf_endpoint_ok(text, 0), "128 are not");
}

static int ref_is(const char *text, const char *name, uint32_t version, const char *path)
{
    struct wf_data_ref r;

    return wf_data_ref_parse(wf_slice_of(text), &r) == 0 && wf_slice_is(r.name, name) &&
           r.version == version && wf_slice_is(r.path, path);
}

static void test_data_refs(void)
{
    static const char *const bad[] = {
        "",       "/x",  "a@", "a@0",   "a@01",   "a@-1", "a/",          "a//b",
        "a/../b", "a/.", "A",  "a@1@2", "a/b\nc", "a/b/", "a@4294967296"};
    struct wf_data_ref r;

    ok(ref_is("clips", "clips", 0, ""), "a dataset by its name");
    ok(ref_is("clips@3", "clips", 3, ""), "with a version");
    ok(ref_is("clips@12/day 1/a.mp4", "clips", 12, "day 1/a.mp4"), "and a path");
    ok(ref_is("clips/x@y", "clips", 0, "x@y"), "a path may hold an @");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        is_int(wf_data_ref_parse(wf_slice_of(bad[i]), &r), WEFT_EINVAL, "no reference");
    }
}

static void test_residency(void)
{
    const struct wf_slice eu = wf_slice_of("eu"), none = wf_slice_of("");

    ok(wf_residency_ok(none, none) && wf_residency_ok(none, eu), "none: anywhere");
    ok(wf_residency_ok(eu, eu) && !wf_residency_ok(eu, none), "eu: only there");
    ok(wf_residency_ok(wf_slice_of("ch+eu"), eu), "one of two");
    ok(!wf_residency_ok(wf_slice_of("eur+ch"), eu), "whole words count");
}

int main(void)
{
    test_names();
    test_capabilities();
    test_labels();
    test_endpoints();
    test_data_refs();
    test_residency();
    return done();
}

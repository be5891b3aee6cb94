#include "proto/brokers.h"

#include "common/str.h"
#include "tests/lib/tap.h"

#include <string.h>

static struct wf_key key_of(uint8_t x)
{
    struct wf_key k;

    memset(k.b, x, sizeof k.b);
    return k;
}

/* The rows of a message: b1 at port 1, and so on, each with its own key. */
static struct wf_rows told(struct wf_buf *b, const unsigned *which, unsigned n)
{
    struct wf_rows rows = {NULL, 0, 0};

    wf_buf_clear(b);
    for (unsigned i = 0; i < n; i++) {
        char name[16], endpoint[32];
        const struct wf_broker_row row = {
            .key = key_of((uint8_t) which[i]),
            .name = wf_slice_of((snprintf(name, sizeof name, "b%u", which[i]), name)),
            .site = wf_slice_of("lyon"),
            .endpoint = wf_slice_of(
                (snprintf(endpoint, sizeof endpoint, "tcp://10.0.0.1:%u", which[i]),
                 endpoint))};

        must(wf_rows_add(b, &rows, wf_desc_broker_row(), &row) == 0);
    }
    return rows;
}

static void test_given(void)
{
    struct wf_broker_table t = {0};
    const struct wf_key k = key_of(1);

    is_int(wf_brokers_give(&t, &k, "tcp://h:1"), 0, "one is given");
    is_int(wf_brokers_give(&t, &k, "tcp://h:1"), 0, "again");
    is_int(t.n, 1, "it is there once");
    is_int(wf_brokers_give(&t, &k, "h:1"), WEFT_EINVAL, "what is no endpoint is not");
    for (unsigned i = 2; i <= WF_BROKERS_MAX - WF_BROKERS_LEARNED; i++) {
        char text[32];

        (void) snprintf(text, sizeof text, "tcp://h:%u", i);
        must(wf_brokers_give(&t, &k, text) == 0);
    }
    is_int(wf_brokers_give(&t, &k, "tcp://h:99"), WEFT_EFULL,
           "some room is kept for what is learned");
}

static void test_lines(void)
{
    struct wf_broker_table t = {0};
    const struct wf_key k = key_of(0xab);
    char line[160] = "tcp://h:7400 ";
    struct wf_err err = {0, ""};

    wf_hex(line + strlen(line), k.b, sizeof k.b);
    is_int(wf_brokers_parse(&t, line, &err), 0, "an endpoint and a key");
    is_int(wf_brokers_find(&t, &k, "tcp://h:7400"), 0, "are a broker");
    is_int(wf_brokers_parse(&t, "tcp://h:7400", &err), WEFT_EINVAL, "a key is needed");
    is_int(wf_brokers_parse(&t, "tcp://h:7400 abcd", &err), WEFT_EINVAL, "a whole one");
    memcpy(line, "tcp:||h", 7);
    is_int(wf_brokers_parse(&t, line, &err), WEFT_EINVAL, "and an endpoint");
    ok(strstr(err.text, "tcp:||h") != NULL, "which the text names");
    is_int(t.n, 1, "nothing else came in");
}

static void test_learned(void)
{
    static const unsigned first[] = {1, 2, 3}, second[] = {3, 4}, third[] = {5};
    struct wf_buf b = WF_BUF_INIT(1u << 16);
    struct wf_broker_table t = {0};
    const struct wf_key k1 = key_of(1), k2 = key_of(2), k3 = key_of(3), k4 = key_of(4);

    must(wf_brokers_give(&t, &k1, "tcp://10.0.0.1:1") == 0);
    is_int(wf_brokers_learn(&t, told(&b, first, 3), 0), 1, "three are told");
    ok(t.n == 3 && !t.v[0].learned && t.v[1].learned && t.v[2].learned,
       "one was given before");
    is_int(wf_brokers_learn(&t, told(&b, first, 3), 0), 0, "again: no news");
    is_int(wf_brokers_find(&t, &k3, "tcp://10.0.0.1:3"), 2, "each has its number");
    is_int(wf_brokers_learn(&t, told(&b, second, 2), 0), 1,
           "the next message replaces them");
    is_int(wf_brokers_find(&t, &k2, "tcp://10.0.0.1:2"), WF_BROKERS_NONE, "one is gone");
    is_int(wf_brokers_find(&t, &k3, "tcp://10.0.0.1:3"), 2,
           "who stayed keeps the number");
    is_int(wf_brokers_find(&t, &k4, "tcp://10.0.0.1:4"), 1, "a free one is used again");
    is_int(wf_brokers_find(&t, &k1, "tcp://10.0.0.1:1"), 0, "who was given stays");
    is_int(wf_brokers_learn(&t, told(&b, third, 0), 0), 0,
           "one who knows of nobody makes nobody forgotten");
    is_int(wf_brokers_learn(&t, told(&b, third, 1), 1u << 2), 1, "another message");
    is_int(wf_brokers_find(&t, &k3, "tcp://10.0.0.1:3"), 2, "the present one stays");
    is_int(t.changes, 3, "changes were counted");
    wf_buf_fini(&b);
}

static void test_bounds(void)
{
    struct wf_buf b = WF_BUF_INIT(1u << 16);
    struct wf_broker_table t = {0};
    const struct wf_broker_row bad[] = {
        {.endpoint = wf_slice_of("tcp://h")},
        {.endpoint = wf_slice_of("tcp://h:1"), .name = wf_slice_of("a b")},
        {.endpoint = wf_slice_of("tcp://h:1"), .site = wf_slice_of("\x1b[2J")}};
    struct wf_rows rows = {NULL, 0, 0};
    unsigned many[40];

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        must(wf_rows_add(&b, &rows, wf_desc_broker_row(), &bad[i]) == 0);
    }
    is_int(wf_brokers_learn(&t, rows, 0), 0, "what makes no sense");
    is_int(t.n, 0, "is passed over");
    for (unsigned i = 0; i < 40; i++) {
        many[i] = i + 1;
    }
    is_int(wf_brokers_learn(&t, told(&b, many, 40), 0), 1, "forty are told");
    is_int(t.n, WF_BROKERS_LEARNED, "the first sixteen are taken: the nearest");
    wf_buf_fini(&b);
}

static void test_recalled(void)
{
    struct wf_broker_table t = {0};
    struct wf_broker row = {.key = key_of(9), .name = "b9", .endpoint = "tcp://h:9"};

    wf_brokers_recall(&t, &row);
    wf_brokers_recall(&t, &row);
    ok(t.n == 1 && t.v[0].learned && t.changes == 0, "what a file knew is no change");
    (void) strcpy(row.endpoint, "h:9");
    wf_brokers_recall(&t, &row);
    is_int(t.n, 1, "what makes no sense is passed over");
}

/* One that is named on its own, as where something is. */
static void test_named(void)
{
    struct wf_broker_row row = {.key = key_of(99), .endpoint = wf_slice_of("tcp://h:99")};
    struct wf_buf b = WF_BUF_INIT(1u << 16);
    struct wf_broker_table t = {0};
    const struct wf_key k = key_of(99), first = key_of(1), last = key_of(16);
    unsigned many[WF_BROKERS_LEARNED];

    for (unsigned i = 0; i < WF_BROKERS_LEARNED; i++) {
        many[i] = i + 1;
    }
    (void) wf_brokers_learn(&t, told(&b, many, WF_BROKERS_LEARNED), 0);
    must(t.n == WF_BROKERS_LEARNED);
    is_int(wf_brokers_named(&t, &row, UINT32_MAX), 0, "nobody who is needed makes way");
    is_int(wf_brokers_named(&t, &row, UINT32_C(1) << 15), 1, "one who is not does");
    ok(wf_brokers_find(&t, &k, "tcp://h:99") == 14 &&
           wf_brokers_find(&t, &first, "tcp://10.0.0.1:1") == 0 &&
           wf_brokers_find(&t, &last, "tcp://10.0.0.1:16") == 15,
       "the farthest");
    is_int(wf_brokers_named(&t, &row, UINT32_MAX), 1, "twice it is there once");
    (void) wf_brokers_learn(&t, told(&b, many, 1), UINT32_C(1) << 14);
    ok(wf_brokers_find(&t, &k, "tcp://h:99") == 14 &&
           wf_brokers_find(&t, &last, "tcp://10.0.0.1:16") == WF_BROKERS_NONE,
       "and stays for as long as it is wanted, whatever is told");
    row.endpoint = wf_slice_of("h");
    is_int(wf_brokers_named(&t, &row, 0), 0, "what makes no sense is passed over");
    wf_buf_fini(&b);
}

static void test_homes(void)
{
    const struct wf_home a = {key_of(1), 10, 0}, again = {key_of(1), 11, 0},
                         b = {key_of(2), 10, 0}, north = {key_of(3), 20, 5},
                         south = {key_of(3), 21, 5}, east = {key_of(4), 22, 5};

    ok(wf_home_same_broker(&a, &again), "a broker with a new store is the same one");
    ok(!wf_home_same_broker(&a, &b) && !wf_home_same_store(&a, &b),
       "a key makes a broker");
    ok(!wf_home_same_broker(&north, &south), "two that share key and store are two");
    ok(wf_home_same_store(&north, &south) && wf_home_same_store(&north, &east),
       "with one store");
    ok(!wf_home_same_store(&a, &north), "which others do not share");
}

int main(void)
{
    test_given();
    test_lines();
    test_learned();
    test_bounds();
    test_recalled();
    test_named();
    test_homes();
    return done();
}

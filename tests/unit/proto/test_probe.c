#include "proto/probe.h"

#include "common/err.h"
#include "common/rng.h"
#include "tests/lib/tap.h"

static const struct wf_probe ask = {
    .kind = WF_PROBE_ASK,
    .cookie = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
    .seq = 0x0102030405060708,
    .time_us = UINT64_MAX - 1};

static void there_and_back(void)
{
    static const uint8_t bytes[WF_PROBE_BYTES] = {
        'w', 'f', 'p', 'r', 1,    1,    0,    0,    1,    2,    3,    4,   5, 6,
        7,   8,   9,   10,  11,   12,   13,   14,   15,   16,   1,    2,   3, 4,
        5,   6,   7,   8,   0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe};
    uint8_t buf[WF_PROBE_MAX];
    struct wf_probe got, answer = ask;

    is_int(wf_probe_pack(&ask, 0, buf), WF_PROBE_BYTES, "the least size");
    ok(memcmp(buf, bytes, sizeof bytes) == 0, "as the specification says");
    is_int(wf_probe_parse(buf, WF_PROBE_BYTES, &got), 0, "it is read");
    ok(got.kind == ask.kind && got.seq == ask.seq && got.time_us == ask.time_us &&
           memcmp(got.cookie, ask.cookie, sizeof ask.cookie) == 0,
       "as it was");
    is_int(wf_probe_pack(&ask, 200, buf), 200, "padded");
    is_int(wf_probe_parse(buf, 200, &got), 0, "it is read as well");
    is_int(wf_probe_pack(&ask, 100000, buf), WF_PROBE_MAX,
           "never larger than a path takes");
    is_int(wf_probe_parse(buf, WF_PROBE_MAX, &got), 0, "the largest");
    answer.kind = WF_PROBE_ANSWER;
    is_int(wf_probe_pack(&answer, 200, buf), WF_PROBE_BYTES, "answers are not padded");
    ok(wf_probe_parse(buf, WF_PROBE_BYTES, &got) == 0 && got.kind == WF_PROBE_ANSWER,
       "an answer is told from an ask");
}

/* Every byte of head and padding counts. */
static void refuses(void)
{
    uint8_t buf[WF_PROBE_MAX + 1] = {0};
    struct wf_probe got;
    int good = 1;

    (void) wf_probe_pack(&ask, 60, buf);
    for (size_t at = 0; at < 60; at++) {
        int fixed = at < 8 || at >= WF_PROBE_BYTES;

        buf[at] ^= 0x55;
        good = good && (wf_probe_parse(buf, 60, &got) == WEFT_EPROTO) == fixed;
        buf[at] ^= 0x55;
    }
    ok(good, "one wrong byte in what is fixed, and it is none");
    for (size_t len = 0; len < WF_PROBE_BYTES; len++) {
        good = good && wf_probe_parse(buf, len, &got) == WEFT_EPROTO;
    }
    ok(good, "cut short");
    (void) wf_probe_pack(&ask, WF_PROBE_MAX, buf);
    is_int(wf_probe_parse(buf, WF_PROBE_MAX + 1, &got), WEFT_EPROTO, "too long");
    buf[5] = WF_PROBE_ANSWER;
    is_int(wf_probe_parse(buf, WF_PROBE_BYTES + 1, &got), WEFT_EPROTO, "a padded answer");
    buf[5] = 0;
    is_int(wf_probe_parse(buf, WF_PROBE_BYTES, &got), WEFT_EPROTO, "no kind");
    is_int(wf_probe_parse(NULL, 0, &got), WEFT_EPROTO, "nothing at all");
}

static void survives_noise(void)
{
    struct wf_rng rng = {4};
    uint8_t buf[WF_PROBE_MAX];
    struct wf_probe got;
    int good = 1;

    for (int i = 0; i < 20000; i++) {
        size_t len = (size_t) wf_rng_below(&rng, sizeof buf + 1);

        for (size_t k = 0; k < len; k++) {
            buf[k] = (uint8_t) wf_rng_next(&rng);
        }
        good = good && wf_probe_parse(buf, len, &got) == WEFT_EPROTO;
    }
    ok(good, "noise is no probe");
}

int main(void)
{
    there_and_back();
    refuses();
    survives_noise();
    return done();
}

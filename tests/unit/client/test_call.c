#include "client/core/call.h"

#include "common/err.h"
#include "common/mem.h"
#include "tests/lib/tap.h"

#include <string.h>

static const struct wf_id none;

static struct wf_submit job(const char *payload)
{
    return (struct wf_submit){.job = {{1, 2, 3}},
                              .capability = wf_slice_of("echo"),
                              .payload = wf_slice_of(payload),
                              .node = wf_slice_of("n1"),
                              .name = wf_slice_of("label")};
}

static void test_holds_copies(void)
{
    char payload[] = "payload", group[] = "web", needs[] = "rows of it";
    struct wf_submit s = job(payload);
    struct wf_call call;

    s.group = wf_slice_of(group);
    s.prefers = (struct wf_rows){.p = (uint8_t *) needs, .len = 4, .count = 1};
    s.nears = (struct wf_rows){.p = (uint8_t *) needs + 5, .len = 5, .count = 1};
    wf_call_init(&call);
    is_int(wf_call_hold_submit(&call, &s), 0, "a submit is held");
    memset(payload, 'x', sizeof payload - 1);
    memset(group, 'x', sizeof group - 1);
    memset(needs, 'x', sizeof needs - 1);
    ok(wf_slice_is(call.submit.payload, "payload"), "its payload is a copy");
    ok(wf_slice_is(call.submit.capability, "echo"), "so is its capability");
    ok(wf_slice_is(call.submit.node, "n1"), "its node");
    ok(wf_slice_is(call.submit.name, "label"), "and its name");
    ok(wf_slice_is(call.submit.group, "web") &&
           memcmp(call.submit.prefers.p, "rows", 4) == 0 &&
           memcmp(call.submit.nears.p, "of it", 5) == 0,
       "and where it would rather go");
    is_int(call.state, WF_CALL_OPEN, "the call is open");
    wf_call_fini(&call);
}

static void test_outcome(void)
{
    const struct wf_outcome o = {.job = {{1, 2, 3}},
                                 .state = WEFT_JOB_FAILED,
                                 .code = 30,
                                 .exit_code = 3,
                                 .attempt = 2,
                                 .node = wf_slice_of("n1"),
                                 .reason = wf_slice_of("it broke"),
                                 .data = wf_slice_make("a\0b", 3),
                                 .run_us = 9,
                                 .cost_pusd = 77};
    struct wf_submit s = job("x");
    struct wf_call call;

    wf_call_init(&call);
    must(wf_call_hold_submit(&call, &s) == 0);
    wf_call_accept(&call, 1, &none);
    wf_call_end_outcome(&call, &o);
    is_int(call.state, WF_CALL_DONE, "an outcome ends the call");
    is_int(call.news, WF_NEWS_ACCEPTED | WF_NEWS_DONE, "and both are news");
    is_int(call.outcome.code, WEFT_EFAILED, "the code is negative");
    is_int(call.outcome.len, 3, "the data has its length");
    ok(memcmp(call.outcome.data, "a\0b", 4) == 0, "and a zero byte behind it");
    is_str(call.outcome.node, "n1", "node");
    is_int(call.outcome.cost_pusd, 77, "what it cost");
    is_str(call.outcome.reason, "it broke", "reason");
    is_str(wf_call_text(&call), "", "an outcome has no error text");
    wf_call_fini(&call);
}

static void test_no_memory(void)
{
    const struct wf_outcome o = {
        .data = wf_slice_of("longer than the buffer of such a small submit is, "
                            "so that it has to grow and cannot")};
    struct wf_submit s = job("");
    struct wf_call call;

    wf_call_init(&call);
    wf_mem_fail_after(0);
    is_int(wf_call_hold_submit(&call, &s), WEFT_ENOMEM, "no memory to hold a submit");
    is_int(call.state, WF_CALL_IDLE, "then nothing happened");
    wf_mem_fail_after(1);
    must(wf_call_hold_submit(&call, &s) == 0);
    wf_call_accept(&call, 1, &none);
    wf_call_end_outcome(&call, &o);
    wf_mem_fail_after(-1);
    is_int(call.state, WF_CALL_DONE, "no memory for an outcome ends the call too");
    is_int(call.error, WEFT_ENOMEM, "with that error");
    is_int(call.has_outcome, 0, "and without an outcome");
    wf_call_fini(&call);
}

static void test_used_again(void)
{
    static char big[6000];
    struct wf_submit s = job("x");
    struct wf_call call;

    wf_call_init(&call);
    must(wf_call_hold_submit(&call, &s) == 0);
    wf_call_end(&call, WEFT_EBUSY, wf_slice_of("later"), 50);
    is_str(wf_call_text(&call), "later", "the text of an error");
    is_int(call.retry_ms, 50, "and when to try again");
    wf_call_reset(&call);
    is_int(call.state, WF_CALL_IDLE, "a call can be used again");
    ok(call.bytes.cap != 0 && call.bytes.len == 0, "with the buffer it had");
    memset(big, 'x', sizeof big - 1);
    s.payload = wf_slice_of(big);
    must(wf_call_hold_submit(&call, &s) == 0);
    wf_call_end(&call, WEFT_EBUSY, wf_slice_of(""), 0);
    wf_call_reset(&call);
    is_int(call.bytes.cap, 0, "a large buffer is not kept");
    wf_call_fini(&call);
}

static void test_pieces(void)
{
    struct wf_output o = {.attempt = 1, .stream = 1, .data = wf_slice_of("0123456789")};
    struct wf_call call;

    wf_call_init(&call);
    is_int(wf_call_piece(&call, &o), 0, "the first piece is new");
    is_int(wf_call_piece(&call, &o), -1, "the same again is not");
    o.offset = 5;
    is_int(wf_call_piece(&call, &o), 5, "of one that overlaps half is known");
    o.stream = 2;
    o.offset = 0;
    is_int(wf_call_piece(&call, &o), 0, "streams are counted apart");
    o.attempt = 2;
    o.stream = 1;
    is_int(wf_call_piece(&call, &o), 0, "a new attempt begins anew");
    o.attempt = 1;
    o.offset = 500;
    is_int(wf_call_piece(&call, &o), -1, "an older attempt is over");
    o.attempt = 2;
    o.offset = 100;
    is_int(wf_call_piece(&call, &o), 0, "a gap is allowed");
    o.stream = 99;
    is_int(wf_call_piece(&call, &o), -1, "a stream that does not exist is not");
    o.stream = 1;
    o.offset = UINT64_MAX - 2;
    is_int(wf_call_piece(&call, &o), 0, "offsets do not wrap");
    wf_call_fini(&call);
}

int main(void)
{
    test_holds_copies();
    test_outcome();
    test_no_memory();
    test_used_again();
    test_pieces();
    return done();
}

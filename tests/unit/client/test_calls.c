#include "client/core/calls.h"

#include "common/mem.h"
#include "tests/unit/client/session.h"

#include <string.h>

static void setup(struct session *s)
{
    const struct wf_calls_config cfg = session_config();

    session_init(s, &cfg);
}

static int submit(struct session *s, struct wf_call *call, uint8_t id)
{
    const struct wf_submit job = session_job(id, "payload");

    wf_call_init(call);
    return wf_calls_submit(&s->calls, s->now_us, call, &job, &s->out);
}

static void accept(struct session *s, uint8_t id)
{
    const struct wf_accepted a = {.job = session_id(id), .class_ = 1};

    session_tell(s, WF_MSG_accepted, &a);
}

static void forget(struct session *s, struct wf_call *call)
{
    wf_calls_forget(&s->calls, call);
    wf_call_fini(call);
}

static void test_submit_when_open(void)
{
    struct session s;
    struct wf_call call;
    struct wf_msg msg;

    setup(&s);
    session_open(&s);
    is_int(submit(&s, &call, 1), 0, "a job is taken");
    must(session_sent(&s, WF_MSG_submit, 0, &msg));
    ok(wf_slice_is(msg.u.submit.payload, "payload"), "and sent at once");
    is_int(s.calls.pending, 1, "it counts until it is accepted");
    accept(&s, 1);
    is_int(s.calls.pending, 0, "then no more");
    is_int(session_news(&s, &call), WF_NEWS_ACCEPTED, "which is news");
    is_int(call.class_, 1, "with the class that holds");
    forget(&s, &call);
    is_int(s.calls.n, 0, "nothing is left");
    session_fini(&s);
}

static void test_submit_before_open(void)
{
    struct session s;
    struct wf_call a, b;
    struct wf_msg msg;

    setup(&s);
    is_int(submit(&s, &a, 1), 0, "a job is taken before there is a session");
    is_int(submit(&s, &b, 2), 0, "and another");
    is_int(session_count(&s, WF_MSG_submit), 0, "nothing is sent");
    session_open(&s);
    must(session_sent(&s, WF_MSG_submit, 0, &msg));
    ok(msg.u.submit.job.b[0] == 1, "the first goes first when it opens");
    is_int(session_count(&s, WF_MSG_submit), 2, "then the other");
    forget(&s, &a);
    forget(&s, &b);
    session_fini(&s);
}

static void test_bounds(void)
{
    struct session s;
    struct wf_call call[9];
    static char big[600];
    struct wf_submit job;

    setup(&s);
    session_open(&s);
    for (int i = 0; i < 8; i++) {
        must(submit(&s, &call[i], (uint8_t) (i + 1)) == 0);
    }
    is_int(submit(&s, &call[8], 9), WEFT_EFULL, "too many that are not accepted");
    accept(&s, 1);
    is_int(submit(&s, &call[8], 9), 0, "one accepted makes room");
    for (int i = 0; i < 9; i++) {
        forget(&s, &call[i]);
    }
    memset(big, 'x', sizeof big - 1);
    job = session_job(1, big);
    is_int(wf_calls_submit(&s.calls, s.now_us, &call[0], &job, &s.out), WEFT_ETOOBIG,
           "more than the broker takes");
    job.payload.len = 500;
    wf_call_init(&call[0]);
    wf_call_init(&call[1]);
    wf_call_init(&call[2]);
    must(wf_calls_submit(&s.calls, s.now_us, &call[0], &job, &s.out) == 0);
    must(wf_calls_submit(&s.calls, s.now_us, &call[1], &job, &s.out) == 0);
    is_int(wf_calls_submit(&s.calls, s.now_us, &call[2], &job, &s.out), WEFT_EFULL,
           "too many bytes that are not accepted");
    is_int(s.calls.pending_bytes, 1000, "are held");
    forget(&s, &call[0]);
    forget(&s, &call[1]);
    is_int(s.calls.pending_bytes, 0, "and given up");
    session_fini(&s);
}

/* What a reconnect does to each kind of call. */
static void test_reconnect(void)
{
    struct wf_query q = {.kind = 1};
    struct session s;
    struct wf_call open, accepted, watched, request, ping;
    const struct wf_id id = session_id(3);
    struct wf_msg msg;

    setup(&s);
    session_open(&s);
    must(submit(&s, &accepted, 1) == 0);
    accept(&s, 1);
    must(session_news(&s, &accepted) == WF_NEWS_ACCEPTED);
    must(submit(&s, &open, 2) == 0);
    wf_call_init(&watched);
    watched.flags = WF_CALL_OUTPUT;
    must(wf_calls_watch(&s.calls, &watched, &id, &s.out) == 0);
    wf_call_init(&request);
    must(wf_calls_request(&s.calls, &request, WF_MSG_query, &q, NULL, UINT64_MAX,
                          &s.out) == 0);
    wf_call_init(&ping);
    must(wf_calls_ping(&s.calls, s.now_us, &ping, UINT64_MAX, &s.out) == 0);
    wf_calls_down(&s.calls, s.now_us, &s.out);
    ok(wf_calls_news(&s.calls) == NULL, "a lost connection ends nothing");
    wf_effects_clear(&s.out);
    session_open(&s);
    is_int(session_count(&s, WF_MSG_submit), 1, "one job is submitted again");
    must(session_sent(&s, WF_MSG_submit, 0, &msg));
    ok(msg.u.submit.job.b[0] == 2, "the one that was not accepted, by its id");
    ok(wf_slice_is(msg.u.submit.payload, "payload"), "whole");
    is_int(session_count(&s, WF_MSG_watch), 2, "two are watched");
    must(session_sent(&s, WF_MSG_watch, 0, &msg));
    ok(msg.u.watch.job.b[0] == 1 && !msg.u.watch.output, "the accepted one");
    must(session_sent(&s, WF_MSG_watch, 1, &msg));
    ok(msg.u.watch.job.b[0] == 3 && msg.u.watch.output, "and the watched one");
    must(session_sent(&s, WF_MSG_query, 0, &msg));
    is_int(msg.u.query.req, request.req, "the request is asked again as it was");
    is_int(session_count(&s, WF_MSG_ping), 2, "the ping too, beside the link's own");
    forget(&s, &open);
    forget(&s, &accepted);
    forget(&s, &watched);
    forget(&s, &request);
    forget(&s, &ping);
    session_fini(&s);
}

/* A broker that was restarted knows nothing of what it had accepted. */
static void test_forgotten_job(void)
{
    struct session s;
    struct wf_call call;
    struct wf_error e = {
        .code = 5, .about = WF_MSG_watch, .text = wf_slice_of("no such job")};

    setup(&s);
    session_open(&s);
    must(submit(&s, &call, 1) == 0);
    accept(&s, 1);
    (void) session_news(&s, &call);
    wf_calls_down(&s.calls, s.now_us, &s.out);
    session_open(&s);
    e.req = call.req;
    session_tell(&s, WF_MSG_error, &e);
    is_int(session_news(&s, &call), WF_NEWS_DONE, "the call ends");
    is_int(call.error, WEFT_ENOENT, "with the broker's error");
    ok(strstr(wf_call_text(&call), "submit it again") != NULL, "and what to do");
    forget(&s, &call);
    session_fini(&s);
}

static void test_deadline_of_job(void)
{
    struct wf_submit job = session_job(1, "x");
    struct session s;
    struct wf_call call;
    struct wf_msg msg;

    setup(&s);
    job.deadline_ms = 5000;
    wf_call_init(&call);
    must(wf_calls_submit(&s.calls, s.now_us, &call, &job, &s.out) == 0);
    s.now_us += 2000000;
    session_open(&s);
    must(session_sent(&s, WF_MSG_submit, 0, &msg));
    is_int(msg.u.submit.deadline_ms, 3000, "the broker is told what is left");
    wf_calls_down(&s.calls, s.now_us, &s.out);
    s.now_us += 3000000;
    wf_calls_tick(&s.calls, s.now_us, &s.out);
    is_int(session_news(&s, &call), WF_NEWS_DONE, "without a session it ends in time");
    is_int(call.error, WEFT_EEXPIRED, "as expired");
    forget(&s, &call);
    session_fini(&s);
}

static void test_deadline_of_request(void)
{
    struct wf_query q = {.kind = 1};
    struct session s;
    struct wf_call a, b;

    setup(&s);
    session_open(&s);
    wf_call_init(&a);
    must(wf_calls_request(&s.calls, &a, WF_MSG_query, &q, NULL, s.now_us + 1000,
                          &s.out) == 0);
    is_int(wf_calls_due_us(&s.calls), s.now_us + 1000, "a tick is wanted for it");
    s.now_us += 1000;
    wf_calls_tick(&s.calls, s.now_us, &s.out);
    is_int(session_news(&s, &a), WF_NEWS_DONE, "a request ends at its deadline");
    is_int(a.error, WEFT_ETIMEOUT, "as timed out");
    wf_calls_down(&s.calls, s.now_us, &s.out);
    wf_call_init(&b);
    must(wf_calls_request(&s.calls, &b, WF_MSG_query, &q, NULL, s.now_us + 1000,
                          &s.out) == 0);
    s.now_us += 1000;
    wf_calls_tick(&s.calls, s.now_us, &s.out);
    is_int(session_news(&s, &b), WF_NEWS_DONE, "also without a session");
    is_int(b.error, WEFT_EUNREACH, "then it says that there was none");
    forget(&s, &a);
    forget(&s, &b);
    session_fini(&s);
}

static void test_refused_key(void)
{
    struct session s;
    struct wf_call call;

    setup(&s);
    must(submit(&s, &call, 1) == 0);
    wf_calls_start(&s.calls, s.now_us, &s.out);
    wf_calls_refused(&s.calls, s.now_us, &s.out);
    is_int(session_news(&s, &call), WF_NEWS_DONE, "a refused key ends every call");
    is_int(call.error, WEFT_EAUTH, "with that reason");
    forget(&s, &call);
    session_fini(&s);
}

static void test_revoked_session(void)
{
    const struct wf_bye bye = {.code = 26, .text = wf_slice_of("this key was revoked")};
    struct session s;
    struct wf_call call;

    setup(&s);
    session_open(&s);
    must(submit(&s, &call, 1) == 0);
    session_tell(&s, WF_MSG_bye, &bye);
    is_int(session_news(&s, &call), WF_NEWS_DONE, "so does a key that is revoked");
    is_int(call.error, WEFT_EREVOKED, "with that reason");
    is_str(wf_call_text(&call), "this key was revoked", "in the broker's words");
    forget(&s, &call);
    session_fini(&s);
}

static void test_close(void)
{
    struct session s;
    struct wf_call call, late;

    setup(&s);
    session_open(&s);
    must(submit(&s, &call, 1) == 0);
    wf_calls_close(&s.calls, &s.out);
    is_int(session_news(&s, &call), WF_NEWS_DONE, "closing ends what is open");
    is_int(call.error, WEFT_ECLOSED, "as closed");
    is_int(session_count(&s, WF_MSG_bye), 1, "and says good-bye");
    is_int(submit(&s, &late, 2), WEFT_ECLOSED, "afterwards nothing is taken");
    forget(&s, &call);
    session_fini(&s);
}

static void test_no_memory(void)
{
    struct wf_submit job = session_job(1, "x");
    const struct wf_calls_config cfg = session_config();
    struct session s;
    struct wf_call call;
    struct wf_calls none;

    wf_mem_fail_after(1);
    is_int(wf_calls_init(&none, &cfg), WEFT_ENOMEM, "no memory for the table");
    wf_mem_fail_after(-1);
    setup(&s);
    session_open(&s);
    job.deadline_ms = 1000;
    for (int n = 0; n < 2; n++) {
        wf_call_init(&call);
        wf_mem_fail_after(n);
        is_int(wf_calls_submit(&s.calls, s.now_us, &call, &job, &s.out), WEFT_ENOMEM,
               "no memory for a job");
        wf_mem_fail_after(-1);
        ok(s.calls.n == 0 && s.calls.pending == 0 && wf_heap_len(&s.calls.due) == 0,
           "then nothing was done");
        wf_call_fini(&call);
    }
    session_fini(&s);
}

int main(void)
{
    test_submit_when_open();
    test_submit_before_open();
    test_bounds();
    test_reconnect();
    test_forgotten_job();
    test_deadline_of_job();
    test_deadline_of_request();
    test_refused_key();
    test_revoked_session();
    test_close();
    test_no_memory();
    return done();
}

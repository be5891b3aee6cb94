#include "client/core/data.h"

#include "tests/unit/client/session.h"

#include <string.h>

static void setup(struct session *s)
{
    const struct wf_calls_config cfg = session_config();

    session_init(s, &cfg);
    session_open(s);
}

static void forget(struct session *s, struct wf_call *call)
{
    wf_calls_forget(&s->calls, call);
    wf_call_fini(call);
}

/* Three messages of a stage, or a failure at one of them. */
struct script {
    size_t n;
    int fail_at;
};

static int part(void *arg, size_t i, struct wf_msg *msg)
{
    const struct script *x = arg;

    if ((int) i == x->fail_at) {
        return WEFT_EFULL;
    }
    msg->u.stage = (struct wf_stage){.copies = i, .more = i + 1 < x->n};
    return i + 1 < x->n;
}

static void ask_stage(struct session *s, struct wf_call *call)
{
    struct script three = {3, -1};

    wf_call_init(call);
    call->flags |= WF_CALL_STAGE;
    must(wf_calls_request_parts(&s->calls, s->now_us, call, WF_MSG_stage, part, &three,
                                &s->out) == 0);
}

static void test_parts(void)
{
    struct script broken = {3, 1};
    struct session s;
    struct wf_call call, other;
    struct wf_msg msg;

    setup(&s);
    ask_stage(&s, &call);
    is_int(session_count(&s, WF_MSG_stage), 3, "each part is a message");
    must(session_sent(&s, WF_MSG_stage, 2, &msg));
    ok(msg.u.stage.req == call.req && msg.u.stage.copies == 2 && !msg.u.stage.more,
       "under one number, in order");
    wf_effects_clear(&s.out);
    wf_call_init(&other);
    is_int(wf_calls_request_parts(&s.calls, s.now_us, &other, WF_MSG_stage, part, &broken,
                                  &s.out),
           WEFT_EFULL, "a part that cannot be made is the caller's error");
    is_int(session_count(&s, WF_MSG_stage), 0, "and nothing is sent");
    is_int(other.state, WF_CALL_IDLE, "nor asked");
    wf_calls_down(&s.calls, s.now_us, &s.out);
    session_open(&s);
    is_int(session_count(&s, WF_MSG_stage), 3, "a new session is asked all of it again");
    forget(&s, &call);
    forget(&s, &other);
    session_fini(&s);
}

static void test_parts_too_many(void)
{
    struct script one = {1, -1};
    struct wf_call calls[5];
    struct session s;
    int rc = 0;

    setup(&s); /* at most 4 requests */
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        wf_call_init(&calls[i]);
        rc = wf_calls_request_parts(&s.calls, s.now_us, &calls[i], WF_MSG_stage, part,
                                    &one, &s.out);
    }
    is_int(rc, WEFT_EFULL, "requests are bounded");
    is_int(calls[4].state, WF_CALL_IDLE, "what is over the bound was not asked");
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        forget(&s, &calls[i]);
    }
    session_fini(&s);
}

static void test_stage(void)
{
    struct wf_stage_info m = {.bytes = 1, .total = 3};
    struct session s;
    struct wf_call call;

    setup(&s);
    ask_stage(&s, &call);
    m.req = call.req;
    session_tell(&s, WF_MSG_stage_info, &m);
    is_int(session_news(&s, &call), WF_NEWS_PROGRESS, "a stage tells how it goes");
    is_int(call.state, WF_CALL_OPEN, "and goes on");
    m.over = 1;
    session_tell(&s, WF_MSG_stage_info, &m);
    is_int(session_news(&s, &call), WF_NEWS_PROGRESS | WF_NEWS_DONE, "until it is over");
    ok(call.has_reply && call.error == 0, "well");
    session_tell(&s, WF_MSG_stage_info, &m);
    is_int(s.calls.late, 1, "what comes after that is late");
    forget(&s, &call);

    ask_stage(&s, &call);
    m.req = call.req;
    m.code = 3;
    m.text = wf_slice_of("no room");
    session_tell(&s, WF_MSG_stage_info, &m);
    is_int(call.error, WEFT_EFULL, "or not");
    is_str(wf_call_text(&call), "no room", "with the reason");
    forget(&s, &call);
    session_fini(&s);
}

static void test_stage_not_asked(void)
{
    struct wf_query q = {.kind = 1};
    struct wf_stage_info m = {.over = 1};
    struct session s;
    struct wf_call call;

    setup(&s);
    wf_call_init(&call);
    must(wf_calls_request(&s.calls, &call, WF_MSG_query, &q, NULL, UINT64_MAX, &s.out) ==
         0);
    m.req = call.req;
    session_tell(&s, WF_MSG_stage_info, &m);
    is_int(call.state, WF_CALL_OPEN, "stage_info does not answer a query");
    is_int(s.calls.late, 1, "it is counted");
    forget(&s, &call);
    session_fini(&s);
}

static void test_stage_end(void)
{
    struct session s;
    struct wf_call call;
    struct wf_msg msg;

    setup(&s);
    ask_stage(&s, &call);
    wf_effects_clear(&s.out);
    wf_calls_stage_end(&s.calls, &call, &s.out);
    must(session_sent(&s, WF_MSG_stage, 0, &msg));
    ok(msg.u.stage.end && msg.u.stage.req == call.req, "a stage can be taken back");
    wf_effects_clear(&s.out);
    wf_calls_down(&s.calls, s.now_us, &s.out);
    wf_calls_stage_end(&s.calls, &call, &s.out);
    is_int(session_count(&s, WF_MSG_stage), 0, "without a session that says itself");
    forget(&s, &call);
    session_fini(&s);
}

static void test_local(void)
{
    struct session s;
    struct wf_call call;

    setup(&s);
    wf_effects_clear(&s.out);
    wf_call_init(&call);
    must(wf_calls_local(&s.calls, &call) == 0);
    wf_calls_down(&s.calls, s.now_us, &s.out);
    session_open(&s);
    is_int(call.state, WF_CALL_OPEN, "a local call outlives sessions");
    wf_calls_close(&s.calls, &s.out);
    is_int(call.error, WEFT_ECLOSED, "and ends with the client");
    is_int(wf_calls_local(&s.calls, &call), WEFT_ECLOSED, "which takes no more");
    forget(&s, &call);
    session_fini(&s);
}

static void hold(struct session *s, struct wf_call *call, uint64_t deadline_ms)
{
    struct wf_submit job = session_job(1, "");

    job.deadline_ms = deadline_ms;
    wf_call_init(call);
    call->holds = 1;
    must(wf_calls_submit(&s->calls, s->now_us, call, &job, &s->out) == 0);
}

static void test_held(void)
{
    const struct wf_digest blob = {{7}};
    const struct wf_error e = {.code = 16, .about = WF_MSG_submit, .job = session_id(1)};
    struct session s;
    struct wf_call call;
    struct wf_msg msg;

    setup(&s);
    hold(&s, &call, 0);
    wf_calls_down(&s.calls, s.now_us, &s.out);
    session_open(&s);
    is_int(session_count(&s, WF_MSG_submit), 0, "a job that is held back is not sent");
    session_tell(&s, WF_MSG_error, &e);
    is_int(call.state, WF_CALL_OPEN, "and no refusal is meant for it");
    wf_calls_release(&s.calls, s.now_us, &call, &blob, 5000, &s.out);
    must(session_sent(&s, WF_MSG_submit, 0, &msg));
    ok(msg.u.submit.payload_blob.b[0] == 7 && msg.u.submit.payload_size == 5000,
       "until its payload is there, which it names");
    wf_calls_release(&s.calls, s.now_us, &call, &blob, 5000, &s.out);
    is_int(session_count(&s, WF_MSG_submit), 1, "once");
    forget(&s, &call);
    session_fini(&s);
}

static void test_held_too_long(void)
{
    const struct wf_digest blob = {{7}};
    struct session s;
    struct wf_call call;

    setup(&s);
    hold(&s, &call, 1000);
    s.now_us += 1000 * 1000;
    wf_calls_tick(&s.calls, s.now_us, &s.out);
    is_int(call.error, WEFT_EEXPIRED, "its deadline counts meanwhile");
    wf_effects_clear(&s.out);
    wf_calls_release(&s.calls, s.now_us, &call, &blob, 5000, &s.out);
    is_int(session_count(&s, WF_MSG_submit), 0, "and after it nothing is sent");
    forget(&s, &call);
    session_fini(&s);
}

static void test_located(void)
{
    struct wf_locate q = {0};
    struct wf_located m = {.code = 13, .text = wf_slice_of("not yours")};
    struct session s;
    struct wf_call call;

    setup(&s);
    wf_call_init(&call);
    must(wf_calls_request(&s.calls, &call, WF_MSG_locate, &q, NULL, UINT64_MAX, &s.out) ==
         0);
    m.req = call.req | WF_REQ_FOREIGN;
    session_tell(&s, WF_MSG_located, &m);
    is_int(call.state, WF_CALL_OPEN, "an answer to the transfers is not ours");
    m.req = call.req;
    session_tell(&s, WF_MSG_located, &m);
    is_int(call.error, WEFT_EPERM, "a refusal is an error");
    is_str(wf_call_text(&call), "not yours", "with its text");
    is_int(s.calls.late, 0, "nothing of this is late");
    forget(&s, &call);
    session_fini(&s);
}

static void test_blob_result(void)
{
    const struct wf_outcome o = {.job = session_id(1),
                                 .state = WEFT_JOB_OK,
                                 .blob = {{9}},
                                 .blob_size = 70000,
                                 .fetched = 12};
    const struct wf_id id = session_id(1);
    struct session s;
    struct wf_call call;

    setup(&s);
    wf_call_init(&call);
    must(wf_calls_watch(&s.calls, &call, &id, &s.out) == 0);
    session_tell(&s, WF_MSG_outcome, &o);
    ok(call.has_outcome && call.outcome.data == NULL && call.outcome.len == 70000,
       "a result that is a blob has a size and no bytes");
    is_int(call.outcome.blob.bytes[0], 9, "and a digest");
    is_int(call.outcome.fetched, 12, "what was moved for the job is told");
    forget(&s, &call);
    session_fini(&s);
}

static void test_inputs_are_kept(void)
{
    const struct wf_input_row row = {wf_slice_of("maps"), wf_slice_of("maps@3")};
    struct wf_buf store = WF_BUF_INIT(1000);
    struct wf_submit job = session_job(1, "x");
    struct session s;
    struct wf_call call;
    struct wf_input_row sent;
    struct wf_msg msg;

    setup(&s);
    must(wf_rows_add(&store, &job.inputs, wf_desc_input_row(), &row) == 0);
    wf_call_init(&call);
    must(wf_calls_submit(&s.calls, s.now_us, &call, &job, &s.out) == 0);
    memset(store.p, 0, store.len);
    wf_buf_fini(&store);
    wf_calls_down(&s.calls, s.now_us, &s.out);
    session_open(&s);
    must(session_sent(&s, WF_MSG_submit, 0, &msg));
    ok(wf_rows_next(&msg.u.submit.inputs, wf_desc_input_row(), &sent) &&
           wf_slice_is(sent.name, "maps") && wf_slice_is(sent.ref, "maps@3"),
       "a job that is submitted again has its inputs");
    job = session_job(2, "x");
    job.inputs.count = WF_INPUTS_MAX + 1;
    wf_calls_forget(&s.calls, &call);
    wf_call_reset(&call);
    is_int(wf_calls_submit(&s.calls, s.now_us, &call, &job, &s.out), WEFT_ETOOBIG,
           "more inputs than a job may have");
    forget(&s, &call);
    session_fini(&s);
}

int main(void)
{
    test_parts();
    test_parts_too_many();
    test_stage();
    test_stage_not_asked();
    test_stage_end();
    test_local();
    test_held();
    test_held_too_long();
    test_located();
    test_blob_result();
    test_inputs_are_kept();
    return done();
}

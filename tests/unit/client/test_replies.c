#include "client/core/replies.h"

#include "tests/unit/client/session.h"

#include <string.h>

static void setup(struct session *s)
{
    const struct wf_calls_config cfg = session_config();

    session_init(s, &cfg);
    session_open(s);
}

static void submit(struct session *s, struct wf_call *call, uint8_t id, unsigned flags)
{
    const struct wf_submit job = session_job(id, "payload");

    wf_call_init(call);
    call->flags = flags;
    must(wf_calls_submit(&s->calls, s->now_us, call, &job, &s->out) == 0);
}

static void accept(struct session *s, uint8_t id)
{
    const struct wf_accepted a = {.job = session_id(id), .class_ = 1};

    session_tell(s, WF_MSG_accepted, &a);
}

static void finish(struct session *s, uint8_t id)
{
    const struct wf_outcome o = {.job = session_id(id),
                                 .state = WEFT_JOB_OK,
                                 .attempt = 1,
                                 .data = wf_slice_of("result")};

    session_tell(s, WF_MSG_outcome, &o);
}

static void forget(struct session *s, struct wf_call *call)
{
    wf_calls_forget(&s->calls, call);
    wf_call_fini(call);
}

static void test_outcome_once(void)
{
    struct session s;
    struct wf_call call;

    setup(&s);
    submit(&s, &call, 1, 0);
    accept(&s, 1);
    accept(&s, 1);
    is_int(session_news(&s, &call), WF_NEWS_ACCEPTED, "accepted twice is accepted");
    is_int(s.calls.late, 1, "and the second counted");
    finish(&s, 1);
    is_int(session_news(&s, &call), WF_NEWS_DONE, "the outcome ends the call");
    ok(call.has_outcome && call.outcome.len == 6, "with its result");
    finish(&s, 1);
    is_int(session_news(&s, &call), 0, "a second outcome is no news");
    finish(&s, 77);
    is_int(s.calls.late, 3, "nor is one of a job never asked for");
    forget(&s, &call);
    session_fini(&s);
}

static void test_outcome_needs_acceptance(void)
{
    struct session s;
    struct wf_call call;

    setup(&s);
    submit(&s, &call, 1, 0);
    finish(&s, 1);
    is_int(session_news(&s, &call), 0, "an outcome before the acceptance is not ours");
    accept(&s, 1);
    finish(&s, 1);
    ok(call.state == WF_CALL_DONE, "the one after it is");
    forget(&s, &call);
    session_fini(&s);
}

/* The same id twice: the broker takes one and refuses the other, in this order. */
static void test_twins(void)
{
    const struct wf_error conflict = {
        .code = 19, .about = WF_MSG_submit, .job = session_id(1)};
    struct session s;
    struct wf_call a, b, w;
    const struct wf_id id = session_id(1);

    setup(&s);
    submit(&s, &a, 1, 0);
    submit(&s, &b, 1, 0);
    wf_call_init(&w);
    must(wf_calls_watch(&s.calls, &w, &id, &s.out) == 0);
    accept(&s, 1);
    is_int(a.state, WF_CALL_ACCEPTED, "the first that was asked is accepted");
    is_int(b.state, WF_CALL_OPEN, "the second is not");
    session_tell(&s, WF_MSG_error, &conflict);
    is_int(b.error, WEFT_ECONFLICT, "the refusal is for the second");
    finish(&s, 1);
    ok(a.has_outcome && w.has_outcome,
       "the outcome is for the first and for who watches");
    is_int(b.has_outcome, 0, "but not for the second");
    forget(&s, &a);
    forget(&s, &b);
    forget(&s, &w);
    session_fini(&s);
}

static void test_busy(void)
{
    const struct wf_error e = {.code = 16,
                               .about = WF_MSG_submit,
                               .job = session_id(1),
                               .text = wf_slice_of("full"),
                               .retry_ms = 200};
    struct session s;
    struct wf_call call;

    setup(&s);
    submit(&s, &call, 1, 0);
    session_tell(&s, WF_MSG_error, &e);
    is_int(session_news(&s, &call), WF_NEWS_DONE, "a refusal ends the call");
    is_int(call.error, WEFT_EBUSY, "with its code");
    is_int(call.retry_ms, 200, "and when to try again");
    is_int(s.calls.pending, 0, "it is pending no more");
    session_tell(&s, WF_MSG_error, &e);
    is_int(s.calls.late, 1, "a second refusal is late");
    forget(&s, &call);
    session_fini(&s);
}

static struct wf_error cannot_store(uint64_t retry_ms)
{
    return (struct wf_error){.code = 18,
                             .about = WF_MSG_submit,
                             .job = session_id(1),
                             .text = wf_slice_of("the disk is full"),
                             .retry_ms = retry_ms};
}

/* A submit that may be offered for so long, refused once by a broker that cannot store.
 */
static void submit_refused(struct session *s, struct wf_call *call, uint64_t offer_ms,
                           uint64_t deadline_ms, uint64_t retry_ms)
{
    const struct wf_error e = cannot_store(retry_ms);
    struct wf_submit job = session_job(1, "payload");

    setup(s);
    wf_call_init(call);
    call->offer_ms = offer_ms;
    job.deadline_ms = deadline_ms;
    must(wf_calls_submit(&s->calls, s->now_us, call, &job, &s->out) == 0);
    wf_effects_clear(&s->out);
    session_tell(s, WF_MSG_error, &e);
}

static void pass(struct session *s, uint64_t ms)
{
    s->now_us += ms * 1000;
    wf_calls_tick(&s->calls, s->now_us, &s->out);
}

static void test_offered_again(void)
{
    const struct wf_error e = cannot_store(400);
    struct session s;
    struct wf_call call;
    struct wf_msg msg;

    submit_refused(&s, &call, 1000, 0, 400);
    is_int(session_news(&s, &call), 0, "a broker that cannot store now ends nothing");
    is_int(s.calls.pending, 1, "the job is pending still");
    pass(&s, 399);
    is_int(session_count(&s, WF_MSG_submit), 0, "it is not sent before its time");
    pass(&s, 1);
    must(session_sent(&s, WF_MSG_submit, 0, &msg));
    ok(msg.u.submit.job.b[0] == 1 && wf_slice_is(msg.u.submit.payload, "payload"),
       "then again, whole and under its id");
    session_tell(&s, WF_MSG_error, &e);
    pass(&s, 400);
    is_int(session_count(&s, WF_MSG_submit), 2, "and again");
    accept(&s, 1);
    is_int(session_news(&s, &call), WF_NEWS_ACCEPTED, "until it is accepted");
    pass(&s, 1000);
    is_int(session_count(&s, WF_MSG_submit), 2, "then no more");
    forget(&s, &call);
    session_fini(&s);

    submit_refused(&s, &call, 1000, 0, 400);
    pass(&s, 700);
    session_tell(&s, WF_MSG_error, &e);
    is_int(session_news(&s, &call), WF_NEWS_DONE, "when its time is over it ends");
    is_int(call.error, WEFT_ESTORAGE, "with what the broker said");
    is_int(call.retry_ms, 400, "and when to come back");
    forget(&s, &call);
    session_fini(&s);
}

/* A broker whose queues are full is not pressed; one that has not heard of an input yet
 * has only to be asked later. */
static void test_came_too_early(void)
{
    struct wf_error e = {.code = (uint64_t) -WEFT_EBUSY,
                         .about = WF_MSG_submit,
                         .job = session_id(1),
                         .retry_ms = 500,
                         .again = 1};
    struct wf_submit job = session_job(1, "payload");
    struct session s;
    struct wf_call call;

    setup(&s);
    wf_call_init(&call);
    call.offer_ms = 1000;
    must(wf_calls_submit(&s.calls, s.now_us, &call, &job, &s.out) == 0);
    wf_effects_clear(&s.out);
    session_tell(&s, WF_MSG_error, &e);
    is_int(session_news(&s, &call), 0, "what came too early is not over");
    pass(&s, 500);
    is_int(session_count(&s, WF_MSG_submit), 1, "it is offered again");
    e.again = 0;
    session_tell(&s, WF_MSG_error, &e);
    is_int(session_news(&s, &call), WF_NEWS_DONE, "a broker that is full is not pressed");
    is_int(call.error, WEFT_EBUSY, "its submitter hears of that");
    forget(&s, &call);
    session_fini(&s);
}

static void test_not_offered_again(void)
{
    struct session s;
    struct wf_call call;

    submit_refused(&s, &call, 1000, 0, 0);
    is_int(call.error, WEFT_ESTORAGE, "a broker without a store is not asked again");
    forget(&s, &call);
    session_fini(&s);
    submit_refused(&s, &call, 0, 0, 400);
    is_int(call.error, WEFT_ESTORAGE, "nor one for a job that is to be offered once");
    forget(&s, &call);
    session_fini(&s);
    submit_refused(&s, &call, 1000, 300, 400);
    is_int(call.error, WEFT_ESTORAGE, "nor when it comes back after the deadline");
    forget(&s, &call);
    session_fini(&s);
}

/* Two calls with one id, and other work; the second one is offered again first. */
static void test_answers_in_order(void)
{
    struct wf_error e = {.code = (uint64_t) -WEFT_EBUSY,
                         .about = WF_MSG_submit,
                         .job = session_id(1),
                         .retry_ms = 500,
                         .again = 1};
    const struct wf_submit job = session_job(1, "this"), other = session_job(1, "that");
    struct wf_call first, second;
    struct session s;
    struct wf_msg msg;

    setup(&s);
    wf_call_init(&first);
    wf_call_init(&second);
    first.offer_ms = second.offer_ms = 10000;
    must(wf_calls_submit(&s.calls, s.now_us, &first, &job, &s.out) == 0);
    must(wf_calls_submit(&s.calls, s.now_us, &second, &other, &s.out) == 0);
    wf_effects_clear(&s.out);
    session_tell(&s, WF_MSG_error, &e);
    e.retry_ms = 100;
    session_tell(&s, WF_MSG_error, &e);
    pass(&s, 100);
    must(session_sent(&s, WF_MSG_submit, 0, &msg));
    ok(wf_slice_is(msg.u.submit.payload, "that"),
       "what may come sooner is offered sooner");
    pass(&s, 400);
    is_int(session_count(&s, WF_MSG_submit), 2, "the other one after it");
    accept(&s, 1);
    ok(second.state == WF_CALL_ACCEPTED && first.state == WF_CALL_OPEN,
       "the first answer is for what was sent first");
    forget(&s, &first);
    forget(&s, &second);
    session_fini(&s);
}

/* A session that opens again is a reason to try at once; the deadline holds. */
static void test_offered_in_a_new_session(void)
{
    struct session s;
    struct wf_call call;
    struct wf_msg msg;

    submit_refused(&s, &call, 60000, 10000, 5000);
    wf_calls_down(&s.calls, s.now_us, &s.out);
    session_open(&s);
    is_int(session_count(&s, WF_MSG_submit), 1, "a new session is offered it at once");
    must(session_sent(&s, WF_MSG_submit, 0, &msg));
    ok(msg.u.submit.deadline_ms < 10000, "with what is left of its deadline");
    pass(&s, 6000);
    is_int(session_count(&s, WF_MSG_submit), 1, "and not once more");
    wf_calls_down(&s.calls, s.now_us, &s.out);
    pass(&s, 5000);
    is_int(call.error, WEFT_EEXPIRED, "its deadline ends it");
    forget(&s, &call);
    session_fini(&s);
}

static void test_reused(void)
{
    const struct wf_accepted a = {
        .job = session_id(1), .class_ = 2, .reused = session_id(9)};
    const struct wf_outcome o = {
        .job = session_id(1), .state = WEFT_JOB_OK, .reused = session_id(9)};
    struct session s;
    struct wf_call call;

    setup(&s);
    submit(&s, &call, 1, 0);
    session_tell(&s, WF_MSG_accepted, &a);
    is_int(call.class_, WEFT_CLASS_DURABLE, "accepted tells the class");
    is_int(call.reused.b[0], 9, "and the like job that runs for it");
    session_tell(&s, WF_MSG_outcome, &o);
    is_int(call.outcome.reused.bytes[0], 9, "so does the outcome");
    forget(&s, &call);
    session_fini(&s);
}

/* A durable job that is gone after a reconnect was not lost by the restart. */
static void test_gone(void)
{
    const struct wf_accepted a = {.job = session_id(1), .class_ = 2};
    struct wf_error e = {.code = 5, .about = WF_MSG_watch};
    struct session s;
    struct wf_call call;

    setup(&s);
    submit(&s, &call, 1, 0);
    session_tell(&s, WF_MSG_accepted, &a);
    wf_calls_down(&s.calls, s.now_us, &s.out);
    session_open(&s);
    e.req = call.req;
    session_tell(&s, WF_MSG_error, &e);
    is_int(call.error, WEFT_ENOENT, "a durable job that the broker does not know");
    ok(strstr(wf_call_text(&call), "restarted") == NULL, "was not lost by a restart");
    forget(&s, &call);
    session_fini(&s);
}

static void test_retry(void)
{
    struct wf_job_retry body = {.job = session_id(1), .new_job = session_id(2)};
    struct wf_done d = {.code = 38, .text = wf_slice_of("it runs")};
    struct session s;
    struct wf_call call;
    struct wf_msg msg;

    setup(&s);
    wf_call_init(&call);
    must(wf_calls_request(&s.calls, &call, WF_MSG_job_retry, &body, NULL, UINT64_MAX,
                          &s.out) == 0);
    must(session_sent(&s, WF_MSG_job_retry, 0, &msg));
    ok(msg.u.job_retry.job.b[0] == 1 && msg.u.job_retry.new_job.b[0] == 2,
       "a retry names the old job and the new one");
    d.req = call.req;
    session_tell(&s, WF_MSG_done, &d);
    is_int(call.error, WEFT_ESTATE, "and is refused like any request");
    forget(&s, &call);
    session_fini(&s);
}

static void test_detached(void)
{
    struct session s;
    struct wf_call call;

    setup(&s);
    submit(&s, &call, 1, WF_CALL_DETACHED);
    accept(&s, 1);
    is_int(session_news(&s, &call), WF_NEWS_ACCEPTED | WF_NEWS_DONE,
           "a detached job is done when it is accepted");
    is_int(call.error, 0, "well");
    forget(&s, &call);
    session_fini(&s);
}

static void test_watched_job(void)
{
    struct wf_job_update u = {.job = session_id(1), .state = WEFT_RUNNING};
    struct wf_output o = {
        .job = session_id(1), .attempt = 1, .stream = 1, .data = wf_slice_of("hello")};
    struct session s;
    struct wf_call call;
    struct wf_msg msg;

    setup(&s);
    submit(&s, &call, 1, WF_CALL_OUTPUT | WF_CALL_UPDATES);
    must(session_sent(&s, WF_MSG_watch, 0, &msg));
    ok(msg.u.watch.output && msg.u.watch.states, "its watch follows the submit");
    accept(&s, 1);
    (void) session_news(&s, &call);
    session_tell(&s, WF_MSG_job_update, &u);
    is_int(session_news(&s, &call), WF_NEWS_UPDATE, "a change of state is news");
    session_tell(&s, WF_MSG_output, &o);
    is_int(session_news(&s, &call), WF_NEWS_OUTPUT, "output is news");
    session_tell(&s, WF_MSG_output, &o);
    is_int(session_news(&s, &call), 0, "the same output again is not");
    o.data = wf_slice_of("hello again");
    session_tell(&s, WF_MSG_output, &o);
    is_int(session_news(&s, &call), WF_NEWS_OUTPUT, "more of it is");
    is_int(call.skip, 5, "without what is known");
    forget(&s, &call);
    session_fini(&s);
}

/* The watch that follows a submit fails with it: one error, the submit's. */
static void test_refused_and_watched(void)
{
    struct wf_error e = {.code = 20,
                         .about = WF_MSG_submit,
                         .job = session_id(1),
                         .text = wf_slice_of("nobody offers echo")};
    struct session s;
    struct wf_call call;

    setup(&s);
    submit(&s, &call, 1, WF_CALL_OUTPUT);
    session_tell(&s, WF_MSG_error, &e);
    is_str(wf_call_text(&call), "nobody offers echo", "the submit's refusal counts");
    e.about = WF_MSG_watch;
    e.req = call.req;
    session_tell(&s, WF_MSG_error, &e);
    is_int(s.calls.late, 1, "the watch's comes late");
    forget(&s, &call);
    session_fini(&s);
}

static void test_busy_watch(void)
{
    struct wf_error e = {.code = 16, .about = WF_MSG_watch, .retry_ms = 200};
    const struct wf_id id = session_id(1);
    struct session s;
    struct wf_call call;

    setup(&s);
    wf_call_init(&call);
    must(wf_calls_watch(&s.calls, &call, &id, &s.out) == 0);
    e.req = call.req;
    session_tell(&s, WF_MSG_error, &e);
    is_int(session_news(&s, &call), 0, "a watch that finds no room goes on");
    wf_effects_clear(&s.out);
    s.now_us = wf_calls_due_us(&s.calls);
    wf_calls_tick(&s.calls, s.now_us, &s.out);
    is_int(session_count(&s, WF_MSG_watch), 1, "it is asked again after a while");
    forget(&s, &call);
    session_fini(&s);
}

static void test_requests(void)
{
    struct wf_query q = {.kind = 1};
    struct wf_nodes_page page = {.more = 5};
    struct wf_done refused = {.code = 13, .text = wf_slice_of("operators only")};
    struct session s;
    struct wf_call a, b;
    struct wf_cursor cur;
    struct wf_msg msg;

    setup(&s);
    wf_call_init(&a);
    wf_call_init(&b);
    must(wf_calls_request(&s.calls, &a, WF_MSG_query, &q, NULL, UINT64_MAX, &s.out) == 0);
    must(wf_calls_request(&s.calls, &b, WF_MSG_query, &q, NULL, UINT64_MAX, &s.out) == 0);
    page.req = a.req;
    session_tell(&s, WF_MSG_nodes_page, &page);
    is_int(session_news(&s, &a), WF_NEWS_DONE, "a page answers a request");
    wf_cur_init(&cur, a.bytes.p, a.bytes.len);
    ok(a.has_reply && wf_msg_decode(&cur, &msg) == 0 && msg.u.nodes_page.more == 5,
       "and is kept for the asker");
    refused.req = b.req;
    session_tell(&s, WF_MSG_done, &refused);
    is_int(b.error, WEFT_EPERM, "a refusal ends one");
    is_str(wf_call_text(&b), "operators only", "with its text");
    (void) session_news(&s, &b);
    page.req = 12345;
    session_tell(&s, WF_MSG_nodes_page, &page);
    is_int(s.calls.late, 1, "an answer to nothing is late");
    forget(&s, &a);
    forget(&s, &b);
    session_fini(&s);
}

/* A page of one event; req 0: pushed. */
static void tell_event(struct session *s, uint64_t req, uint64_t seq)
{
    const struct wf_event_row row = {.seq = seq, .text = wf_slice_of("x")};
    struct wf_events_page page = {.req = req};
    struct wf_buf store = WF_BUF_INIT(1000);

    must(wf_rows_add(&store, &page.rows, wf_desc_event_row(), &row) == 0);
    session_tell(s, WF_MSG_events_page, &page);
    wf_buf_fini(&store);
}

static void test_follow(void)
{
    struct wf_query q = {.kind = 7, .key = wf_slice_of("follow")};
    struct session s;
    struct wf_call call;

    setup(&s);
    tell_event(&s, 0, 3);
    is_int(s.calls.late, 1, "an event for nobody is late");
    wf_call_init(&call);
    call.flags = WF_CALL_PAGES;
    must(wf_calls_request(&s.calls, &call, WF_MSG_query, &q, NULL, UINT64_MAX, &s.out) ==
         0);
    tell_event(&s, call.req, 7);
    is_int(session_news(&s, &call), 0, "what was before is no news");
    tell_event(&s, 0, 8);
    is_int(session_news(&s, &call), WF_NEWS_PAGE, "what happens now is");
    ok(wf_call_event(&call, 8) && !wf_call_event(&call, 8) && !wf_call_event(&call, 7),
       "each event once");
    wf_calls_down(&s.calls, s.now_us, &s.out);
    session_open(&s);
    tell_event(&s, call.req, 9);
    is_int(session_news(&s, &call), WF_NEWS_PAGE, "after a reconnect, what was missed");
    ok(!wf_call_event(&call, 8) && wf_call_event(&call, 9), "from where it was");
    s.calls.link.welcome.epoch++;
    tell_event(&s, call.req, 1);
    ok(session_news(&s, &call) == WF_NEWS_PAGE && wf_call_event(&call, 1),
       "a broker that was started anew counts from 1");
    forget(&s, &call);
    tell_event(&s, 0, 10);
    is_int(s.calls.late, 2, "who is gone hears no more");
    session_fini(&s);
}

static void test_ping(void)
{
    struct wf_pong pong;
    struct session s;
    struct wf_call call;
    struct wf_msg msg;

    setup(&s);
    wf_effects_clear(&s.out);
    wf_call_init(&call);
    must(wf_calls_ping(&s.calls, s.now_us, &call, UINT64_MAX, &s.out) == 0);
    must(session_sent(&s, WF_MSG_ping, 0, &msg));
    pong = (struct wf_pong){msg.u.ping.seq, msg.u.ping.time_us};
    s.now_us += 250;
    session_tell(&s, WF_MSG_pong, &pong);
    is_int(session_news(&s, &call), WF_NEWS_DONE, "the pong ends the ping");
    is_int(call.rtt_us, 250, "with the round trip");
    session_tell(&s, WF_MSG_pong, &pong);
    is_int(s.calls.late, 1, "a second pong is late");
    forget(&s, &call);
    session_fini(&s);
}

int main(void)
{
    test_outcome_once();
    test_outcome_needs_acceptance();
    test_twins();
    test_busy();
    test_offered_again();
    test_came_too_early();
    test_not_offered_again();
    test_answers_in_order();
    test_offered_in_a_new_session();
    test_reused();
    test_gone();
    test_retry();
    test_detached();
    test_watched_job();
    test_refused_and_watched();
    test_busy_watch();
    test_requests();
    test_follow();
    test_ping();
    return done();
}

/* A client between two brokers: its handles stay, its jobs are where they were sent. */
#include "tests/unit/client/two_brokers.h"

static void test_apart(void)
{
    struct wf_call sent, taken, fresh;
    struct session s;

    open_two(&s, &A);
    submit(&s, &sent, 1);
    submit(&s, &taken, 2);
    accept(&s, 2);
    fall_over(&s, &B);
    is_int(session_count(&s, WF_MSG_submit), 0,
           "a job whose acceptance is unknown is not sent to another store");
    is_int(session_count(&s, WF_MSG_watch), 0,
           "one that is there is not looked for here");
    accept(&s, 1);
    outcome(&s, 1);
    outcome(&s, 2);
    ok(sent.state == WF_CALL_OPEN && taken.state == WF_CALL_ACCEPTED,
       "what this broker says of them counts nothing");
    submit(&s, &fresh, 3);
    is_int(session_count(&s, WF_MSG_submit), 1, "a new job goes to who is there");
    accept(&s, 3);
    outcome(&s, 3);
    is_int(fresh.state, WF_CALL_DONE, "and comes to its end");
    fall_over(&s, &A);
    ok(session_count(&s, WF_MSG_submit) == 1 && session_count(&s, WF_MSG_watch) == 1,
       "back at the first both are taken up");
    accept(&s, 1);
    outcome(&s, 1);
    outcome(&s, 2);
    ok(sent.has_outcome && taken.has_outcome, "their handles were valid all the while");
    no_news(&s);
    wf_call_fini(&sent);
    wf_call_fini(&taken);
    wf_call_fini(&fresh);
    session_fini(&s);
}

static void test_same_store(void)
{
    struct wf_call sent, taken;
    struct session s;

    open_two(&s, &N);
    submit(&s, &sent, 1);
    submit(&s, &taken, 2);
    accept(&s, 2);
    fall_over(&s, &S);
    ok(session_count(&s, WF_MSG_submit) == 1 && session_count(&s, WF_MSG_watch) == 1,
       "a broker with the same store gets all of it at once");
    accept(&s, 1);
    outcome(&s, 1);
    outcome(&s, 2);
    ok(sent.has_outcome && taken.has_outcome, "and answers for it");
    no_news(&s);
    wf_call_fini(&sent);
    wf_call_fini(&taken);
    session_fini(&s);
}

/* The same id once more, while the broker that has it is away. */
static void test_twin(void)
{
    struct wf_call first, again, watch;
    const struct wf_id id = session_id(1);
    struct session s;

    open_two(&s, &A);
    submit(&s, &first, 1);
    fall_over(&s, &B);
    submit(&s, &again, 1);
    is_int(session_count(&s, WF_MSG_submit), 0,
           "a job is not run twice by its submitter");
    wf_call_init(&watch);
    must(wf_calls_watch(&s.calls, &watch, &id, &s.out) == 0);
    is_int(session_count(&s, WF_MSG_watch), 0, "nor watched where it is not");
    fall_over(&s, &A);
    ok(session_count(&s, WF_MSG_submit) == 2 && session_count(&s, WF_MSG_watch) == 1,
       "all three go to the broker of the first");
    no_news(&s);
    wf_calls_forget(&s.calls, &first);
    wf_calls_forget(&s.calls, &again);
    wf_calls_forget(&s.calls, &watch);
    wf_call_fini(&first);
    wf_call_fini(&again);
    wf_call_fini(&watch);
    session_fini(&s);
}

static void test_never_sent(void)
{
    struct wf_call early, refused;
    struct session s;
    const struct wf_error e = {.code = (uint64_t) -WEFT_ESTORAGE,
                               .about = WF_MSG_submit,
                               .job = session_id(2),
                               .retry_ms = 50};

    open_two(&s, &A);
    submit(&s, &refused, 2);
    refused.offer_ms = 600000;
    session_tell(&s, WF_MSG_error, &e);
    must(refused.state == WF_CALL_OPEN && refused.waits);
    wf_calls_down(&s.calls, s.now_us, &s.out);
    submit(&s, &early, 1);
    s.now_us = s.calls.link.due_us;
    wf_calls_tick(&s.calls, s.now_us, &s.out);
    greet(&s, &B);
    is_int(session_count(&s, WF_MSG_submit), 2,
           "what was never sent, or was refused, is of whoever is there");
    no_news(&s);
    wf_calls_forget(&s.calls, &early);
    wf_calls_forget(&s.calls, &refused);
    wf_call_fini(&early);
    wf_call_fini(&refused);
    session_fini(&s);
}

static void test_deadline(void)
{
    struct wf_submit job = session_job(1, "data");
    struct wf_call call;
    struct session s;

    job.deadline_ms = 5000;
    open_two(&s, &A);
    wf_call_init(&call);
    must(wf_calls_submit(&s.calls, s.now_us, &call, &job, &s.out) == 0);
    fall_over(&s, &B);
    s.now_us += 6000000;
    wf_calls_tick(&s.calls, s.now_us, &s.out);
    ok(call.state == WF_CALL_DONE && call.error == WEFT_EEXPIRED,
       "a deadline holds also while its broker is away");
    no_news(&s);
    wf_call_fini(&call);
    session_fini(&s);
}

static void test_going_back(void)
{
    const struct wf_query q = {.req = 0, .kind = 1};
    struct wf_call call, ask;
    struct wf_query body = q;
    struct session s;

    open_two(&s, &A);
    submit(&s, &call, 1);
    fall_over(&s, &B);
    wf_call_init(&ask);
    must(wf_calls_request(&s.calls, &ask, WF_MSG_query, &body, NULL, UINT64_MAX,
                          &s.out) == 0);
    is_int(live(&s), 1, "while something is asked here it stays");
    wf_calls_forget(&s.calls, &ask);
    wf_call_fini(&ask);
    is_int(live(&s), 0, "then it goes back to where its job is");
    greet(&s, &A);
    is_int(session_count(&s, WF_MSG_submit), 1, "and takes it up");
    accept(&s, 1);
    outcome(&s, 1);
    no_news(&s);
    wf_call_fini(&call);
    is_int(live(&s), 0, "of equal brokers it stays with the one it has");
    session_fini(&s);
}

static void test_refused(void)
{
    struct wf_call call;
    struct session s;

    open_two(&s, &A);
    submit(&s, &call, 1);
    wf_calls_down(&s.calls, s.now_us, &s.out);
    s.now_us = s.calls.link.due_us;
    wf_calls_tick(&s.calls, s.now_us, &s.out);
    wf_calls_refused(&s.calls, s.now_us, &s.out);
    is_int(call.state, WF_CALL_OPEN, "a broker that does not know us ends nothing");
    s.now_us = s.calls.link.due_us;
    wf_calls_tick(&s.calls, s.now_us, &s.out);
    must(s.calls.link.endpoint == 0);
    wf_calls_refused(&s.calls, s.now_us, &s.out);
    ok(call.state == WF_CALL_DONE && call.error == WEFT_EAUTH,
       "when none does it is over");
    no_news(&s);
    wf_call_fini(&call);
    session_fini(&s);
}

/* Fast jobs are in the memory of one of two brokers with one store. */
static void test_fast(void)
{
    struct wf_submit job = session_job(1, "data");
    struct wf_call sent, taken, kept, watch;
    const struct wf_id id = session_id(1);
    struct session s;

    job.class_ = WF_CLASS_FAST;
    open_two(&s, &N);
    wf_call_init(&sent);
    must(wf_calls_submit(&s.calls, s.now_us, &sent, &job, &s.out) == 0);
    submit(&s, &taken, 2);
    accept_as(&s, 2, WF_CLASS_FAST);
    submit(&s, &kept, 3);
    accept(&s, 3);
    fall_over(&s, &S);
    is_int(session_count(&s, WF_MSG_submit), 0,
           "a fast job is not sent to another broker, though it shares the store");
    is_int(session_count(&s, WF_MSG_watch), 1,
           "nor watched there, as one that is durable is");
    wf_call_init(&watch);
    wf_effects_clear(&s.out);
    must(wf_calls_watch(&s.calls, &watch, &id, &s.out) == 0);
    is_int(session_count(&s, WF_MSG_watch), 0, "not by another call either");
    outcome(&s, 2);
    outcome(&s, 3);
    ok(taken.state == WF_CALL_ACCEPTED && kept.has_outcome,
       "what this broker says of it counts nothing");
    is_int(live(&s), 0, "it goes back to where they are");
    greet(&s, &N);
    ok(session_count(&s, WF_MSG_submit) == 1 && session_count(&s, WF_MSG_watch) == 2,
       "and takes them up");
    is_int(live(&s), 0, "and stays there");
    accept_as(&s, 1, WF_CLASS_FAST);
    outcome(&s, 1);
    outcome(&s, 2);
    ok(sent.has_outcome && taken.has_outcome && watch.has_outcome, "until their end");
    no_news(&s);
    wf_call_fini(&sent);
    wf_call_fini(&taken);
    wf_call_fini(&kept);
    wf_call_fini(&watch);
    session_fini(&s);
}

/* What a broker says to a request when another one has the job. */
static void lead(struct session *s, uint64_t req, unsigned key, const char *endpoint)
{
    struct wf_buf rows = WF_BUF_INIT(1024);
    struct wf_error e = {.code = (uint64_t) -WEFT_ENOENT,
                         .about = WF_MSG_query,
                         .req = req,
                         .text = wf_slice_of("another has it")};
    struct wf_broker_row row = {.name = wf_slice_of("other"),
                                .endpoint = wf_slice_of(endpoint)};

    memset(row.key.b, (int) key, sizeof row.key.b);
    must(wf_rows_add(&rows, &e.at, wf_desc_broker_row(), &row) == 0);
    wf_effects_clear(&s->out);
    session_tell(s, WF_MSG_error, &e);
    wf_buf_fini(&rows);
}

static void ask(struct session *s, struct wf_call *call, uint64_t deadline_us)
{
    struct wf_query body = {.kind = 1};

    wf_call_init(call);
    wf_effects_clear(&s->out);
    must(wf_calls_request(&s->calls, call, WF_MSG_query, &body, NULL, deadline_us,
                          &s->out) == 0);
}

/* Jobs asked for by their ids at a broker that knows who has them. */
static void test_led(void)
{
    const struct who far = {2, 13, 0};
    const struct wf_id id = session_id(1);
    const struct wf_done done = {.req = 2};
    struct wf_call watched, asked;
    struct session s;

    open_two(&s, &A);
    wf_call_init(&watched);
    must(wf_calls_watch(&s.calls, &watched, &id, &s.out) == 0);
    ask(&s, &asked, UINT64_MAX);
    lead(&s, watched.req, 3, "tcp://c:1");
    lead(&s, asked.req, 3, "tcp://c:1");
    ok(watched.state == WF_CALL_OPEN && asked.state == WF_CALL_OPEN,
       "what another broker has does not end with ENOENT");
    is_int(live(&s), 2, "that one is dialled, though it was not known before");
    greet(&s, &far);
    ok(session_count(&s, WF_MSG_watch) == 1 && session_count(&s, WF_MSG_query) == 1,
       "and asked for both");
    outcome(&s, 1);
    ok(watched.has_outcome, "one gets its outcome there");
    must(asked.req == done.req);
    session_tell(&s, WF_MSG_done, &done);
    ok(asked.state == WF_CALL_DONE && asked.error == 0, "the other its answer");
    ok(asked.led && strcmp(asked.led_to, "other") == 0, "and knows from whom");
    no_news(&s);
    wf_call_fini(&watched);
    wf_call_fini(&asked);
    session_fini(&s);
}

/* Jobs of many homes, fetched by their ids in turn: none waits for more than it takes to
 * see that the other broker is there. */
static void test_led_to_and_fro(void)
{
    static const struct who *const two[] = {&A, &B};
    struct wf_call watched;
    struct session s;

    open_two(&s, &A);
    for (unsigned i = 0; i < 6; i++) {
        const unsigned to = 1 - i % 2;
        const struct wf_id id = session_id((uint8_t) (i + 1));
        const uint64_t from_us = s.now_us;

        wf_call_init(&watched);
        must(wf_calls_watch(&s.calls, &watched, &id, &s.out) == 0);
        lead(&s, watched.req, to + 1, to == 0 ? "tcp://a:1" : "tcp://b:1");
        must(live(&s) == to);
        ok(s.now_us - from_us < 5000000, "job %u: it goes where it is led at once", i);
        greet(&s, two[to]);
        outcome(&s, (uint8_t) (i + 1));
        must(watched.has_outcome);
        let_go(&s, &watched);
    }
    session_fini(&s);
}

static void test_led_in_vain(void)
{
    struct wf_call asked;
    struct session s;

    open_two(&s, &A);
    ask(&s, &asked, s.now_us + 500000);
    lead(&s, asked.req, 3, "tcp://c:1");
    s.now_us += 600000;
    wf_calls_tick(&s.calls, s.now_us, &s.out);
    ok(asked.state == WF_CALL_DONE && asked.error == WEFT_EUNREACH &&
           strstr(wf_call_text(&asked), "another broker") != NULL,
       "one that cannot be reached in time is said to be so");
    is_int((intmax_t) s.calls.requests, 0, "and is asked for nothing any more");
    let_go(&s, &asked);
    ask(&s, &asked, UINT64_MAX);
    lead(&s, asked.req, 1, "tcp://a:1");
    is_int(asked.error, WEFT_ENOENT, "who names itself has it not");
    let_go(&s, &asked);
    ask(&s, &asked, UINT64_MAX);
    lead(&s, asked.req, 4, "d");
    is_int(asked.error, WEFT_ENOENT, "nor has one without an address");
    let_go(&s, &asked);
    ask(&s, &asked, UINT64_MAX);
    lead(&s, asked.req, 2, "tcp://b:1");
    must(live(&s) == 1);
    greet(&s, &B);
    is_int(session_count(&s, WF_MSG_query), 1, "a broker that is known is asked");
    lead(&s, asked.req, 1, "tcp://a:1");
    is_int(asked.error, WEFT_ENOENT, "nobody is sent on twice");
    no_news(&s);
    wf_call_fini(&asked);
    session_fini(&s);
}

/* Who is said to have a job never answers. */
static void test_led_nowhere(void)
{
    const struct wf_id id = session_id(1);
    const struct wf_ping p = {.seq = 1};
    struct wf_call watched, again;
    struct session s;
    uint64_t from_us;

    open_two(&s, &A);
    wf_call_init(&watched);
    must(wf_calls_watch(&s.calls, &watched, &id, &s.out) == 0);
    lead(&s, watched.req, 3, "tcp://c:1");
    wf_call_init(&again);
    must(wf_calls_watch(&s.calls, &again, &id, &s.out) == 0);
    ok(again.led && strcmp(again.led_to, "other") == 0,
       "who asks for the job once more waits for the same broker");
    from_us = s.now_us;
    while ((watched.state == WF_CALL_OPEN || again.state == WF_CALL_OPEN) &&
           s.now_us < from_us + 2 * UINT64_C(3600000000)) {
        s.now_us = wf_max_u64(s.now_us, wf_calls_due_us(&s.calls));
        wf_calls_tick(&s.calls, s.now_us, &s.out);
        session_tell(&s, WF_MSG_ping, &p);
        if (s.calls.link.trying != WF_BROKERS_NONE) {
            wf_calls_tried(&s.calls, s.now_us, 0, &s.out);
        }
        wf_effects_clear(&s.out);
    }
    ok(watched.error == WEFT_EUNREACH && s.now_us - from_us >= UINT64_C(3600000000) &&
           s.now_us - from_us < UINT64_C(3700000000),
       "a watch is not sent after a broker for ever");
    is_int(again.error, WEFT_EUNREACH, "nor is the second one");
    no_news(&s);
    wf_call_fini(&again);
    wf_call_fini(&watched);
    session_fini(&s);
}

/* Who has the job does not let us in: an operator's key counts where it was enrolled. */
static void test_led_refused(void)
{
    const struct wf_id id = session_id(1), mine = session_id(2);
    struct wf_call watched, asked, twin, kept;
    struct session s;

    open_two(&s, &A);
    submit(&s, &kept, 2);
    accept(&s, 2);
    wf_call_init(&watched);
    wf_call_init(&twin);
    must(wf_calls_watch(&s.calls, &watched, &id, &s.out) == 0);
    ask(&s, &asked, UINT64_MAX);
    lead(&s, watched.req, 3, "tcp://c:1");
    lead(&s, asked.req, 3, "tcp://c:1");
    must(wf_calls_watch(&s.calls, &twin, &id, &s.out) == 0);
    s.now_us = wf_max_u64(s.now_us, wf_calls_due_us(&s.calls));
    wf_calls_tick(&s.calls, s.now_us, &s.out);
    must(s.calls.link.trying == 2);
    wf_calls_tried(&s.calls, s.now_us, WEFT_EAUTH, &s.out);
    ok(watched.state == WF_CALL_DONE && watched.error == WEFT_EAUTH &&
           asked.state == WF_CALL_DONE && asked.error == WEFT_EAUTH,
       "what a broker has that refuses our key ends with that, at once");
    is_int(twin.error, WEFT_EAUTH, "all calls about that job");
    ok(strstr(wf_call_text(&watched), "tcp://c:1") != NULL &&
           strstr(wf_call_text(&asked), "tcp://c:1") != NULL,
       "and says whom to ask");
    is_int(kept.state, WF_CALL_ACCEPTED, "jobs that others have go on");
    is_int((intmax_t) s.calls.requests, 0, "nothing is asked for any more");
    let_go(&s, &watched);
    let_go(&s, &twin);
    let_go(&s, &asked);
    ask(&s, &asked, UINT64_MAX);
    lead(&s, asked.req, 3, "tcp://c:1");
    ok(asked.error == WEFT_EAUTH && s.calls.requests == 0,
       "who asks again soon hears it without a trial");
    let_go(&s, &asked);
    wf_call_init(&watched);
    must(wf_calls_watch(&s.calls, &watched, &mine, &s.out) == 0);
    outcome(&s, 2);
    ok(kept.has_outcome && watched.has_outcome, "the others get their outcomes");
    let_go(&s, &watched);
    wf_call_fini(&kept);

    /* Its own broker is gone meanwhile: the session itself is refused. */
    s.now_us += UINT64_C(60000000);
    wf_call_init(&watched);
    must(wf_calls_watch(&s.calls, &watched, &id, &s.out) == 0);
    lead(&s, watched.req, 2, "tcp://b:1");
    wf_calls_down(&s.calls, s.now_us, &s.out);
    s.now_us = s.calls.link.due_us;
    wf_calls_tick(&s.calls, s.now_us, &s.out);
    must(s.calls.link.endpoint == 1);
    wf_calls_refused(&s.calls, s.now_us, &s.out);
    is_int(watched.error, WEFT_EAUTH, "so does what a session shows");
    no_news(&s);
    wf_call_fini(&watched);
    session_fini(&s);
}

/* The first broker of a store lives, but not for us: the second one has not taken over.
 */
static void test_doubt(void)
{
    const struct wf_error no = {
        .code = (uint64_t) -WEFT_ENOENT, .about = WF_MSG_watch, .req = 1};
    struct wf_call call;
    struct session s;

    open_two(&s, &N);
    submit(&s, &call, 1);
    accept(&s, 1);
    fall_over(&s, &S);
    session_tell(&s, WF_MSG_error, &no);
    is_int(call.state, WF_CALL_ACCEPTED,
           "that a broker which did not accept it does not know a job ends nothing");
    s.now_us = wf_calls_due_us(&s.calls);
    must(call.due.key <= s.now_us + 10000000);
    s.now_us = call.due.key;
    wf_effects_clear(&s.out);
    wf_calls_tick(&s.calls, s.now_us, &s.out);
    is_int(session_count(&s, WF_MSG_watch), 1, "it is asked again");
    is_int(live(&s), 0, "and the one that accepted it is looked for");
    greet(&s, &N);
    is_int(session_count(&s, WF_MSG_watch), 1, "which is asked, too");
    session_tell(&s, WF_MSG_error, &no);
    ok(call.state == WF_CALL_DONE && call.error == WEFT_ENOENT,
       "what that one does not know is gone");
    no_news(&s);
    wf_call_fini(&call);

    submit(&s, &call, 2);
    accept(&s, 2);
    fall_over(&s, &S);
    session_tell(&s, WF_MSG_error,
                 &(struct wf_error){.code = no.code, .about = no.about, .req = 2});
    s.now_us += UINT64_C(3601000000);
    session_tell(&s, WF_MSG_error,
                 &(struct wf_error){.code = no.code, .about = no.about, .req = 2});
    is_int(call.error, WEFT_ENOENT, "nor is it asked for for ever");
    no_news(&s);
    wf_call_fini(&call);
    session_fini(&s);
}

int main(void)
{
    test_apart();
    test_same_store();
    test_twin();
    test_never_sent();
    test_deadline();
    test_going_back();
    test_refused();
    test_fast();
    test_led();
    test_led_to_and_fro();
    test_led_in_vain();
    test_led_nowhere();
    test_led_refused();
    test_doubt();
    return done();
}

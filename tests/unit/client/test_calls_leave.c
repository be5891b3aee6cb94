/* A client that leaves for where others of its jobs are: nothing is left behind. */
#include "tests/unit/client/two_brokers.h"

/* At B with job 2, while A has job 1 and answers trials: B is about to be left. */
static void about_to_leave(struct session *s, struct wf_call *there, struct wf_call *here)
{
    const uint64_t tries_us = s->now_us + 600000000;

    open_two(s, &A);
    submit(s, there, 1);
    accept(s, 1);
    fall_over(s, &B);
    submit(s, here, 2);
    accept(s, 2);
    while (!s->calls.leaving && s->now_us < tries_us) {
        const struct wf_ping p = {.seq = 1};

        s->now_us = wf_max_u64(s->now_us, wf_calls_due_us(&s->calls));
        wf_calls_tick(&s->calls, s->now_us, &s->out);
        session_tell(s, WF_MSG_ping, &p);
        if (s->calls.link.trying != WF_BROKERS_NONE) {
            wf_calls_tried(&s->calls, s->now_us, 1, &s->out);
        }
    }
    must(s->calls.leaving && s->calls.link.endpoint == 1);
}

static void test_leaving(void)
{
    const struct wf_id id = session_id(4);
    struct wf_call there, here, fresh, watch;
    struct session s;
    uint64_t from_us;

    about_to_leave(&s, &there, &here);
    submit(&s, &fresh, 3);
    wf_call_init(&watch);
    must(wf_calls_watch(&s.calls, &watch, &id, &s.out) == 0);
    ok(session_count(&s, WF_MSG_submit) == 0 && session_count(&s, WF_MSG_watch) == 0,
       "who is about to leave sends nothing new");
    outcome(&s, 2);
    ok(here.has_outcome && session_count(&s, WF_MSG_bye) == 1 &&
           s.calls.link.endpoint == 0,
       "it goes when the last job here is over");
    greet(&s, &A);
    ok(session_count(&s, WF_MSG_submit) == 1 && session_count(&s, WF_MSG_watch) == 2,
       "and sends there what it held back");
    accept(&s, 3);
    outcome(&s, 1);
    outcome(&s, 3);
    ok(there.has_outcome && fresh.has_outcome, "so that nothing is left at the other");
    is_int(live(&s), 0, "where nothing draws it any more");
    wf_calls_forget(&s.calls, &watch);
    let_go(&s, &there);
    wf_call_fini(&here);
    wf_call_fini(&fresh);
    wf_call_fini(&watch);
    session_fini(&s);

    about_to_leave(&s, &there, &here);
    from_us = s.now_us;
    must(live(&s) == 0);
    ok(s.now_us - from_us >= 1900000 && s.now_us - from_us < 2100000,
       "it does not wait for long ones");
    let_go(&s, &there);
    wf_call_fini(&here);
    session_fini(&s);
}

/* A request keeps it, for as long as that takes; nothing spins meanwhile. */
static void test_asking(void)
{
    struct wf_query body = {.kind = 1};
    struct wf_call there, here, ask, fresh;
    struct session s;

    about_to_leave(&s, &there, &here);
    submit(&s, &fresh, 3);
    wf_call_init(&ask);
    must(wf_calls_request(&s.calls, &ask, WF_MSG_query, &body, NULL, s.now_us + 10000000,
                          &s.out) == 0);
    s.now_us += 5000000;
    wf_effects_clear(&s.out);
    wf_calls_tick(&s.calls, s.now_us, &s.out);
    is_int(session_count(&s, WF_MSG_submit), 1, "nothing is held back for longer");
    ok(s.calls.link.endpoint == 1 && wf_calls_due_us(&s.calls) > s.now_us,
       "what is asked of this broker keeps it here");
    while (ask.state != WF_CALL_DONE) {
        const struct wf_ping p = {.seq = 1};

        s.now_us = wf_max_u64(s.now_us, wf_calls_due_us(&s.calls));
        wf_calls_tick(&s.calls, s.now_us, &s.out);
        session_tell(&s, WF_MSG_ping, &p);
    }
    ok(ask.error == WEFT_ETIMEOUT && s.calls.link.endpoint == 0, "until that is over");
    wf_calls_forget(&s.calls, &there);
    wf_calls_forget(&s.calls, &here);
    wf_calls_forget(&s.calls, &fresh);
    no_news(&s);
    wf_call_fini(&there);
    wf_call_fini(&here);
    wf_call_fini(&fresh);
    wf_call_fini(&ask);
    session_fini(&s);
}

/* Another call with the id of a job that is here. */
static void test_twin(void)
{
    struct wf_call there, here, again;
    struct session s;

    about_to_leave(&s, &there, &here);
    submit(&s, &again, 2);
    is_int(session_count(&s, WF_MSG_submit), 1,
           "a job that this broker has is submitted to no other");
    outcome(&s, 2);
    ok(here.has_outcome && s.calls.link.endpoint == 1,
       "nor left when one call has ended");
    accept(&s, 2);
    outcome(&s, 2);
    ok(again.has_outcome && s.calls.link.endpoint == 0, "but when all have");
    wf_calls_forget(&s.calls, &there);
    no_news(&s);
    wf_call_fini(&there);
    wf_call_fini(&here);
    wf_call_fini(&again);
    session_fini(&s);
}

static void test_not_leaving(void)
{
    struct wf_call there, here, fresh;
    struct session s;

    about_to_leave(&s, &there, &here);
    submit(&s, &fresh, 3);
    wf_calls_forget(&s.calls, &there);
    s.now_us += 2000000;
    wf_effects_clear(&s.out);
    wf_calls_tick(&s.calls, s.now_us, &s.out);
    ok(s.calls.link.endpoint == 1 && !s.calls.leaving,
       "without a reason any more it stays");
    is_int(session_count(&s, WF_MSG_submit), 1, "and sends here what it held back");
    accept(&s, 3);
    is_int(fresh.state, WF_CALL_ACCEPTED, "as if nothing had been");
    no_news(&s);
    wf_calls_forget(&s.calls, &here);
    wf_calls_forget(&s.calls, &fresh);
    wf_call_fini(&there);
    wf_call_fini(&here);
    wf_call_fini(&fresh);
    session_fini(&s);

    about_to_leave(&s, &there, &here);
    submit(&s, &fresh, 3);
    wf_calls_down(&s.calls, s.now_us, &s.out);
    s.now_us = s.calls.link.due_us;
    wf_calls_tick(&s.calls, s.now_us, &s.out);
    must(s.calls.link.endpoint == 0);
    greet(&s, &A);
    is_int(session_count(&s, WF_MSG_submit), 1, "nor does a break hold anything back");
    no_news(&s);
    wf_calls_forget(&s.calls, &there);
    wf_calls_forget(&s.calls, &here);
    wf_calls_forget(&s.calls, &fresh);
    wf_call_fini(&there);
    wf_call_fini(&here);
    wf_call_fini(&fresh);
    session_fini(&s);
}

int main(void)
{
    test_leaving();
    test_asking();
    test_twin();
    test_not_leaving();
    return done();
}

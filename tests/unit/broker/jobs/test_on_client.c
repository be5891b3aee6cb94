#include "tests/unit/broker/bed.h"

#include "proto/words.h"

struct scene {
    struct bed b;
    uint32_t client, other, op, agent;
};

static void open_scene(struct scene *s, uint64_t max_jobs, uint64_t max_bytes)
{
    bed_init(&s->b);
    s->b.cfg.max_jobs = max_jobs;
    s->b.cfg.max_bytes = max_bytes;
    bed_start(&s->b);
    s->client = bed_client(&s->b, 1, "app");
    s->other = bed_client(&s->b, 2, "rival");
    s->op = bed_operator(&s->b, 3);
    s->agent = bed_agent(&s->b, 4, "edge", 1);
    bed_tick(&s->b, 0);
}

static void accepts(void)
{
    struct wf_msg m;
    struct scene s;

    open_scene(&s, 50, 1u << 20);
    bed_submit(&s.b, s.client, 1);
    ok(bed_told(&s.b, s.client, WF_MSG_accepted, 0, &m) && !m.u.accepted.known &&
           m.u.accepted.class_ == WF_CLASS_FAST,
       "accepted, in the class that really holds");
    bed_submit(&s.b, s.client, 1);
    ok(bed_told(&s.b, s.client, WF_MSG_accepted, 0, &m) && m.u.accepted.known,
       "twice is the same job");
    is_int(s.b.c->jobs.live, 1, "of which there is one");
    bed_result(&s.b, s.agent, 1, 1, 0);
    bed_submit(&s.b, s.client, 1);
    ok(bed_count(&s.b, s.client, WF_MSG_outcome) == 1 &&
           bed_count(&s.b, s.agent, WF_MSG_assign) == 0,
       "also when it is over: its outcome comes again");
    bed_fini(&s.b);
}

static void refuses(void)
{
    struct wf_submit m = bed_work(1);
    struct wf_buf rows = WF_BUF_INIT(1024);
    const struct wf_label_row bad = {wf_slice_of("no need")};
    uint8_t big[70000] = {0};
    struct scene s;

    open_scene(&s, 50, 80000);
    m.payload = wf_slice_make(big, sizeof big);
    bed_say(&s.b, s.client, WF_MSG_submit, &m);
    is_int(bed_refusal(&s.b, s.client), WEFT_ETOOBIG, "a payload over the limit");
    m = bed_work(1);
    m.capability = wf_slice_of("Bad Name");
    bed_say(&s.b, s.client, WF_MSG_submit, &m);
    is_int(bed_refusal(&s.b, s.client), WEFT_EINVAL, "no name");
    m = bed_work(0);
    bed_say(&s.b, s.client, WF_MSG_submit, &m);
    is_int(bed_refusal(&s.b, s.client), WEFT_EINVAL, "no id");
    m = bed_work(1);
    must(wf_rows_add(&rows, &m.needs, wf_desc_label_row(), &bad) == 0);
    bed_say(&s.b, s.client, WF_MSG_submit, &m);
    is_int(bed_refusal(&s.b, s.client), WEFT_EINVAL, "a need that is none");
    wf_buf_fini(&rows);
    m = bed_work(1);
    m.class_ = WF_CLASS_DURABLE;
    bed_say(&s.b, s.client, WF_MSG_submit, &m);
    is_int(bed_refusal(&s.b, s.client), WEFT_ESTORAGE, "more than it can promise");
    m = bed_work(1);
    m.node = wf_slice_of("nobody");
    bed_say(&s.b, s.client, WF_MSG_submit, &m);
    is_int(bed_refusal(&s.b, s.client), WEFT_ENOENT, "a node that there is not");
    m = bed_work(1);
    m.capability = wf_slice_of("magic");
    bed_say(&s.b, s.client, WF_MSG_submit, &m);
    is_int(bed_refusal(&s.b, s.client), WEFT_EBUSY, "unknown, but it has just started");
    s.b.now_us += 5 * BED_SECOND;
    bed_say(&s.b, s.client, WF_MSG_submit, &m);
    is_int(bed_refusal(&s.b, s.client), WEFT_ENOCAP, "later nobody offers it");
    m.deadline_ms = 1000;
    bed_say(&s.b, s.client, WF_MSG_submit, &m);
    is_int(bed_refusal(&s.b, s.client), 0, "with a deadline it may wait for one");
    is_int(s.b.c->jobs.live, 1, "that one alone was taken");
    bed_fini(&s.b);
}

static void guards_ids(void)
{
    struct wf_submit m = bed_work(1);
    struct scene s;

    open_scene(&s, 50, 1u << 20);
    bed_submit(&s.b, s.client, 1);
    m.payload = wf_slice_of("other");
    bed_say(&s.b, s.client, WF_MSG_submit, &m);
    is_int(bed_refusal(&s.b, s.client), WEFT_ECONFLICT, "an id stands for one payload");
    bed_submit(&s.b, s.other, 1);
    is_int(bed_refusal(&s.b, s.other), WEFT_ECONFLICT, "and for one owner");
    bed_say(&s.b, s.other, WF_MSG_watch, &(struct wf_watch){1, bed_id(1), 1, 1});
    is_int(bed_refusal(&s.b, s.other), WEFT_ENOENT, "who alone may watch it");
    bed_say(&s.b, s.other, WF_MSG_cancel, &(struct wf_cancel){2, bed_id(1)});
    is_int(bed_refusal(&s.b, s.other), WEFT_ENOENT, "and cancel it");
    is_int(bed_state(&s.b, 1), WF_JOB_ASSIGNED, "nothing happened to it");
    bed_say(&s.b, s.op, WF_MSG_watch, &(struct wf_watch){1, bed_id(1), 1, 1});
    ok(bed_count(&s.b, s.op, WF_MSG_job_update) == 1, "but for operators");
    bed_result(&s.b, s.agent, 1, 1, 0);
    ok(bed_count(&s.b, s.op, WF_MSG_outcome) == 1 &&
           bed_count(&s.b, s.client, WF_MSG_outcome) == 1 &&
           bed_count(&s.b, s.other, WF_MSG_outcome) == 0,
       "the outcome goes to who may see it");
    bed_fini(&s.b);
}

static void is_bounded(void)
{
    struct wf_submit m;
    uint8_t payload[400] = {0};
    struct wf_msg got;
    struct scene s;

    open_scene(&s, 3, 1u << 20);
    for (uint8_t i = 1; i <= 3; i++) {
        bed_submit(&s.b, s.client, i);
        is_int(bed_refusal(&s.b, s.client), 0, "as many jobs as it may hold");
    }
    bed_submit(&s.b, s.client, 4);
    is_int(bed_refusal(&s.b, s.client), WEFT_EBUSY, "no more");
    ok(bed_told(&s.b, s.client, WF_MSG_error, 0, &got) && got.u.error.retry_ms != 0,
       "and when to try again");
    bed_result(&s.b, s.agent, 1, 1, 0);
    bed_submit(&s.b, s.client, 4);
    is_int(bed_refusal(&s.b, s.client), 0, "until one ends");
    bed_fini(&s.b);

    open_scene(&s, 50, 1000);
    m = bed_work(1);
    m.payload = wf_slice_make(payload, sizeof payload);
    bed_say(&s.b, s.client, WF_MSG_submit, &m);
    m.job = bed_id(2);
    bed_say(&s.b, s.client, WF_MSG_submit, &m);
    is_int(bed_refusal(&s.b, s.client), 0, "as many bytes");
    m.job = bed_id(3);
    bed_say(&s.b, s.client, WF_MSG_submit, &m);
    is_int(bed_refusal(&s.b, s.client), WEFT_EBUSY, "no more of those");
    bed_result(&s.b, s.agent, 1, 1, 0);
    bed_say(&s.b, s.client, WF_MSG_submit, &m);
    is_int(bed_refusal(&s.b, s.client), 0, "what has ended makes room");
    is_int(bed_state(&s.b, 1), WF_JOB_STATES, "by being forgotten");
    bed_fini(&s.b);
}

static void watches(void)
{
    const struct wf_watch watch = {7, bed_id(1), 0, 1};
    struct wf_msg m;
    uint32_t second;
    struct scene s;

    open_scene(&s, 50, 1u << 20);
    bed_submit(&s.b, s.client, 1);
    bed_down(&s.b, s.client);
    second = bed_hello(&s.b, 1, WF_ROLE_CLIENT, 9);
    bed_say(&s.b, second, WF_MSG_watch, &watch);
    ok(bed_told(&s.b, second, WF_MSG_job_update, 0, &m) &&
           m.u.job_update.state == WF_JOB_ASSIGNED,
       "its owner comes back and follows it by id");
    bed_say(&s.b, second, WF_MSG_watch, &watch);
    bed_say(&s.b, s.agent, WF_MSG_started, &(struct wf_started){bed_id(1), 1});
    is_int(bed_count(&s.b, second, WF_MSG_job_update), 1, "is told of states, once each");
    bed_result(&s.b, s.agent, 1, 1, 0);
    is_int(bed_count(&s.b, second, WF_MSG_outcome), 1, "and of the outcome");
    bed_say(&s.b, second, WF_MSG_watch, &watch);
    is_int(bed_count(&s.b, second, WF_MSG_outcome), 1, "also later");
    bed_say(&s.b, second, WF_MSG_watch, &(struct wf_watch){8, bed_id(9), 0, 1});
    is_int(bed_refusal(&s.b, second), WEFT_ENOENT, "of no job that there is not");
    bed_fini(&s.b);
}

static void goes_away(void)
{
    struct scene s;

    open_scene(&s, 50, 1u << 20);
    bed_submit(&s.b, s.client, 1);
    bed_say(&s.b, s.client, WF_MSG_watch, &(struct wf_watch){7, bed_id(1), 1, 1});
    bed_down(&s.b, s.client);
    bed_result(&s.b, s.agent, 1, 1, 0);
    is_int(bed_state(&s.b, 1), WF_JOB_OK, "a job outlives its client");
    is_int(bed_count(&s.b, s.client, WF_MSG_outcome), 0, "nobody is told");
    bed_tick(&s.b, s.b.cfg.retain_ms * 1000 + 1);
    is_int(bed_state(&s.b, 1), WF_JOB_STATES, "and it is kept for its time");
    bed_fini(&s.b);
}

static void cancels(void)
{
    struct wf_msg m;
    struct scene s;

    open_scene(&s, 50, 1u << 20);
    bed_submit(&s.b, s.client, 1);
    bed_submit(&s.b, s.client, 2);
    bed_say(&s.b, s.client, WF_MSG_cancel, &(struct wf_cancel){5, bed_id(2)});
    ok(bed_told(&s.b, s.client, WF_MSG_done, 0, &m) && m.u.done.req == 5 &&
           m.u.done.code == 0,
       "one that waits is cancelled");
    ok(bed_told(&s.b, s.client, WF_MSG_outcome, 0, &m) &&
           m.u.outcome.state == WF_JOB_CANCELLED &&
           wf_slice_is(m.u.outcome.reason, "cancelled by app"),
       "and that is its outcome");
    bed_say(&s.b, s.client, WF_MSG_cancel, &(struct wf_cancel){6, bed_id(2)});
    is_int(bed_refusal(&s.b, s.client), WEFT_ESTATE, "once");
    bed_fini(&s.b);
}

static void orders_by_priority(void)
{
    struct wf_submit m = bed_work(1);
    struct scene s;

    open_scene(&s, 50, 1u << 20);
    bed_say(&s.b, s.client, WF_MSG_submit, &m);
    m = bed_work(2);
    m.priority = 0;
    bed_say(&s.b, s.client, WF_MSG_submit, &m);
    m = bed_work(3);
    m.priority = 9;
    bed_say(&s.b, s.client, WF_MSG_submit, &m);
    m = bed_work(4);
    m.priority = 9;
    bed_say(&s.b, s.client, WF_MSG_submit, &m);
    bed_result(&s.b, s.agent, 1, 1, 0);
    is_int(bed_state(&s.b, 3), WF_JOB_ASSIGNED, "the highest priority first");
    bed_result(&s.b, s.agent, 3, 1, 0);
    is_int(bed_state(&s.b, 4), WF_JOB_ASSIGNED, "then by age");
    bed_result(&s.b, s.agent, 4, 1, 0);
    is_int(bed_state(&s.b, 2), WF_JOB_ASSIGNED, "the lowest last");
    bed_fini(&s.b);
}

int main(void)
{
    accepts();
    refuses();
    guards_ids();
    is_bounded();
    watches();
    goes_away();
    cancels();
    orders_by_priority();
    return done();
}

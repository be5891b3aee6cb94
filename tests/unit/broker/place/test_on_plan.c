#include "tests/unit/broker/bed.h"

struct scene {
    struct bed b;
    uint32_t client, near, far;
    struct wf_msg reply;
};

static void open_scene(struct scene *s)
{
    const struct wf_ping near = {.seq = 1, .rtt_us = 1000};
    const struct wf_ping far = {.seq = 1, .rtt_us = 90000};

    bed_init(&s->b);
    bed_start(&s->b);
    s->client = bed_client(&s->b, 9, "app");
    s->near = bed_agent(&s->b, 1, "near", 1);
    s->far = bed_agent(&s->b, 2, "far", 1);
    bed_say(&s->b, s->near, WF_MSG_ping, &near);
    bed_say(&s->b, s->far, WF_MSG_ping, &far);
}

static int plan(struct scene *s, const struct wf_submit *m, const char *without)
{
    const struct wf_label_row row = {wf_slice_of(without)};
    struct wf_buf bytes = WF_BUF_INIT(4096), rows = WF_BUF_INIT(256);
    struct wf_plan p = {.req = 7};

    must(wf_msg_encode(&bytes, WF_MSG_submit, m) == 0);
    p.submit = wf_slice_make(bytes.p, bytes.len);
    if (without != NULL) {
        must(wf_rows_add(&rows, &p.without, wf_desc_label_row(), &row) == 0);
    }
    bed_say(&s->b, s->client, WF_MSG_plan, &p);
    wf_buf_fini(&bytes);
    wf_buf_fini(&rows);
    return bed_told(&s->b, s->client, WF_MSG_why_info, 0, &s->reply);
}

static void says_where(void)
{
    struct wf_submit m = bed_work(1);
    struct scene s;

    open_scene(&s);
    ok(plan(&s, &m, NULL) && s.reply.u.why_info.req == 7 && s.reply.u.why_info.plan,
       "an answer to this request");
    ok(wf_slice_is(s.reply.u.why_info.node, "near") && s.reply.u.why_info.chosen,
       "that names the node");
    is_int(s.reply.u.why_info.rows.count, 2, "and what the others would take");
    ok(bed_job(&s.b, 1) == NULL && s.b.c->jobs.live == 0, "nothing runs");
    m.payload = wf_slice_of("");
    m.payload_size = 60000;
    ok(plan(&s, &m, NULL) && wf_slice_is(s.reply.u.why_info.node, "near"),
       "a payload of which only the size is told is no data to fetch");
    m = bed_work(1);
    ok(plan(&s, &m, "node=near") && wf_slice_is(s.reply.u.why_info.node, "far"),
       "without one node: the other");
    ok(plan(&s, &m, "site=lyon") && !s.reply.u.why_info.chosen &&
           s.reply.u.why_info.text.len != 0,
       "without the site: none, and why");
    bed_submit(&s.b, s.client, 1);
    is_str(bed_job(&s.b, 1)->agent->principal->name, "near", "then it goes there");
    bed_submit(&s.b, s.client, 2);
    m.job = bed_id(3);
    ok(plan(&s, &m, NULL) && !s.reply.u.why_info.chosen, "when all are full it waits");
    bed_fini(&s.b);
}

static void refuses(void)
{
    const struct wf_plan none = {.req = 8, .submit = wf_slice_of("x")};
    struct wf_submit m = bed_work(1);
    struct wf_msg e;
    struct scene s;

    open_scene(&s);
    bed_say(&s.b, s.client, WF_MSG_plan, &none);
    ok(bed_told(&s.b, s.client, WF_MSG_error, 0, &e) && e.u.error.req == 8,
       "what is no submit is refused, by its request");
    ok(!plan(&s, &m, "tier=edge") && bed_refusal(&s.b, s.client) == WEFT_EINVAL,
       "only nodes and sites can be away");
    ok(!plan(&s, &m, "node=nope") && bed_refusal(&s.b, s.client) == WEFT_ENOENT,
       "and who is known");
    m.capability = wf_slice_of("nobody-has-it");
    ok(!plan(&s, &m, NULL) && bed_told(&s.b, s.client, WF_MSG_error, 0, &e) &&
           e.u.error.req == 7,
       "as a submit would be refused, so is its plan");
    bed_fini(&s.b);
}

/* Five runs of a second teach how long it takes. */
static void teach(struct scene *s)
{
    for (uint8_t i = 10; i < 16; i++) {
        struct wf_result r = {.job = bed_id(i), .attempt = 1, .run_us = BED_SECOND};

        bed_submit(&s->b, s->client, i);
        bed_say(&s->b, s->near, WF_MSG_result, &r);
    }
}

static void deadlines(void)
{
    const struct wf_result slow = {.job = bed_id(2), .attempt = 1, .run_us = BED_SECOND};
    struct wf_submit m = bed_work(1);
    struct scene s;

    open_scene(&s);
    m.deadline_ms = 100;
    bed_say(&s.b, s.client, WF_MSG_submit, &m);
    is_int(bed_state(&s.b, 1), WF_JOB_ASSIGNED, "nothing is known of it: it may try");
    bed_result(&s.b, s.near, 1, 1, WEFT_EFAILED);
    teach(&s);
    m.job = bed_id(2);
    bed_say(&s.b, s.client, WF_MSG_submit, &m);
    is_int(bed_refusal(&s.b, s.client), WEFT_ELATE, "what takes a second, in 100 ms");
    ok(bed_job(&s.b, 2) == NULL && s.b.c->count.late == 1, "is refused, and counted");
    ok(plan(&s, &m, NULL) && !s.reply.u.why_info.chosen, "its plan says so");
    m.deadline_ms = 10000;
    bed_say(&s.b, s.client, WF_MSG_submit, &m);
    is_int(bed_state(&s.b, 2), WF_JOB_ASSIGNED, "in ten seconds it can be done");
    m.job = bed_id(3);
    bed_say(&s.b, s.client, WF_MSG_submit, &m);
    m.job = bed_id(4);
    m.deadline_ms = 3000;
    bed_say(&s.b, s.client, WF_MSG_submit, &m);
    is_int(bed_state(&s.b, 4), WF_JOB_QUEUED, "both are busy: it waits");
    s.b.now_us += 2500 * BED_MS;
    s.b.wall_ms += 2500;
    bed_say(&s.b, s.near, WF_MSG_result, &slow);
    is_int(bed_state(&s.b, 4), WF_JOB_EXPIRED, "and goes when it is too late for it");
    bed_fini(&s.b);
}

static void in_order(void)
{
    struct wf_submit m = bed_work(1);
    struct scene s;

    open_scene(&s);
    bed_submit(&s.b, s.client, 1);
    bed_submit(&s.b, s.client, 2);
    bed_submit(&s.b, s.client, 3);
    m.job = bed_id(4);
    m.deadline_ms = 50000;
    bed_say(&s.b, s.client, WF_MSG_submit, &m);
    m.job = bed_id(5);
    m.deadline_ms = 20000;
    bed_say(&s.b, s.client, WF_MSG_submit, &m);
    bed_result(&s.b, s.near, 1, 1, 0);
    is_int(bed_state(&s.b, 5), WF_JOB_ASSIGNED, "the earliest deadline first");
    bed_result(&s.b, s.near, 5, 1, 0);
    is_int(bed_state(&s.b, 4), WF_JOB_ASSIGNED, "then the next");
    m.job = bed_id(6);
    m.deadline_ms = 0;
    m.priority = 5;
    bed_say(&s.b, s.client, WF_MSG_submit, &m);
    bed_result(&s.b, s.near, 4, 1, 0);
    is_int(bed_state(&s.b, 6), WF_JOB_ASSIGNED, "a higher priority before all of them");
    s.b.now_us += 50 * BED_MS;
    m.job = bed_id(7);
    m.priority = 5;
    bed_say(&s.b, s.client, WF_MSG_submit, &m);
    bed_result(&s.b, s.near, 6, 1, 0);
    is_int(bed_state(&s.b, 3), WF_JOB_ASSIGNED, "but not before one that waited long");
    bed_fini(&s.b);
}

int main(void)
{
    says_where();
    refuses();
    deadlines();
    in_order();
    return done();
}

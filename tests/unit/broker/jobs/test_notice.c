#include "broker/core/jobs/notice.h"

#include "broker/core/jobs/asked.h"
#include "broker/core/place/routes.h"
#include "tests/unit/broker/bed.h"

struct scene {
    struct bed b;
    uint32_t client, doomed, other;
};

/* Runs take 10 s, as both know; the doomed one has one, another waits there. */
static void begin(struct scene *s, int known)
{
    struct bed *b = &s->b;

    bed_init(b);
    bed_start(b);
    s->client = bed_client(b, 9, "app");
    s->doomed = bed_agent(b, 1, "doomed", 1);
    for (uint8_t id = 10; known && id < 20; id++) {
        const struct wf_result m = {
            .job = bed_id(id), .attempt = 1, .run_us = 10 * BED_SECOND};

        bed_submit(b, s->client, id);
        bed_say(b, s->doomed, WF_MSG_result, &m);
    }
    bed_offer(b, s->doomed, "echo", 1, 4);
    bed_submit(b, s->client, 1);
    bed_submit(b, s->client, 2);
    bed_say(b, s->doomed, WF_MSG_started, &(struct wf_started){bed_id(1), 1, 0});
}

static void told(struct scene *s, uint64_t notice_ms)
{
    const struct wf_cap_row row = {.name = wf_slice_of("echo"),
                                   .version = 1,
                                   .kind = WF_HANDLER_EXEC,
                                   .slots = 1,
                                   .queue = 4};
    struct wf_buf rows = WF_BUF_INIT(1024);
    struct wf_agent_info m = {
        .seq = 2, .slots = 1, .draining = notice_ms != 0, .notice_ms = notice_ms};

    must(wf_rows_add(&rows, &m.caps, wf_desc_cap_row(), &row) == 0);
    bed_say(&s->b, s->doomed, WF_MSG_agent_info, &m);
    wf_buf_fini(&rows);
}

static int events(const struct bed *b)
{
    int n = 0;

    for (size_t i = 0; i < b->fx.n; i++) {
        n += b->fx.v[i].kind == WF_EFFECT_TRACE &&
             strcmp(b->fx.v[i].obj, "agent-notice") == 0;
    }
    return n;
}

static void closes(void)
{
    const struct wf_refuse back = {bed_id(2), 1, (uint64_t) -WEFT_EDRAIN, {0}};
    struct scene s;

    begin(&s, 1);
    told(&s, 60000);
    is_int(events(&s.b), 1, "an event tells of it");
    is_int(s.b.c->count.notices, 1, "and a counter");
    ok(!routes_is_open(bed_job(&s.b, 1)->agent), "it is closed");
    is_int(bed_count(&s.b, s.doomed, WF_MSG_stop), 0, "what ends in time goes on");
    told(&s, 59000);
    is_int(events(&s.b), 0, "an event is told once");
    s.other = bed_agent(&s.b, 2, "other", 1);
    bed_say(&s.b, s.doomed, WF_MSG_refuse, &back);
    ok(bed_state(&s.b, 2) == WF_JOB_ASSIGNED && bed_job(&s.b, 2)->attempt == 2 &&
           strcmp(bed_job(&s.b, 2)->agent->principal->name, "other") == 0,
       "what it gives back is placed elsewhere at once");
    ok(bed_job(&s.b, 2)->tries == 0 && bed_job(&s.b, 2)->spared == 0, "without blame");
    bed_result(&s.b, s.doomed, 1, 1, 0);
    is_int(bed_state(&s.b, 1), WF_JOB_OK, "what ran is done");
    told(&s, 0);
    ok(routes_is_open(bed_job(&s.b, 1)->agent), "a machine that stays is open again");
    bed_fini(&s.b);
}

static void leaves_early(void)
{
    struct wf_msg m;
    struct scene s;

    begin(&s, 1);
    told(&s, 4000);
    ok(bed_told(&s.b, s.doomed, WF_MSG_stop, 0, &m) &&
           m.u.stop.code == (uint64_t) -WEFT_EDRAIN && m.u.stop.waiting == 0 &&
           m.u.stop.grace_ms == 2000,
       "what lasts longer is stopped, with half of the time as its grace");
    is_int(bed_count(&s.b, s.doomed, WF_MSG_stop), 1, "what waits is given back anyway");
    s.other = bed_agent(&s.b, 2, "other", 1);
    bed_result(&s.b, s.doomed, 1, 1, WEFT_EDRAIN);
    is_int(bed_job(&s.b, 1)->attempt, 2, "it is tried elsewhere at once");
    is_int(bed_job(&s.b, 1)->tries, 0, "without blame");
    is_int(bed_job(&s.b, 1)->preempted, 0, "it made way for nobody");
    bed_fini(&s.b);

    begin(&s, 0);
    told(&s, 4000);
    is_int(bed_count(&s.b, s.doomed, WF_MSG_stop), 0,
           "where nothing is known of how long it takes it may try");
    bed_say(&s.b, s.doomed, WF_MSG_bye, &(struct wf_bye){0});
    ok(bed_state(&s.b, 1) == WF_JOB_QUEUED && bed_job(&s.b, 1)->tries == 0,
       "what is lost with the machine is nobody's fault");
    bed_fini(&s.b);
}

static void announced_late(void)
{
    struct scene s;

    begin(&s, 1);
    bed_result(&s.b, s.doomed, 1, 1, 0);
    told(&s, 4000);
    is_int(bed_count(&s.b, s.doomed, WF_MSG_stop), 0, "nothing is known to run");
    bed_say(&s.b, s.doomed, WF_MSG_started, &(struct wf_started){bed_id(2), 1, 0});
    is_int(bed_count(&s.b, s.doomed, WF_MSG_stop), 1,
           "what is announced after the notice is stopped as well");
    bed_fini(&s.b);
}

int main(void)
{
    closes();
    leaves_early();
    announced_late();
    return done();
}

/* Every message that a broker meets daily, with the Nth allocation failing: it may
 * refuse, but it holds its invariants, loses no job that it accepted, and goes on
 * afterwards. */
#include "tests/unit/broker/bed.h"

#include "proto/words.h"

struct scene {
    struct bed b;
    uint32_t op, client, agent;
    long denied; /* the allocation that fails */
    int bad;     /* something that may not be */
};

static void open_scene(struct scene *s)
{
    const struct wf_query follow = {
        .req = 1, .kind = WF_QUERY_EVENTS, .key = wf_slice_of("follow"), .limit = 1};

    s->bad = 0;
    bed_init(&s->b);
    bed_start(&s->b);
    s->op = bed_operator(&s->b, 1);
    s->client = bed_client(&s->b, 2, "app");
    s->agent = bed_agent(&s->b, 3, "edge", 1);
    bed_say(&s->b, s->op, WF_MSG_query, &follow);
    bed_submit(&s->b, s->client, 1);
    bed_submit(&s->b, s->client, 2);
}

static void does_submit(struct scene *s)
{
    struct wf_submit m = bed_work(3);

    m.deadline_ms = 100000;
    bed_say(&s->b, s->client, WF_MSG_submit, &m);
}

static void does_watch(struct scene *s)
{
    bed_say(&s->b, s->client, WF_MSG_watch, &(struct wf_watch){1, bed_id(2), 1, 1});
}

static void does_cancel(struct scene *s)
{
    bed_say(&s->b, s->client, WF_MSG_cancel, &(struct wf_cancel){1, bed_id(1)});
}

static void does_query(struct scene *s)
{
    const struct wf_query q = {.req = 1, .kind = WF_QUERY_JOBS};

    bed_say(&s->b, s->op, WF_MSG_query, &q);
}

static void does_result(struct scene *s)
{
    bed_result(&s->b, s->agent, 1, 1, 0);
}

static void does_failure(struct scene *s)
{
    bed_result(&s->b, s->agent, 1, 1, WEFT_ESPAWN);
}

static void does_output(struct scene *s)
{
    const struct wf_output m = {
        .job = bed_id(1), .attempt = 1, .stream = 1, .data = wf_slice_of("text")};

    bed_say(&s->b, s->agent, WF_MSG_output, &m);
}

static void does_down(struct scene *s)
{
    bed_down(&s->b, s->agent);
}

static void does_hello(struct scene *s)
{
    const struct wf_hello m = {1, 1, WF_ROLE_AGENT, 99, wf_slice_of("x")};

    bed_say(&s->b, bed_up(&s->b, 3), WF_MSG_hello, &m);
}

static void does_info(struct scene *s)
{
    const struct wf_cap_row row = {.name = wf_slice_of("new"), .version = 1, .slots = 1};
    uint8_t room[256];
    struct wf_buf rows = {room, 0, sizeof room, sizeof room, 0};
    struct wf_agent_info m = {.seq = 2, .slots = 1};

    must(wf_rows_add(&rows, &m.caps, wf_desc_cap_row(), &row) == 0);
    bed_say(&s->b, s->agent, WF_MSG_agent_info, &m);
}

static void does_token(struct scene *s)
{
    const struct wf_token_put m = {
        .req = 1, .key = bed_key(0x70), .role = WF_ROLE_AGENT, .ttl_ms = 1000};

    bed_say(&s->b, s->op, WF_MSG_token_put, &m);
}

static void does_join(struct scene *s)
{
    const struct wf_join m = {.key = bed_key(0x42), .name = wf_slice_of("new")};
    const struct wf_key key = bed_key(0x42);
    uint32_t peer;

    wf_mem_fail_after(-1);
    does_token(s);
    bed_durable(&s->b, s->b.c->lsn);
    peer = bed_hello(&s->b, 0x70, WF_ROLE_AGENT, 1);
    wf_effects_fini(&s->b.fx);
    wf_mem_fail_after(s->denied);
    bed_say(&s->b, peer, WF_MSG_join, &m);
    if (s->b.fx.err != 0) {
        /* The shell closes all sessions, and none of it was written. */
        bed_durable(&s->b, s->b.c->lsn);
        s->bad |= core_admits(s->b.c, &key);
    }
}

static void does_revoke(struct scene *s)
{
    bed_say(&s->b, s->op, WF_MSG_key_revoke,
            &(struct wf_key_revoke){1, wf_slice_of("edge")});
}

static void does_time(struct scene *s)
{
    bed_tick(&s->b, 10 * BED_SECOND);
}

/* The world is in order again: what was accepted can still be done. */
static void goes_on(struct scene *s, const char *what, long n)
{
    uint32_t agent;
    unsigned left = 0;

    for (uint32_t peer = 1; peer <= s->b.last_peer; peer++) {
        bed_down(&s->b, peer);
    }
    bed_enrol(&s->b, 9, WF_ROLE_AGENT, "spare");
    agent = bed_hello(&s->b, 9, WF_ROLE_AGENT, 1);
    bed_offer(&s->b, agent, "echo", 9, 0);
    bed_resync(&s->b, agent);
    for (unsigned i = 0; i < 40; i++) {
        bed_tick(&s->b, 400 * BED_MS);
        bed_say(&s->b, agent, WF_MSG_ping, &(struct wf_ping){1, 0, 0, 0});
        for (uint8_t id = 1; id <= 3; id++) {
            const struct job *j = bed_job(&s->b, id);

            if (j != NULL && j->state == WF_JOB_ASSIGNED) {
                bed_result(&s->b, agent, id, j->attempt, 0);
            }
        }
    }
    for (uint8_t id = 1; id <= 3; id++) {
        left += bed_job(&s->b, id) != NULL && !wf_job_is_final(bed_state(&s->b, id));
    }
    ok(left == 0 && bed_job(&s->b, 1) != NULL && bed_job(&s->b, 2) != NULL,
       "%s, allocation %ld: no accepted job is lost or stuck", what, n);
}

static void fails_every(void (*act)(struct scene *), const char *what)
{
    unsigned long made = 1;

    for (long n = 0; made >= (unsigned long) n && n < 200; n++) {
        struct scene s;

        open_scene(&s);
        wf_effects_fini(&s.b.fx); /* so that it must grow as well */
        s.denied = n;
        wf_mem_fail_after(n);
        act(&s);
        made = wf_mem_fail_after(-1);
        core_check(s.b.c);
        ok(!s.bad, "%s, allocation %ld: nothing is promised that is not kept", what, n);
        goes_on(&s, what, n);
        bed_fini(&s.b);
    }
}

static void starts(void)
{
    int up = 0;

    for (long n = 0; !up && n < 100; n++) {
        struct bed b;

        bed_init(&b);
        wf_mem_fail_after(n);
        up = core_new(&b.cfg, &b.c) == 0;
        wf_mem_fail_after(-1);
        bed_fini(&b);
    }
    ok(up, "a broker starts or does not");
}

int main(void)
{
    starts();
    fails_every(does_submit, "submit");
    fails_every(does_watch, "watch");
    fails_every(does_cancel, "cancel");
    fails_every(does_query, "query");
    fails_every(does_result, "result");
    fails_every(does_failure, "failure");
    fails_every(does_output, "output");
    fails_every(does_down, "connection lost");
    fails_every(does_hello, "hello");
    fails_every(does_info, "agent_info");
    fails_every(does_token, "token_put");
    fails_every(does_join, "join");
    fails_every(does_revoke, "revoke");
    fails_every(does_time, "time");
    return done();
}

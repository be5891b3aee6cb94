/* Every message that a broker meets daily, with the Nth allocation failing: it may
 * refuse, but it holds its invariants, loses no job that it accepted, and goes on
 * afterwards. */
#include "tests/unit/broker/data/stock.h"

#include "proto/words.h"

#define LANE 1000 /* handles of the bulk socket */

struct scene {
    struct bed b;
    uint32_t op, client, agent;
    long denied; /* the allocation that fails */
    int bad;     /* something that may not be */
};

/* A dataset, of which the agent has one blob; another is being put. */
static void open_data(struct scene *s)
{
    struct list files = LIST;
    struct wf_dataset_put m = {.req = 9, .name = wf_slice_of("draft"), .more = 1};

    stock_info(&s->b, s->agent, NULL, 1, 1000 * MIB);
    stock_simple(&s->b, s->client, "pics", NULL, 1, 3);
    stock_has(&s->b, s->agent, 1);
    list_file(&files, "x", 7, KIB);
    m.files = files.rows;
    bed_say(&s->b, s->client, WF_MSG_dataset_put, &m);
    list_fini(&files);
}

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
    open_data(s);
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

/* -- data ------------------------------------------------------------------------------
 */

/* Lists of a test are made with memory, what is done with them is not. */
static void say_denied(struct scene *s, uint32_t peer, enum wf_type type,
                       const void *body)
{
    wf_effects_fini(&s->b.fx);
    wf_mem_fail_after(s->denied);
    bed_say(&s->b, peer, type, body);
}

static void does_inputs(struct scene *s)
{
    struct list inputs = LIST;
    struct wf_submit m = bed_work(3);

    wf_mem_fail_after(-1);
    list_input(&inputs, "in", "pics");
    m.inputs = inputs.rows;
    m.deadline_ms = 100000;
    say_denied(s, s->client, WF_MSG_submit, &m);
    list_fini(&inputs);
}

static void does_holdings(struct scene *s)
{
    struct list l = LIST;
    struct wf_holdings m = {.seq = 1, .room = MIB};

    wf_mem_fail_after(-1);
    list_hold(&l, 1, KIB, KIB, WF_HOLD_PINNED);
    list_hold(&l, 2, 2 * KIB, KIB, 0);
    list_hold(&l, 8, 8 * KIB, KIB, 0);
    m.rows = l.rows;
    say_denied(s, s->agent, WF_MSG_holdings, &m);
    list_fini(&l);
}

static void does_put(struct scene *s)
{
    struct list files = LIST;
    struct wf_dataset_put m = {.req = 9, .name = wf_slice_of("draft")};

    wf_mem_fail_after(-1);
    list_file(&files, "y", 1, KIB);
    m.files = files.rows;
    say_denied(s, s->client, WF_MSG_dataset_put, &m);
    list_fini(&files);
}

static void does_put_new(struct scene *s)
{
    struct list files = LIST, labels = LIST;
    struct wf_dataset_put m = {.req = 10, .name = wf_slice_of("new")};

    wf_mem_fail_after(-1);
    list_file(&files, "y", 1, KIB);
    list_label(&labels, "residency=eu");
    m.files = files.rows;
    m.labels = labels.rows;
    say_denied(s, s->client, WF_MSG_dataset_put, &m);
    list_fini(&files);
    list_fini(&labels);
}

static void does_rm(struct scene *s)
{
    bed_say(&s->b, s->client, WF_MSG_dataset_rm,
            &(struct wf_dataset_rm){1, wf_slice_of("pics")});
}

static void does_pin(struct scene *s)
{
    bed_say(&s->b, s->client, WF_MSG_data_pin,
            &(struct wf_data_pin){1, wf_slice_of("pics"), wf_slice_of(""), 1});
}

static void does_list(struct scene *s)
{
    bed_say(&s->b, s->client, WF_MSG_query,
            &(struct wf_query){.req = 1, .kind = WF_QUERY_DATASETS});
}

static void does_show(struct scene *s)
{
    const struct wf_query q = {
        .req = 1, .kind = WF_QUERY_DATASET, .key = wf_slice_of("pics")};
    struct wf_msg m;

    bed_say(&s->b, s->client, WF_MSG_query, &q);
    s->bad |= s->b.fx.err == 0 &&
              bed_told(&s->b, s->client, WF_MSG_dataset_info, 0, &m) &&
              m.u.dataset_info.more == 0 && m.u.dataset_info.files.count != 3;
}

/* Rows that are told as granted are granted. */
static void does_locate(struct scene *s)
{
    struct list l = LIST;
    struct wf_locate m = {.req = 1};
    struct wf_msg located, grant;

    wf_mem_fail_after(-1);
    list_blob(&l, 1, KIB);
    m.rows = l.rows;
    say_denied(s, s->client, WF_MSG_locate, &m);
    s->bad |= s->b.fx.err == 0 &&
              bed_told(&s->b, s->client, WF_MSG_located, 0, &located) &&
              located.u.located.rows.count != 0 &&
              !bed_told(&s->b, s->agent, WF_MSG_grant, 0, &grant);
    list_fini(&l);
}

static void does_stage(struct scene *s)
{
    struct list l = LIST;
    struct wf_stage m = {.req = 1, .mine = 1};

    wf_mem_fail_after(-1);
    list_blob(&l, 1, KIB);
    list_blob(&l, 9, 9 * KIB);
    m.rows = l.rows;
    say_denied(s, s->client, WF_MSG_stage, &m);
    list_fini(&l);
}

static void does_stage_dataset(struct scene *s)
{
    bed_say(&s->b, s->client, WF_MSG_stage,
            &(struct wf_stage){.req = 1, .dataset = wf_slice_of("pics"), .copies = 2});
}

static void does_fetched(struct scene *s)
{
    wf_mem_fail_after(-1);
    does_stage_dataset(s);
    say_denied(s, s->agent, WF_MSG_fetched,
               &(struct wf_fetched){.req = s->b.c->data.stages.next,
                                    .over = 1,
                                    .code = (uint64_t) -WEFT_EIO});
}

static void does_lost_fetcher(struct scene *s)
{
    wf_mem_fail_after(-1);
    does_locate(s);
    does_stage_dataset(s);
    wf_effects_fini(&s->b.fx);
    wf_mem_fail_after(s->denied);
    bed_down(&s->b, s->agent);
}

static void lane_says(struct scene *s, uint8_t key, uint32_t peer)
{
    const struct wf_msg lane = {.type = WF_MSG_lane, .u.lane = {key}};
    struct wf_msg want = {.type = WF_MSG_want, .u.want = {.count = 1}};
    struct broker_event ev = {.kind = BROKER_LANE_UP, .peer = peer, .key = bed_key(key)};
    struct ticket *x;
    size_t it = 0;

    bed_step(&s->b, &ev);
    ev.kind = BROKER_LANE_MSG;
    ev.msg = &lane;
    bed_step(&s->b, &ev);
    x = wf_map_next(s->b.c->data.tickets.by_number, &it);
    want.u.want.ticket = x != NULL ? x->number : 0;
    want.u.want.digest = stock_digest(1);
    ev.msg = &want;
    bed_step(&s->b, &ev);
}

static void does_lanes(struct scene *s)
{
    wf_mem_fail_after(-1);
    does_locate(s);
    wf_effects_fini(&s->b.fx);
    wf_mem_fail_after(s->denied);
    lane_says(s, 3, LANE);
    lane_says(s, 2, LANE + 1);
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
    stock_info(&s->b, agent, NULL, 9, 1000 * MIB);
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
    fails_every(does_inputs, "submit with inputs");
    fails_every(does_holdings, "holdings");
    fails_every(does_put, "last page of a dataset");
    fails_every(does_put_new, "dataset_put");
    fails_every(does_rm, "dataset_rm");
    fails_every(does_pin, "data_pin");
    fails_every(does_list, "query of datasets");
    fails_every(does_show, "query of a dataset");
    fails_every(does_locate, "locate");
    fails_every(does_stage, "stage");
    fails_every(does_stage_dataset, "stage of a dataset");
    fails_every(does_fetched, "fetched");
    fails_every(does_lost_fetcher, "agent with orders lost");
    fails_every(does_lanes, "bulk lanes");
    return done();
}

/* A job that is not known here: who has it is asked around, within bounds. */
#include "broker/core/mesh/seek.h"
#include "tests/unit/broker/bed.h"

#define WEST 7
#define EAST 8

static uint32_t neighbour(struct bed *b, uint8_t key, const char *name)
{
    uint32_t peer;

    bed_enrol(b, key, WF_ROLE_BROKER, name);
    peer = bed_hello(b, key, WF_ROLE_BROKER, 1);
    bed_resync(b, peer);
    return peer;
}

static void watch(struct bed *b, uint32_t peer, uint8_t id, uint64_t req)
{
    const struct wf_watch m = {.req = req, .job = bed_id(id)};

    bed_say(b, peer, WF_MSG_watch, &m);
}

static void say_sought(struct bed *b, uint32_t peer, uint64_t req, uint8_t key)
{
    struct wf_buf rows = WF_BUF_INIT(1024);
    struct wf_sought m = {.req = req};
    const struct wf_broker_row row = {.key = bed_key(key),
                                      .name = wf_slice_of("east"),
                                      .endpoint = wf_slice_of("tcp://east:1")};

    if (key != 0) {
        must(wf_rows_add(&rows, &m.at, wf_desc_broker_row(), &row) == 0);
    }
    bed_say(b, peer, WF_MSG_sought, &m);
    wf_buf_fini(&rows);
}

/* The number of the question to that neighbour in the last step; 0: there is none. */
static uint64_t asked(const struct bed *b, uint32_t peer)
{
    struct wf_msg m;

    return bed_told(b, peer, WF_MSG_seek, 0, &m) ? m.u.seek.req : 0;
}

static void start(struct bed *b, uint32_t *client, uint32_t *west, uint32_t *east)
{
    bed_init(b);
    b->cfg.lease_ms = 60000;
    bed_start(b);
    (void) bed_agent(b, 1, "a1", 9);
    *client = bed_client(b, 2, "c");
    *west = neighbour(b, WEST, "west");
    *east = neighbour(b, EAST, "east");
}

static void finds(void)
{
    uint32_t client, west, east;
    struct wf_broker_row row;
    uint64_t req;
    struct wf_msg m;
    struct bed b;

    start(&b, &client, &west, &east);
    watch(&b, client, 1, 5);
    is_int(bed_count(&b, client, WF_MSG_error), 0,
           "a job that is not here is looked for");
    req = asked(&b, west);
    ok(req != 0 && asked(&b, east) == req, "at both neighbours");
    say_sought(&b, west, req, 0);
    say_sought(&b, west, req, 0);
    is_int(bed_count(&b, client, WF_MSG_error), 0,
           "one that does not have it speaks for itself, once");
    say_sought(&b, east, req, EAST);
    ok(bed_told(&b, client, WF_MSG_error, 0, &m) && m.u.error.code == -WEFT_ENOENT &&
           m.u.error.req == 5 && m.u.error.about == WF_MSG_watch,
       "the request is refused all the same");
    ok(wf_rows_next(&m.u.error.at, wf_desc_broker_row(), &row) && row.key.b[0] == EAST &&
           wf_slice_is(row.endpoint, "tcp://east:1"),
       "but with who has it, and where that is");
    say_sought(&b, east, req, EAST);
    is_int(bed_count(&b, client, WF_MSG_error), 0, "and once");
    bed_fini(&b);
}

static void finds_not(void)
{
    uint32_t client, west, east;
    uint64_t req;
    struct wf_msg m;
    struct bed b;

    start(&b, &client, &west, &east);
    watch(&b, client, 1, 5);
    req = asked(&b, west);
    say_sought(&b, west, req, 99);
    is_int(bed_count(&b, client, WF_MSG_error), 0,
           "nobody is sent to who is no broker of the mesh");
    say_sought(&b, east, req, 0);
    ok(bed_told(&b, client, WF_MSG_error, 0, &m) && m.u.error.code == -WEFT_ENOENT &&
           m.u.error.at.count == 0,
       "when all were asked there is no such job");
    watch(&b, client, 1, 6);
    must(asked(&b, west) != 0);
    bed_tick(&b, 7 * BED_SECOND);
    is_int(bed_refusal(&b, client), WEFT_ENOENT, "nor when nobody answers");
    watch(&b, client, 1, 7);
    req = asked(&b, west);
    bed_submit(&b, client, 1);
    say_sought(&b, west, req, 0);
    say_sought(&b, east, req, 0);
    ok(bed_told(&b, client, WF_MSG_error, 0, &m) && m.u.error.code == -WEFT_EBUSY &&
           m.u.error.retry_ms != 0,
       "one that came meanwhile is asked for again");
    bed_fini(&b);
}

static void answers(void)
{
    struct wf_seek m = {.req = 3, .job = bed_id(1), .hops = 3, .origin = 77};
    uint32_t client, west, east;
    struct wf_broker_row row;
    struct wf_msg msg;
    struct bed b;

    start(&b, &client, &west, &east);
    bed_say(&b, west, WF_MSG_seek, &m);
    ok(bed_told(&b, east, WF_MSG_seek, 0, &msg) && msg.u.seek.hops == 2 &&
           msg.u.seek.origin == 77,
       "what is sought by one neighbour is asked of the other");
    is_int(bed_count(&b, west, WF_MSG_seek), 0, "not of who asked");
    bed_say(&b, east, WF_MSG_seek, &m);
    ok(bed_told(&b, east, WF_MSG_sought, 0, &msg) && msg.u.sought.at.count == 0,
       "in a circle it ends");
    m.job = bed_id(2);
    m.hops = 1;
    bed_say(&b, west, WF_MSG_seek, &m);
    is_int(bed_count(&b, east, WF_MSG_seek), 0, "and behind so many links");
    m.hops = 9;
    bed_say(&b, west, WF_MSG_seek, &m);
    is_int(bed_count(&b, east, WF_MSG_seek), 0, "whatever a neighbour says of them");
    bed_submit(&b, client, 2);
    m.hops = 1;
    bed_say(&b, west, WF_MSG_seek, &m);
    ok(bed_told(&b, west, WF_MSG_sought, 0, &msg) && msg.u.sought.req == 3 &&
           wf_rows_next(&msg.u.sought.at, wf_desc_broker_row(), &row) &&
           wf_slice_is(row.name, "b1") && wf_slice_is(row.endpoint, "tcp://b1:7070"),
       "of a job of ours it is told");
    bed_fini(&b);
}

static void is_bounded(void)
{
    uint32_t client, west, east;
    unsigned n = 0;
    struct bed b;

    start(&b, &client, &west, &east);
    for (unsigned i = 0; i < 200; i++) {
        struct wf_watch m = {.req = i + 1};

        must(wf_id_is_zero(&m.job));
        memcpy(m.job.b, &m.req, sizeof m.req);
        bed_say(&b, client, WF_MSG_watch, &m);
        n += asked(&b, west) != 0;
        must((asked(&b, west) == 0) == (bed_refusal(&b, client) == WEFT_EBUSY));
    }
    is_int(n, 32, "of many questions some are asked, the others refused at once");
    bed_tick(&b, 7 * BED_SECOND);
    watch(&b, client, 1, 5000);
    ok(asked(&b, west) != 0, "later there are more");
    bed_fini(&b);
}

static void stays_private(void)
{
    uint32_t client, west, east, other;
    struct bed b;

    start(&b, &client, &west, &east);
    other = bed_client(&b, 3, "o");
    bed_submit(&b, client, 1);
    watch(&b, other, 1, 5);
    ok(bed_refusal(&b, other) == WEFT_ENOENT && asked(&b, west) == 0,
       "what is here, and another's, is not looked for");
    bed_fini(&b);
}

int main(void)
{
    finds();
    finds_not();
    answers();
    is_bounded();
    stays_private();
    return done();
}

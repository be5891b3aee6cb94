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

static void ask_digits(struct bed *b, uint32_t peer, const char *digits)
{
    bed_say(
        b, peer, WF_MSG_query,
        &(struct wf_query){.req = 6, .kind = WF_QUERY_JOB, .key = wf_slice_of(digits)});
}

/* The first digits of an id will do. */
static void asks_by_digits(void)
{
    uint32_t client, west, east, op;
    struct wf_broker_row row;
    struct wf_msg m;
    struct bed b;

    start(&b, &client, &west, &east);
    bed_submit(&b, client, 1);
    ask_digits(&b, client, "0101");
    ok(bed_count(&b, client, WF_MSG_job_info) == 1 && asked(&b, west) == 0,
       "a job that is here is not looked for elsewhere");
    ask_digits(&b, client, "aB3d5067e");
    ok(bed_told(&b, west, WF_MSG_seek, 0, &m) && m.u.seek.digits == 9 &&
           memcmp(m.u.seek.job.b, "\xab\x3d\x50\x67\xe0\0", 6) == 0 &&
           m.u.seek.reader.b[0] == 2,
       "one that is not is, by its digits and its owner");
    say_sought(&b, east, m.u.seek.req, EAST);
    ok(bed_told(&b, client, WF_MSG_error, 0, &m) && m.u.error.code == -WEFT_ENOENT &&
           m.u.error.req == 6 &&
           wf_rows_next(&m.u.error.at, wf_desc_broker_row(), &row) &&
           row.key.b[0] == EAST,
       "who asked is led to the broker that has it");
    ask_digits(&b, client, "aB3d506");
    ok(bed_refusal(&b, client) == WEFT_ENOENT && asked(&b, west) == 0,
       "fewer digits than lists show are not");
    ask_digits(&b, client, "0101010g");
    ok(bed_refusal(&b, client) == WEFT_ENOENT && asked(&b, west) == 0,
       "what are no digits nobody is asked for");
    bed_enrol(&b, 9, WF_ROLE_OPERATOR, "op");
    op = bed_hello(&b, 9, WF_ROLE_OPERATOR, 1);
    ask_digits(&b, op, "abcdabcd");
    ok(bed_refusal(&b, op) == WEFT_ENOENT && asked(&b, west) == 0,
       "an operator is told that it is not here: he is none elsewhere");
    bed_tick(&b, BED_SECOND);
    for (unsigned i = 0; i < 8; i++) {
        ask_digits(&b, client, "abcdabcd");
        must(asked(&b, west) != 0);
    }
    ask_digits(&b, client, "abcdabcd");
    is_int(bed_refusal(&b, client), WEFT_EBUSY, "there are fewer of such questions");
    watch(&b, client, 2, 5);
    ok(asked(&b, west) != 0, "which do not keep others from being asked");
    bed_fini(&b);
}

/* What a broker that asks is told: 1: it is here, 0: it is not, WEFT_EBUSY. */
static int has_digits(struct bed *b, uint32_t peer, uint64_t origin, unsigned digits,
                      uint8_t last, uint8_t reader)
{
    struct wf_seek m = {.req = 3, .hops = 1, .origin = origin, .digits = digits};
    struct wf_msg msg;

    memset(m.job.b, 2, 4);
    m.job.b[4] = last;
    m.reader = bed_key(reader);
    bed_say(b, peer, WF_MSG_seek, &m);
    must(bed_told(b, peer, WF_MSG_sought, 0, &msg));
    return msg.u.sought.busy ? WEFT_EBUSY : msg.u.sought.at.count != 0;
}

static void answers_digits(void)
{
    struct wf_seek m = {.req = 3, .hops = 3, .origin = 20, .digits = 8};
    uint32_t client, west, east;
    struct wf_msg msg;
    struct bed b;

    start(&b, &client, &west, &east);
    bed_submit(&b, client, 2);
    ok(has_digits(&b, west, 1, 8, 0, 2) == 1 && has_digits(&b, west, 2, 9, 0x00, 2) == 1,
       "a job of the reader's that begins so is told");
    ok(has_digits(&b, west, 3, 9, 0x10, 2) == 0, "not one that begins otherwise");
    ok(has_digits(&b, west, 4, 8, 0, 3) == 0, "nor somebody else's");
    bed_tick(&b, BED_SECOND);
    ok(has_digits(&b, west, 5, 7, 0, 2) == 0, "nor by fewer digits");
    for (unsigned i = 0; i < 4; i++) {
        must(has_digits(&b, west, 6 + i, 8, 0, 2) == 1);
    }
    is_int(has_digits(&b, west, 12, 8, 0, 2), WEFT_EBUSY,
           "nor more often than jobs may be looked through");
    memset(m.job.b, 3, 4);
    bed_say(&b, west, WF_MSG_seek, &m);
    ok(bed_told(&b, west, WF_MSG_sought, 0, &msg) && msg.u.sought.busy &&
           bed_count(&b, east, WF_MSG_seek) == 0,
       "what was not looked for here is not asked of others");
    ask_digits(&b, client, "03030303");
    ok(asked(&b, west) != 0, "our own clients may still ask");
    bed_fini(&b);
}

/* A broker that had no time to look did not say that it is nowhere. */
static void passes_on_that_one_was_busy(void)
{
    struct wf_seek ask = {.req = 3, .job = bed_id(1), .hops = 3, .origin = 77};
    uint32_t client, west, east;
    struct wf_sought busy = {.busy = 1};
    struct wf_msg m;
    struct bed b;

    start(&b, &client, &west, &east);
    watch(&b, client, 1, 5);
    busy.req = asked(&b, west);
    bed_say(&b, west, WF_MSG_sought, &busy);
    say_sought(&b, east, busy.req, 0);
    ok(bed_told(&b, client, WF_MSG_error, 0, &m) && m.u.error.code == -WEFT_EBUSY &&
           m.u.error.retry_ms != 0,
       "who asked is to ask again when one had no time to look");
    watch(&b, client, 1, 6);
    busy.req = asked(&b, west);
    bed_say(&b, west, WF_MSG_sought, &busy);
    say_sought(&b, east, busy.req, EAST);
    is_int(bed_refusal(&b, client), WEFT_ENOENT, "unless another one has it");
    bed_say(&b, west, WF_MSG_seek, &ask);
    busy.req = asked(&b, east);
    bed_say(&b, east, WF_MSG_sought, &busy);
    ok(bed_told(&b, west, WF_MSG_sought, 0, &m) && m.u.sought.busy, "and a broker alike");
    bed_fini(&b);
}

/* Each kind of questions has its share, and of that some is for who is at home here. */
static void shares_are_apart(void)
{
    struct wf_seek ask = {.req = 3, .hops = 3, .origin = 100};
    uint32_t client, west, east;
    unsigned n = 0, busy = 0;
    struct wf_msg m;
    struct bed b;

    start(&b, &client, &west, &east);
    for (unsigned i = 0; i < 60; i++) {
        ask.origin++;
        bed_say(&b, west, WF_MSG_seek, &ask);
        n += asked(&b, east) != 0;
        busy += bed_told(&b, west, WF_MSG_sought, 0, &m) && m.u.sought.busy;
    }
    ok(n == 16 && busy == 44, "of many questions of a neighbour some are passed on");
    watch(&b, client, 1, 5);
    ok(asked(&b, west) != 0, "and a client may still ask");
    ask.agent = bed_key(77);
    ask.origin++;
    bed_say(&b, west, WF_MSG_seek, &ask);
    ok(asked(&b, east) != 0, "and an agent be sought");
    bed_fini(&b);
}

/* A broker whose clients ask without end answers others all the same. */
static void own_clients_leave_some(void)
{
    struct wf_seek ask = {.req = 3, .job = bed_id(9), .hops = 3, .origin = 100};
    uint32_t client, west, east;
    struct wf_msg m;
    struct bed b;

    start(&b, &client, &west, &east);
    for (unsigned i = 0; i < 200; i++) {
        watch(&b, client, 1, i + 1);
    }
    must(bed_refusal(&b, client) == WEFT_EBUSY);
    bed_say(&b, west, WF_MSG_seek, &ask);
    ok(asked(&b, east) != 0, "a neighbour's question is passed on whatever clients ask");
    bed_fini(&b);
    start(&b, &client, &west, &east);
    bed_down(&b, east);
    for (unsigned i = 0; i < 60; i++) {
        ask.origin++;
        bed_say(&b, west, WF_MSG_seek, &ask);
        must(bed_told(&b, west, WF_MSG_sought, 0, &m) && m.u.sought.at.count == 0);
    }
    ok(!m.u.sought.busy, "who could ask nobody else says no, however much is asked");
    bed_fini(&b);
}

/* So many jobs are looked through, the newest first. */
static void looks_through_the_newest(void)
{
    struct wf_submit s = bed_work(2);
    uint32_t client, west, east;
    struct bed b;

    bed_init(&b);
    b.cfg.max_jobs = b.cfg.retain_jobs = 2 * SEEK_LOOKS;
    b.cfg.lease_ms = 60000;
    bed_start(&b);
    (void) bed_agent(&b, 1, "a1", 9);
    client = bed_client(&b, 2, "c");
    west = neighbour(&b, WEST, "west");
    east = neighbour(&b, EAST, "east");
    bed_say(&b, client, WF_MSG_submit, &s);
    for (unsigned i = 1; i <= SEEK_LOOKS; i++) {
        if (i == SEEK_LOOKS) {
            ok(has_digits(&b, west, 1, 8, 0, 2) == 1, "of the newest jobs each is found");
        }
        s.job = bed_id(9);
        memcpy(s.job.b, &i, sizeof i);
        bed_say(&b, client, WF_MSG_submit, &s);
    }
    must(b.c->jobs.live == SEEK_LOOKS + 1);
    ok(has_digits(&b, west, 2, 8, 0, 2) == 0, "older ones by their whole ids alone");
    watch(&b, client, 2, 5);
    is_int(bed_count(&b, east, WF_MSG_seek), 0, "as ever");
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
    asks_by_digits();
    answers_digits();
    passes_on_that_one_was_busy();
    shares_are_apart();
    own_clients_leave_some();
    looks_through_the_newest();
    stays_private();
    return done();
}

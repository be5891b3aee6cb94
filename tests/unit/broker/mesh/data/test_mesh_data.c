/* Data of jobs that crossed a link: asked for further on, and relayed. */
#include "broker/core/mesh/guests.h"
#include "proto/transfer/transfer.h"
#include "tests/unit/broker/data/stock.h"

#define HOME   7 /* the other broker's key */
#define LANES  1000
#define AGENT  1
#define TICKET 4711

/* A guest of `home` that an agent of ours holds; it needs blob 5, of 40 MiB. */
struct world {
    struct bed b;
    uint32_t home, agent;
    uint32_t lane_home, lane_agent;
    struct wf_assign held; /* as the agent was told */
};

static uint32_t neighbour(struct bed *b)
{
    uint32_t peer;

    bed_enrol(b, HOME, WF_ROLE_BROKER, "home");
    peer = bed_hello(b, HOME, WF_ROLE_BROKER, 1);
    bed_resync(b, peer);
    return peer;
}

static void lane_say(struct bed *b, uint32_t peer, enum wf_type type, const void *body)
{
    struct wf_buf raw = WF_BUF_INIT(WF_FRAME_MAX);
    struct wf_msg msg = {.type = type};
    struct broker_event ev = {.kind = BROKER_LANE_MSG, .peer = peer, .msg = &msg};

    memcpy(&msg.u, body, wf_desc_of(type)->size);
    must(wf_msg_encode(&raw, type, body) == 0);
    ev.record = wf_slice_make(raw.p, raw.len);
    bed_step(b, &ev);
    wf_buf_fini(&raw);
}

static uint32_t lane_open(struct bed *b, uint8_t key, uint32_t peer, uint64_t epoch)
{
    struct broker_event ev = {.kind = BROKER_LANE_UP, .peer = peer, .key = bed_key(key)};

    bed_step(b, &ev);
    lane_say(b, peer, WF_MSG_lane, &(struct wf_lane){epoch});
    return peer;
}

static int lane_told(const struct bed *b, uint32_t peer, enum wf_type type,
                     struct wf_msg *ret)
{
    for (size_t i = 0; i < b->fx.n; i++) {
        const struct wf_effect *x = &b->fx.v[i];
        struct wf_cursor cur;

        if (x->kind != WF_EFFECT_LANE_SEND || x->peer != peer) {
            continue;
        }
        wf_cur_init(&cur, wf_effect_bytes(&b->fx, x), x->len);
        if (wf_msg_decode(&cur, ret) == 0 && ret->type == type) {
            return 1;
        }
    }
    return 0;
}

static void give_guest(struct world *w, const struct wf_need_row *need,
                       const char *residency)
{
    struct wf_buf store = WF_BUF_INIT(4096);
    struct wf_assign m = {.job = bed_id(1),
                          .attempt = 3,
                          .seq = 3,
                          .capability = wf_slice_of("echo"),
                          .version = 1,
                          .priority = 4,
                          .class_ = WF_CLASS_FAST,
                          .residency = wf_slice_of(residency)};
    struct wf_msg msg;

    must(wf_rows_add(&store, &m.inputs, wf_desc_need_row(), need) == 0);
    bed_say(&w->b, w->home, WF_MSG_assign, &m);
    must(bed_told(&w->b, w->agent, WF_MSG_assign, 0, &msg));
    w->held = msg.u.assign;
    wf_buf_fini(&store);
}

static void open_world(struct world *w)
{
    bed_init(&w->b);
    w->b.cfg.lease_ms = 36000000;
    w->b.cfg.heartbeat_ms = 18000000;
    bed_start(&w->b);
    w->agent = stock_agent(&w->b, AGENT, "one", "residency=eu");
    w->home = neighbour(&w->b);
    w->lane_agent = lane_open(&w->b, AGENT, LANES + 1, AGENT);
    w->lane_home = lane_open(&w->b, HOME, LANES + 2, 1);
}

static struct wf_need_row file_need(void)
{
    return (struct wf_need_row){.name = wf_slice_of("x"),
                                .ref = wf_slice_of("set@1/big"),
                                .digest = stock_digest(5),
                                .size = 40 * MIB,
                                .files = 1};
}

static void say_locate(struct world *w)
{
    struct wf_locate m = {.req = 9, .job = w->held.job};
    struct list l = LIST;

    list_blob(&l, 5, 40 * MIB);
    m.rows = l.rows;
    bed_say(&w->b, w->agent, WF_MSG_locate, &m);
    list_fini(&l);
}

/* The neighbour says that a node of its own has it. */
static void say_located(struct world *w, uint64_t req, uint64_t ticket)
{
    const struct wf_holder_row holder = {.key = bed_key(50),
                                         .name = wf_slice_of("store"),
                                         .ticket = ticket,
                                         .ttl_ms = 60000};
    const struct wf_at_row at = {stock_digest(5), 40 * MIB, 0, 40 * MIB};
    struct wf_buf a = WF_BUF_INIT(1024), b = WF_BUF_INIT(1024);
    struct wf_located m = {.req = req};

    must(wf_rows_add(&a, &m.holders, wf_desc_holder_row(), &holder) == 0);
    must(wf_rows_add(&b, &m.rows, wf_desc_at_row(), &at) == 0);
    bed_say(&w->b, w->home, WF_MSG_located, &m);
    wf_buf_fini(&a);
    wf_buf_fini(&b);
}

static void locate(struct world *w)
{
    struct wf_msg m;

    say_locate(w);
    must(bed_told(&w->b, w->home, WF_MSG_locate, 0, &m));
    say_located(w, m.u.locate.req, TICKET);
}

static struct wf_want want(uint64_t first, uint64_t count)
{
    return (struct wf_want){TICKET, stock_digest(5), WF_WANT_CHUNKS, first, count,
                            0,      40 * MIB};
}

static void say_piece(struct world *w, uint64_t chunk)
{
    static const uint8_t bytes[64 << 10];
    const struct wf_piece m = {.ticket = TICKET,
                               .digest = stock_digest(5),
                               .kind = WF_WANT_CHUNKS,
                               .chunk = chunk,
                               .total = sizeof bytes,
                               .data = wf_slice_make(bytes, sizeof bytes)};

    lane_say(&w->b, w->lane_home, WF_MSG_piece, &m);
}

static void relays_between_brokers(void)
{
    const struct wf_need_row need = file_need();
    struct wf_want wanted = want(0, 2);
    struct world w;
    struct wf_msg m;

    open_world(&w);
    give_guest(&w, &need, "");
    say_locate(&w);
    ok(bed_told(&w.b, w.home, WF_MSG_locate, 0, &m) && m.u.locate.attempt == 3,
       "what nobody here has is asked of the broker that the guest came from");
    say_located(&w, m.u.locate.req, TICKET);
    ok(bed_told(&w.b, w.agent, WF_MSG_located, 0, &m) && m.u.located.req == 9 &&
           m.u.located.holders.count == 1,
       "who asked hears of a holder that listens nowhere");
    lane_say(&w.b, w.lane_agent, WF_MSG_want, &wanted);
    ok(lane_told(&w.b, w.lane_home, WF_MSG_want, &m) && m.u.want.ticket == TICKET,
       "what it wants goes on to the neighbour, under the same ticket");
    say_piece(&w, 0);
    ok(lane_told(&w.b, w.lane_agent, WF_MSG_piece, &m) && m.u.piece.chunk == 0,
       "the pieces come back");
    say_piece(&w, 7);
    ok(!lane_told(&w.b, w.lane_agent, WF_MSG_piece, &m), "but not what it did not want");
    lane_say(&w.b, w.lane_home, WF_MSG_want, &wanted);
    ok(lane_told(&w.b, w.lane_home, WF_MSG_nope, &m) && m.u.nope.code == -WEFT_EPERM,
       "the ticket is not good in the other direction");
    bed_down(&w.b, w.agent);
    ok(bed_told(&w.b, w.home, WF_MSG_grant, 0, &m) && m.u.grant.end &&
           m.u.grant.ticket == TICKET,
       "when the agent goes, the neighbour hears that the ticket is over");
    bed_fini(&w.b);
}

/* Who fetches may have that part already: it would be told of it for ever. */
static void a_part_is_not_enough(void)
{
    const struct wf_need_row need = file_need();
    struct list l = LIST;
    struct world w;
    uint32_t other;

    open_world(&w);
    give_guest(&w, &need, "");
    other = stock_agent(&w.b, 2, "two", "residency=eu");
    list_hold(&l, 5, 40 * MIB, 20 * MIB, 0);
    stock_holds(&w.b, other, 1, &l, 1000 * MIB);
    say_locate(&w);
    is_int(bed_count(&w.b, w.home, WF_MSG_locate), 1,
           "where nobody here has all of it, the home of the guest is asked");
    list_fini(&l);
    list_hold(&l, 5, 40 * MIB, 40 * MIB, 0);
    stock_holds(&w.b, other, 1, &l, 1000 * MIB);
    say_locate(&w);
    is_int(bed_count(&w.b, w.home, WF_MSG_locate), 0, "where somebody has, it is not");
    list_fini(&l);
    bed_fini(&w.b);
}

static void bounds_what_passes(void)
{
    const struct wf_need_row need = file_need();
    struct wf_want wanted = want(0, 96);
    struct world w;
    struct wf_msg m;

    open_world(&w);
    give_guest(&w, &need, "");
    locate(&w);
    lane_say(&w.b, w.lane_agent, WF_MSG_want, &wanted);
    ok(lane_told(&w.b, w.lane_home, WF_MSG_want, &m), "6 MiB may be under way");
    wanted = want(96, 1);
    lane_say(&w.b, w.lane_agent, WF_MSG_want, &wanted);
    ok(lane_told(&w.b, w.lane_agent, WF_MSG_nope, &m) && m.u.nope.code == -WEFT_EBUSY,
       "and no more, though nobody here knows the blob");
    wanted.size = 0;
    wanted.ticket = TICKET;
    lane_say(&w.b, w.lane_agent, WF_MSG_want, &wanted);
    ok(lane_told(&w.b, w.lane_agent, WF_MSG_nope, &m) && m.u.nope.code == -WEFT_ENOENT,
       "of a blob without a size nothing is passed on");
    bed_fini(&w.b);
}

static void keeps_to_residency(void)
{
    const struct wf_need_row need = file_need();
    struct wf_locate ask = {.req = 3,
                            .attempt = 1,
                            .to = bed_key(60),
                            .name = wf_slice_of("far"),
                            .region = wf_slice_of("us")};
    struct list l = LIST;
    struct world w;
    struct wf_msg m;

    open_world(&w);
    give_guest(&w, &need, "eu");
    say_locate(&w);
    is_int(bed_count(&w.b, w.home, WF_MSG_locate), 1,
           "an agent where the data may be asks further");
    /* A neighbour in between: the guest's home asks for what was never to leave. */
    ask.job = bed_id(1);
    ask.attempt = 3;
    list_blob(&l, 5, 40 * MIB);
    ask.rows = l.rows;
    bed_say(&w.b, w.home, WF_MSG_locate, &ask);
    ok(bed_told(&w.b, w.home, WF_MSG_located, 0, &m) && m.u.located.code == -WEFT_EPERM,
       "one that is elsewhere hears no, from every broker on the way");
    list_fini(&l);
    bed_fini(&w.b);
}

static void foreign_numbers(void)
{
    const struct wf_need_row need = file_need();
    struct wf_want wanted = want(0, 1);
    struct world w;
    struct wf_msg m;
    uint32_t other, lane_other;

    open_world(&w);
    give_guest(&w, &need, "");
    locate(&w);
    other = stock_agent(&w.b, 2, "two", NULL);
    lane_other = lane_open(&w.b, 2, LANES + 3, 2);
    lane_say(&w.b, lane_other, WF_MSG_want, &wanted);
    ok(other != 0 && lane_told(&w.b, lane_other, WF_MSG_nope, &m) &&
           m.u.nope.code == -WEFT_EPERM,
       "a ticket is good for who asked, for nobody else");
    bed_down(&w.b, w.home);
    lane_say(&w.b, w.lane_agent, WF_MSG_want, &wanted);
    ok(lane_told(&w.b, w.lane_agent, WF_MSG_nope, &m) && m.u.nope.code == -WEFT_EPERM,
       "and ends with the link that it came over");
    bed_fini(&w.b);
}

/* Ask for the files of the folder as the agent was told of it; the query that the
 * neighbour gets, or 0. */
static uint64_t ask_list(struct world *w, const char *key, struct wf_msg *ret)
{
    const struct wf_query m = {
        .req = 31, .kind = WF_QUERY_DATASET, .key = wf_slice_of(key)};

    bed_say(&w->b, w->agent, WF_MSG_query, &m);
    return bed_told(&w->b, w->home, WF_MSG_query, 0, ret) ? ret->u.query.req : 0;
}

static void lists_folders(void)
{
    const struct wf_need_row need = {.name = wf_slice_of("x"),
                                     .ref = wf_slice_of("set@1/dir"),
                                     .size = 100 * KIB,
                                     .files = 2};
    struct wf_need_row row;
    struct wf_rows rows;
    struct wf_dataset_info info;
    struct world w;
    struct wf_msg m;

    open_world(&w);
    give_guest(&w, &need, "");
    rows = w.held.inputs;
    ok(wf_rows_next(&rows, wf_desc_need_row(), &row) &&
           wf_slice_is(row.ref, "set.07070707@1/dir"),
       "a guest's folder has a name of its own here");
    is_int(ask_list(&w, "set@1", &m), 0, "under that of its home it is not known");
    is_int(bed_refusal(&w.b, w.agent), WEFT_ENOENT, "and asking is refused");
    info = (struct wf_dataset_info){.req = ask_list(&w, "set.07070707@1", &m)};
    ok(info.req != 0 && wf_slice_is(m.u.query.key, "set@1"),
       "its list is asked of its home, by the name there");
    bed_say(&w.b, w.home, WF_MSG_dataset_info, &info);
    ok(bed_told(&w.b, w.agent, WF_MSG_dataset_info, 0, &m) && m.u.dataset_info.req == 31,
       "who asked gets the answer");
    bed_say(&w.b, w.home, WF_MSG_dataset_info, &info);
    is_int(bed_count(&w.b, w.agent, WF_MSG_dataset_info), 0, "once");
    must(ask_list(&w, "set.07070707@1", &m) != 0);
    bed_down(&w.b, w.home);
    ok(bed_told(&w.b, w.agent, WF_MSG_error, 0, &m) && m.u.error.retry_ms != 0 &&
           m.u.error.req == 31,
       "a cut in between is told: it asks again");
    is_int(ask_list(&w, "set.07070707@1", &m), 0, "while it is cut nobody is asked");
    ok(bed_told(&w.b, w.agent, WF_MSG_error, 0, &m) && m.u.error.retry_ms != 0,
       "and it is to ask later");
    bed_fini(&w.b);
}

/* More questions than there are places: who asked the oldest hears of it. */
static void tells_who_is_displaced(void)
{
    const struct wf_need_row need = {.name = wf_slice_of("x"),
                                     .ref = wf_slice_of("set@1/dir"),
                                     .size = 100 * KIB,
                                     .files = 2};
    struct world w;
    struct wf_msg m;

    open_world(&w);
    give_guest(&w, &need, "");
    must(ask_list(&w, "set.07070707@1", &m) != 0);
    for (unsigned i = 1; i < MESH_ASKS; i++) {
        say_locate(&w);
        must(bed_count(&w.b, w.home, WF_MSG_locate) == 1);
    }
    is_int(bed_count(&w.b, w.agent, WF_MSG_error), 0, "so many questions have a place");
    say_locate(&w);
    ok(bed_told(&w.b, w.agent, WF_MSG_error, 0, &m) && m.u.error.req == 31 &&
           m.u.error.about == WF_MSG_query && m.u.error.retry_ms != 0,
       "a locate takes the place of a query, which is told: it asks again");
    is_int(bed_count(&w.b, w.agent, WF_MSG_located), 0, "nobody else is");
    say_locate(&w);
    ok(bed_told(&w.b, w.agent, WF_MSG_located, 0, &m) && m.u.located.req == 9 &&
           m.u.located.code == 0 && m.u.located.rows.count == 0,
       "to an agent whose locate is displaced nobody has it for now");
    bed_fini(&w.b);
}

/* At home: the neighbour that has the job may list what the job needs, and no more. */
static void lists_for_neighbours(void)
{
    struct wf_query q = {
        .req = 8, .kind = WF_QUERY_DATASET, .key = wf_slice_of("mine@1")};
    struct world w;
    uint32_t ann;

    open_world(&w);
    ann = bed_client(&w.b, 20, "ann");
    stock_simple(&w.b, ann, "mine", NULL, 3, 2);
    bed_say(&w.b, w.home, WF_MSG_query, &q);
    is_int(bed_refusal(&w.b, w.home), WEFT_ENOENT,
           "a neighbour without a job that needs it lists no dataset");
    bed_down(&w.b, w.agent);
    stock_info(&w.b, w.home, NULL, 4, 1000 * MIB);
    stock_submit(&w.b, ann, 9, "x", "mine");
    bed_tick(&w.b, BED_SECOND);
    is_int(stock_agent_of(&w.b, HOME)->assigned, 1, "a job with a folder is forwarded");
    bed_say(&w.b, w.home, WF_MSG_query, &q);
    is_int(bed_count(&w.b, w.home, WF_MSG_dataset_info), 1, "then it may");
    bed_fini(&w.b);
}

int main(void)
{
    relays_between_brokers();
    a_part_is_not_enough();
    bounds_what_passes();
    keeps_to_residency();
    foreign_numbers();
    lists_folders();
    tells_who_is_displaced();
    lists_for_neighbours();
    return done();
}

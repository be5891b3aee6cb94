/* The broker's bulk lane: who may pass what, and how much. */
#include "proto/transfer/transfer.h"
#include "tests/unit/broker/data/stock.h"

#define ANN   10
#define ONE   1
#define TWO   2
#define LANES 1000 /* handles of the bulk socket are of another kind */

/* A client that fetches from two agents. */
struct world {
    struct bed b;
    uint32_t ann, one, two;                /* on the control lane */
    uint32_t lane_ann, lane_one, lane_two; /* on the bulk lane */
    uint64_t ticket_one, ticket_two;
};

static uint32_t lane_up(struct bed *b, uint8_t key, uint32_t peer)
{
    struct broker_event ev = {.kind = BROKER_LANE_UP, .peer = peer, .key = bed_key(key)};

    bed_step(b, &ev);
    return peer;
}

static void lane_down(struct bed *b, uint32_t peer)
{
    bed_step(b, &(struct broker_event){.kind = BROKER_LANE_DOWN, .peer = peer});
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
    (void) lane_up(b, key, peer);
    lane_say(b, peer, WF_MSG_lane, &(struct wf_lane){epoch});
    return peer;
}

/* The n-th message of a type that the last step sent on a lane. */
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

static void say_room(struct bed *b, uint32_t peer, uint64_t queued)
{
    bed_step(b, &(struct broker_event){
                    .kind = BROKER_LANE_ROOM, .peer = peer, .queued = queued});
}

static struct lane *lane(const struct bed *b, uint32_t peer)
{
    return wf_map_get(b->c->data.relay.by_peer, &peer, sizeof peer);
}

/* Blob 5 is at both, 40 MiB: chunks of 64 KiB. */
static void open_world(struct world *w)
{
    struct wf_locate m = {.req = 1};
    struct wf_holder_row row;
    struct list l = LIST;
    struct wf_msg told;

    bed_init(&w->b);
    w->b.cfg.lease_ms = 36000000;
    w->b.cfg.heartbeat_ms = 18000000;
    bed_start(&w->b);
    w->ann = bed_client(&w->b, ANN, "ann");
    w->one = stock_agent(&w->b, ONE, "one", NULL);
    w->two = stock_agent(&w->b, TWO, "two", NULL);
    list_hold(&l, 5, 40 * MIB, 40 * MIB, 0);
    stock_holds(&w->b, w->one, 0, &l, MIB);
    stock_holds(&w->b, w->two, 0, &l, MIB);
    list_fini(&l);
    list_blob(&l, 5, 40 * MIB);
    m.rows = l.rows;
    bed_say(&w->b, w->ann, WF_MSG_locate, &m);
    must(bed_told(&w->b, w->ann, WF_MSG_located, 0, &told));
    w->ticket_one = w->ticket_two = 0;
    while (wf_rows_next(&told.u.located.holders, wf_desc_holder_row(), &row)) {
        *(wf_slice_is(row.name, "one") ? &w->ticket_one : &w->ticket_two) = row.ticket;
    }
    must(w->ticket_one != 0 && w->ticket_two != 0);
    list_fini(&l);
    w->lane_ann = lane_open(&w->b, ANN, LANES + 1, ANN);
    w->lane_one = lane_open(&w->b, ONE, LANES + 2, ONE);
    w->lane_two = lane_open(&w->b, TWO, LANES + 3, TWO);
}

static struct wf_want want(uint64_t ticket, uint64_t first, uint64_t count)
{
    return (struct wf_want){ticket, stock_digest(5), WF_WANT_CHUNKS, first, count, 0};
}

/* 0: it was passed on; else the code of the nope. */
static int wants(struct world *w, uint32_t holder, uint64_t ticket, uint64_t first,
                 uint64_t count)
{
    const struct wf_want m = want(ticket, first, count);
    struct wf_msg told;

    lane_say(&w->b, w->lane_ann, WF_MSG_want, &m);
    if (lane_told(&w->b, w->lane_ann, WF_MSG_nope, &told)) {
        return -(int) told.u.nope.code;
    }
    return lane_told(&w->b, holder, WF_MSG_want, &told) ? 0 : WEFT_EIO;
}

static uint8_t bytes[WF_PIECE_MAX];

static struct wf_piece piece(uint64_t ticket, uint64_t chunk, uint64_t len)
{
    return (struct wf_piece){.ticket = ticket,
                             .digest = stock_digest(5),
                             .chunk = chunk,
                             .total = len,
                             .data = wf_slice_make(bytes, len)};
}

/* 1 when it was passed on. */
static int gives(struct world *w, uint32_t holder, const struct wf_piece *m)
{
    struct wf_msg told;

    lane_say(&w->b, holder, WF_MSG_piece, m);
    return lane_told(&w->b, w->lane_ann, WF_MSG_piece, &told);
}

static void passes_on(void)
{
    struct world w;
    struct wf_piece m;
    struct wf_msg told;

    open_world(&w);
    is_int(wants(&w, w.lane_one, w.ticket_one, 0, 2), 0, "a want goes to the holder");
    is_int(lane(&w.b, w.lane_ann)->outstanding, 128 * KIB, "what may come is noted");
    m = piece(w.ticket_one, 0, 64 * KIB);
    ok(gives(&w, w.lane_one, &m), "a piece comes back");
    ok(lane_told(&w.b, w.lane_ann, WF_MSG_piece, &told) &&
           told.u.piece.data.len == 64 * KIB && told.u.piece.ticket == w.ticket_one,
       "as it was sent");
    is_int(lane(&w.b, w.lane_ann)->outstanding, 64 * KIB, "and is taken off");
    m = piece(w.ticket_one, 1, 100);
    m.coding = 1;
    ok(gives(&w, w.lane_one, &m), "one that was coded is shorter");
    is_int(lane(&w.b, w.lane_ann)->outstanding, 0, "and counts for all of its chunk");
    is_int(w.b.c->data.relay.relayed, 64 * KIB + 100, "bytes are counted");
    ok(!gives(&w, w.lane_one, &m), "the same piece again was not wanted");
    is_int(w.b.c->data.relay.refused, 1, "which is counted");
    bed_fini(&w.b);
}

static void in_parts(void)
{
    struct world w;
    struct wf_piece m;

    open_world(&w);
    must(wants(&w, w.lane_one, w.ticket_one, 0, 2) == 0);
    m = piece(w.ticket_one, 0, 64 * KIB);
    m.data.len = 10000;
    ok(gives(&w, w.lane_one, &m), "a part of a chunk");
    is_int(lane(&w.b, w.lane_ann)->outstanding, 128 * KIB - 10000, "is taken off alone");
    m.offset = 10000;
    m.data.len = 64 * KIB - 10000;
    ok(gives(&w, w.lane_one, &m), "the rest of it");
    m = piece(w.ticket_one, 1, 64 * KIB);
    m.offset = UINT64_MAX - 5;
    ok(gives(&w, w.lane_one, &m) && lane(&w.b, w.lane_ann)->outstanding == 0,
       "an offset beyond all is the fetcher's matter, and wraps nothing");
    bed_fini(&w.b);
}

static void other_kinds(void)
{
    struct world w;
    struct wf_want m;
    struct wf_piece p;
    struct wf_msg told;

    open_world(&w);
    m = want(w.ticket_one, 0, 640);
    m.kind = WF_WANT_LEAVES;
    lane_say(&w.b, w.lane_ann, WF_MSG_want, &m);
    is_int(lane(&w.b, w.lane_ann)->outstanding, 640 * 32, "leaves of all chunks");
    p = piece(w.ticket_one, 0, 640 * 32);
    p.kind = WF_WANT_LEAVES;
    ok(gives(&w, w.lane_one, &p) && lane(&w.b, w.lane_ann)->outstanding == 0, "come");
    m = want(w.ticket_one, 7, 9);
    m.kind = WF_WANT_MAP;
    lane_say(&w.b, w.lane_ann, WF_MSG_want, &m);
    ok(lane_told(&w.b, w.lane_one, WF_MSG_want, &told), "the map of what is there");
    p = piece(w.ticket_one, 0, 80);
    p.kind = WF_WANT_MAP;
    ok(gives(&w, w.lane_one, &p) && lane(&w.b, w.lane_ann)->outstanding == 0, "comes");
    m = want(w.ticket_one, 0, 641);
    m.kind = WF_WANT_LEAVES;
    lane_say(&w.b, w.lane_ann, WF_MSG_want, &m);
    ok(lane_told(&w.b, w.lane_ann, WF_MSG_nope, &told) && told.u.nope.retry_ms == 0,
       "more leaves than there are do not");
    bed_fini(&w.b);
}

static void rights(void)
{
    struct world w;
    struct wf_want m;
    struct wf_piece p;
    struct wf_msg told;

    open_world(&w);
    is_int(wants(&w, w.lane_one, 999, 0, 1), WEFT_EPERM, "a ticket that nobody gave");
    m = want(w.ticket_one, 0, 1);
    lane_say(&w.b, w.lane_two, WF_MSG_want, &m);
    ok(lane_told(&w.b, w.lane_two, WF_MSG_nope, &told) &&
           told.u.nope.code == (uint64_t) -WEFT_EPERM,
       "a ticket of somebody else");
    (void) lane_open(&w.b, ANN, LANES + 9, 77);
    lane_say(&w.b, LANES + 9, WF_MSG_want, &m);
    ok(lane_told(&w.b, LANES + 9, WF_MSG_nope, &told), "of another process of the key");
    (void) lane_up(&w.b, ANN, LANES + 8);
    lane_say(&w.b, LANES + 8, WF_MSG_want, &m);
    ok(lane_told(&w.b, LANES + 8, WF_MSG_nope, &told), "before `lane` was said");
    must(wants(&w, w.lane_one, w.ticket_one, 0, 4) == 0);
    p = piece(w.ticket_one, 0, 64 * KIB);
    ok(!gives(&w, w.lane_two, &p), "a piece of another holder");
    ok(!gives(&w, w.lane_ann, &p), "or of the fetcher itself");
    p.digest = stock_digest(6);
    ok(!gives(&w, w.lane_one, &p), "of another blob");
    p = piece(w.ticket_one, 4, 64 * KIB);
    ok(!gives(&w, w.lane_one, &p), "of a chunk that was not wanted");
    p = piece(w.ticket_one, 0, 64 * KIB);
    p.kind = WF_WANT_LEAVES;
    ok(!gives(&w, w.lane_one, &p), "of another kind");
    is_int(wants(&w, w.lane_one, w.ticket_one, 640, 1), WEFT_ENOENT, "no such chunk");
    is_int(wants(&w, w.lane_one, w.ticket_one, 639, 2), WEFT_ENOENT, "nor the next");
    is_int(wants(&w, w.lane_one, w.ticket_one, 0, 0), WEFT_ENOENT, "nor none");
    is_int(wants(&w, w.lane_one, w.ticket_one, UINT64_MAX, UINT64_MAX), WEFT_ENOENT,
           "nor all that can be said");
    is_int(lane(&w.b, w.lane_ann)->outstanding, 4 * 64 * KIB, "nothing of it counts");
    bed_tick(&w.b, TICKET_TTL_MS * UINT64_C(1000) + 1);
    is_int(wants(&w, w.lane_one, w.ticket_one, 0, 1), WEFT_EPERM,
           "a ticket that is over");
    bed_fini(&w.b);
}

/* Whatever is asked for and given: no more than RELAY_BYTES are on their way. */
static void bounds(void)
{
    struct world w;
    unsigned taken = 0, given = 0;
    struct wf_piece m;

    open_world(&w);
    for (unsigned i = 0; i < 300; i++) {
        taken += wants(&w, i % 2 ? w.lane_one : w.lane_two,
                       i % 2 ? w.ticket_one : w.ticket_two, i % 600, 1) == 0;
    }
    is_int(taken, 96, "6 MiB of chunks, of all holders together");
    is_int(wants(&w, w.lane_one, w.ticket_one, 0, 1), WEFT_EBUSY, "then it is busy");
    for (unsigned i = 0; i < 300; i++) {
        m = piece(w.ticket_one, i % 600, 64 * KIB);
        m.total = 0; /* each calls itself the last */
        given += (unsigned) gives(&w, w.lane_one, &m);
    }
    is_int(given, 48, "a holder gives what was wanted of it, once");
    is_int(lane(&w.b, w.lane_ann)->outstanding, 48 * 64 * KIB,
           "and releases nothing of what others owe");
    is_int(wants(&w, w.lane_one, w.ticket_one, 0, 1), WEFT_EBUSY,
           "what stands in the bus counts");
    say_room(&w.b, w.lane_ann, 0);
    is_int(wants(&w, w.lane_one, w.ticket_one, 0, 1), 0, "until it went");
    bed_fini(&w.b);
}

/* Heads of messages are bytes, too. */
static void crumbs(void)
{
    struct world w;
    struct wf_piece m;
    uint64_t queued;

    open_world(&w);
    must(wants(&w, w.lane_one, w.ticket_one, 0, 10) == 0);
    m = piece(w.ticket_one, 0, 1);
    m.total = 64 * KIB;
    for (unsigned i = 0; i < 60000; i++) {
        struct wf_msg msg = {.type = WF_MSG_piece, .u.piece = m};
        struct wf_buf raw = WF_BUF_INIT(1024);

        must(wf_msg_encode(&raw, WF_MSG_piece, &m) == 0);
        wf_effects_clear(&w.b.fx);
        relay_msg(&w.b.c->data.relay, &w.b.c->data.tickets, &w.b.c->data.catalogue,
                  w.b.c->now_us, w.lane_one, &msg, wf_slice_make(raw.p, raw.len),
                  &w.b.fx);
        wf_buf_fini(&raw);
    }
    queued = lane(&w.b, w.lane_ann)->queued;
    ok(queued > MIB && queued <= RELAY_BYTES + MIB, "pieces of one byte do not flood");
    bed_fini(&w.b);
}

static void many_wants(void)
{
    struct world w;
    struct wf_want m;
    struct wf_msg told;
    unsigned taken = 0;

    open_world(&w);
    for (unsigned i = 0; i < 2000; i++) {
        m = want(w.ticket_one, i % 640, 1);
        m.kind = WF_WANT_LEAVES;
        lane_say(&w.b, w.lane_ann, WF_MSG_want, &m);
        taken += (unsigned) lane_told(&w.b, w.lane_one, WF_MSG_want, &told);
    }
    is_int(taken, RELAY_ASKS, "small wants are bounded by their number");
    say_room(&w.b, w.lane_two, RELAY_BYTES + 1);
    is_int(wants(&w, w.lane_two, w.ticket_two, 0, 1), WEFT_EBUSY,
           "and a holder that does not read gets no more");
    bed_fini(&w.b);
}

static void nopes(void)
{
    struct wf_nope m = {.digest = stock_digest(5), .first = 2, .count = 100, .code = 1};
    struct world w;
    struct wf_msg told;

    open_world(&w);
    must(wants(&w, w.lane_one, w.ticket_one, 0, 4) == 0);
    m.ticket = w.ticket_one;
    lane_say(&w.b, w.lane_one, WF_MSG_nope, &m);
    ok(lane_told(&w.b, w.lane_ann, WF_MSG_nope, &told), "a nope goes to the fetcher");
    is_int(lane(&w.b, w.lane_ann)->outstanding, 128 * KIB, "that much does not come");
    m.first = 0;
    m.count = UINT64_MAX;
    lane_say(&w.b, w.lane_one, WF_MSG_nope, &m);
    is_int(lane(&w.b, w.lane_ann)->outstanding, 0, "nor all of it");
    lane_say(&w.b, w.lane_one, WF_MSG_nope, &m);
    ok(!lane_told(&w.b, w.lane_ann, WF_MSG_nope, &told), "which is said once");
    bed_fini(&w.b);
}

static void lanes_die(void)
{
    struct world w;
    struct wf_piece m;

    open_world(&w);
    must(wants(&w, w.lane_one, w.ticket_one, 0, 4) == 0);
    must(wants(&w, w.lane_two, w.ticket_two, 0, 4) == 0);
    lane_down(&w.b, w.lane_one);
    is_int(lane(&w.b, w.lane_ann)->outstanding, 4 * 64 * KIB,
           "with a holder's lane goes what it owes");
    is_int(wants(&w, w.lane_one, w.ticket_one, 0, 1), WEFT_EBUSY,
           "it is asked again when it is back");
    w.lane_one = lane_open(&w.b, ONE, LANES + 20, ONE);
    is_int(wants(&w, w.lane_one, w.ticket_one, 0, 1), 0, "on its new lane");
    /* The fetcher comes back on a new connection before the old one is known to be dead.
     */
    w.lane_ann = lane_open(&w.b, ANN, LANES + 21, ANN);
    is_int(lane(&w.b, w.lane_ann)->outstanding, 0,
           "a new lane of a process owes nothing");
    m = piece(w.ticket_two, 0, 64 * KIB);
    ok(!gives(&w, w.lane_two, &m), "what the old one wanted does not come to it");
    must(wants(&w, w.lane_two, w.ticket_two, 0, 2) == 0);
    lane_down(&w.b, LANES + 1);
    is_int(lane(&w.b, w.lane_ann)->outstanding, 128 * KIB,
           "the end of the old one is nothing");
    bed_down(&w.b, w.two);
    is_int(lane(&w.b, w.lane_ann)->outstanding, 0,
           "a holder's session ends: so does its ticket");
    bed_down(&w.b, w.ann);
    lane_down(&w.b, w.lane_ann);
    is_int(wf_map_len(w.b.c->data.relay.by_id), 2, "lanes go");
    bed_fini(&w.b);
}

/* A holder that takes wants and gives nothing must not stop the fetcher for ever. */
static void quiet(void)
{
    struct world w;

    open_world(&w);
    must(wants(&w, w.lane_one, w.ticket_one, 0, 96) == 0);
    is_int(wants(&w, w.lane_two, w.ticket_two, 0, 1), WEFT_EBUSY, "all is owed by one");
    bed_tick(&w.b, RELAY_QUIET_US + 1);
    is_int(wants(&w, w.lane_two, w.ticket_two, 0, 1), 0, "who gives nothing is given up");
    bed_fini(&w.b);
}

static void lies_about_size(void)
{
    struct world w;
    struct list l = LIST;

    open_world(&w);
    stock_holds(&w.b, w.one, 1, NULL, MIB);
    stock_holds(&w.b, w.two, 1, NULL, MIB);
    is_int(wants(&w, w.lane_one, w.ticket_one, 0, 1), WEFT_ENOENT,
           "what nobody is known to have is not passed on");
    must(wants(&w, w.lane_one, w.ticket_one, 0, 1) != 0);
    list_hold(&l, 5, 40 * MIB, 40 * MIB, 0);
    stock_holds(&w.b, w.one, 1, &l, MIB);
    must(wants(&w, w.lane_one, w.ticket_one, 0, 2) == 0);
    stock_holds(&w.b, w.one, 1, NULL, MIB);
    is_int(lane(&w.b, w.lane_ann)->outstanding, 128 * KIB, "what is let go meanwhile");
    {
        const struct wf_nope no = {.ticket = w.ticket_one,
                                   .digest = stock_digest(5),
                                   .count = 2,
                                   .code = (uint64_t) -WEFT_ENOENT};

        lane_say(&w.b, w.lane_one, WF_MSG_nope, &no);
    }
    is_int(lane(&w.b, w.lane_ann)->outstanding, 0, "is settled all the same");
    list_fini(&l);
    bed_fini(&w.b);
}

static void too_many_lanes(void)
{
    struct bed b;
    unsigned closed = 0;

    bed_init(&b);
    bed_start(&b);
    for (uint32_t i = 0; i < 300; i++) {
        (void) lane_up(&b, ANN, LANES + i);
        closed += bed_effect(&b, WF_EFFECT_LANE_CLOSE) != NULL;
    }
    is_int(closed, 300 - RELAY_OF_KEY, "a key has its share of lanes");
    (void) lane_up(&b, ONE, LANES + 999);
    ok(bed_effect(&b, WF_EFFECT_LANE_CLOSE) == NULL, "another one comes in");
    lane_say(&b, LANES + 999, WF_MSG_ping, &(struct wf_ping){1, 0, 0, 0});
    is_int(b.c->data.relay.refused, 1, "what does not belong here is counted");
    bed_fini(&b);
}

int main(void)
{
    passes_on();
    in_parts();
    other_kinds();
    rights();
    bounds();
    crumbs();
    many_wants();
    nopes();
    lanes_die();
    quiet();
    lies_about_size();
    too_many_lanes();
    return done();
}

/* Data that is brought to agents: to which, and how it goes. */
#include "tests/unit/broker/data/stock.h"

#define ANN 10

struct world {
    struct bed b;
    uint32_t ann, one, two;
};

static void open_world(struct world *w)
{
    bed_init(&w->b);
    bed_start(&w->b);
    w->ann = bed_client(&w->b, ANN, "ann");
    w->one = stock_agent(&w->b, 1, "one", "disk=fast");
    w->two = stock_agent(&w->b, 2, "two", "residency=eu");
}

static struct wf_stage gift(struct list *l, unsigned n)
{
    for (unsigned i = 1; i <= n; i++) {
        list_blob(l, i, i * KIB);
    }
    return (struct wf_stage){.req = 4, .rows = l->rows, .mine = 1, .pin = 1};
}

/* The order that the peer got last step; 0: none. */
static uint64_t ordered(const struct world *w, uint32_t peer)
{
    struct wf_msg m;
    int was = bed_told(&w->b, peer, WF_MSG_fetch, 0, &m);

    return was && !m.u.fetch.end ? m.u.fetch.req : 0;
}

static int cancelled(const struct world *w, uint32_t peer)
{
    struct wf_msg m;

    return bed_told(&w->b, peer, WF_MSG_fetch, 0, &m) && m.u.fetch.end;
}

static void fetched(struct world *w, uint32_t peer, uint64_t order, int over, int code,
                    uint64_t bytes)
{
    const struct wf_fetched m = {.req = order,
                                 .over = over != 0,
                                 .code = (uint64_t) -code,
                                 .text = wf_slice_of(code != 0 ? "no luck" : ""),
                                 .bytes = bytes,
                                 .moved = bytes};

    bed_say(&w->b, peer, WF_MSG_fetched, &m);
}

/* What the client was told last, 1 when it was. */
static int told(const struct world *w, struct wf_stage_info *ret)
{
    struct wf_msg m;
    unsigned n = 0;

    while (bed_told(&w->b, w->ann, WF_MSG_stage_info, n, &m)) {
        *ret = m.u.stage_info;
        n++;
    }
    return n != 0;
}

/* 1 when it ended with that code. */
static int ended(const struct world *w, int code)
{
    struct wf_stage_info m;

    return told(w, &m) && m.over && -(int) m.code == code;
}

/* A further stage of ann's. */
static void next(struct world *w, struct wf_stage *m)
{
    m->req++;
    bed_say(&w->b, w->ann, WF_MSG_stage, m);
}

static void gives(void)
{
    struct list l = LIST;
    struct wf_stage m = gift(&l, 3);
    struct wf_locate q = {.req = 1};
    struct wf_holder_row row;
    struct wf_stage_info info;
    struct world w;
    struct wf_msg x;
    uint64_t order;

    open_world(&w);
    bed_say(&w.b, w.ann, WF_MSG_stage, &m);
    order = ordered(&w, w.one);
    ok(order != 0 && ordered(&w, w.two) == 0, "one agent is told to fetch");
    must(bed_told(&w.b, w.one, WF_MSG_fetch, 0, &x));
    ok(x.u.fetch.pin && x.u.fetch.rows.count == 3 && !x.u.fetch.more, "all, to keep it");
    q.ticket = order;
    q.rows = l.rows;
    bed_say(&w.b, w.one, WF_MSG_locate, &q);
    must(bed_told(&w.b, w.one, WF_MSG_located, 0, &x));
    ok(x.u.located.rows.count == 3 &&
           wf_rows_next(&x.u.located.holders, wf_desc_holder_row(), &row) &&
           wf_slice_is(row.name, "ann") && row.endpoint.len == 0,
       "from the client, through the broker");
    must(bed_told(&w.b, w.ann, WF_MSG_grant, 0, &x));
    is_int(x.u.grant.rows.count, 3, "which is told that it may");
    bed_say(&w.b, w.two, WF_MSG_locate, &q);
    ok(bed_told(&w.b, w.two, WF_MSG_located, 0, &x) && x.u.located.code != 0,
       "and no other agent");
    bed_tick(&w.b, BED_SECOND);
    fetched(&w, w.one, order, 0, 0, 2 * KIB);
    ok(told(&w, &info) && !info.over && info.bytes == 2 * KIB && info.total == 6 * KIB,
       "the client hears how it goes");
    fetched(&w, w.two, order, 1, 0, 6 * KIB);
    ok(w.b.c->data.stages.n == 1, "nobody ends the order of another");
    fetched(&w, w.one, order, 1, 0, 6 * KIB);
    ok(ended(&w, 0) && told(&w, &info) && info.nodes == 1 && info.bytes == 6 * KIB,
       "and how it ended");
    is_int(w.b.c->data.stages.n, 0, "nothing is left of it");
    ok(stock_blob(&w.b, 1) != NULL && !wf_list_empty(&stock_blob(&w.b, 1)->shares),
       "but that the agent has the blobs, before it says so");
    fetched(&w, w.one, order, 1, 0, 6 * KIB);
    ok(!told(&w, &info), "which is said once");
    list_fini(&l);
    bed_fini(&w.b);
}

/* -- where -----------------------------------------------------------------------------
 */

static void by_bytes(void)
{
    struct list l = LIST;
    struct wf_stage m = gift(&l, 3);
    struct world w;

    open_world(&w);
    stock_has(&w.b, w.two, 3);
    bed_say(&w.b, w.ann, WF_MSG_stage, &m);
    ok(ordered(&w, w.two) != 0, "where most of it is");
    m.capability = wf_slice_of("special");
    bed_offer(&w.b, w.one, "special", 1, 0);
    stock_holds(&w.b, w.one, 1, NULL, MIB);
    next(&w, &m);
    ok(ordered(&w, w.one) == 0, "an agent without room is none");
    {
        const struct wf_cap_row row = {
            .name = wf_slice_of("special"), .version = 1, .slots = 1};
        struct wf_buf caps = WF_BUF_INIT(1024);
        struct wf_agent_info info = {.seq = 2, .slots = 1, .data_cap = MIB};

        must(wf_rows_add(&caps, &info.caps, wf_desc_cap_row(), &row) == 0);
        bed_say(&w.b, w.one, WF_MSG_agent_info, &info);
        wf_buf_fini(&caps);
    }
    next(&w, &m);
    ok(ordered(&w, w.one) != 0, "rather where the capability is");
    list_fini(&l);
    bed_fini(&w.b);
}

static void by_terms(void)
{
    struct list l = LIST, needs = LIST;
    struct wf_stage m = gift(&l, 1);
    struct wf_stage_info info;
    struct world w;

    open_world(&w);
    m.node = wf_slice_of("two");
    bed_say(&w.b, w.ann, WF_MSG_stage, &m);
    ok(ordered(&w, w.two) != 0, "at the node that was named");
    m.node = wf_slice_of("ann");
    next(&w, &m);
    ok(ended(&w, WEFT_ENOENT) && told(&w, &info) &&
           wf_slice_is(info.text, "no such node, or it is not an agent"),
       "which must be an agent");
    m.node = wf_slice_of("");
    list_label(&needs, "disk=fast");
    m.needs = needs.rows;
    next(&w, &m);
    ok(ordered(&w, w.one) != 0, "where the needs are met");
    m.residency = wf_slice_of("eu");
    next(&w, &m);
    ok(ended(&w, WEFT_ENOAGENT) && told(&w, &info) &&
           wf_slice_is(info.text,
                       "the residency of the data forbids every agent that would do"),
       "and the residency");
    m.needs = (struct wf_rows){0};
    next(&w, &m);
    ok(ordered(&w, w.two) != 0, "here they are");
    list_fini(&needs);
    list_label(&needs, "~~~");
    m.needs = needs.rows;
    next(&w, &m);
    ok(ended(&w, WEFT_EINVAL), "a need that is none");
    list_fini(&needs);
    list_fini(&l);
    bed_fini(&w.b);
}

static void by_room(void)
{
    struct list l = LIST;
    struct wf_stage m = gift(&l, 3);
    struct world w;

    open_world(&w);
    stock_holds(&w.b, w.one, 1, NULL, 5 * KIB);
    stock_holds(&w.b, w.two, 1, NULL, 5 * KIB);
    bed_say(&w.b, w.ann, WF_MSG_stage, &m);
    ok(ended(&w, WEFT_EFULL), "no room anywhere");
    stock_has(&w.b, w.two, 1);
    stock_holds(&w.b, w.two, 0, NULL, 5 * KIB);
    bed_say(&w.b, w.ann, WF_MSG_stage, &m);
    ok(ordered(&w, w.two) != 0, "room for what is missing is enough");
    list_fini(&l);
    bed_fini(&w.b);
}

static void datasets(void)
{
    struct list l = LIST;
    struct wf_stage m = {.req = 4, .dataset = wf_slice_of("pics")};
    struct world w;
    uint32_t bob;
    struct wf_msg x;

    open_world(&w);
    stock_simple(&w.b, w.ann, "pics", "residency=eu", 1, 3);
    bed_say(&w.b, w.ann, WF_MSG_stage, &m);
    must(bed_told(&w.b, w.two, WF_MSG_fetch, 0, &x));
    ok(x.u.fetch.rows.count == 3 && wf_slice_is(x.u.fetch.residency, "eu") &&
           wf_slice_is(x.u.fetch.what, "pics") && !x.u.fetch.pin,
       "a dataset goes where it may be");
    bob = bed_client(&w.b, 11, "bob");
    bed_say(&w.b, bob, WF_MSG_stage, &m);
    ok(bed_told(&w.b, bob, WF_MSG_stage_info, 0, &x) && x.u.stage_info.over &&
           x.u.stage_info.code == (uint64_t) -WEFT_ENOENT,
       "somebody else's is not there");
    list_blob(&l, 1, KIB);
    m = (struct wf_stage){.req = 5, .rows = l.rows};
    bed_say(&w.b, bob, WF_MSG_stage, &m);
    ok(bed_told(&w.b, bob, WF_MSG_stage_info, 0, &x) && x.u.stage_info.over &&
           x.u.stage_info.code == (uint64_t) -WEFT_ENOENT,
       "nor are its blobs");
    bed_say(&w.b, w.ann, WF_MSG_stage, &m);
    ok(ordered(&w, w.two) != 0, "to its owner they are, with its residency");
    stock_rm(&w.b, w.ann, "pics");
    is_int(bed_refusal(&w.b, w.ann), 0, "it may be removed meanwhile");
    list_fini(&l);
    bed_fini(&w.b);
}

/* -- how many --------------------------------------------------------------------------
 */

static void copies(void)
{
    struct list l = LIST;
    struct wf_stage m = gift(&l, 2);
    struct wf_stage_info info;
    uint64_t a, b;
    struct world w;

    open_world(&w);
    m.copies = 2;
    bed_say(&w.b, w.ann, WF_MSG_stage, &m);
    a = ordered(&w, w.one);
    b = ordered(&w, w.two);
    ok(a != 0 && b != 0 && a != b, "two copies, two agents");
    fetched(&w, w.one, a, 1, 0, 3 * KIB);
    ok(told(&w, &info) && !info.over && info.nodes == 1 && info.total == 6 * KIB,
       "one is there");
    fetched(&w, w.two, b, 1, WEFT_EIO, 0);
    ok(ended(&w, WEFT_EIO) && ordered(&w, w.one) == 0,
       "the other fails, and the first is not taken twice");
    m.copies = 3;
    next(&w, &m);
    a = ordered(&w, w.one);
    b = ordered(&w, w.two);
    fetched(&w, w.one, a, 1, 0, 3 * KIB);
    ok(!cancelled(&w, w.two), "what is under way goes on");
    fetched(&w, w.two, b, 1, 0, 3 * KIB);
    ok(ended(&w, WEFT_ENOAGENT) && told(&w, &info) && info.nodes == 2,
       "more copies than agents: as many as there are, and said so");
    list_fini(&l);
    bed_fini(&w.b);
}

static void everywhere(void)
{
    struct list l = LIST;
    struct wf_stage m = gift(&l, 2);
    struct wf_stage_info info;
    struct world w;
    uint64_t a, b;

    open_world(&w);
    bed_enrol(&w.b, 3, WF_ROLE_AGENT, "away");
    m.copies = WF_NODES_ALL;
    bed_say(&w.b, w.ann, WF_MSG_stage, &m);
    a = ordered(&w, w.one);
    b = ordered(&w, w.two);
    ok(a != 0 && b != 0, "everywhere");
    fetched(&w, w.one, a, 1, 0, 3 * KIB);
    ok(ordered(&w, w.one) == 0 && told(&w, &info) && !info.over, "one is done, once");
    fetched(&w, w.two, b, 1, 0, 3 * KIB);
    ok(ended(&w, 0) && told(&w, &info) && info.nodes == 2 && info.total == 6 * KIB,
       "and it ends, without the one that is away");
    next(&w, &m);
    a = ordered(&w, w.one);
    b = ordered(&w, w.two);
    fetched(&w, w.one, a, 1, WEFT_EIO, 0);
    ok(!told(&w, &info) || !info.over, "one failure does not stop the others");
    fetched(&w, w.two, b, 1, 0, 3 * KIB);
    ok(ended(&w, WEFT_EIO) && told(&w, &info) && info.nodes == 1,
       "but is told in the end");
    list_fini(&l);
    bed_fini(&w.b);
}

/* -- what goes wrong -------------------------------------------------------------------
 */

static void failures(void)
{
    struct list l = LIST;
    struct wf_stage m = gift(&l, 2);
    struct wf_stage_info info;
    struct world w;
    uint64_t a;

    open_world(&w);
    bed_say(&w.b, w.ann, WF_MSG_stage, &m);
    a = ordered(&w, w.one);
    fetched(&w, w.one, a, 1, WEFT_EIO, 0);
    a = ordered(&w, w.two);
    ok(a != 0, "when one fails another is asked");
    fetched(&w, w.two, a, 1, WEFT_ERESOURCE, 0);
    ok(ended(&w, WEFT_ERESOURCE) && told(&w, &info) && wf_slice_is(info.text, "no luck"),
       "when no other is left it ends with the reason");
    for (uint8_t i = 3; i <= 6; i++) {
        char name[8];

        (void) snprintf(name, sizeof name, "a%u", i);
        (void) stock_agent(&w.b, i, name, NULL);
    }
    next(&w, &m);
    for (unsigned i = 0; i < 3; i++) {
        for (uint32_t peer = 1; peer <= w.b.last_peer; peer++) {
            a = ordered(&w, peer);
            if (a != 0) {
                fetched(&w, peer, a, 1, WEFT_EIO, 0);
                break;
            }
        }
    }
    ok(ended(&w, WEFT_EIO), "or after three");
    list_fini(&l);
    bed_fini(&w.b);
}

static void agents_go(void)
{
    struct list l = LIST;
    struct wf_stage m = gift(&l, 2);
    struct wf_stage_info info;
    struct world w;
    uint64_t first;

    open_world(&w);
    bed_say(&w.b, w.ann, WF_MSG_stage, &m);
    first = ordered(&w, w.one);
    must(first != 0);
    bed_down(&w.b, w.one);
    ok(ordered(&w, w.two) != 0, "an agent goes: another one goes on");
    bed_down(&w.b, w.two);
    ok(told(&w, &info) && !info.over &&
           wf_slice_is(info.text, "waits for one or 1 more, which are away"),
       "with nobody left it waits, and says for whom");
    bed_tick(&w.b, BED_SECOND);
    ok(!told(&w, &info), "and says so once");
    m.residency = wf_slice_of("ch");
    next(&w, &m);
    ok(ended(&w, WEFT_ENOAGENT), "but not for those that may not have it");
    w.one = bed_hello(&w.b, 1, WF_ROLE_AGENT, 1);
    stock_info(&w.b, w.one, NULL, 1, 1000 * MIB);
    bed_resync(&w.b, w.one);
    ok(ordered(&w, w.one) == 0, "one comes back");
    fetched(&w, w.one, first, 1, 0, 3 * KIB);
    ok(!told(&w, &info), "what it did for an older order is nothing");
    stock_holds(&w.b, w.one, 1, NULL, 1000 * MIB);
    ok(ordered(&w, w.one) != 0, "and is asked when it told what it has");
    bed_tick(&w.b, 3 * BED_SECOND);
    list_fini(&l);
    bed_fini(&w.b);
}

static void torpid(void)
{
    struct list l = LIST;
    struct wf_stage m = gift(&l, 2);
    struct wf_stage_info info;
    const struct wf_ping alive = {.seq = 1};
    struct world w;

    open_world(&w);
    bed_tick(&w.b, 3 * BED_SECOND);
    bed_say(&w.b, w.ann, WF_MSG_stage, &m);
    ok(told(&w, &info) && !info.over, "silent agents are waited for");
    bed_say(&w.b, w.two, WF_MSG_ping, &alive);
    ok(ordered(&w, w.two) != 0, "until one speaks");
    list_fini(&l);
    bed_fini(&w.b);
}

static void clients_go(void)
{
    struct list l = LIST;
    struct wf_stage m = gift(&l, 2);
    struct wf_stage d = {.req = 5, .dataset = wf_slice_of("pics")};
    struct world w;
    uint64_t order;

    open_world(&w);
    stock_simple(&w.b, w.ann, "pics", NULL, 7, 2);
    bed_say(&w.b, w.ann, WF_MSG_stage, &m);
    must(ordered(&w, w.one) != 0);
    d.node = wf_slice_of("two");
    bed_say(&w.b, w.ann, WF_MSG_stage, &d);
    order = ordered(&w, w.two);
    must(order != 0);
    d.req = 6;
    d.more = 1;
    bed_say(&w.b, w.ann, WF_MSG_stage, &d);
    bed_down(&w.b, w.ann);
    ok(cancelled(&w, w.one) && !cancelled(&w, w.two),
       "the client goes: what it gives ends, a dataset goes on");
    is_int(w.b.c->data.stages.n, 1, "and what was not said to the end is gone");
    fetched(&w, w.two, order, 1, WEFT_EIO, 0);
    is_int(w.b.c->data.stages.n, 0, "nobody waits for how it ends");
    list_fini(&l);
    bed_fini(&w.b);
}

static void ends(void)
{
    struct list l = LIST;
    struct wf_stage m = gift(&l, 2);
    const struct wf_stage end = {.req = 4, .end = 1};
    struct wf_stage_info info;
    struct world w;

    open_world(&w);
    bed_say(&w.b, w.ann, WF_MSG_stage, &m);
    bed_say(&w.b, w.ann, WF_MSG_stage, &m);
    ok(!told(&w, &info) && ordered(&w, w.one) == 0, "said twice it is one");
    bed_say(&w.b, w.ann, WF_MSG_stage, &end);
    ok(cancelled(&w, w.one) && !told(&w, &info), "it is not wanted any more");
    bed_say(&w.b, w.ann, WF_MSG_stage, &end);
    is_int(w.b.fx.n, 0, "twice is nothing");
    list_fini(&l);
    bed_fini(&w.b);
}

static void pages(void)
{
    struct list l = LIST;
    struct wf_stage m = gift(&l, 2);
    struct wf_stage_info info;
    struct world w;
    struct wf_msg x;

    open_world(&w);
    m.more = 1;
    m.node = wf_slice_of("two");
    bed_say(&w.b, w.ann, WF_MSG_stage, &m);
    is_int(w.b.fx.n, 0, "a page alone is nothing");
    list_fini(&l);
    list_blob(&l, 9, 9 * KIB);
    m = (struct wf_stage){.req = 4, .rows = l.rows, .mine = 1};
    bed_say(&w.b, w.ann, WF_MSG_stage, &m);
    ok(bed_told(&w.b, w.two, WF_MSG_fetch, 0, &x) && x.u.fetch.rows.count == 3 &&
           x.u.fetch.pin,
       "the last begins, with the terms of the first");
    list_fini(&l);
    list_blob(&l, 9, 8 * KIB);
    m = (struct wf_stage){.req = 5, .rows = l.rows, .mine = 1, .more = 1};
    bed_say(&w.b, w.ann, WF_MSG_stage, &m);
    ok(ended(&w, WEFT_EPROTO), "a blob has one size");
    m.more = 0;
    bed_say(&w.b, w.ann, WF_MSG_stage, &m);
    ok(!told(&w, &info) && w.b.c->data.stages.n == 1, "the rest of it is skipped");
    list_fini(&l);
    bed_fini(&w.b);
}

static void long_orders(void)
{
    struct wf_stage m = {.req = 4, .mine = 1};
    unsigned rows = 0, steps = 0, more = 1;
    struct world w;

    open_world(&w);
    for (unsigned i = 0; i < 10000; i += 250) {
        struct list l = LIST;

        for (unsigned k = i; k < i + 250; k++) {
            list_blob(&l, k, KIB);
        }
        m.rows = l.rows;
        m.more = i + 250 < 10000;
        bed_say(&w.b, w.ann, WF_MSG_stage, &m);
        list_fini(&l);
    }
    for (; more && steps < 100; steps++) {
        struct wf_msg x;

        for (unsigned k = 0; bed_told(&w.b, w.one, WF_MSG_fetch, k, &x); k++) {
            rows += x.u.fetch.rows.count;
            more = x.u.fetch.more != 0;
        }
        if (more) {
            bed_tick(&w.b, DATA_TICK_US);
        }
    }
    ok(rows == 10000 && steps > 5, "comes in turns");
    is_int(data_due(w.b.c), 0, "and ends");
    bed_fini(&w.b);
}

static void bad_data(void)
{
    const struct wf_query follow = {
        .req = 1, .kind = WF_QUERY_EVENTS, .key = wf_slice_of("follow"), .limit = 1};
    const struct wf_fetched m = {.text = wf_slice_of("chunk 3 of 05"),
                                 .from = wf_slice_of("two")};
    uint32_t boss;
    struct world w;

    open_world(&w);
    boss = bed_operator(&w.b, 20);
    bed_say(&w.b, boss, WF_MSG_query, &follow);
    bed_say(&w.b, w.one, WF_MSG_fetched, &m);
    is_int(bed_count(&w.b, boss, WF_MSG_events_page), 1, "wrong bytes are an event");
    bed_say(&w.b, w.one, WF_MSG_fetched, &m);
    is_int(bed_count(&w.b, boss, WF_MSG_events_page), 0, "once a second");
    is_int(w.b.c->count.corrupt_chunks, 2, "and counted");
    bed_fini(&w.b);
}

static void absurd_sizes(void)
{
    struct list l = LIST;
    struct wf_stage m = gift(&l, 1);
    struct wf_stage_info info;
    struct world w;
    uint64_t order;

    open_world(&w);
    m.copies = 62;
    bed_say(&w.b, w.ann, WF_MSG_stage, &m);
    order = ordered(&w, w.one);
    CONTAINER_OF(w.b.c->data.stages.all.next, struct stage, in_all)->total =
        UINT64_MAX / 2;
    bed_tick(&w.b, BED_SECOND);
    fetched(&w, w.one, order, 0, 0, UINT64_MAX);
    ok(told(&w, &info) && info.total == UINT64_MAX && info.bytes == UINT64_MAX / 2,
       "sums do not wrap");
    list_fini(&l);
    bed_fini(&w.b);
}

int main(void)
{
    gives();
    by_bytes();
    by_terms();
    by_room();
    datasets();
    copies();
    everywhere();
    failures();
    agents_go();
    torpid();
    clients_go();
    ends();
    pages();
    long_orders();
    bad_data();
    absurd_sizes();
    return done();
}

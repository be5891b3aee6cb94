/* Orders of the broker: to fetch, to keep. */
#include "tests/unit/agent/core/world.h"

static const unsigned one[] = {6}, both[] = {6, 7}, small[] = {0, 1, 2};

static void fetches(void)
{
    struct wf_fetched f;
    struct world w;

    open_world(&w, 1, 0);
    order(&w, (struct wf_fetch){.req = 3, .pin = 1}, both, 2);
    is_int(node_data_counts(w.b.n).orders, 1, "an order");
    settle(&w);
    ok(order_over(&w, 3, &f) && f.code == 0 && f.bytes == f.total &&
           f.total == w.blobs[6].size + w.blobs[7].size && f.moved >= f.total &&
           wf_slice_is(f.from, "far"),
       "is carried out, and told of");
    ok(w.blobs[6].pinned && w.blobs[7].pinned, "what was to be pinned is");
    ok(!w.blobs[6].held && node_data_counts(w.b.n).orders == 0, "then it is forgotten");
    forget(&w);
    order(&w, (struct wf_fetch){.req = 4}, both, 2);
    ok(order_over(&w, 4, &f) && f.code == 0 && f.bytes == f.total && f.moved == 0,
       "what is here counts at once");
    settle(&w);
    ok(w.blobs[6].begins == 1, "and is not fetched");
    forget(&w);
    order(&w, (struct wf_fetch){.req = 5}, NULL, 0);
    ok(order_over(&w, 5, &f) && f.code == 0, "an order of nothing is over");
    close_world(&w);
}

static void comes_in_pieces(void)
{
    struct wf_fetched f;
    struct world w;

    open_world(&w, 1, 0);
    put(&w, 0);
    order(&w, (struct wf_fetch){.req = 3, .more = 1}, small, 1);
    ok(!order_over(&w, 3, &f), "what is here is not all");
    order(&w, (struct wf_fetch){.req = 3, .more = 1}, small, 2);
    settle(&w);
    ok(!order_over(&w, 3, &f) && w.blobs[1].begins == 1, "while more follows");
    order(&w, (struct wf_fetch){.req = 3}, small + 2, 1);
    settle(&w);
    ok(order_over(&w, 3, &f) && f.code == 0 &&
           f.total == w.blobs[0].size + w.blobs[1].size + w.blobs[2].size,
       "a blob twice counts once");
    close_world(&w);
}

static void tells_how_it_goes(void)
{
    struct wf_fetched f;
    struct wf_msg m;
    struct world w;

    open_world(&w, 1, 0);
    w.mute = 1;
    order(&w, (struct wf_fetch){.req = 3}, one, 1);
    settle(&w);
    pass(&w, 1000);
    is_int(times(&w, WF_MSG_fetched), 0, "no news is not told");
    order(&w, (struct wf_fetch){.req = 3, .end = 1}, NULL, 0);
    settle(&w);
    w.mute = 0;
    w.stingy = 1;
    w.left = 2;
    forget(&w);
    order(&w, (struct wf_fetch){.req = 4}, one, 1);
    settle(&w);
    is_int(times(&w, WF_MSG_fetched), 0, "nor what came just now");
    pass(&w, 600);
    ok(heard(&w, WF_MSG_fetched, 0, &m) && m.u.fetched.req == 4 && !m.u.fetched.over &&
           m.u.fetched.bytes == 2ull * WORLD_CHUNK &&
           m.u.fetched.total == w.blobs[6].size &&
           m.u.fetched.moved >= m.u.fetched.bytes && wf_slice_is(m.u.fetched.from, "far"),
       "but before long");
    pass(&w, 1000);
    is_int(times(&w, WF_MSG_fetched), 1, "once");
    w.stingy = 0;
    pass(&w, 60000);
    ok(order_over(&w, 4, &f) && f.code == 0, "and the end");
    close_world(&w);
}

static void is_refused(void)
{
    struct wf_fetched f;
    struct world w;

    open_world(&w, 1, 0);
    order(&w, (struct wf_fetch){.req = 3, .more = 1, .residency = wf_slice_of("us")}, one,
          1);
    ok(order_over(&w, 3, &f) && f.code == (uint64_t) -WEFT_EPERM && f.text.len != 0 &&
           node_data_counts(w.b.n).blobs == 0,
       "data that may not be here");
    forget(&w);
    order(&w, (struct wf_fetch){.req = 3, .more = 1, .residency = wf_slice_of("us")},
          both, 2);
    order(&w, (struct wf_fetch){.req = 3, .residency = wf_slice_of("us")}, both, 2);
    ok(times(&w, WF_MSG_fetched) == 0 && node_data_counts(w.b.n).orders == 0 &&
           node_data_counts(w.b.n).blobs == 0,
       "what follows of it is left out");
    w.full = 1;
    forget(&w);
    order(&w, (struct wf_fetch){.req = 4}, both, 2);
    settle(&w);
    pass(&w, 60000);
    ok(order_over(&w, 4, &f) && f.code == (uint64_t) -WEFT_EFULL && f.text.len > 20 &&
           node_data_counts(w.b.n).blobs == 0,
       "data for which there is no room");
    w.full = 0;
    w.blobs[6].size++;
    forget(&w);
    put(&w, 7);
    w.blobs[7].size++;
    order(&w, (struct wf_fetch){.req = 5}, both + 1, 1);
    ok(order_over(&w, 5, &f) && f.code == (uint64_t) -WEFT_ECONFLICT,
       "a blob of another size than it has");
    close_world(&w);
}

static void is_cancelled(void)
{
    struct wf_fetched f;
    struct world w;

    open_world(&w, 1, 0);
    w.mute = 1;
    order(&w, (struct wf_fetch){.req = 3}, both, 2);
    order(&w, (struct wf_fetch){.req = 4}, one, 1);
    settle(&w);
    must(node_data_counts(w.b.n).pull.blobs == 2);
    order(&w, (struct wf_fetch){.req = 3, .end = 1}, NULL, 0);
    settle(&w);
    ok(order_over(&w, 3, &f) && f.code == (uint64_t) -WEFT_ECANCELLED,
       "an order is taken back");
    is_int(node_data_counts(w.b.n).pull.blobs, 1, "what another one needs goes on");
    order(&w, (struct wf_fetch){.req = 4, .end = 1}, NULL, 0);
    order(&w, (struct wf_fetch){.req = 9, .end = 1}, NULL, 0);
    settle(&w);
    ok(node_data_counts(w.b.n).pull.blobs == 0 && node_data_counts(w.b.n).orders == 0,
       "what none needs does not");
    close_world(&w);
}

static void outlives_its_session(void)
{
    struct wf_fetched f;
    struct world w;

    open_world(&w, 1, 0);
    w.mute = 1;
    order(&w, (struct wf_fetch){.req = 3, .pin = 1}, both, 2);
    settle(&w);
    cut_world(&w);
    ok(node_data_counts(w.b.n).pull.blobs == 2, "it goes on while cut off");
    forget(&w);
    w.mute = 0;
    back_world(&w);
    ok(node_data_counts(w.b.n).orders == 1, "and after that for a while");
    order(&w, (struct wf_fetch){.req = 12}, one, 1);
    settle(&w);
    pass(&w, 30000);
    ok(order_over(&w, 12, &f) && f.code == 0 && w.blobs[6].begins == 1,
       "ordered again it is no second fetch");
    ok(!order_over(&w, 3, &f) && w.blobs[7].pinned && node_data_counts(w.b.n).orders == 0,
       "what the broker has forgotten ends without a word");
    close_world(&w);

    open_world(&w, 1, 0);
    w.mute = 1;
    order(&w, (struct wf_fetch){.req = 3}, both, 2);
    settle(&w);
    cut_world(&w);
    w.deaf = 1;
    back_world(&w);
    pass(&w, 59000);
    is_int(node_data_counts(w.b.n).orders, 1, "what is not ordered again");
    pass(&w, 2000);
    ok(node_data_counts(w.b.n).orders == 0 && node_data_counts(w.b.n).pull.blobs == 0,
       "is dropped in the end");
    close_world(&w);

    open_world(&w, 1, 0);
    w.mute = 1;
    order(&w, (struct wf_fetch){.req = 1}, both, 2);
    cut_world(&w);
    back_world(&w);
    order(&w, (struct wf_fetch){.req = 1}, small, 1);
    w.mute = 0;
    pass(&w, 1000);
    ok(order_over(&w, 1, &f) && f.total == w.blobs[0].size,
       "a number of another session is another order");
    close_world(&w);
}

static void waits_on_a_metered_link(void)
{
    const struct node_limits free_of_charge = {.pull = {.metered = 0}};
    struct node_event ev = {.kind = NODE_LIMITS, .limits = &free_of_charge};
    struct wf_fetched f;
    struct world w;

    init_world(&w, 1, 4);
    w.b.cfg.pull.limits.metered = 1;
    start_world(&w);
    order(&w, (struct wf_fetch){.req = 3}, both, 2);
    settle(&w);
    pass(&w, 10000);
    ok(w.locates == 0 && !order_over(&w, 3, &f), "what nothing waits for is put off");
    assign_with(&w, 1, 6, "");
    settle(&w);
    pass(&w, 1000);
    ok(w.b.nstarted == 1 && w.blobs[7].begins == 0, "what a job waits for is not");
    act(&w, &ev);
    settle(&w);
    pass(&w, 10000);
    ok(order_over(&w, 3, &f) && f.code == 0, "until it costs nothing");
    close_world(&w);
}

static void has_no_room_for_more_orders(void)
{
    struct wf_fetched f;
    struct world w;

    open_world(&w, 1, 0);
    w.deaf = 1;
    for (unsigned i = 1; i <= 1024; i++) {
        order(&w, (struct wf_fetch){.req = i}, one, 1);
    }
    is_int(times(&w, WF_MSG_fetched), 0, "many orders");
    order(&w, (struct wf_fetch){.req = 1025}, one, 1);
    ok(order_over(&w, 1025, &f) && f.code == (uint64_t) -WEFT_EBUSY,
       "but not any number");
    close_world(&w);
}

static void keeps(void)
{
    struct world w;

    open_world(&w, 1, 4);
    put(&w, 1);
    keep(&w, WF_KEEP_PIN, 1);
    settle(&w);
    ok(w.blobs[1].pinned, "a blob is pinned");
    keep(&w, WF_KEEP_UNPIN, 1);
    settle(&w);
    ok(!w.blobs[1].pinned, "unpinned");
    keep(&w, WF_KEEP_DROP, 1);
    settle(&w);
    ok(w.blobs[1].map == 0, "dropped");
    put(&w, 2);
    keep(&w, WF_KEEP_PIN, 2);
    settle(&w);
    assign_with(&w, 1, 2, "");
    must(w.b.nstarted == 1);
    keep(&w, WF_KEEP_DROP, 2);
    settle(&w);
    ok(w.blobs[2].map != 0 && !w.blobs[2].pinned && w.blobs[2].held,
       "but not while a run needs it: its pin goes");
    close_world(&w);
}

int main(void)
{
    fetches();
    comes_in_pieces();
    tells_how_it_goes();
    is_refused();
    is_cancelled();
    outlives_its_session();
    waits_on_a_metered_link();
    has_no_room_for_more_orders();
    keeps();
    return done();
}

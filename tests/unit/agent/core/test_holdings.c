/* What the broker is told of the blobs of an agent. */
#include "tests/unit/agent/core/world.h"

static void hold_many(struct world *w, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        struct node_hold h = {.size = 10, .have = 10};
        struct node_event ev = {.kind = NODE_BLOB_HELD, .hold = &h};

        memcpy(h.digest.b, &i, sizeof i);
        step(&w->b, &ev);
    }
}

static void tells_all(void)
{
    struct node_event ev = {.kind = NODE_BLOBS_LISTED, .used = 50, .room = 70};
    struct wf_hold_row row;
    struct wf_msg m;
    struct world w;

    init_world(&w, 1, 0);
    must(node_new(&w.b.cfg, &w.b.n) == 0);
    happens(&w.b, NODE_START);
    w.blobs[3].pinned = 1;
    put(&w, 3);
    join_world(&w);
    pass(&w, 3000);
    ok(heard(&w, WF_MSG_agent_info, 0, &m) && m.u.agent_info.data_cap == 1u << 30,
       "an agent with a store says so");
    is_int(times(&w, WF_MSG_holdings), 0, "what is not listed yet is not told");
    act(&w, &ev);
    ok(heard(&w, WF_MSG_holdings, 0, &m) && m.u.holdings.reset &&
           m.u.holdings.used == 50 && m.u.holdings.room == 70 &&
           m.u.holdings.rows.count == 1 &&
           wf_rows_next(&m.u.holdings.rows, wf_desc_hold_row(), &row) &&
           wf_digest_eq(&row.digest, &w.blobs[3].digest) && row.have == w.blobs[3].size &&
           row.flags == WF_HOLD_PINNED,
       "then all of it");
    pass(&w, 5000);
    is_int(times(&w, WF_MSG_holdings), 1, "once");
    cut_world(&w);
    put(&w, 4);
    forget(&w);
    back_world(&w);
    pass(&w, 100);
    ok(heard(&w, WF_MSG_holdings, 0, &m) && m.u.holdings.reset &&
           m.u.holdings.rows.count == 2 && times(&w, WF_MSG_holdings) == 1,
       "and again in the next session, with what came meanwhile");
    close_world(&w);

    open_world(&w, 1, 0);
    ok(heard(&w, WF_MSG_holdings, 0, &m) && m.u.holdings.reset &&
           m.u.holdings.rows.count == 0,
       "nothing is told, too");
    close_world(&w);
}

static void tells_much_in_pieces(void)
{
    unsigned rows = 0, resets = 0;
    struct wf_msg m;
    struct world w;

    init_world(&w, 1, 0);
    must(node_new(&w.b.cfg, &w.b.n) == 0);
    hold_many(&w, 0, 20000);
    happens(&w.b, NODE_START);
    list_store(&w);
    join_world(&w);
    ok(times(&w, WF_MSG_holdings) < 10, "a step says so much only");
    pass(&w, 1000);
    for (unsigned i = 0; heard(&w, WF_MSG_holdings, i, &m); i++) {
        rows += m.u.holdings.rows.count;
        resets += (unsigned) m.u.holdings.reset;
        must(m.u.holdings.rows.count <= 1024 && m.u.holdings.seq == i + 1);
    }
    ok(rows == 20000 && resets == 1, "but all comes, and resets once");
    close_world(&w);
}

static void tells_changes(void)
{
    struct node_event ev = {.kind = NODE_BLOB_STATS, .used = 50, .room = 100};
    struct wf_hold_row row;
    struct wf_msg m;
    struct world w;

    open_world(&w, 1, 0);
    forget(&w);
    put(&w, 0);
    put(&w, 1);
    settle(&w);
    is_int(times(&w, WF_MSG_holdings), 0, "changes gather");
    pass(&w, 1100);
    ok(times(&w, WF_MSG_holdings) == 1 && heard(&w, WF_MSG_holdings, 0, &m) &&
           !m.u.holdings.reset && m.u.holdings.rows.count == 2,
       "for a second");
    forget(&w);
    lose(&w, 0);
    put(&w, 2);
    lose(&w, 2);
    pass(&w, 1100);
    ok(heard(&w, WF_MSG_holdings, 0, &m) && m.u.holdings.rows.count == 1 &&
           wf_rows_next(&m.u.holdings.rows, wf_desc_hold_row(), &row) && row.have == 0 &&
           wf_digest_eq(&row.digest, &w.blobs[0].digest),
       "what is gone is told, but not what never was");
    is_int(node_data_counts(w.b.n).blobs, 1, "and forgotten");
    forget(&w);
    act(&w, &ev);
    pass(&w, 1100);
    ok(heard(&w, WF_MSG_holdings, 0, &m) && m.u.holdings.rows.count == 0 &&
           m.u.holdings.used == 50,
       "so is the room");
    forget(&w);
    ev.room = 101;
    act(&w, &ev);
    pass(&w, 3000);
    is_int(times(&w, WF_MSG_holdings), 0, "a little more or less is not");
    cut_world(&w);
    lose(&w, 1);
    is_int(node_data_counts(w.b.n).blobs, 0, "while cut off it goes at once");
    close_world(&w);
}

static void tells_what_comes_in(void)
{
    static const unsigned one[] = {6};
    struct wf_hold_row row;
    struct wf_msg m;
    struct world w;

    open_world(&w, 1, 0);
    w.stingy = 1;
    w.left = 2;
    forget(&w);
    order(&w, (struct wf_fetch){.req = 1}, one, 1);
    settle(&w);
    pass(&w, 1100);
    ok(times(&w, WF_MSG_holdings) == 1 && heard(&w, WF_MSG_holdings, 0, &m) &&
           wf_rows_next(&m.u.holdings.rows, wf_desc_hold_row(), &row) &&
           row.have == 2ull * WORLD_CHUNK,
       "parts count, too");
    w.stingy = 0;
    forget(&w);
    pass(&w, 60000);
    ok(heard(&w, WF_MSG_holdings, 0, &m), "and the whole");
    close_world(&w);

    open_world(&w, 1, 0);
    put(&w, 0);
    pass(&w, 1500);
    put(&w, 1);
    pass(&w, 100);
    forget(&w);
    order(&w, (struct wf_fetch){.req = 1}, one, 1);
    settle(&w);
    pass(&w, 100);
    is_int(times(&w, WF_MSG_holdings), 1, "what somebody waited for is told at once");
    close_world(&w);
}

int main(void)
{
    tells_all();
    tells_much_in_pieces();
    tells_changes();
    tells_what_comes_in();
    return done();
}

/* What transfers show of links, and the broker is told. */
#include "tests/unit/agent/core/world.h"

/* The newest row about a peer whose key is 32 times this byte: 1 when there is one. */
static int told(const struct world *w, uint8_t key, struct wf_link_row *ret)
{
    struct wf_link_row row;
    struct wf_msg m;
    int found = 0;

    for (unsigned n = 0; heard(w, WF_MSG_links, n, &m); n++) {
        while (wf_rows_next(&m.u.links.rows, wf_desc_link_row(), &row)) {
            struct wf_key want;

            memset(want.b, key, sizeof want.b);
            if (wf_key_eq(&row.peer, &want)) {
                *ret = row;
                found = 1;
            }
        }
    }
    return found;
}

/* As settle(), but each answer takes a millisecond. */
static void settle_slowly(struct world *w)
{
    struct node_event tick = {.kind = NODE_TICK};

    for (unsigned ticks = 0; ticks < 1000; ticks++) {
        while (w->at < w->queue.len) {
            w->b.now_us += MS;
            answer_next(w);
        }
        wf_buf_clear(&w->queue);
        w->at = 0;
        if (node_wakeup_us(w->b.n) > w->b.now_us) {
            return;
        }
        act(w, &tick);
    }
    must(!"the node comes to rest");
}

static void shows_the_holder(void)
{
    static const unsigned small[] = {0}, large[] = {6, 7};
    struct node_event probe = {.kind = NODE_PROBED, .rtt_us = 4000};
    struct wf_link_row row;
    struct world w;

    open_world(&w, 1, 0);
    order(&w, (struct wf_fetch){.req = 1}, small, 1);
    settle_slowly(&w);
    ok(w.blobs[0].map == world_all(&w.blobs[0]) && !told(&w, 9, &row),
       "what is small tells no rate");
    act(&w, &probe);
    ok(told(&w, 0, &row) && row.rtt_us == 4000 && row.down == 0, "nor the broker's row");
    order(&w, (struct wf_fetch){.req = 2}, large, 2);
    settle_slowly(&w);
    must(w.blobs[7].map == world_all(&w.blobs[7]));
    /* A chunk a millisecond, at most. */
    ok(told(&w, 9, &row) && row.down > 1000000 && row.down <= WORLD_CHUNK * 1000 &&
           row.up == 0 && row.samples != 0 && wf_slice_is(row.name, "far"),
       "what is large shows what came from the holder");
    ok(told(&w, 0, &row) && row.down > 1000000 && row.rtt_us == 4000,
       "and what the node takes in at all");
    forget(&w);
    cut_world(&w);
    ok(times(&w, WF_MSG_links) == 0, "cut off there is nobody to tell");
    close_world(&w);
}

int main(void)
{
    shows_the_holder();
    return done();
}

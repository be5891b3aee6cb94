#include "broker/core/queries/news.h"

#include "tests/lib/tap.h"

static void adds(void)
{
    const struct wf_id job = {{7}};
    struct wf_event_row row;
    struct news n;

    must(news_init(&n) == 0);
    ok(news_get(&n, 0) == NULL && news_get(&n, 1) == NULL, "nothing at first");
    (void) news_add(&n, 111, 1, "agent-lost", "edge-1", &job, "gone");
    ok(news_get(&n, 1) != NULL && news_get(&n, 2) == NULL, "numbers start at one");
    row = news_row(news_get(&n, 1));
    ok(row.seq == 1 && row.wall_ms == 111 && row.level == 1 &&
           wf_slice_is(row.kind, "agent-lost") && wf_slice_is(row.node, "edge-1") &&
           wf_slice_is(row.text, "gone") && wf_id_eq(&row.job, &job),
       "what was added");
    (void) news_add(&n, 112, 2, "x", NULL, NULL, "");
    row = news_row(news_get(&n, 2));
    ok(row.node.len == 0 && wf_id_is_zero(&row.job), "about no node and no job");
    for (unsigned i = 0; i < NEWS_KEPT; i++) {
        (void) news_add(&n, 0, 2, "x", NULL, NULL, "");
    }
    ok(news_get(&n, 2) == NULL, "a reader sees that the oldest are gone");
    ok(news_get(&n, 3) != NULL && news_get(&n, NEWS_KEPT + 2) != NULL, "not the rest");
    news_fini(&n);
}

/* Neighbours that tell more than there is room for. */
static void hears_much(void)
{
    const struct wf_id none = {{0}};
    const struct news_item *x;
    struct news n;

    must(news_init(&n) == 0);
    (void) news_add(&n, 0, 2, "own", NULL, NULL, "first");
    for (unsigned i = 0; i < 2 * NEWS_KEPT; i++) {
        (void) news_add_heard(&n, 0, 1, "far", "b2", &none, "");
    }
    (void) news_add(&n, 0, 2, "own", NULL, NULL, "last");
    ok(news_get(&n, 1) != NULL, "what neighbours tell pushes out nothing of our own");
    ok(news_get(&n, 2) == NULL, "but what they told before");
    is_int(news_before(&n, n.next)->seq, 2 * NEWS_KEPT + 2, "the newest of all");
    x = news_before(&n, 2 * NEWS_KEPT + 2);
    ok(x->seq == 2 * NEWS_KEPT + 1 && wf_slice_is(wf_slice_of(x->kind), "far"),
       "and the one before, whosever it is");
    x = news_from(&n, 2);
    is_int(x->seq, 2 * NEWS_KEPT + 2 - NEWS_HEARD, "as many of theirs as there is room");
    is_int(news_before(&n, x->seq)->seq, 1, "behind them our own");
    ok(news_before(&n, 1) == NULL && news_from(&n, n.next) == NULL, "and no more");
    news_fini(&n);
}

/* The store gives them in any order. */
static void comes_back(void)
{
    struct wf_event_row row = {.wall_ms = 1, .level = 1, .kind = wf_slice_of("k")};
    static const uint64_t order[] = {3, 9, 5};
    uint64_t evicted = 0;
    struct news n;

    must(news_init(&n) == 0);
    for (unsigned i = 0; i < ARRAY_LEN(order); i++) {
        row.seq = order[i];
        evicted += news_replay(&n, &row);
    }
    is_int(evicted, 0, "there is room for all");
    is_int(n.next, 10, "numbers go on behind the last");
    ok(news_from(&n, 4)->seq == 5 && news_before(&n, 9)->seq == 5, "they are in order");
    for (row.seq = 10; row.seq < 10 + NEWS_KEPT - 3; row.seq++) {
        evicted += news_replay(&n, &row);
    }
    is_int(evicted, 0, "until it is full");
    is_int(news_evicted(&n), 3, "then the oldest makes way");
    row.seq = 2;
    is_int(news_replay(&n, &row), 2, "but not for one that is older still");
    is_int(news_replay(&n, &(struct wf_event_row){.seq = 5000}), 3, "for a later one");
    news_fini(&n);
}

int main(void)
{
    adds();
    hears_much();
    comes_back();
    return done();
}

#include "broker/core/queries/news.h"

#include "tests/lib/tap.h"

int main(void)
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
    return done();
}

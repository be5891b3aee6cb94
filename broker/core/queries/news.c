#include "broker/core/queries/news.h"

#include "common/err.h"
#include "common/mem.h"
#include "common/str.h"

int news_init(struct news *n)
{
    *n = (struct news){.ring = wf_calloc(NEWS_KEPT, sizeof *n->ring), .next = 1};
    return n->ring != NULL ? 0 : WEFT_ENOMEM;
}

void news_fini(struct news *n)
{
    wf_free(n->ring);
    n->ring = NULL;
}

struct news_item *news_add(struct news *n, uint64_t wall_ms, unsigned level,
                           const char *kind, const char *node, const struct wf_id *job,
                           const char *text)
{
    struct news_item *x = &n->ring[n->next % NEWS_KEPT];

    *x = (struct news_item){.seq = n->next++, .wall_ms = wall_ms, .level = level};
    (void) wf_str_copy(x->kind, sizeof x->kind, kind);
    (void) wf_str_copy(x->node, sizeof x->node, node != NULL ? node : "");
    (void) wf_str_copy(x->text, sizeof x->text, text);
    if (job != NULL) {
        x->job = *job;
    }
    return x;
}

uint64_t news_evicted(const struct news *n)
{
    const struct news_item *x = &n->ring[n->next % NEWS_KEPT];

    return x->stored ? x->seq : 0;
}

uint64_t news_replay(struct news *n, const struct wf_event_row *row)
{
    struct news_item *x = &n->ring[row->seq % NEWS_KEPT];
    uint64_t old = x->stored ? x->seq : 0;

    if (old > row->seq) {
        return row->seq;
    }
    *x = (struct news_item){.seq = row->seq,
                            .wall_ms = row->wall_ms,
                            .level = (unsigned) row->level,
                            .job = row->job,
                            .stored = 1};
    wf_slice_str(row->kind, x->kind, sizeof x->kind);
    wf_slice_str(row->node, x->node, sizeof x->node);
    wf_slice_str(row->text, x->text, sizeof x->text);
    n->next = wf_max_u64(n->next, row->seq + 1);
    return old;
}

const struct news_item *news_get(const struct news *n, uint64_t seq)
{
    const struct news_item *x = &n->ring[seq % NEWS_KEPT];

    return seq != 0 && seq < n->next && x->seq == seq ? x : NULL;
}

struct wf_event_row news_row(const struct news_item *item)
{
    return (struct wf_event_row){.seq = item->seq,
                                 .wall_ms = item->wall_ms,
                                 .level = item->level,
                                 .kind = wf_slice_of(item->kind),
                                 .node = wf_slice_of(item->node),
                                 .job = item->job,
                                 .text = wf_slice_of(item->text)};
}

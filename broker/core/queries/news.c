#include "broker/core/queries/news.h"

#include "common/err.h"
#include "common/mem.h"
#include "common/str.h"

static int ring_init(struct news_ring *r, unsigned max)
{
    *r = (struct news_ring){.v = wf_calloc(max, sizeof *r->v), .max = max};
    return r->v != NULL ? 0 : WEFT_ENOMEM;
}

int news_init(struct news *n)
{
    *n = (struct news){.next = 1};
    if (ring_init(&n->own, NEWS_KEPT) != 0 || ring_init(&n->heard, NEWS_HEARD) != 0) {
        news_fini(n);
        return WEFT_ENOMEM;
    }
    return 0;
}

void news_fini(struct news *n)
{
    wf_free(n->own.v);
    wf_free(n->heard.v);
    n->own.v = n->heard.v = NULL;
}

/* -- a ring ----------------------------------------------------------------------------
 */

static size_t ring_len(const struct news_ring *r)
{
    return (size_t) wf_min_u64(r->count, r->max);
}

/* From the oldest on. */
static struct news_item *ring_at(const struct news_ring *r, size_t i)
{
    return &r->v[(r->count - ring_len(r) + i) % r->max];
}

/* How many of them have lower numbers. */
static size_t ring_below(const struct news_ring *r, uint64_t seq)
{
    size_t from = 0, to = ring_len(r);

    while (from < to) {
        const size_t mid = from + (to - from) / 2;

        if (ring_at(r, mid)->seq < seq) {
            from = mid + 1;
        } else {
            to = mid;
        }
    }
    return from;
}

static const struct news_item *ring_before(const struct news_ring *r, uint64_t seq)
{
    const size_t n = ring_below(r, seq);

    return n != 0 ? ring_at(r, n - 1) : NULL;
}

static const struct news_item *ring_from(const struct news_ring *r, uint64_t seq)
{
    const size_t n = ring_below(r, seq);

    return n < ring_len(r) ? ring_at(r, n) : NULL;
}

/* -- events ----------------------------------------------------------------------------
 */

static struct news_item *add(struct news *n, struct news_ring *r,
                             const struct news_item *about, const char *kind,
                             const char *node, const char *text)
{
    struct news_item *x = &r->v[r->count++ % r->max];

    *x = *about;
    x->seq = n->next++;
    (void) wf_str_copy(x->kind, sizeof x->kind, kind);
    (void) wf_str_copy(x->node, sizeof x->node, node != NULL ? node : "");
    (void) wf_str_copy(x->text, sizeof x->text, text);
    return x;
}

struct news_item *news_add(struct news *n, uint64_t wall_ms, unsigned level,
                           const char *kind, const char *node, const struct wf_id *job,
                           const char *text)
{
    const struct news_item about = {.wall_ms = wall_ms,
                                    .level = level,
                                    .job = job != NULL ? *job : (struct wf_id){{0}}};

    return add(n, &n->own, &about, kind, node, text);
}

struct news_item *news_add_heard(struct news *n, uint64_t wall_ms, unsigned level,
                                 const char *kind, const char *node,
                                 const struct wf_id *job, const char *text)
{
    const struct news_item about = {.wall_ms = wall_ms, .level = level, .job = *job};

    return add(n, &n->heard, &about, kind, node, text);
}

uint64_t news_evicted(const struct news *n)
{
    const struct news_item *x = &n->own.v[n->own.count % n->own.max];

    return x->stored ? x->seq : 0;
}

uint64_t news_replay(struct news *n, const struct wf_event_row *row)
{
    struct news_ring *r = &n->own;
    const uint64_t old = news_evicted(n);
    size_t i;

    if (ring_len(r) == r->max && row->seq < ring_at(r, 0)->seq) {
        return row->seq;
    }
    r->v[r->count++ % r->max] = (struct news_item){.seq = row->seq,
                                                   .wall_ms = row->wall_ms,
                                                   .level = (unsigned) row->level,
                                                   .job = row->job,
                                                   .stored = 1};
    i = ring_len(r) - 1;
    wf_slice_str(row->kind, ring_at(r, i)->kind, sizeof r->v->kind);
    wf_slice_str(row->node, ring_at(r, i)->node, sizeof r->v->node);
    wf_slice_str(row->text, ring_at(r, i)->text, sizeof r->v->text);
    for (; i != 0 && ring_at(r, i - 1)->seq > ring_at(r, i)->seq; i--) {
        const struct news_item later = *ring_at(r, i - 1);

        *ring_at(r, i - 1) = *ring_at(r, i);
        *ring_at(r, i) = later;
    }
    n->next = wf_max_u64(n->next, row->seq + 1);
    return old;
}

const struct news_item *news_before(const struct news *n, uint64_t seq)
{
    const struct news_item *a = ring_before(&n->own, seq);
    const struct news_item *b = ring_before(&n->heard, seq);

    return a == NULL || (b != NULL && b->seq > a->seq) ? b : a;
}

const struct news_item *news_from(const struct news *n, uint64_t seq)
{
    const struct news_item *a = ring_from(&n->own, seq);
    const struct news_item *b = ring_from(&n->heard, seq);

    return a == NULL || (b != NULL && b->seq < a->seq) ? b : a;
}

const struct news_item *news_get(const struct news *n, uint64_t seq)
{
    const struct news_item *x = news_from(n, seq);

    return x != NULL && x->seq == seq ? x : NULL;
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

#include "common/heap.h"

#include "client/include/weft/error.h"
#include "common/check.h"
#include "common/mem.h"

void wf_heap_init(struct wf_heap *h, size_t max)
{
    *h = (struct wf_heap){.max = max};
}

void wf_heap_fini(struct wf_heap *h)
{
    for (size_t i = 0; i < h->len; i++) {
        h->at[i].node->pos = 0;
    }
    wf_free(h->at);
    wf_heap_init(h, h->max);
}

static int before(const struct wf_heap_place *a, const struct wf_heap_place *b)
{
    return a->key != b->key ? a->key < b->key : a->node->seq < b->node->seq;
}

static void place(struct wf_heap *h, size_t i, struct wf_heap_place p)
{
    h->at[i] = p;
    p.node->pos = i + 1;
}

/* Move the hole at `i` up, then down, to where `node` belongs, and put it there. */
static void sift(struct wf_heap *h, size_t i, struct wf_heap_node *node)
{
    const struct wf_heap_place p = {node->key, node};

    while (i > 0 && before(&p, &h->at[(i - 1) / 2])) {
        place(h, i, h->at[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    for (size_t child = 2 * i + 1; child < h->len; child = 2 * i + 1) {
        if (child + 1 < h->len && before(&h->at[child + 1], &h->at[child])) {
            child++;
        }
        if (!before(&h->at[child], &p)) {
            break;
        }
        place(h, i, h->at[child]);
        i = child;
    }
    place(h, i, p);
}

static int grow(struct wf_heap *h)
{
    size_t cap = h->cap > h->max / 2 ? h->max : wf_max_u64(h->cap * 2, 16);
    struct wf_heap_place *at;

    if (cap > SIZE_MAX / sizeof *at) {
        return WEFT_ENOMEM;
    }
    at = wf_realloc(h->at, cap * sizeof *at);
    if (at == NULL) {
        return WEFT_ENOMEM;
    }
    h->at = at;
    h->cap = cap;
    return 0;
}

int wf_heap_push(struct wf_heap *h, struct wf_heap_node *node, uint64_t key)
{
    WF_CHECK(!wf_heap_in(node));
    if (h->len >= h->max) {
        return WEFT_EFULL;
    }
    if (h->len == h->cap && grow(h) != 0) {
        return WEFT_ENOMEM;
    }
    node->key = key;
    node->seq = h->next_seq++;
    h->len++;
    sift(h, h->len - 1, node);
    return 0;
}

struct wf_heap_node *wf_heap_min(const struct wf_heap *h)
{
    return h->len != 0 ? h->at[0].node : NULL;
}

void wf_heap_remove(struct wf_heap *h, struct wf_heap_node *node)
{
    struct wf_heap_node *last;
    size_t i;

    if (!wf_heap_in(node)) {
        return;
    }
    i = node->pos - 1;
    WF_CHECK(i < h->len && h->at[i].node == node);
    node->pos = 0;
    last = h->at[--h->len].node;
    if (last != node) {
        sift(h, i, last);
    }
}

void wf_heap_update(struct wf_heap *h, struct wf_heap_node *node, uint64_t key)
{
    WF_CHECK(wf_heap_in(node) && node->pos <= h->len &&
             h->at[node->pos - 1].node == node);
    node->key = key;
    node->seq = h->next_seq++;
    sift(h, node->pos - 1, node);
}

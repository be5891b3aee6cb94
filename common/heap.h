/* heap.h - binary min-heap of nodes that know their place
 *
 * Nodes are embedded in what is ordered (deadlines, mostly) and borrowed: the heap owns
 * only its array of places, which grows by doubling up to `max` nodes.  Equal keys
 * leave in the order they were pushed.  Push, remove and update take O(log n).
 */
#ifndef COMMON_HEAP_H
#define COMMON_HEAP_H

#include "common/defs.h"

struct wf_heap_node {
    uint64_t key;
    uint64_t seq; /* assigned by the heap: breaks ties */
    size_t pos;   /* 1-based place in the array; 0: in no heap */
};

/* With the key beside it nodes are compared without looking at them: each is a cache
 * miss.
 */
struct wf_heap_place {
    uint64_t key;
    struct wf_heap_node *node; /* borrowed */
};

struct wf_heap {
    struct wf_heap_place *at; /* owned; at[0] is the minimum */
    size_t len;
    size_t cap;
    size_t max;
    uint64_t next_seq;
};

void wf_heap_init(struct wf_heap *h, size_t max);

/* Frees the array and marks every node as being in no heap. */
void wf_heap_fini(struct wf_heap *h);

/* Insert a node that is in no heap.  0, WEFT_EFULL, WEFT_ENOMEM. */
int wf_heap_push(struct wf_heap *h, struct wf_heap_node *node, uint64_t key);

/* The node with the least key, still inside; NULL when empty. */
struct wf_heap_node *wf_heap_min(const struct wf_heap *h);

/* Harmless when the node is not in. */
void wf_heap_remove(struct wf_heap *h, struct wf_heap_node *node);

/* Give a node that is in the heap another key; among equals it becomes the last. */
void wf_heap_update(struct wf_heap *h, struct wf_heap_node *node, uint64_t key);

static inline int wf_heap_in(const struct wf_heap_node *node)
{
    return node->pos != 0;
}

static inline size_t wf_heap_len(const struct wf_heap *h)
{
    return h->len;
}

#endif

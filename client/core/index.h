/* index.h - hash table of nodes that live inside what they find
 *
 * Several nodes may share a key, and taking one out never needs memory: both are what
 * the table of calls needs.  The key is a number that the owner made from an id; the
 * owner compares the ids themselves.  Buckets double while memory lasts; without it the
 * chains grow longer and nothing fails.
 */
#ifndef CLIENT_CORE_INDEX_H
#define CLIENT_CORE_INDEX_H

#include "common/defs.h"

struct wf_index_node {
    struct wf_index_node *next;
    uint64_t key;
    int in; /* 1 while it is in an index */
};

struct wf_index {
    struct wf_index_node **bucket; /* owned array of borrowed chains */
    size_t nbuckets;               /* a power of two */
    size_t len;
};

/* 0 or WEFT_ENOMEM. */
int wf_index_init(struct wf_index *x);
void wf_index_fini(struct wf_index *x);

/* `node` is in no index. */
void wf_index_add(struct wf_index *x, struct wf_index_node *node, uint64_t key);

/* Harmless when it is not in. */
void wf_index_remove(struct wf_index *x, struct wf_index_node *node);

/* The first node with this key, newest first; the next one after it; NULL: no more. */
struct wf_index_node *wf_index_find(const struct wf_index *x, uint64_t key);
struct wf_index_node *wf_index_again(const struct wf_index_node *node);

#endif

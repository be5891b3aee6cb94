#include "client/core/index.h"

#include "common/err.h"
#include "common/mem.h"

#define FIRST_BUCKETS 64u

/* Keys may be consecutive numbers: multiply, and take the high bits (Knuth). */
static size_t place(uint64_t key, size_t nbuckets)
{
    return (size_t) ((key * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (nbuckets - 1);
}

int wf_index_init(struct wf_index *x)
{
    *x = (struct wf_index){.nbuckets = FIRST_BUCKETS};
    x->bucket = wf_calloc(x->nbuckets, sizeof(struct wf_index_node *));
    return x->bucket != NULL ? 0 : WEFT_ENOMEM;
}

void wf_index_fini(struct wf_index *x)
{
    wf_free(x->bucket);
    *x = (struct wf_index){0};
}

static void put(struct wf_index_node **bucket, size_t nbuckets,
                struct wf_index_node *node)
{
    struct wf_index_node **at = &bucket[place(node->key, nbuckets)];

    node->next = *at;
    *at = node;
}

static void grow(struct wf_index *x)
{
    size_t nbuckets = x->nbuckets * 2;
    struct wf_index_node **bucket = wf_calloc(nbuckets, sizeof(struct wf_index_node *));

    if (bucket == NULL) {
        return;
    }
    for (size_t i = 0; i < x->nbuckets; i++) {
        struct wf_index_node *reversed = NULL, *node, *next;

        /* Turned twice, a chain keeps its order: the newest first. */
        for (node = x->bucket[i]; node != NULL; node = next) {
            next = node->next;
            node->next = reversed;
            reversed = node;
        }
        for (node = reversed; node != NULL; node = next) {
            next = node->next;
            put(bucket, nbuckets, node);
        }
    }
    wf_free(x->bucket);
    x->bucket = bucket;
    x->nbuckets = nbuckets;
}

void wf_index_add(struct wf_index *x, struct wf_index_node *node, uint64_t key)
{
    /* Half full at most: a node in a chain is a cache miss. */
    if (x->len >= x->nbuckets / 2 && x->nbuckets <= SIZE_MAX / 4) {
        grow(x);
    }
    node->key = key;
    node->in = 1;
    put(x->bucket, x->nbuckets, node);
    x->len++;
}

void wf_index_remove(struct wf_index *x, struct wf_index_node *node)
{
    struct wf_index_node **at;

    if (!node->in) {
        return;
    }
    at = &x->bucket[place(node->key, x->nbuckets)];
    while (*at != node) {
        at = &(*at)->next;
    }
    *at = node->next;
    node->next = NULL;
    node->in = 0;
    x->len--;
}

static struct wf_index_node *seek(struct wf_index_node *node, uint64_t key)
{
    while (node != NULL && node->key != key) {
        node = node->next;
    }
    return node;
}

struct wf_index_node *wf_index_find(const struct wf_index *x, uint64_t key)
{
    return seek(x->bucket[place(key, x->nbuckets)], key);
}

struct wf_index_node *wf_index_again(const struct wf_index_node *node)
{
    return seek(node->next, node->key);
}

#include "common/err.h"
#include "common/heap.h"
#include "common/mem.h"
#include "common/rng.h"
#include "tests/lib/tap.h"

#define N 500

static void test_order(void)
{
    struct wf_heap h;
    struct wf_heap_node nodes[6] = {0};
    static const uint64_t keys[6] = {5, 1, 5, 0, 5, UINT64_MAX};
    static const int want[6] = {3, 1, 0, 2, 4, 5};

    wf_heap_init(&h, 6);
    ok(wf_heap_min(&h) == NULL, "empty");
    for (int i = 0; i < 6; i++) {
        must(wf_heap_push(&h, &nodes[i], keys[i]) == 0);
    }
    for (int i = 0; i < 6; i++) {
        struct wf_heap_node *n = wf_heap_min(&h);

        is_int(n - nodes, want[i], "least key first, equal keys as pushed");
        wf_heap_remove(&h, n);
        ok(!wf_heap_in(n), "out");
        wf_heap_remove(&h, n);
    }
    is_int(wf_heap_len(&h), 0, "removing twice is harmless");
    must(wf_heap_push(&h, &nodes[0], 1) == 0 && wf_heap_push(&h, &nodes[1], 1) == 0);
    wf_heap_update(&h, &nodes[0], 1);
    ok(wf_heap_min(&h) == &nodes[1], "an update goes behind its equals");
    wf_heap_fini(&h);
    ok(!wf_heap_in(&nodes[0]) && !wf_heap_in(&nodes[1]), "fini lets the nodes go");
}

static void test_limits(void)
{
    struct wf_heap h;
    struct wf_heap_node nodes[20] = {0};

    wf_heap_init(&h, 17);
    for (int i = 0; i < 16; i++) {
        must(wf_heap_push(&h, &nodes[i], 20 - (uint64_t) i) == 0);
    }
    wf_mem_fail_after(0);
    is_int(wf_heap_push(&h, &nodes[16], 0), WEFT_ENOMEM, "out of memory");
    wf_mem_fail_after(-1);
    ok(!wf_heap_in(&nodes[16]) && wf_heap_len(&h) == 16, "changes nothing");
    is_int(wf_heap_push(&h, &nodes[16], 0), 0, "works afterwards");
    is_int(wf_heap_push(&h, &nodes[17], 0), WEFT_EFULL, "full");
    ok(!wf_heap_in(&nodes[17]), "not in");
    wf_heap_fini(&h);
    wf_heap_init(&h, 0);
    is_int(wf_heap_push(&h, &nodes[17], 0), WEFT_EFULL, "a heap of none is full");
    wf_heap_fini(&h);
}

/* The node that must come first, found by looking at all. */
static struct wf_heap_node *naive_min(struct wf_heap_node *nodes)
{
    struct wf_heap_node *min = NULL;

    for (int i = 0; i < N; i++) {
        struct wf_heap_node *n = &nodes[i];

        if (wf_heap_in(n) && (min == NULL || n->key < min->key ||
                              (n->key == min->key && n->seq < min->seq))) {
            min = n;
        }
    }
    return min;
}

static void test_random(void)
{
    static struct wf_heap_node nodes[N];
    struct wf_heap h;
    struct wf_rng r = {11};
    int good = 1;

    wf_heap_init(&h, N);
    for (int i = 0; i < 50000 && good; i++) {
        struct wf_heap_node *n = &nodes[wf_rng_below(&r, N)];
        uint64_t key = wf_rng_below(&r, 100);

        if (!wf_heap_in(n)) {
            good = wf_heap_push(&h, n, key) == 0;
        } else if (wf_rng_chance(&r, 1, 2)) {
            wf_heap_update(&h, n, key);
        } else {
            wf_heap_remove(&h, n);
        }
        good = good && wf_heap_min(&h) == naive_min(nodes);
    }
    ok(good, "the minimum is right after any operation");
    wf_heap_fini(&h);
}

int main(void)
{
    test_order();
    test_limits();
    test_random();
    return done();
}

#include "client/core/index.h"

#include "common/err.h"
#include "common/mem.h"
#include "tests/lib/tap.h"

struct item {
    struct wf_index_node node;
    int value;
};

static int value_of(const struct wf_index_node *n)
{
    return n != NULL ? CONTAINER_OF(n, const struct item, node)->value : -1;
}

static void test_same_key(void)
{
    struct item a = {.value = 1}, b = {.value = 2}, c = {.value = 3};
    struct wf_index x;
    struct wf_index_node *n;

    must(wf_index_init(&x) == 0);
    is_int(value_of(wf_index_find(&x, 9)), -1, "an empty index finds nothing");
    wf_index_add(&x, &a.node, 9);
    wf_index_add(&x, &b.node, 9);
    wf_index_add(&x, &c.node, 10);
    n = wf_index_find(&x, 9);
    is_int(value_of(n), 2, "the newest of a key comes first");
    is_int(value_of(wf_index_again(n)), 1, "then the older one");
    ok(wf_index_again(wf_index_again(n)) == NULL, "then none");
    wf_index_remove(&x, &b.node);
    is_int(value_of(wf_index_find(&x, 9)), 1, "the newest was taken out");
    wf_index_remove(&x, &b.node);
    is_int(x.len, 2, "taking out twice does no harm");
    wf_index_fini(&x);
}

static void test_many(void)
{
    enum { N = 5000 };
    static struct item item[N];
    struct wf_index x;
    int found = 1;

    must(wf_index_init(&x) == 0);
    for (int i = 0; i < N; i++) {
        item[i].value = i;
        wf_index_add(&x, &item[i].node, (uint64_t) (i / 2));
    }
    for (int i = 1; i < N; i += 2) {
        struct wf_index_node *n = wf_index_find(&x, (uint64_t) (i / 2));

        found &= value_of(n) == i && value_of(wf_index_again(n)) == i - 1;
    }
    ok(found, "all are found in order after growing");
    for (int i = 0; i < N; i++) {
        wf_index_remove(&x, &item[i].node);
    }
    is_int(x.len, 0, "all were taken out");
    wf_index_fini(&x);
}

static void test_no_memory(void)
{
    enum { N = 300 };
    static struct item item[N];
    struct wf_index x;
    int found = 1;

    wf_mem_fail_after(0);
    is_int(wf_index_init(&x), WEFT_ENOMEM, "no memory for the first buckets");
    wf_mem_fail_after(1);
    must(wf_index_init(&x) == 0);
    for (int i = 0; i < N; i++) {
        item[i].value = i;
        wf_index_add(&x, &item[i].node, (uint64_t) i);
    }
    wf_mem_fail_after(-1);
    for (int i = 0; i < N; i++) {
        found &= value_of(wf_index_find(&x, (uint64_t) i)) == i;
    }
    ok(found, "without memory to grow the chains get longer, no more");
    wf_index_fini(&x);
}

int main(void)
{
    test_same_key();
    test_many();
    test_no_memory();
    return done();
}

#include "common/err.h"
#include "common/io/net/frame.h"
#include "common/io/net/outq.h"
#include "common/mem.h"
#include "tests/lib/tap.h"

static void test_batches(void)
{
    struct outq_pool pool = {NULL, 0, 0};
    struct outq q = {NULL, NULL, 0};
    static uint8_t big[100000];
    unsigned frames = 0;

    is_int(outq_put(&q, &pool, "abc", 3, 1000), 0, "put");
    is_int(outq_put(&q, &pool, "de", 2, 1000), 0, "put");
    ok(q.head == q.tail && q.head->len == 7 && memcmp(q.head->p, "w\1abcde", 7) == 0,
       "one frame with one header");
    is_int(outq_put(&q, &pool, big, 994, 1000), WEFT_EFULL, "over the cap");
    is_int(q.bytes, 7, "and unchanged");
    is_int(outq_put(&q, &pool, big, 65536 - 7, 1 << 20), 0, "up to a whole batch");
    ok(q.head == q.tail && q.head->len == WF_FRAME_TARGET, "it still is one");
    is_int(outq_put(&q, &pool, "x", 1, 1 << 20), 0, "one byte more");
    ok(q.head != q.tail && q.tail->len == 3, "opens the next");
    is_int(outq_put(&q, &pool, big, sizeof big, 1 << 20), 0, "a large message");
    is_int(q.tail->len, sizeof big + 2, "has its own");
    is_int(outq_put(&q, &pool, "y", 1, 1 << 20), 0, "after it");
    is_int(q.tail->len, 3, "a new one");
    is_int(q.bytes, 65536 + 3 + 100002 + 3, "bytes are counted");
    while (q.head != NULL) {
        outq_pop(&q, &pool);
        frames++;
    }
    is_int(frames, 4, "four frames");
    ok(q.tail == NULL && q.bytes == 0, "empty");
    is_int(pool.n_spare, 3, "buffers are kept, but the large one");
    (void) wf_mem_fail_after(1000);
    is_int(outq_put(&q, &pool, "z", 1, 1000), 0, "put");
    is_int(wf_mem_fail_after(-1), 0, "without an allocation");
    outq_clear(&q, &pool);
    outq_pool_fini(&pool);
}

/* Pieces of chunks share larger frames, whose bytes go to who sends them. */
static void test_large_batches(void)
{
    struct outq_pool pool = {NULL, 0, 260000};
    struct outq q = {NULL, NULL, 0};
    static uint8_t piece[65600];

    for (unsigned i = 0; i < 5; i++) {
        piece[0] = (uint8_t) i;
        is_int(outq_put(&q, &pool, piece, sizeof piece, 1 << 20), 0, "put");
    }
    is_int(q.head->len, 3 * sizeof piece + 2, "three fit into a frame");
    ok(q.head->cap == 260000 && q.head->p[2] == 0 && q.head->p[2 + sizeof piece] == 1,
       "in their order");
    ok(q.tail == q.head->next && q.tail->len == 2 * sizeof piece + 2,
       "two are in the next");
    wf_free(q.head->p);
    q.head->p = NULL;
    q.head->cap = 0;
    outq_pop(&q, &pool);
    is_int(q.bytes, 2 * sizeof piece + 2, "one whose bytes were taken goes");
    is_int(outq_put(&q, &pool, "abc", 3, 1 << 20), 0, "put");
    outq_clear(&q, &pool);
    is_int(outq_put(&q, &pool, "abc", 3, 1 << 20), 0, "and is used again");
    ok(q.head->len == 5 && memcmp(q.head->p, "w\1abc", 5) == 0, "with bytes of its own");
    outq_clear(&q, &pool);
    outq_pool_fini(&pool);
}

static void test_out_of_memory(void)
{
    for (int n = 0; n < 3; n++) {
        struct outq_pool pool = {NULL, 0, 0};
        struct outq q = {NULL, NULL, 0};
        static uint8_t bytes[2000];

        (void) wf_mem_fail_after(n);
        is_int(outq_put(&q, &pool, "a", 1, 10000), n < 2 ? WEFT_ENOMEM : 0, "first");
        if (n == 2) {
            is_int(outq_put(&q, &pool, bytes, sizeof bytes, 10000), WEFT_ENOMEM,
                   "growth");
            is_int(q.bytes, 3, "unchanged");
        } else {
            ok(q.head == NULL && q.bytes == 0, "unchanged");
        }
        (void) wf_mem_fail_after(-1);
        outq_clear(&q, &pool);
        outq_pool_fini(&pool);
    }
}

int main(void)
{
    test_batches();
    test_large_batches();
    test_out_of_memory();
    return done();
}

#include "common/err.h"
#include "common/io/net/sessions.h"
#include "common/mem.h"
#include "tests/lib/tap.h"

#define PEERS 5000

static uint32_t rng = 1;

static uint32_t next(void)
{
    rng = rng * 1664525 + 1013904223;
    return rng >> 8;
}

/* Against a plain array as the model. */
static void test_random(void)
{
    static struct session *model[PEERS];
    struct sessions t;
    unsigned wrong = 0, n = 0;
    uint32_t it = 0;

    must(sessions_init(&t) == 0);
    for (unsigned step = 0; step < 200000; step++) {
        uint32_t i = next() % PEERS;
        /* Neighbours, and others with the same low bits. */
        uint32_t rid = i % 2 == 0 ? i : i << 16;

        wrong += sessions_by_rid(&t, rid) != model[i];
        if (model[i] == NULL) {
            must(sessions_add(&t, rid, &model[i]) == 0);
            wrong += model[i]->handle == 0;
            wrong += sessions_by_handle(&t, model[i]->handle) != model[i];
        } else if (next() % 2 == 0) {
            uint32_t handle = model[i]->handle;

            sessions_remove(&t, model[i]);
            model[i] = NULL;
            wrong += sessions_by_handle(&t, handle) != NULL;
        }
    }
    is_int(wrong, 0, "200000 steps as the model says");
    for (unsigned i = 0; i < PEERS; i++) {
        n += model[i] != NULL;
    }
    is_int(t.n, n, "counted");
    while (sessions_next(&t, &it) != NULL) {
        n--;
    }
    is_int(n, 0, "the walk meets each");
    sessions_fini(&t);
}

static void test_handles_are_not_soon_reused(void)
{
    struct sessions t;
    struct session *s;
    uint32_t first;
    unsigned again = 0;

    must(sessions_init(&t) == 0);
    must(sessions_add(&t, 1, &s) == 0);
    first = s->handle;
    sessions_remove(&t, s);
    for (uint32_t i = 2; i < 60000; i++) {
        must(sessions_add(&t, i, &s) == 0);
        again += s->handle == first;
        sessions_remove(&t, s);
    }
    is_int(again, 0, "not in 60000 sessions");
    is_int(t.cap, 64, "the table does not grow for it");
    sessions_fini(&t);
}

static void test_out_of_memory(void)
{
    struct sessions t;
    struct session *s;

    for (int n = 0; n < 4; n++) {
        (void) wf_mem_fail_after(n);
        is_int(sessions_init(&t), WEFT_ENOMEM, "no memory for the table");
        (void) wf_mem_fail_after(-1);
    }
    must(sessions_init(&t) == 0);
    (void) wf_mem_fail_after(0);
    is_int(sessions_add(&t, 1, &s), WEFT_ENOMEM, "no memory for a session");
    (void) wf_mem_fail_after(-1);
    ok(sessions_by_rid(&t, 1) == NULL && t.n == 0, "and none is there");
    sessions_fini(&t);
}

int main(void)
{
    test_random();
    test_handles_are_not_soon_reused();
    test_out_of_memory();
    return done();
}

#include "agent/core/runs.h"

#include "common/err.h"
#include "common/mem.h"
#include "tests/lib/tap.h"

static struct wf_assign work(uint8_t id, uint64_t attempt)
{
    struct wf_assign m = {.attempt = attempt,
                          .payload = wf_slice_of("abc"),
                          .priority = 4,
                          .wall_ms = 10,
                          .deadline_ms = 20};

    memset(m.job.b, id, sizeof m.job.b);
    return m;
}

static struct run *add(struct runs *t, uint8_t id, uint64_t attempt)
{
    const struct wf_assign m = work(id, attempt);
    struct run *r = NULL;

    must(runs_add(t, &m, 0, 1000, 100, &r) == 0);
    return r;
}

static void adds(void)
{
    const struct wf_assign again = work(1, 1), third = work(3, 1);
    struct run *a, *b, *x = NULL;
    struct runs t;

    must(runs_init(&t, 2, 1) == 0);
    a = add(&t, 1, 1);
    ok(runs_get(&t, &again.job, 1) == a && runs_numbered(&t, a->number) == a,
       "a run is found by job and attempt, and by number");
    ok(a->phase == RUN_WAITING && t.nwaiting == 1 && a->payload_len == 3 &&
           memcmp(a->payload, "abc", 3) == 0 && a->wall_ms == 10 &&
           a->received_us == 1000,
       "as it was assigned");
    is_int(runs_add(&t, &again, 0, 0, 9, &x), WEFT_EEXIST, "an attempt once");
    b = add(&t, 1, 2);
    ok(b != a && b->number > a->number, "another attempt of the job is another run");
    is_int(runs_add(&t, &third, 0, 0, 9, &x), WEFT_EFULL, "as many as there may be");
    is_int(t.nwaiting, 2, "the refused left nothing");
    ok(runs_get(&t, &third.job, 1) == NULL, "really");
    runs_forget(&t, a);
    ok(runs_get(&t, &again.job, 1) == NULL && runs_get(&t, &again.job, 2) == b,
       "one is forgotten");
    runs_fini(&t);
}

static void moves(void)
{
    struct run *a;
    struct runs t;

    must(runs_init(&t, 9, 1) == 0);
    a = add(&t, 1, 1);
    run_move(&t, a, RUN_RUNNING);
    ok(t.nwaiting == 0 && t.nrunning == 1 && wf_list_first(&t.running) == &a->node,
       "from waiting to running");
    run_move(&t, a, RUN_STOPPING);
    ok(t.nrunning == 1, "stopping, it still runs");
    run_move(&t, a, RUN_FINISHED);
    ok(t.nrunning == 0 && t.nfinished == 1 && wf_list_first(&t.finished) == &a->node,
       "to finished");
    runs_forget(&t, a);
    ok(t.nfinished == 0 && wf_list_empty(&t.finished), "and gone");
    a = add(&t, 2, 1);
    run_move(&t, a, RUN_FINISHED);
    ok(t.nwaiting == 0 && t.nfinished == 1, "or at once");
    runs_fini(&t);
}

static void waits(void)
{
    struct run *a, *b;
    struct runs t;

    must(runs_init(&t, 9, 1) == 0);
    a = add(&t, 1, 1);
    b = add(&t, 2, 1);
    must(run_plan(&t, a, 500) == 0 && run_plan(&t, b, 300) == 0);
    ok(wf_heap_min(&t.timers) == &b->timer, "the first to be due");
    must(run_plan(&t, b, 900) == 0);
    ok(wf_heap_min(&t.timers) == &a->timer, "which may change");
    must(run_plan(&t, a, UINT64_MAX) == 0);
    ok(!wf_heap_in(&a->timer) && wf_heap_min(&t.timers) == &b->timer, "or end");
    runs_forget(&t, b);
    ok(wf_heap_min(&t.timers) == NULL, "as it does for one that is forgotten");
    runs_fini(&t);
}

static void survives_oom(void)
{
    const struct wf_assign m = work(1, 1);
    int added = 0;

    for (long n = 0; n < 20; n++) {
        struct run *r;
        struct runs t;

        wf_mem_fail_after(n);
        if (runs_init(&t, 9, 1) == 0) {
            added = runs_add(&t, &m, 0, 0, 9, &r) == 0;
            ok(t.nwaiting == (size_t) added && (runs_get(&t, &m.job, 1) != NULL) == added,
               "all or nothing, %ld", n);
        }
        wf_mem_fail_after(-1);
        runs_fini(&t);
    }
    ok(added, "in the end there was enough");
}

int main(void)
{
    adds();
    moves();
    waits();
    survives_oom();
    return done();
}

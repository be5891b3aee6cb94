#include "client/data/desk.h"

#include "tests/lib/tap.h"

#include <pthread.h>

struct work {
    struct desk_task task;
    pthread_t by;
    unsigned order;
};

static unsigned worked;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static void do_work(struct desk_task *task)
{
    struct work *w = CONTAINER_OF(task, struct work, task);

    w->by = pthread_self();
    w->order = ++worked;
}

/* Holds the thread up until the gate is open. */
static void wait_at_gate(struct desk_task *task)
{
    (void) pthread_mutex_lock(&gate);
    (void) pthread_mutex_unlock(&gate);
    do_work(task);
}

struct bed {
    struct wf_loop loop;
    struct desk *desk;
    struct work *taken[8];
    size_t n, want;
};

static void on_done(void *arg)
{
    struct bed *b = arg;
    struct desk_task *task;

    while ((task = desk_take(b->desk)) != NULL) {
        b->taken[b->n++] = CONTAINER_OF(task, struct work, task);
    }
    if (b->n >= b->want) {
        wf_loop_stop(&b->loop);
    }
}

static void test_order(void)
{
    struct work w[3] = {{{.work = do_work}}, {{.work = do_work}}, {{.work = do_work}}};
    struct bed b = {.want = 3};

    must(wf_loop_init(&b.loop, NULL) == 0);
    must(desk_new(&b.loop, on_done, &b, &b.desk) == 0);
    for (size_t i = 0; i < ARRAY_LEN(w); i++) {
        must(desk_ask(b.desk, &w[i].task) == 0);
    }
    wf_loop_run(&b.loop);
    ok(w[0].order == 1 && w[1].order == 2 && w[2].order == 3, "in the order of asking");
    ok(b.taken[0] == &w[0] && b.taken[2] == &w[2], "and so they come back");
    ok(!pthread_equal(w[0].by, pthread_self()) && pthread_equal(w[0].by, w[2].by),
       "by one thread of its own");
    is_int(w[0].task.dropped, 0, "none was dropped");
    desk_close(b.desk);
    desk_free(b.desk);
    wf_loop_fini(&b.loop);
}

static void test_close(void)
{
    struct work w[3] = {
        {{.work = wait_at_gate}}, {{.work = do_work}}, {{.work = do_work}}};
    struct bed b = {.want = 9};
    struct desk_task *task;
    unsigned dropped = 0, n = 0;

    worked = 0;
    must(wf_loop_init(&b.loop, NULL) == 0);
    must(desk_new(&b.loop, on_done, &b, &b.desk) == 0);
    (void) pthread_mutex_lock(&gate);
    for (size_t i = 0; i < ARRAY_LEN(w); i++) {
        must(desk_ask(b.desk, &w[i].task) == 0);
    }
    (void) pthread_mutex_unlock(&gate);
    desk_close(b.desk);
    while ((task = desk_take(b.desk)) != NULL) {
        dropped += task->dropped != 0;
        n++;
    }
    is_int(n, 3, "all come back when it closes");
    is_int(dropped + worked, 3, "each either done or dropped");
    desk_free(b.desk);
    wf_loop_fini(&b.loop);
}

static void test_idle(void)
{
    struct bed b = {.want = 1};

    must(wf_loop_init(&b.loop, NULL) == 0);
    must(desk_new(&b.loop, on_done, &b, &b.desk) == 0);
    ok(desk_take(b.desk) == NULL, "without work there is nothing to take");
    desk_close(b.desk);
    desk_free(b.desk);
    desk_free(NULL);
    wf_loop_fini(&b.loop);
}

int main(void)
{
    test_order();
    test_close();
    test_idle();
    return done();
}

#include "common/io/wake.h"

#include "tests/lib/tap.h"

#include <pthread.h>

struct bed {
    struct wf_loop loop;
    struct wf_wake *wake;
    pthread_t owner;
    int woken, elsewhere;
};

static void on_wake(void *arg)
{
    struct bed *b = arg;

    b->woken++;
    b->elsewhere += !pthread_equal(pthread_self(), b->owner);
    wf_loop_stop(&b->loop);
}

static void *send_three(void *arg)
{
    struct bed *b = arg;

    for (int i = 0; i < 3; i++) {
        wf_wake_send(b->wake);
    }
    return NULL;
}

int main(void)
{
    struct bed b = {.owner = pthread_self()};
    pthread_t thread;

    must(wf_loop_init(&b.loop, NULL) == 0);
    must(wf_wake_new(&b.loop, on_wake, &b, &b.wake) == 0);
    must(pthread_create(&thread, NULL, send_three, &b) == 0);
    wf_loop_run(&b.loop);
    must(pthread_join(thread, NULL) == 0);
    ok(b.woken >= 1 && b.woken <= 3, "a send from another thread wakes the loop");
    is_int(b.elsewhere, 0, "on its own thread");
    wf_loop_turn(&b.loop);
    b.woken = 0;
    (void) send_three(&b);
    wf_loop_turn(&b.loop);
    is_int(b.woken, 1, "sends before it runs count as one");
    wf_wake_send(b.wake);
    wf_wake_free(b.wake);
    b.woken = 0;
    wf_loop_fini(&b.loop);
    is_int(b.woken, 0, "nothing runs after it was given up");
    return done();
}

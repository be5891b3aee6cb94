#include "common/io/loop.h"
#include "tests/lib/tap.h"

#include <poll.h>
#include <signal.h>

struct tester {
    struct wf_loop *loop;
    struct wf_timer *timer;
    uint64_t due_us;
    unsigned fired, early;
    int signum;
};

static void on_time(void *arg)
{
    struct tester *t = arg;

    t->fired++;
    t->early += wf_now_us() < t->due_us;
    if (t->fired < 20) {
        t->due_us = wf_now_us() + 137 * t->fired;
        wf_timer_start_at(t->timer, t->due_us);
    } else {
        wf_timer_free(t->timer);
        wf_loop_stop(t->loop);
    }
}

static void test_timer(void)
{
    struct wf_loop l;
    struct tester t = {.loop = &l};

    must(wf_loop_init(&l, NULL) == 0);
    must(wf_timer_new(&l, on_time, &t, &t.timer) == 0);
    wf_timer_start_at(t.timer, UINT64_MAX);
    is_int(wf_loop_timeout_ms(&l), 0, "nothing to wait for: no handle is active");
    wf_timer_start_at(t.timer, 0);
    wf_loop_run(&l);
    is_int(t.fired, 20, "restarted from its callback, freed there");
    is_int(t.early, 0, "never early");
    wf_loop_fini(&l);
}

static void never(void *arg)
{
    (void) arg;
    ok(false, "a stopped timer fired");
}

static void test_stop_and_replace(void)
{
    struct wf_loop l;
    struct tester t = {.loop = &l, .fired = 19};
    struct wf_timer *stopped, *freed;

    must(wf_loop_init(&l, NULL) == 0);
    must(wf_timer_new(&l, never, NULL, &stopped) == 0);
    must(wf_timer_new(&l, never, NULL, &freed) == 0);
    must(wf_timer_new(&l, on_time, &t, &t.timer) == 0);
    wf_timer_start_at(stopped, 0);
    wf_timer_start_at(freed, 0);
    wf_timer_start_at(t.timer, UINT64_MAX - 1);
    wf_timer_start_at(t.timer, wf_now_us() + 1000);
    wf_timer_stop(stopped);
    wf_timer_free(freed);
    wf_timer_free(NULL);
    wf_loop_run(&l);
    is_int(t.fired, 20, "the later start counts");
    wf_timer_free(stopped);
    wf_loop_fini(&l);
}

static void on_signal(void *arg, int signum)
{
    struct tester *t = arg;

    t->signum = signum;
    wf_loop_stop(t->loop);
}

static void test_signals(void)
{
    struct wf_loop l;
    struct tester t = {.loop = &l};

    must(wf_loop_init(&l, NULL) == 0);
    must(wf_timer_new(&l, never, NULL, &t.timer) == 0);
    wf_timer_start_at(t.timer, wf_now_us() + 60000000);
    is_int(wf_loop_signals(&l, on_signal, &t, NULL), 0, "signals are caught");
    must(raise(SIGHUP) == 0);
    wf_loop_run(&l);
    is_int(t.signum, SIGHUP, "SIGHUP");
    must(raise(SIGTERM) == 0);
    wf_loop_run(&l);
    is_int(t.signum, SIGTERM, "SIGTERM");
    must(raise(SIGINT) == 0);
    wf_loop_run(&l);
    is_int(t.signum, SIGINT, "SIGINT");
    wf_timer_free(t.timer);
    wf_loop_fini(&l);
}

static void test_foreign_poll(void)
{
    struct wf_loop l;
    struct tester t = {.loop = &l};

    must(wf_loop_init(&l, NULL) == 0);
    must(wf_timer_new(&l, on_time, &t, &t.timer) == 0);
    wf_timer_start_at(t.timer, wf_now_us() + 2000);
    while (t.fired < 20) {
        struct pollfd p = {.fd = wf_loop_fd(&l), .events = POLLIN};

        (void) poll(&p, 1, wf_loop_timeout_ms(&l));
        wf_loop_turn(&l);
    }
    is_int(t.early, 0, "driven by poll()");
    wf_loop_fini(&l);
}

int main(void)
{
    test_timer();
    test_stop_and_replace();
    test_signals();
    test_foreign_poll();
    ok(wf_wall_ms() > 1600000000000, "the wall clock is past 2020");
    return done();
}

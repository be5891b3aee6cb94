#include "common/io/loop.h"

#include "common/check.h"
#include "common/mem.h"

#include <signal.h>
#include <time.h>

struct wf_timer {
    uv_timer_t uv;
    void (*on_time)(void *arg);
    void *arg;
};

static const int signals[] = {SIGTERM, SIGINT, SIGHUP};

int wf_loop_init(struct wf_loop *l, struct wf_err *err)
{
    int rc;

    *l = (struct wf_loop){0};
    rc = uv_loop_init(&l->uv);
    if (rc != 0) {
        return wf_err_set(err, WEFT_EIO, "cannot make an event loop: %s",
                          uv_strerror(rc));
    }
    l->uv.data = l;
    return 0;
}

static void signal_came(uv_signal_t *h, int signum)
{
    struct wf_loop *l = h->data;

    l->on_signal(l->arg, signum);
}

int wf_loop_signals(struct wf_loop *l, void (*on_signal)(void *arg, int signum),
                    void *arg, struct wf_err *err)
{
    l->on_signal = on_signal;
    l->arg = arg;
    if (l->has_signals) {
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
        (void) uv_signal_init(&l->uv, &l->sig[i]);
        l->sig[i].data = l;
    }
    l->has_signals = true;
    for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
        int rc = uv_signal_start(&l->sig[i], signal_came, signals[i]);

        if (rc != 0) {
            return wf_err_set(err, WEFT_EIO, "cannot catch signal %d: %s", signals[i],
                              uv_strerror(rc));
        }
        /* Waiting for a signal is no reason to keep running. */
        uv_unref((uv_handle_t *) &l->sig[i]);
    }
    return 0;
}

void wf_loop_run(struct wf_loop *l)
{
    (void) uv_run(&l->uv, UV_RUN_DEFAULT);
}

void wf_loop_stop(struct wf_loop *l)
{
    uv_stop(&l->uv);
}

int wf_loop_fd(const struct wf_loop *l)
{
    return uv_backend_fd(&l->uv);
}

int wf_loop_timeout_ms(struct wf_loop *l)
{
    /* The foreign loop may have slept since uv looked at the clock. */
    uv_update_time(&l->uv);
    return uv_backend_timeout(&l->uv);
}

void wf_loop_turn(struct wf_loop *l)
{
    (void) uv_run(&l->uv, UV_RUN_NOWAIT);
}

void wf_loop_fini(struct wf_loop *l)
{
    int rc;

    if (l->has_signals) {
        for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
            uv_close((uv_handle_t *) &l->sig[i], NULL);
        }
        l->has_signals = false;
    }
    /* Close callbacks run at the end of a turn and may close more: a few turns do. */
    for (int i = 0; (rc = uv_loop_close(&l->uv)) == UV_EBUSY && i < 16; i++) {
        (void) uv_run(&l->uv, UV_RUN_NOWAIT);
    }
    WF_CHECK(rc == 0);
}

uint64_t wf_now_us(void)
{
    return uv_hrtime() / 1000;
}

uint64_t wf_wall_ms(void)
{
    struct timespec t;

    if (clock_gettime(CLOCK_REALTIME, &t) != 0 || t.tv_sec < 0) {
        return 0;
    }
    return (uint64_t) t.tv_sec * 1000 + (uint64_t) t.tv_nsec / 1000000;
}

int wf_timer_new(struct wf_loop *l, void (*on_time)(void *arg), void *arg,
                 struct wf_timer **ret_timer)
{
    struct wf_timer *t = wf_calloc(1, sizeof *t);

    if (t == NULL) {
        return WEFT_ENOMEM;
    }
    (void) uv_timer_init(&l->uv, &t->uv);
    t->uv.data = t;
    t->on_time = on_time;
    t->arg = arg;
    *ret_timer = t;
    return 0;
}

static void timer_fired(uv_timer_t *h)
{
    struct wf_timer *t = h->data;

    t->on_time(t->arg);
}

void wf_timer_start_at(struct wf_timer *t, uint64_t at_us)
{
    uint64_t at_ms = at_us / 1000 + (at_us % 1000 != 0);
    uint64_t now_ms;

    if (at_us == UINT64_MAX) {
        wf_timer_stop(t);
        return;
    }
    /* uv counts from the time it last looked, in whole milliseconds of the same clock. */
    uv_update_time(t->uv.loop);
    now_ms = uv_now(t->uv.loop);
    (void) uv_timer_start(&t->uv, timer_fired, at_ms > now_ms ? at_ms - now_ms : 0, 0);
}

void wf_timer_stop(struct wf_timer *t)
{
    (void) uv_timer_stop(&t->uv);
}

static void timer_closed(uv_handle_t *h)
{
    wf_free(h->data);
}

void wf_timer_free(struct wf_timer *t)
{
    if (t != NULL) {
        uv_close((uv_handle_t *) &t->uv, timer_closed);
    }
}

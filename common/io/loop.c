#include "common/io/loop.h"

#include "common/check.h"
#include "common/mem.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

struct wf_timer {
    struct wf_loop *loop;
    struct wf_list_node link;
    uint64_t at_us;
    void (*on_time)(void *arg);
    void *arg;
};

static const int signals[] = {SIGTERM, SIGINT, SIGHUP};

/* -- the clock ---------------------------------------------------------------------- */

/* UINT64_MAX: never.  Also takes back that it has fired. */
static void set_clock(struct wf_loop *l, uint64_t at_us)
{
    struct itimerspec when = {0};

    if (at_us != UINT64_MAX) {
        /* All zeros would mean never. */
        when.it_value.tv_sec = (time_t) (at_us / 1000000);
        when.it_value.tv_nsec = (long) (at_us % 1000000) * 1000 + (at_us == 0);
    }
    l->set_us = at_us;
    WF_CHECK(timerfd_settime(l->clock_fd, TFD_TIMER_ABSTIME, &when, NULL) == 0);
}

static uint64_t first_us(const struct wf_loop *l)
{
    const struct wf_list_node *node = wf_list_first(&l->timers);

    return node != NULL ? CONTAINER_OF(node, struct wf_timer, link)->at_us : UINT64_MAX;
}

/* A loop with nothing but stopped timers has no reason to run. */
static void count_timers(struct wf_loop *l)
{
    if (wf_list_empty(&l->timers) && wf_list_empty(&l->due)) {
        uv_unref((uv_handle_t *) &l->clock);
    } else {
        uv_ref((uv_handle_t *) &l->clock);
    }
}

/* Those that are due now; what they start waits for the next turn. */
static void call_due(struct wf_loop *l, bool fired)
{
    uint64_t now_us = wf_now_us();
    struct wf_list_node *node;

    while (first_us(l) <= now_us) {
        node = wf_list_first(&l->timers);
        wf_list_remove(node);
        wf_list_push_back(&l->due, node);
    }
    if (fired || first_us(l) < l->set_us) {
        set_clock(l, first_us(l));
    }
    while ((node = wf_list_first(&l->due)) != NULL) {
        struct wf_timer *t = CONTAINER_OF(node, struct wf_timer, link);

        wf_list_remove(node);
        t->on_time(t->arg);
    }
    count_timers(l);
}

static void clock_fired(uv_poll_t *h, int status, int events)
{
    (void) status;
    (void) events;
    call_due(h->data, true);
}

/* Only makes the time the loop may block 0. */
static void hurry_cb(uv_idle_t *h)
{
    (void) h;
}

static void hurry(struct wf_loop *l)
{
    if (!l->hurries) {
        l->hurries = true;
        (void) uv_idle_start(&l->hurry, hurry_cb);
    }
}

static void turned_cb(uv_check_t *h)
{
    struct wf_loop *l = h->data;

    if (l->hurries) {
        l->hurries = false;
        (void) uv_idle_stop(&l->hurry);
        call_due(l, false);
    }
}

static int start_clock(struct wf_loop *l, struct wf_err *err)
{
    int rc;

    l->clock_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (l->clock_fd < 0) {
        return wf_err_set(err, WEFT_EIO, "cannot make a timer: %s", strerror(errno));
    }
    rc = uv_poll_init(&l->uv, &l->clock, l->clock_fd);
    if (rc != 0) {
        (void) close(l->clock_fd);
        return wf_err_set(err, WEFT_EIO, "cannot watch a timer: %s", uv_strerror(rc));
    }
    l->clock.data = l;
    l->set_us = UINT64_MAX;
    wf_list_init(&l->timers);
    wf_list_init(&l->due);
    (void) uv_poll_start(&l->clock, UV_READABLE, clock_fired);
    (void) uv_check_init(&l->uv, &l->turned);
    (void) uv_idle_init(&l->uv, &l->hurry);
    l->turned.data = l;
    (void) uv_check_start(&l->turned, turned_cb);
    /* They are no reason to run. */
    uv_unref((uv_handle_t *) &l->turned);
    uv_unref((uv_handle_t *) &l->hurry);
    count_timers(l);
    return 0;
}

/* -- the loop ----------------------------------------------------------------------- */

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
    rc = start_clock(l, err);
    if (rc != 0) {
        WF_CHECK(uv_loop_close(&l->uv) == 0);
    }
    return rc;
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
    uv_close((uv_handle_t *) &l->clock, NULL);
    uv_close((uv_handle_t *) &l->turned, NULL);
    uv_close((uv_handle_t *) &l->hurry, NULL);
    /* Close callbacks run at the end of a turn and may close more: a few turns do. */
    for (int i = 0; (rc = uv_loop_close(&l->uv)) == UV_EBUSY && i < 16; i++) {
        (void) uv_run(&l->uv, UV_RUN_NOWAIT);
    }
    WF_CHECK(rc == 0);
    (void) close(l->clock_fd);
}

/* -- clocks and timers -------------------------------------------------------------- */

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
    t->loop = l;
    wf_list_init(&t->link);
    t->on_time = on_time;
    t->arg = arg;
    *ret_timer = t;
    return 0;
}

void wf_timer_start_at(struct wf_timer *t, uint64_t at_us)
{
    struct wf_loop *l = t->loop;
    struct wf_list_node *node;

    wf_list_remove(&t->link);
    t->at_us = at_us;
    if (at_us != UINT64_MAX) {
        /* Behind those of the same time. */
        for (node = l->timers.prev; node != &l->timers; node = node->prev) {
            if (CONTAINER_OF(node, struct wf_timer, link)->at_us <= at_us) {
                break;
            }
        }
        wf_list_push_front(node, &t->link);
        if (at_us < l->set_us) {
            if (at_us <= wf_now_us()) {
                hurry(l);
            } else {
                set_clock(l, at_us);
            }
        }
    }
    count_timers(l);
}

void wf_timer_stop(struct wf_timer *t)
{
    wf_list_remove(&t->link);
    count_timers(t->loop);
}

void wf_timer_free(struct wf_timer *t)
{
    if (t != NULL) {
        wf_timer_stop(t);
        wf_free(t);
    }
}

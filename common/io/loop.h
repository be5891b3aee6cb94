/* loop.h - the one event loop of a process: clock, timers, signals, orderly end
 *
 * A thin layer over libuv, so that programs name no uv handle of their own.  Objects on
 * the loop are made by x_new() and given up by x_free(), which may be called at any time,
 * also from their own callback: the memory goes in uv's close callback, and no callback
 * runs after x_free().  One loop belongs to one thread.
 *
 * Driven by a foreign poll loop: wait for wf_loop_fd() to be readable or for
 * wf_loop_timeout_ms() to pass, then call wf_loop_turn().  Call it once before the first
 * wait.
 */
#ifndef COMMON_IO_LOOP_H
#define COMMON_IO_LOOP_H

#include "common/err.h"

#include <stdbool.h>
#include <uv.h>

struct wf_loop {
    uv_loop_t uv;
    uv_signal_t sig[3]; /* SIGTERM, SIGINT, SIGHUP */
    bool has_signals;
    unsigned next_id; /* names of inproc endpoints */
    void (*on_signal)(void *arg, int signum);
    void *arg;
};

/* 0 or WEFT_EIO. */
int wf_loop_init(struct wf_loop *l, struct wf_err *err);

/* Report SIGTERM, SIGINT and SIGHUP instead of dying of them.  0 or WEFT_EIO. */
int wf_loop_signals(struct wf_loop *l, void (*on_signal)(void *arg, int signum),
                    void *arg, struct wf_err *err);

/* Run until wf_loop_stop(). */
void wf_loop_run(struct wf_loop *l);
void wf_loop_stop(struct wf_loop *l);

/* For a foreign poll loop.  The timeout is -1 for "no limit". */
int wf_loop_fd(const struct wf_loop *l);
int wf_loop_timeout_ms(struct wf_loop *l);
void wf_loop_turn(struct wf_loop *l);

/* End the loop.  Everything on it was given up before; runs the close callbacks. */
void wf_loop_fini(struct wf_loop *l);

/* Monotonic microseconds; its zero means nothing. */
uint64_t wf_now_us(void);

/* Milliseconds since 1970 by the system's clock, which may jump. */
uint64_t wf_wall_ms(void);

/* A one-shot timer that can be started again, also from its callback. */
struct wf_timer;

/* 0 or WEFT_ENOMEM. */
int wf_timer_new(struct wf_loop *l, void (*on_time)(void *arg), void *arg,
                 struct wf_timer **ret_timer);

/* Fire once at or shortly (1 ms) after `at_us` on the wf_now_us() clock, never before;
 * replaces an earlier start.  UINT64_MAX stops it. */
void wf_timer_start_at(struct wf_timer *t, uint64_t at_us);
void wf_timer_stop(struct wf_timer *t);

/* NULL is allowed. */
void wf_timer_free(struct wf_timer *t);

#endif

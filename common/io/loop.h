/* loop.h - the one event loop of a process: clock, timers, signals, orderly end
 *
 * A thin layer over libuv, so that programs name no uv handle of their own.  Objects on
 * the loop are made by x_new() and given up by x_free(), which may be called at any time,
 * also from their own callback: the memory goes in uv's close callback, and no callback
 * runs after x_free().  One loop belongs to one thread.
 *
 * Timers share one descriptor that the kernel makes readable, instead of the time that a
 * wait may take: a wait without an end costs less than one with, by what it takes to set
 * the clock and to stop it again.  The descriptor is set when a timer becomes the first,
 * not when the first one is stopped or put off: it then fires once in vain.  What is due
 * already when it is started is called at the end of the turn, without the descriptor.
 *
 * Driven by a foreign poll loop: wait for wf_loop_fd() to be readable or for
 * wf_loop_timeout_ms() to pass, then call wf_loop_turn().  Call it once before the first
 * wait.
 */
#ifndef COMMON_IO_LOOP_H
#define COMMON_IO_LOOP_H

#include "common/err.h"
#include "common/list.h"

#include <stdbool.h>
#include <uv.h>

struct wf_loop {
    uv_loop_t uv;
    uv_signal_t sig[3]; /* SIGTERM, SIGINT, SIGHUP */
    bool has_signals;
    unsigned next_id; /* names of inproc endpoints */
    int clock_fd;
    uv_poll_t clock;
    uv_check_t turned; /* the end of a turn */
    uv_idle_t hurry;   /* the next turn does not wait */
    bool hurries;
    struct wf_list_node timers; /* started; the first is due first */
    struct wf_list_node due;    /* about to be called */
    uint64_t set_us;            /* when the descriptor fires; UINT64_MAX: not set */
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

/* Fire once at or shortly after `at_us` on the wf_now_us() clock, never before; replaces
 * an earlier start.  UINT64_MAX stops it.  Takes a walk over the loop's timers, of which
 * there are a handful. */
void wf_timer_start_at(struct wf_timer *t, uint64_t at_us);
void wf_timer_stop(struct wf_timer *t);

/* NULL is allowed. */
void wf_timer_free(struct wf_timer *t);

#endif

/* wake.h - call a function on the loop's thread, from anywhere
 *
 * wf_wake_send() may be called from any thread and in a signal handler; sends before the
 * function has run count as one.  It is the only thing on a loop that other threads may
 * touch.
 */
#ifndef COMMON_IO_WAKE_H
#define COMMON_IO_WAKE_H

#include "common/io/loop.h"

struct wf_wake;

/* 0, WEFT_ENOMEM, WEFT_EIO. */
int wf_wake_new(struct wf_loop *l, void (*on_wake)(void *arg), void *arg,
                struct wf_wake **ret_wake);

void wf_wake_send(struct wf_wake *w);

/* On the loop's thread, when no other thread can send any more.  NULL is allowed. */
void wf_wake_free(struct wf_wake *w);

#endif

/* monitor.h - what happens to the connections of a socket (zmq_socket_monitor(3))
 *
 * Events are hints: they come beside the messages, not in order with them.  They are
 * always drained, since ZeroMQ's I/O thread blocks when they are not, and so is every
 * peer.
 */
#ifndef COMMON_IO_NET_MONITOR_H
#define COMMON_IO_NET_MONITOR_H

#include "common/io/zsock.h"

struct monitor;

/* Watch `z`; `value` is a descriptor for most events.  ZMQ_EVENT_ACCEPT_FAILED must not
 * be in `events`: at the descriptor limit it floods.  0, WEFT_EIO, WEFT_ENOMEM. */
int monitor_new(struct wf_loop *l, void *ctx, struct zsock *z, int events,
                void (*on_event)(void *arg, unsigned event, uint32_t value), void *arg,
                struct monitor **ret_monitor, struct wf_err *err);

/* Before the watched socket is freed.  `on_freed` may be NULL.  NULL is allowed. */
void monitor_free(struct monitor *m, void (*on_freed)(void *arg));

#endif

/* dealer.h - a connection by hand: CURVE, and above it whatever frames a test likes
 *
 * Calls block.  What fails on our own side ends the process, after a line on stderr.
 */
#ifndef TESTS_LIB_DEALER_H
#define TESTS_LIB_DEALER_H

#include "common/buf.h"
#include "common/io/keys.h"

#define PATIENCE_MS 20000

struct dealer {
    void *sock, *events; /* NULL: not connected */
    int closed;          /* the other side ended it, or refused the key */
};

/* Ends the process with exit code 1. */
_Noreturn void die(const char *what, const char *detail);

uint64_t now_ms(void);

/* Connect anew, once.  `server` is KEY_BYTES long, `id` a routing id or NULL. */
void dealer_dial(struct dealer *d, void *ctx, const struct keys *own,
                 const uint8_t *server, const char *endpoint, const char *id);
void dealer_hang_up(struct dealer *d);

/* Wait a little: 1 when a frame can be received from `sock`. */
int dealer_turn(struct dealer *d, int timeout_ms);

/* Wait for the other side to end it. */
void dealer_await_closed(struct dealer *d);

/* Begin a frame with its header; send it. */
void dealer_begin(struct wf_buf *frame);
void dealer_send(struct dealer *d, const struct wf_buf *frame, int flags);

#endif

/* outbox.h - frames on their way to the agent
 *
 * A bounded queue of bytes with descriptors attached to positions in it.  Above
 * OUTBOX_HIGH the runner stops reading what handlers print, so they block on their
 * pipes; the room above that is for STARTED and DONE, of which there is a bounded
 * number.
 */
#ifndef AGENT_RUNNER_OUTBOX_H
#define AGENT_RUNNER_OUTBOX_H

#include "agent/runner/wire.h"

#define OUTBOX_HIGH (512u << 10)
#define OUTBOX_MAX  (2u << 20)
#define OUTBOX_FDS  256

struct outbox {
    struct wf_buf buf;
    size_t sent;   /* bytes of buf that are gone */
    uint64_t base; /* position in the stream of buf's first byte */
    unsigned fds;
    struct {
        uint64_t at; /* position of the byte that carries it */
        int fd;      /* owned until sent */
    } fd[OUTBOX_FDS];
};

void outbox_init(struct outbox *o);
void outbox_fini(struct outbox *o);

/* Bytes waiting. */
size_t outbox_len(const struct outbox *o);

/* Room for what handlers print. */
bool outbox_ready(const struct outbox *o);

/* Append a frame; `fd` (-1: none) is taken and closed once it is sent.  0, WEFT_ENOMEM,
 * WEFT_ETOOBIG, WEFT_EFULL; the descriptor stays the caller's then. */
int outbox_put(struct outbox *o, const struct wire_msg *m, int fd);

/* Send what the socket takes.  0, or WEFT_ECLOSED when the peer is gone. */
int outbox_flush(struct outbox *o, int sock);

#endif

/* bulk.h - the broker's bulk lane: a second bus for the bytes of blobs
 *
 * A socket and port of its own, so that a transfer never stands before a small message.
 * Turns what comes into the core's events BROKER_LANE_*; what goes out is what the core
 * passes on.
 */
#ifndef BROKER_BULK_H
#define BROKER_BULK_H

#include "broker/core/event.h"
#include "common/conf.h"
#include "common/io/router.h"

struct bulk;

typedef void bulk_event_fn(void *arg, struct broker_event *ev);

/* Where to listen. */
struct bulk_where {
    const struct wf_conf_list *listen;  /* of the bulk lane; empty: */
    const struct wf_conf_list *control; /* on all hosts of the control lane, */
    const char *bound;                  /* one port above this one of them, or on a free
                                           one when that is taken */
};

/* In a context of its own.  WEFT_ECONF, WEFT_EIO, WEFT_ENOMEM. */
int bulk_new(struct wf_loop *loop, void *zmq, const struct keys *keys,
             const struct bulk_where *where, bulk_event_fn *fn, void *arg,
             struct bulk **ret_bulk, struct wf_err *err);

/* NULL is allowed. */
void bulk_free(struct bulk *b);

/* Where it listens: the first address.  "" when it is not known. */
const char *bulk_endpoint(const struct bulk *b);
unsigned bulk_port(const struct bulk *b);

/* The messages of one frame, as events BROKER_LANE_MSG.  WEFT_EPROTO: it is malformed. */
int bulk_frame(uint32_t peer, const uint8_t *bytes, size_t len, bulk_event_fn *fn,
               void *arg);

void bulk_send(struct bulk *b, uint32_t peer, const uint8_t *p, size_t len);
void bulk_close(struct bulk *b, uint32_t peer);

#endif

/* desk.h - the blob store as asked by several, each with a callback of its own
 *
 * In front of agent/blob/blobs.h: what the store's queue has no room for waits here, in
 * order, so that nobody has to ask twice.  Each ask that returned 0 is answered once
 * (BLOBS_ADD: once for each file with `more`, then once), never from inside the call.
 * How much waits is bounded by those who ask: the windows of pull and give, the slots.
 */
#ifndef AGENT_DATA_DESK_H
#define AGENT_DATA_DESK_H

#include "agent/blob/blobs.h"
#include "common/io/log.h"

struct desk;

/* `d` is borrowed; its bytes may be taken, as blobs.h says. */
typedef void desk_done_fn(void *arg, struct blobs_done *d);

/* `queue_bytes`: as of blobs_new().  `on_change` (may be NULL) as blobs.h says.  Strings
 * are copied, the log is borrowed.  WEFT_ECONF, WEFT_EIO, WEFT_ENOMEM. */
int desk_new(struct wf_loop *loop, const struct blob_options *o, size_t queue_bytes,
             const struct log_sink *log,
             void (*on_change)(void *arg, const struct blob_change *c), void *arg,
             struct desk **ret_desk, struct wf_err *err);

/* No callback runs any more.  NULL is allowed. */
void desk_free(struct desk *k);

/* Ask; q->tag is not used, q->path is copied.  `bytes` (may be NULL): taken on success.
 * WEFT_ENOMEM, WEFT_EINVAL, WEFT_EIO. */
int desk_ask(struct desk *k, const struct blobs_ask *q, uint8_t **bytes, size_t len,
             desk_done_fn *fn, void *arg);

/* Not answered yet; asked since the beginning. */
size_t desk_open(const struct desk *k);
uint64_t desk_asked(const struct desk *k);

#endif

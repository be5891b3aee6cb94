/* plan.h - a job that is only asked about, as the message that asks */
#ifndef CLIENT_PLAN_H
#define CLIENT_PLAN_H

#include "client/include/weft/info.h"
#include "proto/msg.h"

struct weft_client;

/* In one piece: the message borrows from the buffers, which outlive the client's scratch.
 */
struct plan {
    struct wf_buf submit, without; /* owned */
    struct wf_plan m;
};

/* The whole submit but for its payload, of which only the size is told (payload_size).
 * Not locked.  WEFT_EINVAL, WEFT_ENOENT (payload_file), WEFT_ETOOBIG, WEFT_ENOMEM: then
 * there is nothing to give back. */
int plan_init(struct plan *p, struct weft_client *c, const struct weft_job *job,
              const char *const *without, size_t n);
void plan_fini(struct plan *p);

#endif

/* data.h - the calls that data needs
 *
 *  - requests of several messages under one number (stage, dataset_put), which are asked
 *    again as a whole in a new session;
 *  - stages, which tell how they go (WF_NEWS_PROGRESS) until they are over;
 *  - local calls, which stand for several others: whoever runs them ends them, unless
 *    the client closes or is refused for good before;
 *  - jobs that are held back until their payload is in the mesh.
 *
 * Part of the table of calls.h.  Pure.
 */
#ifndef CLIENT_CORE_DATA_H
#define CLIENT_CORE_DATA_H

#include "client/core/calls.h"

/* Numbers of requests with this bit are not those of calls: answers to them are left to
 * who asked.  Calls count from 1. */
#define WF_REQ_FOREIGN (UINT64_C(1) << 62)

/* Fill in message number `i` of a request but for its number, which is its first field: 1
 * when others follow, 0 for the last one, or a negative WEFT_E*. */
typedef int wf_part_fn(void *arg, size_t i, struct wf_msg *msg);

/* As wf_calls_request() without a deadline.  Also what `part` fails with. */
int wf_calls_request_parts(struct wf_calls *c, uint64_t now_us, struct wf_call *call,
                           enum wf_type type, wf_part_fn *part, void *arg,
                           struct wf_effects *out);

/* Encoded messages one after the other, an effect each. */
void wf_calls_send_parts(const struct wf_call *call, struct wf_effects *out);

/* A stage is not wanted any more: tell the broker.  The call is forgotten by the caller.
 */
void wf_calls_stage_end(struct wf_calls *c, const struct wf_call *call,
                        struct wf_effects *out);

/* Begin a local call.  WEFT_ECLOSED, WEFT_EFULL. */
int wf_calls_local(struct wf_calls *c, struct wf_call *call);

/* Send a job that was held back (`holds` before wf_calls_submit()): its payload is this
 * blob now.  Nothing, when it ended meanwhile. */
void wf_calls_release(struct wf_calls *c, uint64_t now_us, struct wf_call *call,
                      const struct wf_digest *blob, uint64_t size,
                      struct wf_effects *out);

/* stage_info came. */
void wf_data_staged(struct wf_calls *c, const struct wf_stage_info *m,
                    struct wf_slice raw);

#endif

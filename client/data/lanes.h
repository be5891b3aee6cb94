/* lanes.h - bulk connections: to the broker's bulk lane, and to agents directly
 *
 * Lanes have the numbers of proto/transfer/transfer.h.  The broker's is kept open while
 * pull asked for it or something is given, and dialled again with back-off while it is;
 * direct ones are pull's alone: when one breaks pull decides.  Each is a socket of its
 * own that reads a few frames a turn, so that jobs on the control lane do not wait.
 */
#ifndef CLIENT_DATA_LANES_H
#define CLIENT_DATA_LANES_H

#include "client/data/data.h"

struct lanes;

/* 0, WEFT_ENOMEM. */
int lanes_new(struct data *d, struct lanes **ret_lanes);
void lanes_free(struct lanes *l);

/* A session began, perhaps with another broker than the lane's. */
void lanes_session(struct lanes *l, uint64_t now_us);

/* Something is being given, or not any more. */
void lanes_give(struct lanes *l, uint64_t now_us, int on);

/* What pull and give ask for. */
void lanes_open(struct lanes *l, uint64_t now_us, uint32_t lane,
                const struct wf_lane_to *to);
void lanes_send(struct lanes *l, uint64_t now_us, uint32_t lane, const uint8_t *bytes,
                size_t len);
void lanes_close(struct lanes *l, uint32_t lane);

uint64_t lanes_due_us(const struct lanes *l);
void lanes_tick(struct lanes *l, uint64_t now_us);

#endif

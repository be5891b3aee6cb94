/* lanes.h - bulk lanes: the connections that blobs travel on
 *
 * To the broker's bulk socket and to agents that have what is wanted here, dialled when
 * the core asks; and, where this machine listens, from those that want what is here.
 * Lanes are numbered as proto/transfer/transfer.h says; who connects to us gets
 * WF_LANE_GIVE and up, at most LANES_GUESTS, LANES_OF_KEY of one key: then its oldest
 * makes way.  Only keys that the core lets in get so far, and who is not let in any more
 * has to go after a while: so neither half-open connections nor idle ones take the place
 * of others.
 *
 *     lanes_open --> DIALLING --up, `lane` said--> NODE_LANE_UP --> NODE_LANE_MSG ...
 *                       |                                               |
 *                       +---- cannot, broken (not lanes_close) ---------+-->
 * NODE_LANE_DOWN
 *
 * A holder that refuses our key may not have heard of the ticket yet: it is dialled again
 * for a while.  Sockets are in a ZeroMQ context of their own, which begins with the first
 * lane.  What a lane brings is read a few pieces a turn of the loop, and little
 * is queued in ZeroMQ, where it could not be counted.
 */
#ifndef AGENT_DATA_LANES_H
#define AGENT_DATA_LANES_H

#include "agent/core/event.h"
#include "common/io/keys.h"
#include "common/io/loop.h"

#define LANES_GUESTS 64u
#define LANES_OF_KEY 4u

struct lanes;

struct lanes_opts {
    const struct keys *keys; /* own; copied */
    uint64_t epoch;          /* of the control session's hello */
    const char *listen;      /* endpoint; NULL or empty: nobody connects to us */
    uint64_t guest_ms;       /* how long who is not let in any more may stay; 0: 30 s */
};

struct lanes_cbs {
    /* NODE_LANE_UP, _DOWN, _MSG, _ROOM; borrowed. */
    void (*on_event)(void *arg, struct node_event *ev);
    /* May this key connect to us? */
    int (*lets_in)(void *arg, const struct wf_key *key);
};

/* 0, WEFT_ECONF: it cannot listen there, WEFT_EIO, WEFT_ENOMEM. */
int lanes_new(struct wf_loop *loop, const struct lanes_opts *opts,
              const struct lanes_cbs *cbs, void *arg, struct lanes **ret_lanes,
              struct wf_err *err);

/* NULL is allowed. */
void lanes_free(struct lanes *l);

/* Where others connect to, as it came out; empty: nowhere.  Borrowed. */
const char *lanes_endpoint(const struct lanes *l);

/* Where the broker's bulk socket is: on the host of `control`, at this port (0: there is
 * none), and its key.  For lanes opened from now on. */
void lanes_set_broker(struct lanes *l, const char *control, unsigned port,
                      const uint8_t *key);

/* Carry out LANE_OPEN, LANE_SEND and LANE_CLOSE.  Nothing is told from inside. */
void lanes_open(struct lanes *l, uint32_t lane, const struct wf_lane_to *to);
void lanes_send(struct lanes *l, uint32_t lane, const void *bytes, size_t len);
void lanes_close(struct lanes *l, uint32_t lane);

/* Whether something failed in these, which the core must hear of. */
int lanes_failure(struct lanes *l, struct node_event *ret_event);

struct lanes_counts {
    unsigned open, guests;
    uint64_t refused; /* connections that were not let in */
};

struct lanes_counts lanes_counts(const struct lanes *l);

#endif

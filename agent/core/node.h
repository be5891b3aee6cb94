/* node.h - the agent as a function
 *
 * node_step(state, event) changes the state and appends ordered effects: SEND to the
 * broker, CONNECT and DISCONNECT for the link, START (obj: a struct run whose fields are
 * read-only) and KILL for handlers, TRACE for the log, and, where there is a spool,
 * APPEND and SYNC (docs/spec/6-spool.md).  Pure.  weft-agent and libweft's serve are its
 * shells.
 *
 * An agent may know several brokers.  What it holds is of the one that assigned it, which
 * alone is told of it; the effects TRY and UNTRY are those of its link.
 *
 * Results wait here until the broker acknowledges them.  Once they hold `max_held` bytes
 * no assignment is taken, so they never hold more than that and what all slots and queues
 * can add to it.
 *
 * With a blob store (`data_cap`) it also fetches what jobs and orders of the broker need,
 * tells what it has, and gives to others (docs/spec/7-data.md).  The effects are then
 * those of pull and give as well, and BLOB_KEEP, BLOB_HOLD, BLOB_RELEASE.  Pull and give
 * share the lane to the broker: LANE_OPEN and LANE_CLOSE of WF_LANE_BROKER come once for
 * both.  A run is started when all its inputs are there and held; they stay held until
 * its end.
 */
#ifndef AGENT_CORE_NODE_H
#define AGENT_CORE_NODE_H

#include "agent/core/runs.h"
#include "proto/link.h"
#include "proto/transfer/give.h"

/* `peer` of APPEND and SYNC; bytes of a key: job id, then the attempt, big-endian. */
#define NODE_SPOOL_TABLE 1u
#define NODE_SPOOL_KEY   20u

struct node;

struct node_capability {
    char name[WF_CAP_NAME_MAX + 1];
    uint32_t version;
    enum wf_handler_kind kind;
    uint64_t slots, queue;
    uint64_t wall_ms;    /* longest run; 0: no limit */
    uint64_t max_output; /* bytes of stdout; 0: what the broker takes */
    int net;
};

struct node_config {
    struct wf_link_config link;
    uint64_t slots; /* over all capabilities */
    unsigned ncaps;
    struct node_capability caps[WF_CAPS_MAX];
    unsigned nlabels;
    char labels[WF_LABELS_MAX][WF_LABEL_MAX + 1];
    uint64_t stream_after_ms; /* output of shorter runs is not streamed while they run */
    uint64_t max_log;         /* bytes of streamed output a run */
    uint64_t grace_ms;        /* between the polite and the final kill */
    uint64_t max_held;        /* memory for results that are not acknowledged */
    uint64_t spool_bytes;     /* of records; 0: there is no spool */
    uint64_t spool_age_ms;    /* older results are dropped while cut off; 0: never */
    uint64_t seed;

    char class_[WF_NAME_MAX + 1]; /* node class; empty: the name of its tier */
    uint64_t speed_pm;            /* against a node of speed 1000; 0: 1000 */
    int metered, spot;

    uint64_t data_cap;              /* bytes of blobs it may hold; 0: there is no store */
    uint64_t data_patience_ms;      /* what is looked for in vain for so long goes back */
    char bulk[WF_ENDPOINT_MAX + 1]; /* where others may fetch from it; empty: nowhere */
    struct wf_pull_config pull;     /* seeds are made from `seed` */
    struct wf_give_config give;
};

void node_config_init(struct node_config *cfg);

/* WEFT_ENOMEM. */
int node_new(const struct node_config *cfg, struct node **ret_node);
void node_free(struct node *n);

void node_step(struct node *n, const struct node_event *ev, struct wf_effects *out);

/* When a TICK is wanted next, or UINT64_MAX. */
uint64_t node_wakeup_us(const struct node *n);

const struct wf_link *node_link(const struct node *n);

/* The last sample of the link was off what is known of it: others soon will tell why. */
int node_link_unsure(const struct node *n);
const struct node_config *node_config_of(const struct node *n);

/* Records in the spool now; what happened since the start. */
struct node_spooled {
    size_t results;
    uint64_t bytes;
    uint64_t refused; /* results that it had no room for */
    uint64_t errors;  /* records not written, or not understood */
    uint64_t dropped; /* results, for their age */
};

struct node_counts {
    size_t waiting, running, finished;
    uint64_t done, failed, refused, cut;
    int draining;
    struct node_spooled spool;
};

struct node_counts node_counts(const struct node *n);

/* Finished runs that the broker of the open session is still to acknowledge; 0 without a
 * session.  Those of other brokers wait for theirs. */
size_t node_owed(const struct node *n);

/* Zeros without a store. */
struct node_data_counts {
    size_t blobs;     /* that are known of */
    size_t orders;    /* of the broker, not over */
    size_t fetching;  /* runs that wait for their inputs */
    size_t lists;     /* sets of inputs, shared between runs */
    uint64_t untold;  /* blobs that could not be taken note of: not told to the broker */
    uint64_t refused; /* attempts, for their inputs */
    struct wf_pull_stats pull;
    struct wf_give_stats give;
};

struct node_data_counts node_data_counts(const struct node *n);

/* May this key open a lane to us?  It may while a ticket for it is alive. */
int node_lets_in(const struct node *n, const struct wf_key *key);

/* Abort unless the invariants hold. */
void node_check(const struct node *n);

#endif

/* node.h - the agent as a function
 *
 * node_step(state, event) changes the state and appends ordered effects: SEND to the
 * broker, CONNECT and DISCONNECT for the link, START (obj: a struct run whose fields are
 * read-only) and KILL for handlers, TRACE for the log, and, where there is a spool,
 * APPEND and SYNC (docs/spec/6-spool.md).  Pure.  weft-agent and libweft's serve are its
 * shells.
 *
 * Results wait here until the broker acknowledges them.  Once they hold `max_held` bytes
 * no assignment is taken, so they never hold more than that and what all slots and queues
 * can add to it.
 */
#ifndef AGENT_CORE_NODE_H
#define AGENT_CORE_NODE_H

#include "agent/core/runs.h"
#include "proto/link.h"

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
};

void node_config_init(struct node_config *cfg);

/* WEFT_ENOMEM. */
int node_new(const struct node_config *cfg, struct node **ret_node);
void node_free(struct node *n);

void node_step(struct node *n, const struct node_event *ev, struct wf_effects *out);

/* When a TICK is wanted next, or UINT64_MAX. */
uint64_t node_wakeup_us(const struct node *n);

const struct wf_link *node_link(const struct node *n);
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

/* Abort unless the invariants hold. */
void node_check(const struct node *n);

#endif

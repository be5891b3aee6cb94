/* node_int.h - the body of the agent core, for node.c and the node_*.c beside it */
#ifndef AGENT_CORE_NODE_INT_H
#define AGENT_CORE_NODE_INT_H

#include "agent/core/node.h"

struct node {
    struct node_config cfg;
    struct wf_link link;
    struct runs runs;
    struct node_facts facts;
    uint64_t now_us, wall_ms;
    uint64_t info_seq, telemetry_seq;
    uint64_t covered; /* highest assign.seq of this session */
    uint64_t running_of[WF_CAPS_MAX], held_of[WF_CAPS_MAX];
    uint64_t sent[WF_METRICS];
    uint32_t sent_known;
    uint64_t done, failed, refused, cut;
    int drained_by_broker, drained_by_owner;
    struct wf_buf rows[3];
};

/* Send when the session is open; what is lost otherwise, resync repairs. */
void node_send(const struct node *n, struct wf_effects *out, enum wf_type type,
               const void *body);

/* node_report.c: what the machine is and how it does. */
void node_tell_info(struct node *n, struct wf_effects *out);
void node_tell_metrics(struct node *n, uint32_t known, const uint64_t *metrics,
                       struct wf_effects *out);

/* node_output.c: what a run prints. */
void node_take_output(struct node *n, struct run *r, unsigned stream,
                      struct wf_slice data, struct wf_effects *out);

/* Send what has gathered. */
void node_flush_output(struct node *n, struct run *r, int with_stdout,
                       struct wf_effects *out);

/* Stop a run for a reason.  One that did not start is over at once. */
void node_stop_run(struct node *n, struct run *r, int code, const char *reason,
                   struct wf_effects *out);

#endif

/* event.h - everything that can happen to an agent
 *
 * The shell (weft-agent, or libweft's serve) turns what happened into one of these.  Data
 * is borrowed for the step.  Times: `now_us` monotonic, `wall_ms` for the handlers'
 * deadline.
 */
#ifndef AGENT_CORE_EVENT_H
#define AGENT_CORE_EVENT_H

#include "proto/msg.h"
#include "proto/words.h"

enum node_event_kind {
    NODE_START,   /* begin to dial */
    NODE_LINK_UP, /* the transport is connected */
    NODE_LINK_DOWN,
    NODE_LINK_REFUSED, /* our key was refused */
    NODE_MSG,
    NODE_TICK,
    NODE_FACTS,       /* facts: what the machine is, or a capability's state, changed */
    NODE_SAMPLE,      /* metrics */
    NODE_RUN_STARTED, /* run: its handler runs */
    NODE_RUN_OUTPUT,  /* run, stream, data */
    NODE_RUN_DONE,    /* run, end: exactly once for each START, also after KILL */
    NODE_DRAIN,       /* on: take no new work; the owner of the machine asks */
    NODE_RECORD,      /* before START: key, value, lsn: what an APPEND had kept */
    NODE_STORE_ERROR, /* lsn: what was appended from it on is not kept */
    NODE_STOP         /* hang up */
};

/* How a run ended, as the shell saw it. */
struct run_end {
    int code; /* 0 or WEFT_E*: EFAILED for a non-zero exit */
    unsigned exit_code, term_signal;
    const char *reason; /* NULL: none */
    /* The result, where it does not come as output of stream 1. */
    struct wf_slice data;
    int has_data;
    uint64_t cpu_us, rss, cut;
};

struct node_facts {
    char arch[WF_NAME_MAX + 1], sandbox[WF_NAME_MAX + 1];
    char cpu[WF_TEXT_MAX + 1], sandbox_why[WF_TEXT_MAX + 1];
    uint64_t cpus, mem, disk;
    unsigned naccels;
    struct {
        char kind[WF_NAME_MAX + 1], name[WF_TEXT_MAX + 1];
        uint64_t mem;
    } accels[WF_ACCELS_MAX];
};

struct node_event {
    enum node_event_kind kind;
    uint64_t now_us, wall_ms;
    const struct wf_msg *msg;
    const struct node_facts *facts;
    uint32_t metrics_known; /* bit per enum wf_metric */
    const uint64_t *metrics;
    uint64_t run;
    unsigned stream;
    struct wf_slice data;
    const struct run_end *end;
    struct wf_slice key, value;
    uint64_t lsn;
    int on;
};

#endif

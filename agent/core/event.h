/* event.h - everything that can happen to an agent
 *
 * The shell (weft-agent, or libweft's serve) turns what happened into one of these.  Data
 * is borrowed for the step.  Times: `now_us` monotonic, `wall_ms` for the handlers'
 * deadline.  Those of lanes and blobs come to an agent with a blob store alone; lanes are
 * numbered as proto/transfer/transfer.h says.
 */
#ifndef AGENT_CORE_EVENT_H
#define AGENT_CORE_EVENT_H

#include "proto/transfer/pull.h"
#include "proto/words.h"

enum node_event_kind {
    NODE_START,   /* begin to dial */
    NODE_LINK_UP, /* the transport is connected */
    NODE_LINK_DOWN,
    NODE_LINK_REFUSED, /* our key was refused */
    NODE_LINK_TRIED,   /* on: the one that was to be tried answered, or not */
    NODE_MSG,
    NODE_TICK,
    NODE_FACTS,       /* facts: what the machine is, or a capability's state, changed */
    NODE_SAMPLE,      /* metrics */
    NODE_RUN_STARTED, /* run: its handler runs */
    NODE_RUN_OUTPUT,  /* run, stream, data */
    NODE_RUN_DONE,    /* run, end: exactly once for each START, also after KILL */
    NODE_DRAIN,       /* on: take no new work; the owner of the machine asks */
    NODE_NOTICE,      /* left_ms: then the machine is taken away */
    NODE_WARM,        /* cap, on: workers of a capability are up, or none is any more */
    NODE_RECORD,      /* before START: key, value, lsn: what an APPEND had kept */
    NODE_STORE_ERROR, /* lsn: what was appended from it on is not kept */
    NODE_PROBED,      /* rtt_us: the broker answered a probe; 0: it did not in time */
    NODE_UNPROBED,    /* it answers none any more */
    NODE_STOP,        /* hang up */

    NODE_LANE_UP,      /* lane: one that was asked for is open, or another opened one */
    NODE_LANE_DOWN,    /* lane: it is gone, or could not be opened */
    NODE_LANE_MSG,     /* lane, msg; peer: key of who is at the other end, NULL where the
                          lane is the broker's or one that we opened */
    NODE_LANE_ROOM,    /* lane; bytes: as wf_give_room() wants to be told */
    NODE_BLOB_BEGUN,   /* ref, code, map, leaves: answers BLOB_BEGIN */
    NODE_BLOB_WRITTEN, /* ref, chunk, code: answers BLOB_WRITE */
    NODE_BLOB_READ,    /* tag, code, coding, data: answers BLOB_READ */
    NODE_BLOB_HELD, /* hold: what the store has of a blob: each at the start, later what
                       has become whole, was pinned or unpinned, damaged, or is gone */
    NODE_BLOBS_LISTED, /* used, room: all that is there at the start was told; may be
                          told later than START */
    NODE_BLOB_STATS,   /* used, room: they changed */
    NODE_LIMITS        /* limits: of transfers, from now on */
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
    uint64_t warm_us; /* of the run: its handler was not ready before */
    /* One that is too large for a message is in the store, and pinned there, before its
     * end is told; `data` is empty then. */
    int has_blob;
    struct wf_digest blob;
    uint64_t blob_size;
    int blob_was_pinned; /* before, too: it is another's as well */
};

/* What the store has of one blob. */
struct node_hold {
    struct wf_digest digest;
    uint64_t size, have; /* bytes; of verified chunks */
    unsigned flags;      /* enum wf_hold */
    int gone;            /* nothing of it is there (any more) */
};

struct node_limits {
    struct wf_pull_limits pull;
    uint64_t give_rate, give_day; /* as in struct wf_give_config */
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
    unsigned cap; /* index */
    uint64_t left_ms;
    uint64_t rtt_us;
    uint32_t lane;
    const struct wf_key *peer;
    uint64_t bytes, used, room;
    const struct wf_blob_ref *ref;
    const uint8_t *map;
    int leaves, code;
    uint64_t chunk, tag;
    unsigned coding;
    const struct node_hold *hold;
    const struct node_limits *limits;
};

#endif

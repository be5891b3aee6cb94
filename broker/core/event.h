/* event.h - everything that can happen to a broker
 *
 * The shell turns what happened into one of these and steps the core.  Messages are
 * decoded and borrowed for the step; a peer is the shell's handle of one authenticated
 * connection, never used again for another.  Times: `now_us` is monotonic, `wall_ms` is
 * for people and for the expiry of tokens only.
 */
#ifndef BROKER_CORE_EVENT_H
#define BROKER_CORE_EVENT_H

#include "broker/core/place/pricing.h"
#include "proto/msg.h"

struct mesh_dial;

enum broker_event_kind {
    BROKER_PEER_UP,   /* key: who it is, as CURVE proved it */
    BROKER_PEER_DOWN, /* the connection is gone */
    BROKER_MSG,
    BROKER_LANE_UP, /* peer, key: a connection to the bulk lane, or one that we dialled */
    BROKER_LANE_DOWN, /* peer */
    BROKER_LANE_MSG,  /* peer, msg; record: its bytes */
    BROKER_LANE_ROOM, /* peer; queued: bytes that stand in the bus for it */
    BROKER_TICK,
    BROKER_DURABLE,     /* lsn: all records up to it are on stable storage */
    BROKER_STORE_ERROR, /* lsn: records from it on are not */
    BROKER_TAKEN,       /* lsn: that job was not written, another broker has its id */
    BROKER_RECORD,      /* table, record: one stored record; at start-up, or of others */
    BROKER_LOADED,      /* start-up: these were all records */
    BROKER_PRICES,      /* prices, nprices: a new price book, in place of the old */
    BROKER_DIAL,        /* dial: one more neighbour is to be dialled */
    BROKER_DIAL_UP,   /* peer: the connection to a neighbour that was dialled is there */
    BROKER_DIAL_DOWN, /* peer: it is gone, or nobody answered */
    BROKER_DIAL_REFUSED, /* peer: the neighbour does not know our key */
    BROKER_PROBED,       /* peer: of a dialled neighbour; rtt_us, 0: one was lost */
    BROKER_UNPROBED,     /* peer: it answers no probes */
    BROKER_FORGETFUL,    /* effects of the last step were lost for want of memory */
    BROKER_STOPPING      /* no new work: the process is about to end */
};

/* What the shell refuses or drops before the core hears of it, since the start. */
#define BUS_COUNTS(C)                                                                    \
    C(connections)                                                                       \
    C(handshakes_refused)                                                                \
    C(cut_silent)                                                                        \
    C(cut_crowded)                                                                       \
    C(cut_slow)                                                                          \
    C(cut_flooding)                                                                      \
    C(cut_bad_id)                                                                        \
    C(cut_bad_frame)                                                                     \
    C(cut_bad_message)                                                                   \
    C(skipped_messages)                                                                  \
    C(probes_answered)                                                                   \
    C(probes_unknown)

struct bus_counts {
#define C(name) uint64_t name;
    BUS_COUNTS(C)
#undef C
};

struct broker_event {
    enum broker_event_kind kind;
    uint32_t peer;
    uint64_t now_us;
    uint64_t wall_ms;
    const struct wf_msg *msg;
    struct wf_key key;
    uint64_t lsn;
    unsigned table;
    uint64_t queued;
    uint64_t rtt_us;
    struct wf_slice record;       /* key, then value, as in WF_EFFECT_APPEND */
    const struct bus_counts *bus; /* for views; may be NULL */
    const struct price_line *prices;
    size_t nprices;
    const struct mesh_dial *dial;
};

#endif

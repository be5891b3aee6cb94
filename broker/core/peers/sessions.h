/* sessions.h - open connections and what each peer may do on them
 *
 *   NEW --hello--> READY; either ends by being forgotten: bye, error, revoked, silence
 *
 * A session belongs to one authenticated connection.  It holds its principal (or the
 * token it came with), never the other way round: authority is looked up on every
 * message.
 */
#ifndef BROKER_CORE_SESSIONS_H
#define BROKER_CORE_SESSIONS_H

#include "broker/core/peers/registry.h"
#include "common/ewma.h"
#include "common/heap.h"
#include "common/list.h"
#include "proto/probe.h"

#define SESSION_REFUSED 16u /* requests in pages that are remembered as refused */

enum session_state { SESSION_NEW, SESSION_READY, SESSION_STATES };

struct session {
    uint32_t peer;               /* first: the map's key */
    unsigned state;              /* enum session_state; session_move() only */
    unsigned role;               /* of hello; NONE before */
    int by_token;                /* connected with a token's key: may only join */
    struct principal *principal; /* borrowed; the token's entry when by_token */
    uint64_t epoch;
    uint64_t began_us; /* when it said hello */
    uint64_t heard_us;
    struct wf_heap_node lease; /* in sessions.leases */
    struct wf_ewma rtt_us;     /* as the peer measured it */
    uint64_t assign_seq;       /* of the last assign sent */
    int follows_events;
    uint64_t told_us; /* a neighbour's events are counted from then on */
    unsigned told;
    size_t nwatches;
    struct wf_list_node watches;        /* struct watch.of_session */
    struct wf_list_node fetches, gives; /* struct ticket.of_fetcher, .of_holder */
    struct wf_list_node stages;         /* struct stage.of_session */
    uint64_t refused[SESSION_REFUSED];  /* requests in pages: see data.h; 0: none */
    unsigned nrefused;                  /* so far: the next one's place */
    uint64_t alarm_us;                  /* when the last news of what it said came up */
    uint8_t probe[WF_PROBE_COOKIE];     /* of its probes, once it said hello */
};

struct sessions {
    struct wf_map *by_peer; /* owned */
    struct wf_heap leases;  /* by the time when its silence is looked at */
    size_t followers;
    struct session *recent[4]; /* borrowed: a frame brings many messages of one peer */
};

int session_table_init(struct sessions *s, size_t max, uint64_t seed);
void session_table_fini(struct sessions *s);

/* WEFT_EFULL, WEFT_ENOMEM, WEFT_EEXIST. */
int session_open(struct sessions *s, uint32_t peer, uint64_t lease_end_us,
                 struct session **ret_session);
struct session *session_get(struct sessions *s, uint32_t peer);

/* Forget it.  The caller has unlinked its watches. */
void session_close(struct sessions *s, struct session *x);

void session_move(struct session *x, unsigned to);

/* A sign of life: it is looked after again when it was silent for `silence_us`. */
void session_heard(struct sessions *s, struct session *x, uint64_t now_us,
                   uint64_t silence_us);

#endif

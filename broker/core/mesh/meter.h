/* meter.h - what the link to a neighbour is like: round trip, jitter, loss, throughput
 *
 * Who dialled it probes it (proto/prober.h); heartbeats stand in until the first probe is
 * answered and while none are.  What comes over its bulk lane each end counts: bytes of a
 * span without a pause, over the time since its first message.  Messages on the control
 * lane are not counted, for they wait for events and not for the link.  Each end tells
 * the other (`links`), so both know all of it.
 *
 * The other end's word is bounded, and believed for placement and views alone.
 * Microseconds, bytes a second.  Zeroed memory is a link of which nothing is known.
 * docs/spec/5-mesh.md, 5.1.
 */
#ifndef BROKER_CORE_MESH_METER_H
#define BROKER_CORE_MESH_METER_H

#include "broker/core/peers/links.h"
#include "common/rate.h"
#include "common/rtt.h"

struct meter {
    struct wf_rtt rtt;     /* as measured here */
    int probed;            /* by probes, not by heartbeats */
    int sampled;           /* since it was last looked whether there are news */
    struct wf_rate down;   /* what came */
    uint64_t from_us;      /* when the present span began; 0: there is none */
    uint64_t last_us;      /* when the newest message of it came, */
    uint64_t bytes;        /* and what came since its first */
    int looked;            /* nothing of `down` changed since the other end was told */
    uint64_t told_us;      /* when it was told in this session; 0: it was not */
    struct link_seen told; /* as it tells; its `down` is what we send */
};

/* A session opened, perhaps over another way. */
void meter_begin(struct meter *m);

/* Samples of the link that we dialled: a probe that was answered, or lost (0); there are
 * no answers; a heartbeat. */
void meter_probed(struct meter *m, uint64_t rtt_us, uint64_t now_us);
void meter_unprobed(struct meter *m);
void meter_ponged(struct meter *m, uint64_t rtt_us, uint64_t now_us);

/* So many bytes came over the bulk lane. */
void meter_came(struct meter *m, uint64_t bytes, uint64_t now_us);

/* The other end tells.  WEFT_EPROTO: what cannot be. */
int meter_heard(struct meter *m, const struct wf_link_row *row, uint64_t now_us);

/* All that is known: `up` is what we can send, `down` what comes. */
void meter_view(const struct meter *m, uint64_t now_us, struct link_seen *ret_link);

/* 1 when the other end should be told this, which then counts as told. */
int meter_news(struct meter *m, uint64_t now_us, struct wf_link_row *ret_row);

#endif

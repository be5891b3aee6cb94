/* relay.h - the broker's bulk lane: transfers between those who cannot reach each other
 *
 * Wants go to the holder and pieces to the fetcher, by their ticket, as they came;
 * nothing is stored.  What is outstanding for one fetcher is bounded, so what waits in
 * the bus for it is: a want beyond it is refused, to be said again.
 * docs/spec/7-data.md, 7.5.
 */
#ifndef BROKER_CORE_DATA_RELAY_H
#define BROKER_CORE_DATA_RELAY_H

#include "broker/core/data/catalogue.h"
#include "broker/core/data/tickets.h"
#include "proto/effects.h"

/* Outstanding for one fetcher; the bus queues a little more than this for a peer. */
#define RELAY_BYTES    (6u << 20)
#define RELAY_RETRY_MS 20u

/* Who opened a lane: the same key and process as a session of the control lane. */
struct lane_id {
    struct wf_key key;
    uint64_t epoch;
};

/* One connection to the bulk lane. */
struct lane {
    uint32_t peer;        /* first: the map's key; a handle of the bulk socket */
    struct lane_id id;    /* its epoch is 0 until it said `lane` */
    uint64_t outstanding; /* bytes wanted by it that did not come yet */
};

struct relay {
    struct wf_map *by_peer; /* owned */
    struct wf_map *by_id;   /* the newest lane of each process */
    uint64_t relayed;       /* bytes of pieces */
    uint64_t refused;       /* messages without a right, or for nobody */
};

int relay_init(struct relay *r, uint64_t seed);
void relay_fini(struct relay *r);

/* WEFT_EFULL, WEFT_ENOMEM: it is closed. */
int relay_up(struct relay *r, uint32_t peer, const struct wf_key *key);
void relay_down(struct relay *r, struct tickets *tickets, uint32_t peer);

/* The ticket ends: what is outstanding under it does not come any more. */
void relay_settle(struct relay *r, struct ticket *x);

/* `raw`: the bytes of the message, which go on as they are. */
void relay_msg(struct relay *r, const struct tickets *tickets,
               const struct catalogue *catalogue, uint64_t now_us, uint32_t peer,
               const struct wf_msg *msg, struct wf_slice raw, struct wf_effects *out);

#endif

/* relay.h - the broker's bulk lane: transfers between those who cannot reach each other
 *
 * Wants go to the holder and pieces to the fetcher, by their ticket, as they came; no
 * bytes are stored.  What each want may bring is noted, and taken off that with each
 * piece: a piece that nobody wanted, or more than was wanted, is dropped.  So what is on
 * its way to one fetcher, and what stands in the bus for it, is bounded whatever the
 * peers do: a want beyond it is refused, to be said again.  A want that brings nothing
 * for a while is given up.  docs/spec/7-data.md, 7.5.
 *
 * Either side may be a neighbour, which relays in turn; then what is on its way is
 * bounded for all that fetch through it together.  A relay in between does not know the
 * blob, so the want says how large it is: who says less than is true gets no more than
 * that, who says more has less outstanding.
 */
#ifndef BROKER_CORE_DATA_RELAY_H
#define BROKER_CORE_DATA_RELAY_H

#include "broker/core/data/catalogue.h"
#include "broker/core/data/tickets.h"
#include "proto/effects.h"

/* On its way to one fetcher, queued in the bus or still to come; the bus takes a little
 * more than this for a peer. */
#define RELAY_BYTES    (6u << 20)
#define RELAY_ASKS     1024u /* wants of one lane */
#define RELAY_RETRY_MS 20u
#define RELAY_QUIET_US 30000000u /* a want that brings nothing for so long is over */
#define RELAY_OF_KEY   256u      /* lanes of one key */

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
    uint64_t queued;      /* bytes that came and stand in the bus */
    unsigned asks;        /* wants that are not over */
};

/* A want that was passed on, as far as it was not answered. */
struct relay_ask {
    struct wf_list_node of_ticket;
    struct wf_digest digest;
    uint64_t size; /* of the blob */
    unsigned kind; /* enum wf_want_kind */
    uint64_t first, end;
    uint64_t left;    /* bytes */
    uint64_t at, got; /* chunk that comes at present, bytes of it */
};

struct relay {
    struct wf_map *by_peer;   /* owned */
    struct wf_map *by_id;     /* the newest lane of each process */
    struct wf_list_node busy; /* ticket.in_busy */
    uint64_t relayed;         /* bytes of pieces */
    uint64_t refused;         /* messages without a right, for nobody, or not wanted */
};

int relay_init(struct relay *r, uint64_t seed);
void relay_fini(struct relay *r);

/* WEFT_EFULL, WEFT_ENOMEM: it is closed. */
int relay_up(struct relay *r, uint32_t peer, const struct wf_key *key);
void relay_down(struct relay *r, uint32_t peer);

/* The lane that we dialled is up, to the process of that epoch.  WEFT_EFULL, WEFT_ENOMEM:
 * it is closed. */
int relay_up_to(struct relay *r, uint32_t peer, const struct wf_key *key, uint64_t epoch);

/* So many bytes stand in the bus for it. */
void relay_room(struct relay *r, uint32_t peer, uint64_t queued);

/* Whose lane it is; NULL: there is none of that number. */
const struct wf_key *relay_key(const struct relay *r, uint32_t peer);

/* What is outstanding under the ticket is not wanted any more. */
void relay_settle(struct relay *r, struct ticket *x);

/* `raw`: the bytes of the message, which go on as they are. */
void relay_msg(struct relay *r, const struct tickets *tickets,
               const struct catalogue *catalogue, uint64_t now_us, uint32_t peer,
               const struct wf_msg *msg, struct wf_slice raw, struct wf_effects *out);

#endif

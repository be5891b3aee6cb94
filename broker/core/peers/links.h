/* links.h - the links of one agent, as it told
 *
 * A row for each peer: this broker (a key of zeros), or another node that it fetched from
 * or gave to.  The newest word on a peer wins; beyond LINKS_MAX the row that was told
 * longest ago makes way.  Memory comes with the first row.  A peer's word: bounded, and
 * believed for placement only.
 */
#ifndef BROKER_CORE_LINKS_H
#define BROKER_CORE_LINKS_H

#include "proto/msg.h"

#define LINKS_MAX 32u

/* Rates are bytes a second; 0: not measured, as is an RTT of 0. */
struct link_seen {
    struct wf_key peer;
    uint64_t rtt_us, jitter_us, loss_pm;
    uint64_t up, down; /* from the agent to the peer; the other way */
    uint64_t samples;
    uint64_t at_us; /* of the newest sample */
};

struct links {
    struct link_seen *v; /* owned */
    unsigned n, cap;
};

void links_fini(struct links *l);

/* Take a row.  *ret_link is borrowed until the next call.  WEFT_EPROTO: it says what
 * cannot be; WEFT_ENOMEM: there was no memory for another row. */
int links_put(struct links *l, const struct wf_link_row *row, uint64_t now_us,
              const struct link_seen **ret_link);

/* The link to this broker; NULL: it told of none. */
const struct link_seen *links_broker(const struct links *l);

#endif

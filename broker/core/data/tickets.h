/* tickets.h - who may fetch what from whom, for how long
 *
 * One ticket a pair of fetcher and holder: further blobs are added to it by further
 * grants.  It lives as long as both sessions and is renewed by each locate.  Holders know
 * which blobs it covers; the broker knows only the pair, which is what the relay needs.
 * docs/spec/7-data.md, 7.4.
 */
#ifndef BROKER_CORE_DATA_TICKETS_H
#define BROKER_CORE_DATA_TICKETS_H

#include "broker/core/sessions.h"
#include "common/rng.h"

#define TICKET_TTL_MS  (10u * 60 * 1000)
#define TICKETS_MAX    65536u
#define TICKETS_OF_MAX 256u /* of one fetcher at once */

struct ticket {
    uint64_t number;                  /* first: the map's key; random */
    struct session *fetcher, *holder; /* borrowed */
    struct wf_list_node of_fetcher, of_holder;
    uint64_t expires_us;
    uint64_t outstanding; /* bytes wanted through the relay and not come yet */
    uint64_t relayed;     /* bytes that went through the relay */
};

struct tickets {
    struct wf_map *by_number; /* owned */
    struct wf_rng *rng;       /* borrowed */
};

int tickets_init(struct tickets *t, struct wf_rng *rng, uint64_t seed);
void tickets_fini(struct tickets *t);

/* The ticket of this pair, made or renewed.  WEFT_EFULL, WEFT_ENOMEM. */
int ticket_need(struct tickets *t, struct session *fetcher, struct session *holder,
                uint64_t now_us, struct ticket **ret_ticket);

/* The live ticket of that number, or NULL. */
struct ticket *ticket_get(const struct tickets *t, uint64_t number, uint64_t now_us);

void ticket_drop(struct tickets *t, struct ticket *x);

#endif

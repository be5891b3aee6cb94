/* tickets.h - who may fetch what from whom, for how long
 *
 * One ticket a pair of fetcher and holder: further blobs are added to it by further
 * grants.  It lives as long as both sessions and is renewed by each locate.  Holders know
 * which blobs it covers; the broker knows only the pair, which is what the relay needs,
 * and what is on its way through that.  docs/spec/7-data.md, 7.4.
 *
 * Between sites fetcher or holder is a neighbour's session.  The broker of the holder
 * makes the ticket; all that pass the answer on adopt it, under the same number, so that
 * wants and pieces find their way from relay to relay as they are.  docs/spec/5-mesh.md,
 * 5.7.
 */
#ifndef BROKER_CORE_DATA_TICKETS_H
#define BROKER_CORE_DATA_TICKETS_H

#include "broker/core/peers/sessions.h"
#include "common/rng.h"

#define TICKET_TTL_MS  (10u * 60 * 1000)
#define TICKETS_MAX    65536u
#define TICKETS_OF_MAX 256u /* of one fetcher at once */

struct ticket {
    uint64_t number;                  /* first: the map's key; random */
    int adopted;                      /* made by the holder's broker, or further on */
    struct session *fetcher, *holder; /* borrowed */
    struct wf_key to; /* who fetches: the fetcher's own key, or a node behind it */
    struct wf_list_node of_fetcher, of_holder;
    uint64_t expires_us;

    /* See relay.h. */
    struct wf_list_node asks;    /* relay_ask.of_ticket; empty when it is dropped */
    struct wf_list_node in_busy; /* relay.busy: it has some */
    uint64_t moved_us;           /* when the relay saw the last of it */
    uint64_t relayed;            /* bytes that went through it */
};

struct tickets {
    struct wf_map *by_number; /* owned */
    struct wf_rng *rng;       /* borrowed */
};

int tickets_init(struct tickets *t, struct wf_rng *rng, uint64_t seed);
void tickets_fini(struct tickets *t);

/* The ticket of this pair, made or renewed.  WEFT_EFULL, WEFT_ENOMEM. */
int ticket_need(struct tickets *t, struct session *fetcher, const struct wf_key *to,
                struct session *holder, uint64_t now_us, struct ticket **ret_ticket);

/* A ticket that a neighbour told of, for who asked here: made, or renewed, until then.
 * WEFT_ECONFLICT: that number is another pair's; WEFT_EFULL, WEFT_ENOMEM. */
int ticket_adopt(struct tickets *t, uint64_t number, struct session *fetcher,
                 const struct wf_key *to, struct session *holder, uint64_t until_us);

/* The ticket of that number, over or not, or NULL. */
struct ticket *ticket_get(const struct tickets *t, uint64_t number);

static inline int ticket_is_live(const struct ticket *x, uint64_t now_us)
{
    return now_us < x->expires_us;
}

/* The relay has settled it. */
void ticket_drop(struct tickets *t, struct ticket *x);

#endif

#include "broker/core/peers/links.h"

#include "common/err.h"
#include "common/mem.h"
#include "common/rate.h"
#include "common/rtt.h"

#include <string.h>

static const struct wf_key broker_key;

void links_fini(struct links *l)
{
    wf_free(l->v);
    *l = (struct links){0};
}

static struct link_seen *find(const struct links *l, const struct wf_key *peer)
{
    for (unsigned i = 0; i < l->n; i++) {
        if (wf_key_eq(&l->v[i].peer, peer)) {
            return &l->v[i];
        }
    }
    return NULL;
}

/* The one told longest ago, but for the broker's, which is told as seldom as it changes.
 */
static struct link_seen *oldest(const struct links *l)
{
    struct link_seen *old = NULL;

    for (unsigned i = 0; i < l->n; i++) {
        struct link_seen *x = &l->v[i];

        if (!wf_key_eq(&x->peer, &broker_key) && (old == NULL || x->at_us < old->at_us)) {
            old = x;
        }
    }
    return old;
}

static struct link_seen *take(struct links *l, const struct wf_key *peer)
{
    struct link_seen *at = find(l, peer);

    if (at != NULL) {
        return at;
    }
    if (l->n == LINKS_MAX) {
        return oldest(l);
    }
    if (l->n == l->cap) {
        unsigned cap = l->cap == 0 ? 1 : 2 * l->cap;
        struct link_seen *v = wf_realloc(l->v, cap * sizeof *v);

        if (v == NULL) {
            return NULL;
        }
        l->v = v;
        l->cap = cap;
    }
    return &l->v[l->n++];
}

int links_put(struct links *l, const struct wf_link_row *row, uint64_t now_us,
              const struct link_seen **ret_link)
{
    uint64_t age_us = wf_min_u64(row->age_ms, UINT32_MAX) * 1000;
    struct link_seen *at;

    if (row->rtt_us > WF_RTT_MAX_US || row->jitter_us > WF_RTT_MAX_US ||
        (row->rtt_us == 0 && row->up == 0 && row->down == 0)) {
        return WEFT_EPROTO;
    }
    at = take(l, &row->peer);
    if (at == NULL) {
        return WEFT_ENOMEM;
    }
    *at = (struct link_seen){.peer = row->peer,
                             .rtt_us = row->rtt_us,
                             .jitter_us = row->jitter_us,
                             .loss_pm = row->loss_pm,
                             .up = wf_min_u64(row->up, WF_RATE_MAX),
                             .down = wf_min_u64(row->down, WF_RATE_MAX),
                             .samples = row->samples,
                             .at_us = now_us - wf_min_u64(age_us, now_us)};
    *ret_link = at;
    return 0;
}

const struct link_seen *links_broker(const struct links *l)
{
    return find(l, &broker_key);
}

#include "proto/transfer/pull_int.h"

#include <string.h>

/* What transfers show of links, for those who place work: see common/rate.h. */

/* What was under way arrives all at once: how soon says nothing of the link.  Only over a
 * round trip do bytes come as it carries them, and a clock has steps. */
#define SAMPLE_MIN_US (5 * PULL_MS)

static unsigned flows(const struct wf_pull *p)
{
    unsigned n = 0;

    for (struct wf_list_node *x = wf_list_first(&p->holders); x != NULL;
         x = wf_list_next(&p->holders, x)) {
        n += CONTAINER_OF(x, struct pull_holder, in_holders)->owed != 0;
    }
    return n;
}

void wf_pull_sampled(struct wf_pull *p, uint64_t now_us, struct pull_holder *h,
                     uint64_t bytes, uint64_t took_us)
{
    unsigned n;

    h->long_bytes += bytes;
    h->long_us += took_us;
    if (h->long_bytes < WF_RATE_MIN_BYTES ||
        h->long_us < wf_max_u64(h->rtt_us, SAMPLE_MIN_US)) {
        return;
    }
    n = flows(p);
    (void) wf_rate_add(&p->down, h->long_bytes, h->long_us, n, now_us);
    (void) wf_rate_add(&h->down, h->long_bytes, h->long_us, n, now_us);
    h->nsamples++;
    if (!h->news && wf_rate_news(&h->down, now_us)) {
        h->news = 1;
        p->npeers++;
    }
    h->long_bytes = h->long_us = 0;
}

int wf_pull_next_peer(struct wf_pull *p, uint64_t now_us, struct wf_pull_peer *ret_peer)
{
    struct wf_list_node *n;

    for (n = p->npeers != 0 ? wf_list_first(&p->holders) : NULL; n != NULL;
         n = wf_list_next(&p->holders, n)) {
        struct pull_holder *h = CONTAINER_OF(n, struct pull_holder, in_holders);

        if (h->news) {
            h->news = 0;
            p->npeers--;
            wf_rate_told(&h->down, now_us);
            *ret_peer = (struct wf_pull_peer){.key = h->key,
                                              .rtt_us = h->rtt_us,
                                              .rate = wf_rate_get(&h->down, now_us),
                                              .samples = h->nsamples};
            memcpy(ret_peer->name, h->name, sizeof ret_peer->name);
            return 1;
        }
    }
    return 0;
}

uint64_t wf_pull_down(const struct wf_pull *p, uint64_t now_us)
{
    return wf_rate_get(&p->down, now_us);
}

#include "broker/core/mesh/data/holds.h"

#include "broker/core/core_int.h"
#include "broker/core/mesh/gossip/gossip.h"
#include "common/bloom.h"
#include "common/plant.h"

#include <string.h>

#define WALK   16384u /* blobs looked at in a step */
#define SHARES 16u    /* of a blob that are looked at */
#define GAP_US 10000000u
/* Of a site's bits: with more it says nothing. */
#define FULL_PCT (WF_PLANT(FULL_FILTER) ? 100u : 60u)
#define MOST     (WF_HOLDS_MAX * 8 / WF_BLOOM_BITS)

enum holds_phase { WAITING, COUNTING, FILLING };

static unsigned bits_of(uint64_t size)
{
    return size == 0 ? 0 : 63u - (unsigned) __builtin_clzll(size);
}

static int is_here(const struct blob *b)
{
    unsigned looks = SHARES;

    for (struct wf_list_node *n = wf_list_first(&b->shares); n != NULL && looks-- > 0;
         n = wf_list_next(&b->shares, n)) {
        const struct share *s = CONTAINER_OF(n, struct share, of_blob);

        if (WF_PLANT(HOLDS_PARTS) && s->agent->session != NULL) {
            return 1;
        }
        if (share_is_whole(s) && s->agent->session != NULL) {
            return 1;
        }
    }
    return 0;
}

static void look_at(struct holds *h, const struct blob *b)
{
    const unsigned bits = bits_of(b->size);

    if (bits < h->least_bits || !is_here(b)) {
        return;
    }
    if (h->phase == COUNTING) {
        h->of_bits[bits]++;
    } else if (h->n < MOST) {
        h->n++;
        wf_bloom_add(h->bits, h->bytes, b->digest.b);
    }
}

/* The largest ones, as many as there is room for; of one size those that come first. */
static void choose(struct holds *h)
{
    size_t n = 0;
    unsigned bits = 63;

    while (bits > HOLDS_LEAST_BITS && n + h->of_bits[bits] <= MOST) {
        n += h->of_bits[bits--];
    }
    if (n + h->of_bits[bits] <= MOST || n == 0) {
        n += h->of_bits[bits];
    } else {
        bits++;
    }
    h->least_bits = bits;
    h->bytes = wf_bloom_bytes(n, WF_HOLDS_MAX);
}

static uint64_t gap_us(const struct core *c, const struct holds *h)
{
    struct gossip_stats s;

    gossip_stats(c->word.gossip, &s);
    return wf_max_u64(GAP_US, UINT64_C(1000000) * s.origins * h->bytes / HOLDS_RATE);
}

static void begin(struct holds *h, unsigned phase)
{
    h->phase = phase;
    h->at = 0;
}

int holds_look(struct core *c, struct wf_holds_fact *ret_fact)
{
    struct holds *h = &c->word.holds;
    const struct blob *b = NULL;

    if (h->phase == WAITING && h->due_us <= c->now_us) {
        memset(h->of_bits, 0, sizeof h->of_bits);
        h->least_bits = HOLDS_LEAST_BITS;
        begin(h, COUNTING);
    }
    for (unsigned i = 0; h->phase != WAITING && i < WALK; i++) {
        b = wf_map_next(c->data.catalogue.blobs, &h->at);
        if (b == NULL) {
            break;
        }
        look_at(h, b);
    }
    if (h->phase == WAITING || b != NULL) {
        return 0;
    }
    if (h->phase == COUNTING) {
        choose(h);
        memset(h->bits, 0, sizeof h->bits);
        h->n = 0;
        begin(h, FILLING);
        return 0;
    }
    begin(h, WAITING);
    h->due_us = c->now_us + gap_us(c, h);
    *ret_fact = (struct wf_holds_fact){
        .least = UINT64_C(1) << h->least_bits,
        .hashes = WF_BLOOM_HASHES,
        .bits = wf_slice_make(h->bits, h->n != 0 ? (uint32_t) h->bytes : 0)};
    return 1;
}

/* -- of other sites --------------------------------------------------------------------
 */

void holds_learn(const struct core *c, const struct wf_key *key, struct site_holds *to)
{
    const struct wf_holds_fact *m;
    struct gossip_fact f;
    struct wf_msg msg;

    wf_buf_clear(&to->bits);
    if (gossip_get(c->word.gossip, key, WF_FACT_HOLDS, wf_slice_make(NULL, 0), &f) != 0 ||
        wf_msg_read(f.body, WF_MSG_holds_fact, &msg) != 0) {
        return;
    }
    m = &msg.u.holds_fact;
    to->least = wf_max_u64(m->least, UINT64_C(1) << HOLDS_LEAST_BITS);
    to->hashes = (unsigned) m->hashes;
    if (m->hashes != 0 &&
        wf_bloom_count(m->bits.p, m->bits.len) <= m->bits.len * 8 * FULL_PCT / 100) {
        (void) wf_buf_put(&to->bits, m->bits.p, m->bits.len); /* else it holds nothing */
    }
}

int holds_may(const struct site_holds *h, const struct wf_digest *digest, uint64_t size)
{
    return h->bits.len != 0 && size >= h->least &&
           wf_bloom_has(h->bits.p, h->bits.len, h->hashes, digest->b);
}

#include "broker/core/mesh/gossip/gossip_int.h"

#include "common/err.h"
#include "common/plant.h"

#include <string.h>

/* A message with so many forged facts is read no further: each costs 60 us. */
#define FORGED_MAX 4u
#define JUMP       4096u

/* A row that came in, checked as far as it can be without its origin. */
struct heard {
    struct said said;
    const uint8_t *sign;
    uint64_t base;
    unsigned link;
    uint64_t now_us;
};

static int read_row(const struct wf_fact_row *row, struct heard *h)
{
    if (row->seq == 0 || row->seq > FACT_SEQ_MAX || row->skips >= row->seq ||
        row->kind == WF_FACT_NONE || (row->key.len != 0 && row->key.len != WF_KEY_SIZE) ||
        row->sign.len != WF_SIGN_SIZE) {
        return 0;
    }
    h->said = (struct said){.origin = row->origin,
                            .seq = row->seq,
                            .kind = (unsigned) row->kind,
                            .key = row->key,
                            .body = row->body};
    h->sign = row->sign.p;
    h->base = row->seq - 1 - row->skips;
    return 1;
}

/* It came on a link before any other.  Facts about keys come on all and tell nothing. */
static void came_by(struct gossip *g, struct origin *o, const struct heard *h)
{
    if (h->said.kind == WF_FACT_KEY || o->parent == (int) h->link) {
        return;
    }
    o->parent = (int) h->link;
    if (!WF_PLANT(GOSSIP_ORPHANS) && mask_take(&o->silent, h->link)) {
        mask_clear(&o->tell_stop, h->link);
        spread_tell(g, o, &o->tell_push, h->link);
    }
}

/* It came once more, by another way than the first time. */
static void came_twice(struct gossip *g, struct origin *o, const struct heard *h)
{
    if (h->said.kind == WF_FACT_KEY || o->parent == (int) h->link) {
        return;
    }
    if (o->parent < 0) {
        o->parent = (int) h->link;
        return;
    }
    mask_set(&o->silent, h->link);
    spread_tell(g, o, &o->tell_stop, h->link);
}

/* Not news: 1, and what it claims is heard. */
static int known(struct gossip *g, struct origin *o, const struct heard *h)
{
    struct fact *held = facts_find(&g->facts, &o->key, h->said.kind, h->said.key);

    if (held == NULL || held->seq < h->said.seq) {
        /* Its origin lost its store and uses a number twice: it will say this anew. */
        int used = facts_has(o, h->said.seq);

        g->stats.refused[GOSSIP_STALE] += (uint64_t) used;
        return used;
    }
    facts_claim(o, held, h->said.seq, h->base);
    if (held->seq == h->said.seq) {
        g->stats.refused[GOSSIP_TWICE]++;
        mask_clear(&held->owed, h->link);
        came_twice(g, o, h);
    } else {
        g->stats.refused[GOSSIP_STALE]++;
    }
    return 1;
}

static int genuine(struct gossip *g, const struct origin *o, const struct heard *h)
{
    g->stats.verified++;
    if (WF_PLANT(GOSSIP_TRUSTS_ALL)) {
        return 1;
    }
    if (!sign_verify(&h->said, &o->sign, h->sign)) {
        g->stats.refused[GOSSIP_FORGED]++;
        g->links[h->link].forged++;
        return 0;
    }
    return 1;
}

/* -- our own facts, from others */

static uint64_t mark(const uint8_t sign[WF_SIGN_SIZE])
{
    uint64_t m;

    memcpy(&m, sign, sizeof m);
    return m;
}

int take_own(struct gossip *g, unsigned kind, struct wf_slice key, struct wf_slice body,
             uint64_t now_us)
{
    const struct said said = {.origin = g->self->key,
                              .seq = g->seq + 1,
                              .kind = kind,
                              .key = key,
                              .body = body};
    uint8_t sign[WF_SIGN_SIZE];
    struct fact *f = NULL;
    int rc = facts_room(&g->facts, g->self, &said);

    if (rc != 0) {
        return rc;
    }
    sign_make(&said, g->secret, sign);
    rc = facts_put(&g->facts, g->self, &said, sign, g->self->seen, now_us, &f);
    if (rc != 0) {
        return rc;
    }
    g->seq = said.seq;
    if (said.seq - g->first <= GOSSIP_SAID) {
        g->said[said.seq - g->first - 1] = mark(sign);
    }
    g->stats.signed_++;
    spread_news(g, f, -1);
    if (kind == WF_FACT_KEY) {
        trust_key(g, f);
    }
    return 0;
}

void take_again(struct gossip *g, uint64_t now_us)
{
    const struct origin *o = g->self;

    while (o->n != 0 && o->facts[0]->seq <= g->first) {
        const struct fact *f = o->facts[0];
        struct wf_slice body = wf_slice_make(f->body, f->body_len);

        if (take_own(g, fact_kind(f), fact_key(f), body, now_us) != 0) {
            return; /* The next turn tries again. */
        }
    }
}

/* Whether a fact of ours stems from before our store was lost: its seq is one that we
 * have not used in this life, or used for something else. */
static int earlier_life(const struct gossip *g, const struct heard *h)
{
    uint64_t at = h->said.seq - g->first - 1;

    return h->said.seq > g->seq ||
           (h->said.seq > g->first && at < GOSSIP_SAID && g->said[at] != mark(h->sign));
}

/* Numbers were used twice: all that we say gets new ones, above both, and above what else
 * the earlier life may have said. */
static void jump(struct gossip *g, uint64_t seq)
{
    g->stats.jumps++;
    g->seq = wf_max_u64(g->seq, seq) + JUMP;
    g->first = g->seq;
    memset(g->said, 0, sizeof g->said);
}

/* A fact of ours.  Of what only others still have, word on keys is kept by saying it
 * again; anything else is taken back.  0 when it was forged. */
static int take_ours(struct gossip *g, const struct heard *h)
{
    int earlier = earlier_life(g, h);
    int held = facts_find(&g->facts, &g->self->key, h->said.kind, h->said.key) != NULL;
    struct wf_slice nothing = {0};

    if (held && !earlier) {
        g->stats.refused[GOSSIP_TWICE]++;
        return 1;
    }
    if (!genuine(g, g->self, h)) {
        return 0;
    }
    if (earlier) {
        jump(g, h->said.seq);
    }
    if (!held &&
        take_own(g, h->said.kind, h->said.key,
                 h->said.kind == WF_FACT_KEY ? h->said.body : nothing, h->now_us) == 0) {
        g->stats.adopted++;
    }
    return 1;
}

/* -- facts of others */

static void take_news(struct gossip *g, struct origin *o, const struct heard *h)
{
    struct fact *f = NULL;
    int gap = h->base > o->seen;
    int rc = facts_put(&g->facts, o, &h->said, h->sign, h->base, h->now_us, &f);

    if (rc == WEFT_EFULL) {
        /* It counts as seen, or it would be sent for ever. */
        g->stats.refused[GOSSIP_FULL]++;
        facts_claim(o, NULL, h->said.seq, h->base);
        return;
    }
    if (rc != 0) {
        g->stats.refused[GOSSIP_NOMEM]++;
        return;
    }
    g->stats.news++;
    if (gap) {
        g->stats.gaps++;
        spread_tell(g, o, &o->tell_lack, h->link);
    }
    came_by(g, o, h);
    spread_news(g, f, (int) h->link);
    if (h->said.kind == WF_FACT_KEY) {
        trust_key(g, f);
    }
}

/* 0 when it was forged. */
static int take(struct gossip *g, const struct heard *h)
{
    struct origin *o = facts_origin(&g->facts, &h->said.origin);

    if (o == NULL || o->revoked) {
        g->stats.refused[o == NULL ? GOSSIP_UNKNOWN : GOSSIP_REVOKED]++;
        return 1;
    }
    if (o == g->self) {
        return take_ours(g, h);
    }
    if (known(g, o, h)) {
        return 1;
    }
    if (!genuine(g, o, h)) {
        return 0;
    }
    take_news(g, o, h);
    return 1;
}

void gossip_on_facts(struct gossip *g, uint32_t peer, const struct wf_facts *m,
                     uint64_t now_us, struct wf_effects *out)
{
    struct wf_rows rows = m->rows;
    struct wf_fact_row row;
    struct heard h = {.now_us = now_us};
    int link = link_of(g, peer);
    unsigned forged = 0;

    if (link < 0 || trust_gone(g, &g->links[link])) {
        return;
    }
    h.link = (unsigned) link;
    g->stats.messages_in++;
    g->stats.bytes_in += m->rows.len;
    while (forged < FORGED_MAX && wf_rows_next(&rows, wf_desc_fact_row(), &row)) {
        g->stats.facts_in++;
        if (!read_row(&row, &h)) {
            g->stats.refused[GOSSIP_MALFORMED]++;
        } else if (!take(g, &h)) {
            forged++;
        }
    }
    take_again(g, now_us);
    spread_settle(g, now_us, out);
}

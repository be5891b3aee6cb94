#include "broker/core/mesh/gossip/gossip_int.h"

#include "common/check.h"
#include "common/err.h"
#include "common/mem.h"

#include <string.h>

#define BOOT_SHIFT     32
#define BOOT_MAX       UINT64_C(0x7fffffff)
#define INTERVAL_US    UINT64_C(1000000)
#define BATCHES        8u /* in an interval */
#define SLICE          64u
#define SLICE_MAX      (WF_PAGE_MAX - 2)
#define ORIGINS_MAX    2048u
#define FACTS_MAX      4096u
#define ORIGIN_BYTES   (UINT64_C(2) << 20)
#define BYTES_MAX      (UINT64_C(128) << 20)
#define WINDOW         (UINT64_C(256) << 10)
#define MAP_ENTRY_COST 80u /* of memory, about */

static uint64_t or_default(uint64_t v, uint64_t def)
{
    return v != 0 ? v : def;
}

static void set_defaults(struct gossip_config *c)
{
    c->interval_us = or_default(c->interval_us, INTERVAL_US);
    c->batch_us = or_default(c->batch_us, c->interval_us / BATCHES);
    c->slice = (unsigned) wf_min_u64(or_default(c->slice, SLICE), SLICE_MAX);
    c->max_origins = (unsigned) or_default(c->max_origins, ORIGINS_MAX);
    c->max_facts = (unsigned) or_default(c->max_facts, FACTS_MAX);
    c->origin_bytes = or_default(c->origin_bytes, ORIGIN_BYTES);
    c->max_bytes = or_default(c->max_bytes, BYTES_MAX);
    c->window = wf_max_u64(or_default(c->window, WINDOW), WF_FRAME_TARGET);
}

struct gossip *gossip_new(const struct gossip_config *cfg)
{
    struct gossip *g = wf_calloc(1, sizeof *g);
    struct facts_limits limit;

    if (g == NULL) {
        return NULL;
    }
    g->cfg = *cfg;
    set_defaults(&g->cfg);
    limit = (struct facts_limits){.origins = g->cfg.max_origins,
                                  .facts = g->cfg.max_facts,
                                  .origin_bytes = g->cfg.origin_bytes,
                                  .bytes = g->cfg.max_bytes};
    g->rng.s = cfg->rng;
    g->seq = (cfg->boot & BOOT_MAX) << BOOT_SHIFT;
    g->first = g->seq;
    wf_list_init(&g->busy);
    wf_buf_init(&g->rows, WF_FRAME_MAX);
    if (facts_init(&g->facts, &limit, wf_rng_next(&g->rng)) != 0) {
        wf_free(g);
        return NULL;
    }
    if (facts_add_origin(&g->facts, &cfg->self, &g->self) != 0) {
        gossip_free(g);
        return NULL;
    }
    sign_keys(cfg->seed, g->secret, &g->self->sign);
    sign_wipe(g->cfg.seed, sizeof g->cfg.seed);
    return g;
}

void gossip_free(struct gossip *g)
{
    if (g != NULL) {
        facts_fini(&g->facts);
        wf_buf_fini(&g->rows);
        sign_wipe(g->secret, sizeof g->secret);
        wf_free(g);
    }
}

const struct wf_key *gossip_sign_key(const struct gossip *g)
{
    return &g->self->sign;
}

int gossip_say(struct gossip *g, unsigned kind, struct wf_slice key, struct wf_slice body,
               uint64_t now_us, struct wf_effects *out)
{
    const struct fact *old;
    int rc;

    if (kind == WF_FACT_NONE || kind > WF_FACT_KINDS ||
        (key.len != 0 && key.len != WF_KEY_SIZE)) {
        return WEFT_EINVAL;
    }
    if (body.len > WF_FACT_MAX) {
        return WEFT_ETOOBIG;
    }
    old = facts_find(&g->facts, &g->self->key, kind, key);
    if (old != NULL ? wf_slice_eq(wf_slice_make(old->body, old->body_len), body)
                    : body.len == 0) {
        return 0;
    }
    rc = take_own(g, kind, key, body, now_us);
    spread_settle(g, now_us, out);
    return rc;
}

int gossip_link_up(struct gossip *g, uint32_t peer, const struct wf_key *key,
                   uint64_t now_us, struct wf_effects *out)
{
    unsigned i = 0;

    gossip_link_down(g, peer, now_us, out);
    while (i < g->nlinks && g->links[i].up) {
        i++;
    }
    if (i == GOSSIP_LINKS_MAX) {
        return WEFT_EFULL;
    }
    g->links[i] = (struct glink){.peer = peer, .up = 1, .key = *key, .up_us = now_us};
    g->nlinks = i == g->nlinks ? i + 1 : g->nlinks;
    table_all(g, i, out);
    spread_settle(g, now_us, out);
    return 0;
}

void gossip_link_down(struct gossip *g, uint32_t peer, uint64_t now_us,
                      struct wf_effects *out)
{
    int link = link_of(g, peer);

    if (link >= 0) {
        g->links[link].up = 0;
        spread_forget(g, (unsigned) link);
        while (g->nlinks > 0 && !g->links[g->nlinks - 1].up) {
            g->nlinks--;
        }
        spread_settle(g, now_us, out);
    }
}

/* One of the links that are up, by chance; -1: there is none. */
static int any_link(struct gossip *g)
{
    unsigned up = 0, pick;

    for (unsigned i = 0; i < g->nlinks; i++) {
        up += g->links[i].up != 0;
    }
    pick = (unsigned) wf_rng_below(&g->rng, up);
    for (unsigned i = 0; i < g->nlinks; i++) {
        if (g->links[i].up && pick-- == 0) {
            return (int) i;
        }
    }
    return -1;
}

/* A turn of anti-entropy.  What a full window waits for is asked for again. */
static void turn(struct gossip *g, struct wf_effects *out)
{
    const struct wf_seen probe = {.kind = WF_SEEN_LACK, .answer = 1};
    int link = any_link(g);

    if (link >= 0) {
        table_slice(g, (unsigned) link, out);
    }
    for (unsigned i = 0; i < g->nlinks; i++) {
        if (g->links[i].up && g->links[i].stalled) {
            spread_send(g, i, WF_MSG_seen, &probe, out);
        }
    }
}

void gossip_tick(struct gossip *g, uint64_t now_us, struct wf_effects *out)
{
    uint64_t interval = g->cfg.interval_us;

    if (now_us >= g->tick_us) {
        g->tick_us = wf_add_sat(now_us, interval - interval / 8 +
                                            wf_rng_below(&g->rng, interval / 4 + 1));
        turn(g, out);
        take_again(g, now_us);
    }
    spread_settle(g, now_us, out);
}

uint64_t gossip_wakeup_us(const struct gossip *g)
{
    return wf_list_empty(&g->busy) ? g->tick_us : wf_min_u64(g->tick_us, g->flush_us);
}

/* -- questions */

static struct gossip_fact view(const struct fact *f)
{
    return (struct gossip_fact){.origin = &f->of->key,
                                .seq = f->seq,
                                .kind = fact_kind(f),
                                .key = fact_key(f),
                                .body = wf_slice_make(f->body, f->body_len),
                                .at_us = f->at_us};
}

int gossip_get(const struct gossip *g, const struct wf_key *origin, unsigned kind,
               struct wf_slice key, struct gossip_fact *ret_fact)
{
    const struct fact *f = facts_find(&g->facts, origin, kind, key);

    if (f == NULL || f->body_len == 0) {
        return WEFT_ENOENT;
    }
    *ret_fact = view(f);
    return 0;
}

int gossip_key(const struct gossip *g, const struct wf_key *key,
               struct gossip_fact *ret_fact)
{
    const struct fact *f = keys_word(&g->facts, key, NULL);

    if (f == NULL) {
        return WEFT_ENOENT;
    }
    *ret_fact = view(f);
    return 0;
}

int gossip_next(const struct gossip *g, unsigned kind, struct gossip_at *at,
                struct gossip_fact *ret_fact)
{
    for (; at->origin < g->facts.n; at->origin++, at->fact = 0) {
        const struct origin *o = g->facts.order[at->origin];

        while (at->fact < o->n) {
            const struct fact *f = o->facts[at->fact++];

            if (fact_kind(f) == kind && f->body_len != 0) {
                *ret_fact = view(f);
                return 1;
            }
        }
    }
    return 0;
}

int gossip_next_origin(const struct gossip *g, unsigned *at, struct wf_key *ret_key,
                       uint64_t *ret_seen, int *ret_revoked)
{
    const struct origin *o;

    if (*at >= g->facts.n) {
        return 0;
    }
    o = g->facts.order[(*at)++];
    *ret_key = o->key;
    *ret_seen = o->seen;
    *ret_revoked = o->revoked;
    return 1;
}

int gossip_next_news(struct gossip *g, struct gossip_fact *ret_fact)
{
    struct wf_list_node *n = wf_list_first(&g->facts.news);

    if (n == NULL) {
        return 0;
    }
    wf_list_remove(n);
    *ret_fact = view(CONTAINER_OF(n, struct fact, in_news));
    return 1;
}

void gossip_stats(const struct gossip *g, struct gossip_stats *ret_stats)
{
    struct gossip_stats s = g->stats;

    s.origins = g->facts.n;
    s.memory = sizeof *g + g->facts.bytes + g->rows.cap;
    for (unsigned i = 0; i < g->facts.n; i++) {
        const struct origin *o = g->facts.order[i];

        s.facts += o->n;
        s.memory += sizeof *o + o->cap * sizeof *o->facts + MAP_ENTRY_COST;
    }
    s.memory += s.facts * MAP_ENTRY_COST;
    for (unsigned i = 0; i < g->nlinks; i++) {
        s.links += g->links[i].up != 0;
    }
    *ret_stats = s;
}

uint64_t gossip_forged_by(const struct gossip *g, uint32_t peer)
{
    int link = link_of(g, peer);

    return link >= 0 ? g->links[link].forged : 0;
}

uint64_t gossip_hash(const struct gossip *g)
{
    return facts_hash(&g->facts);
}

void gossip_check(const struct gossip *g)
{
    facts_check(&g->facts);
    WF_CHECK(facts_origin(&g->facts, &g->cfg.self) == g->self);
    WF_CHECK(g->self->seen <= g->seq);
    for (unsigned i = 0; i < g->facts.n; i++) {
        const struct origin *o = g->facts.order[i];

        WF_CHECK(o->parent < (int) g->nlinks);
        WF_CHECK(o->parent < 0 || g->links[o->parent].up);
        WF_CHECK(mask_empty(&o->owes) || !wf_list_empty(&o->busy));
    }
}

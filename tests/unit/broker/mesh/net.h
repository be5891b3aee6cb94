/* net.h - brokers that gossip over a bus on a virtual clock
 *
 * Messages take a while, may be lost, late or doubled, and are decoded anew at the other
 * end.  A cut link drops what is on it.  Broker i has the key of i + 1 in all bytes and
 * is enrolled by the owner of `introducer`, or known to its neighbours only.
 */
#ifndef TESTS_UNIT_BROKER_MESH_NET_H
#define TESTS_UNIT_BROKER_MESH_NET_H

#include "broker/core/mesh/gossip/gossip.h"
#include "broker/core/mesh/gossip/sign.h"
#include "common/rng.h"
#include "tests/lib/tap.h"

#define NET_MAX 40u
#define NET_S   UINT64_C(1000000)

struct net_message {
    uint64_t at_us, order;
    unsigned from, to;
    uint32_t link_age;
    size_t len;
    uint8_t *bytes;
};

struct net {
    struct gossip *g[NET_MAX];
    unsigned n;
    uint8_t up[NET_MAX][NET_MAX];
    uint32_t age[NET_MAX][NET_MAX]; /* counts the sessions of a link */
    uint64_t last_us[NET_MAX][NET_MAX];
    struct net_message *queue;
    size_t queued, cap;
    uint64_t now_us, order;
    struct wf_rng rng;
    unsigned lose_pm, double_pm;
    int reorder;
    struct gossip_config cfg; /* of all: self, seed, boot are set for each */
};

static inline struct wf_key net_key(unsigned i)
{
    struct wf_key k;

    memset(k.b, (int) i + 1, sizeof k.b);
    return k;
}

static inline struct wf_key net_sign_key(unsigned i)
{
    uint8_t secret[SIGN_SECRET_SIZE];
    struct wf_key seed = net_key(i + 100), pub;

    sign_keys(seed.b, secret, &pub);
    return pub;
}

static inline void net_start(struct net *w, unsigned i, uint64_t boot)
{
    struct gossip_config cfg = w->cfg;
    struct wf_key seed = net_key(i + 100);

    cfg.self = net_key(i);
    memcpy(cfg.seed, seed.b, sizeof cfg.seed);
    cfg.boot = boot;
    cfg.rng = wf_rng_next(&w->rng);
    w->g[i] = gossip_new(&cfg);
    must(w->g[i] != NULL);
}

static inline void net_new(struct net *w, unsigned n, uint64_t seed,
                           const struct gossip_config *cfg)
{
    *w = (struct net){.n = n, .rng.s = seed, .now_us = 5 * NET_S};
    if (cfg != NULL) {
        w->cfg = *cfg;
    }
    for (unsigned i = 0; i < n; i++) {
        net_start(w, i, 1);
    }
}

static inline void net_free(struct net *w)
{
    for (unsigned i = 0; i < w->n; i++) {
        gossip_free(w->g[i]);
    }
    for (size_t i = 0; i < w->queued; i++) {
        free(w->queue[i].bytes);
    }
    free(w->queue);
}

static inline void net_put(struct net *w, unsigned from, unsigned to, const uint8_t *p,
                           size_t len)
{
    struct net_message *m;
    uint64_t at = w->now_us + 1000 + wf_rng_below(&w->rng, 40000);

    if (!w->reorder) {
        at = wf_max_u64(at, w->last_us[from][to]);
        w->last_us[from][to] = at;
    }
    if (w->queued == w->cap) {
        w->cap = w->cap != 0 ? 2 * w->cap : 64;
        w->queue = realloc(w->queue, w->cap * sizeof *w->queue);
        must(w->queue != NULL);
    }
    m = &w->queue[w->queued++];
    *m = (struct net_message){at,  w->order++, from, to, w->age[from][to],
                              len, malloc(len)};
    must(m->bytes != NULL);
    memcpy(m->bytes, p, len);
}

/* Onto the bus with what a broker wants sent.  Peers are numbers of brokers. */
static inline void net_carry(struct net *w, unsigned from, struct wf_effects *out)
{
    must(out->err == 0);
    for (size_t i = 0; i < out->n; i++) {
        const struct wf_effect *e = &out->v[i];

        must(e->kind == WF_EFFECT_SEND && e->peer < w->n);
        if (!w->up[from][e->peer] || wf_rng_chance(&w->rng, w->lose_pm, 1000)) {
            continue;
        }
        net_put(w, from, e->peer, wf_effect_bytes(out, e), e->len);
        if (wf_rng_chance(&w->rng, w->double_pm, 1000)) {
            net_put(w, from, e->peer, wf_effect_bytes(out, e), e->len);
        }
    }
    wf_effects_fini(out);
}

static inline void net_hear(struct net *w, unsigned to, unsigned from, const uint8_t *p,
                            size_t len)
{
    struct wf_effects out;
    struct wf_cursor c;
    struct wf_msg m;

    wf_effects_init(&out);
    wf_cur_init(&c, p, len);
    must(wf_msg_decode(&c, &m) == 0);
    if (m.type == WF_MSG_seen) {
        gossip_on_seen(w->g[to], from, &m.u.seen, w->now_us, &out);
    } else {
        must(m.type == WF_MSG_facts);
        gossip_on_facts(w->g[to], from, &m.u.facts, w->now_us, &out);
    }
    net_carry(w, to, &out);
}

static inline void net_trust(struct net *w, unsigned who, unsigned whom)
{
    struct wf_effects out;
    struct wf_key key = net_key(whom), sign = net_sign_key(whom);

    wf_effects_init(&out);
    (void) gossip_trust(w->g[who], &key, &sign, w->now_us, &out);
    net_carry(w, who, &out);
}

static inline void net_end(struct net *w, unsigned a, unsigned b, int up)
{
    struct wf_effects out;
    struct wf_key key = net_key(b);

    wf_effects_init(&out);
    if (up) {
        must(gossip_link_up(w->g[a], b, &key, w->now_us, &out) == 0);
    } else {
        gossip_link_down(w->g[a], b, w->now_us, &out);
    }
    net_carry(w, a, &out);
}

/* A session between two, whose ends trust each other. */
static inline void net_link(struct net *w, unsigned a, unsigned b)
{
    w->up[a][b] = w->up[b][a] = 1;
    w->age[a][b]++;
    w->age[b][a]++;
    net_trust(w, a, b);
    net_trust(w, b, a);
    net_end(w, a, b, 1);
    net_end(w, b, a, 1);
}

static inline void net_cut(struct net *w, unsigned a, unsigned b)
{
    w->up[a][b] = w->up[b][a] = 0;
    w->age[a][b]++;
    w->age[b][a]++;
    net_end(w, a, b, 0);
    net_end(w, b, a, 0);
}

static inline int net_say(struct net *w, unsigned i, unsigned kind, struct wf_slice key,
                          const char *body)
{
    struct wf_effects out;
    int rc;

    wf_effects_init(&out);
    rc = gossip_say(w->g[i], kind, key, wf_slice_of(body), w->now_us, &out);
    net_carry(w, i, &out);
    return rc;
}

static inline int net_say_site(struct net *w, unsigned i, const char *body)
{
    return net_say(w, i, WF_FACT_SITE, (struct wf_slice){0}, body);
}

/* Broker i says what it knows of the key of another. */
static inline int net_say_key(struct net *w, unsigned i, unsigned about, unsigned state,
                              uint64_t version)
{
    struct wf_buf b = WF_BUF_INIT(4096);
    struct wf_key key = net_key(about), sign = net_sign_key(about);
    const struct wf_key_fact f = {.role = WF_ROLE_BROKER,
                                  .name = wf_slice_of("b"),
                                  .site = wf_slice_of("s"),
                                  .state = state,
                                  .sign = wf_slice_make(sign.b, sizeof sign.b),
                                  .version = version};
    struct wf_effects out;
    int rc;

    must(wf_msg_encode(&b, WF_MSG_key_fact, &f) == 0);
    wf_effects_init(&out);
    rc = gossip_say(w->g[i], WF_FACT_KEY, wf_slice_make(key.b, sizeof key.b),
                    wf_slice_make(b.p, b.len), w->now_us, &out);
    net_carry(w, i, &out);
    wf_buf_fini(&b);
    return rc;
}

static inline size_t net_first(const struct net *w)
{
    size_t best = 0;

    for (size_t i = 1; i < w->queued; i++) {
        const struct net_message *a = &w->queue[i], *b = &w->queue[best];

        if (a->at_us < b->at_us || (a->at_us == b->at_us && a->order < b->order)) {
            best = i;
        }
    }
    return best;
}

static inline void net_deliver(struct net *w)
{
    size_t at = net_first(w);
    struct net_message m = w->queue[at];

    w->queue[at] = w->queue[--w->queued];
    if (w->up[m.from][m.to] && m.link_age == w->age[m.from][m.to]) {
        net_hear(w, m.to, m.from, m.bytes, m.len);
    }
    free(m.bytes);
}

static inline void net_run(struct net *w, uint64_t us)
{
    uint64_t end = w->now_us + us;

    for (;;) {
        uint64_t next = end;
        int who = -1;

        for (unsigned i = 0; i < w->n; i++) {
            if (gossip_wakeup_us(w->g[i]) < next) {
                next = gossip_wakeup_us(w->g[i]);
                who = (int) i;
            }
        }
        if (w->queued != 0 && w->queue[net_first(w)].at_us <= next &&
            w->queue[net_first(w)].at_us < end) {
            w->now_us = wf_max_u64(w->now_us, w->queue[net_first(w)].at_us);
            net_deliver(w);
        } else if (who >= 0) {
            struct wf_effects out;

            w->now_us = wf_max_u64(w->now_us, next);
            wf_effects_init(&out);
            gossip_tick(w->g[who], w->now_us, &out);
            net_carry(w, (unsigned) who, &out);
        } else {
            break;
        }
    }
    w->now_us = end;
}

/* 1 when all know the same. */
static inline int net_equal(const struct net *w)
{
    for (unsigned i = 0; i < w->n; i++) {
        gossip_check(w->g[i]);
        if (gossip_hash(w->g[i]) != gossip_hash(w->g[0])) {
            return 0;
        }
    }
    return 1;
}

static inline int net_knows(const struct net *w, unsigned who, unsigned whom,
                            const char *body)
{
    struct wf_key key = net_key(whom);
    struct gossip_fact f;

    return gossip_get(w->g[who], &key, WF_FACT_SITE, (struct wf_slice){0}, &f) == 0 &&
           wf_slice_is(f.body, body);
}

static inline struct gossip_stats net_stats(const struct net *w, unsigned i)
{
    struct gossip_stats s;

    gossip_stats(w->g[i], &s);
    return s;
}

#endif

/* Which nodes are near: to this broker, and to a node that holds data. */
#include "broker/core/router/router_int.h"

/* A node that never measured its way here comes after those that did. */
static uint64_t rtt_of(const struct routing *r, uint32_t node)
{
    const struct rnode *n = &r->nodes[node];

    return n->rtt_us != 0 ? n->rtt_us : UINT32_MAX;
}

/* Insert into a list of at most `max`, the lowest key first. */
static uint32_t keep(uint32_t *v, uint64_t *keys, uint32_t n, uint32_t max, uint32_t node,
                     uint64_t key)
{
    uint32_t at = n;

    if (n == max && key >= keys[n - 1]) {
        return n;
    }
    at = n < max ? n : n - 1;
    while (at > 0 && keys[at - 1] > key) {
        v[at] = v[at - 1];
        keys[at] = keys[at - 1];
        at--;
    }
    v[at] = node;
    keys[at] = key;
    return n < max ? n + 1 : n;
}

void near_refresh(struct routing *r, struct rcap *c, uint64_t now_us)
{
    uint64_t keys[NEAR_KEPT];
    uint64_t age_us = now_us - c->near_us;

    /* All of a few are looked at anyway. */
    if (c->n <= r->cfg.sample || (!c->near_stale && age_us < FRESH_US) ||
        (c->nnear != 0 && age_us < FRESH_US / 10)) {
        return;
    }
    c->near_us = now_us;
    c->near_stale = 0;
    c->nnear = 0;
    for (uint32_t i = 0; i < c->n; i++) {
        c->nnear = keep(c->near, keys, c->nnear, NEAR_KEPT, c->v[i].node,
                        rtt_of(r, c->v[i].node));
    }
}

static void look(struct routing *r, struct around *x, uint64_t *keys, uint32_t node,
                 uint64_t now_us)
{
    const uint32_t holder = x->held - 1;

    if (!r->nodes[node].used || node == holder) {
        return;
    }
    for (uint32_t i = 0; i < x->n; i++) {
        if (x->v[i] == node) {
            return;
        }
    }
    x->n = keep(x->v, keys, x->n, AROUND_KEPT, node,
                routing_distance(r, holder, node, now_us).rank);
}

static void prefetch(const struct rnode *n)
{
    __builtin_prefetch(&n->up);
    __builtin_prefetch(n->to_broker);
}

/* Drawn before they are looked at, so that their records are on the way meanwhile. */
static void look_at_random(struct routing *r, struct around *x, uint64_t *keys,
                           uint64_t now_us)
{
    uint32_t nodes[AROUND_RANDOM];

    for (unsigned i = 0; i < AROUND_RANDOM; i++) {
        nodes[i] = (uint32_t) wf_rng_below(&r->rng, r->nnodes);
        prefetch(&r->nodes[nodes[i]]);
    }
    for (unsigned i = 0; i < AROUND_RANDOM; i++) {
        look(r, x, keys, nodes[i], now_us);
    }
}

/* Those of its site, and of the others all when they are few, else some at random. */
static void find_around(struct routing *r, struct around *x, uint64_t now_us)
{
    const uint32_t holder = x->held - 1;
    uint64_t keys[AROUND_KEPT];
    uint32_t mate = r->nodes[holder].site_next;

    x->n = 0;
    x->found_us = now_us;
    for (unsigned i = 0; i < AROUND_MATES && mate != holder; i++) {
        look(r, x, keys, mate, now_us);
        mate = r->nodes[mate].site_next;
    }
    if (r->nnodes > AROUND_ALL) {
        look_at_random(r, x, keys, now_us);
        return;
    }
    for (uint32_t i = 0; i < r->nnodes; i++) {
        look(r, x, keys, i, now_us);
    }
}

/* Its place, or NULL and the one of its set that was found longest ago. */
static struct around *place_of(struct routing *r, uint32_t holder, struct around **oldest)
{
    struct around *set = &r->around[holder % AROUND_SETS * AROUND_WAYS];

    *oldest = set;
    for (unsigned w = 0; w < AROUND_WAYS; w++) {
        if (set[w].held == holder + 1) {
            return &set[w];
        }
        *oldest = set[w].found_us < (*oldest)->found_us ? &set[w] : *oldest;
    }
    return NULL;
}

const struct around *around_of(struct routing *r, uint32_t holder, uint64_t now_us)
{
    struct around *oldest;
    struct around *x = place_of(r, holder, &oldest);

    if (x == NULL) {
        x = oldest;
        x->held = holder + 1;
        find_around(r, x, now_us);
    } else if (now_us - x->found_us >= FRESH_US) {
        find_around(r, x, now_us);
    }
    return x;
}

void around_forget(struct routing *r, uint32_t holder)
{
    struct around *oldest;
    struct around *x = place_of(r, holder, &oldest);

    if (x != NULL) {
        *x = (struct around){0};
    }
}

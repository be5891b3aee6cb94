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
    const struct rnode *n = &r->nodes[node];

    if (!n->used || node == x->holder) {
        return;
    }
    for (uint32_t i = 0; i < x->n; i++) {
        if (x->v[i] == node) {
            return;
        }
    }
    x->n = keep(x->v, keys, x->n, AROUND_KEPT, node,
                routing_distance(r, x->holder, node, now_us).rank);
}

/* Those of its site, and of the others all when they are few, else some at random. */
static void find_around(struct routing *r, struct around *x, uint64_t now_us)
{
    uint64_t keys[AROUND_KEPT];
    uint32_t mate = r->nodes[x->holder].site_next;

    x->n = 0;
    for (uint32_t i = 0; i < AROUND_LOOKS && mate != x->holder; i++) {
        look(r, x, keys, mate, now_us);
        mate = r->nodes[mate].site_next;
    }
    for (uint32_t i = 0; i < AROUND_LOOKS && i < r->nnodes; i++) {
        uint32_t node =
            r->nnodes <= AROUND_LOOKS ? i : (uint32_t) wf_rng_below(&r->rng, r->nnodes);

        look(r, x, keys, node, now_us);
    }
    x->found_us = now_us;
}

const struct around *around_of(struct routing *r, uint32_t holder, uint64_t now_us)
{
    struct around *x = &r->around[holder % AROUND_SLOTS];

    if (x->holder != holder || now_us - x->found_us >= FRESH_US) {
        x->holder = holder;
        find_around(r, x, now_us);
    }
    return x;
}

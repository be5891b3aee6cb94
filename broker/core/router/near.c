/* Which nodes are near: to this broker, and to a node that holds data. */
#include "broker/core/router/router_int.h"

/* Between two looks at all nodes of a capability, for each of them: a thousand times what
 * it takes. */
#define NEAR_PAUSE_US 250u

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
        (c->nnear != 0 && age_us < FRESH_US / 10 + (uint64_t) c->n * NEAR_PAUSE_US)) {
        return;
    }
    c->near_us = now_us;
    c->near_stale = 0;
    c->nnear = 0;
    for (uint32_t i = 0; i < c->n; i++) {
        c->nnear =
            keep(c->at, keys, c->nnear, NEAR_KEPT, i, rtt_of(r, c->chances[i].node));
    }
    for (uint32_t i = 0; i < c->nnear; i++) {
        c->near[i] = c->chances[c->at[i]].node;
    }
}

struct seeker {
    struct routing *r;
    uint32_t holder;
    uint64_t now_us;
    struct around *found;
    uint64_t keys[AROUND_KEPT];
};

static void look(struct seeker *s, uint32_t node)
{
    struct around *x = s->found;

    if (!s->r->nodes[node].used || node == s->holder) {
        return;
    }
    for (uint32_t i = 0; i < x->n; i++) {
        if (x->v[i] == node) {
            return;
        }
    }
    x->n = keep(x->v, s->keys, x->n, AROUND_KEPT, node,
                routing_distance(s->r, s->holder, node, s->now_us).rank);
}

/* Drawn before they are looked at, so that their records are on the way meanwhile. */
static void look_at_random(struct seeker *s)
{
    uint32_t nodes[AROUND_RANDOM];

    for (unsigned i = 0; i < AROUND_RANDOM; i++) {
        nodes[i] = (uint32_t) wf_rng_below(&s->r->rng, s->r->nnodes);
        __builtin_prefetch(&s->r->nodes[nodes[i]]);
        __builtin_prefetch(s->r->nodes[nodes[i]].to_broker);
    }
    for (unsigned i = 0; i < AROUND_RANDOM; i++) {
        look(s, nodes[i]);
    }
}

/* Those of its site, and of the others all when they are few, else some at random. */
static void find_around(struct routing *r, uint32_t holder, uint64_t now_us,
                        struct around *ret)
{
    struct seeker s = {.r = r, .holder = holder, .now_us = now_us, .found = ret};
    uint32_t mate = r->rest[holder].site_next;

    ret->n = 0;
    for (unsigned i = 0; i < AROUND_MATES && mate != holder; i++) {
        look(&s, mate);
        mate = r->rest[mate].site_next;
    }
    if (r->nnodes > AROUND_ALL) {
        look_at_random(&s);
    } else {
        for (uint32_t i = 0; i < r->nnodes; i++) {
            look(&s, i);
        }
    }
    for (uint32_t i = 0; i < ret->n; i++) {
        ret->offers[i] = r->rest[ret->v[i]].offers;
    }
}

/* Its way of the set, or AROUND_WAYS. */
static unsigned way_of(const struct around_set *set, uint32_t holder)
{
    unsigned w = 0;

    while (w < AROUND_WAYS && set->held[w] != holder + 1) {
        w++;
    }
    return w;
}

static struct around *found(const struct routing *r, uint32_t holder, unsigned way)
{
    return &r->around[(size_t) (holder % AROUND_SETS) * AROUND_WAYS + way];
}

void around_prefetch(const struct routing *r, uint32_t holder, unsigned step)
{
    const struct around_set *set = &r->sets[holder % AROUND_SETS];
    const unsigned w = step == 0 ? AROUND_WAYS : way_of(set, holder);

    if (step == 0) {
        __builtin_prefetch(set);
    } else if (w < AROUND_WAYS) {
        const struct around *x = found(r, holder, w);

        __builtin_prefetch(x);
        __builtin_prefetch(&x->offers[2]);
        __builtin_prefetch(&x->offers[10]);
    }
}

const struct around *around_of(struct routing *r, uint32_t holder, uint64_t now_us)
{
    struct around_set *set = &r->sets[holder % AROUND_SETS];
    unsigned w = way_of(set, holder);

    if (w < AROUND_WAYS && now_us - set->found_us[w] < FRESH_US) {
        return found(r, holder, w);
    }
    if (w == AROUND_WAYS) {
        /* The one that was found longest ago makes room. */
        w = 0;
        for (unsigned i = 1; i < AROUND_WAYS; i++) {
            w = set->found_us[i] < set->found_us[w] ? i : w;
        }
        set->held[w] = holder + 1;
    }
    set->found_us[w] = now_us;
    find_around(r, holder, now_us, found(r, holder, w));
    return found(r, holder, w);
}

void around_forget(struct routing *r, uint32_t holder)
{
    struct around_set *set = &r->sets[holder % AROUND_SETS];
    const unsigned w = way_of(set, holder);

    if (w < AROUND_WAYS) {
        set->held[w] = 0;
        set->found_us[w] = 0;
    }
}

/* What nodes offer: the table of each capability, and what is drawn of it by capacity. */
#include "broker/core/router/router_int.h"

#include "broker/core/router/lines.h"
#include "common/err.h"

#include <string.h>

#define NUMBERS     512u /* drawn for one deck: two tries each */
#define WHOLE_SLOTS 8u   /* of a site count when candidates are drawn */

/* Rounded up: what costs something is not as the node's. */
static uint32_t price_of(uint64_t pusd_s)
{
    return (uint32_t) wf_min_u64(pusd_s / PRICE_UNIT + (pusd_s % PRICE_UNIT != 0),
                                 UINT32_MAX);
}

/* Sites have so many slots that they would be drawn again and again, and hardly ever a
 * free node of this broker's own. */
static uint32_t weight_of(const struct rnode *n, uint32_t slots)
{
    const uint64_t most = n->whole ? WHOLE_SLOTS : UINT32_MAX;

    slots = (uint32_t) wf_min_u64(most, wf_min_u64(n->slots, slots));
    return (uint32_t) wf_max_u64(1,
                                 wf_min_u64(UINT32_MAX, (uint64_t) slots * n->speed_pm));
}

/* So that this weight fits a byte, too. */
static void widen_luck(struct rcap *c, uint32_t weight)
{
    while (weight >> c->luck_shift > UINT8_MAX) {
        c->luck_shift++;
    }
    for (uint32_t i = 0; i < c->n; i++) {
        c->luck[i] = (uint8_t) (c->chances[i].weight >> c->luck_shift);
    }
}

static void weigh_at(struct routing *r, const struct rplace *p)
{
    struct rcap *c = &r->caps[p->capability];
    const struct entry *e = &c->v[p->at];
    struct chance *chance = &c->chances[p->at];

    chance->node = e->node;
    chance->weight = weight_of(&r->nodes[e->node], e->slots);
    if (chance->weight >> c->luck_shift > UINT8_MAX) {
        widen_luck(c, chance->weight);
    } else {
        c->luck[p->at] = (uint8_t) (chance->weight >> c->luck_shift);
    }
}

void offers_reweigh(struct routing *r, uint32_t node)
{
    struct rrest *rest = &r->rest[node];

    for (uint32_t i = 0; i < rest->nplaces; i++) {
        weigh_at(r, place_at(rest, i));
    }
}

static struct rplace *place_of(struct rrest *n, uint32_t capability)
{
    for (uint32_t i = 0; i < n->nplaces; i++) {
        struct rplace *p = place_at(n, i);

        if (p->capability == capability) {
            return p;
        }
    }
    return NULL;
}

struct entry *routing_entry(const struct routing *r, uint32_t node, uint32_t capability)
{
    struct rrest *n = &r->rest[node];
    const struct rplace *p =
        (n->offers & offer_bit(capability)) != 0 ? place_of(n, capability) : NULL;

    return p != NULL ? &r->caps[capability].v[p->at] : NULL;
}

static int grow(void **v, uint32_t n, uint32_t *cap, size_t size)
{
    uint32_t more = *cap != 0 ? *cap * 2 : 4;
    void *p;

    if (n < *cap) {
        return 0;
    }
    p = wf_realloc(*v, more * size);
    if (p == NULL) {
        return WEFT_ENOMEM;
    }
    *v = p;
    *cap = more;
    return 0;
}

static int grow_entries(struct rcap *c)
{
    const uint32_t more = c->cap != 0 ? c->cap * 2 : 4;
    struct entry *v;
    void *block;

    if (c->n < c->cap) {
        return 0;
    }
    v = lines_calloc(more, sizeof *v, &block);
    if (v == NULL) {
        return WEFT_ENOMEM;
    }
    if (c->n != 0) {
        memcpy(v, c->v, c->n * sizeof *v);
    }
    wf_free(c->block);
    c->block = block;
    c->v = v;
    c->cap = more;
    return 0;
}

/* Room for one more: all of it, or what there was already. */
static int reserve(struct routing *r, struct rrest *n, struct rcap *c)
{
    if ((n->nplaces >= PLACES_FEW && grow((void **) &n->more, n->nplaces - PLACES_FEW,
                                          &n->cap_more, sizeof *n->more) != 0) ||
        grow_entries(c) != 0 ||
        grow((void **) &c->chances, c->n, &c->cap_chances, sizeof *c->chances) != 0 ||
        grow((void **) &c->luck, c->n, &c->cap_luck, sizeof *c->luck) != 0) {
        return WEFT_ENOMEM;
    }
    /* All of a few are looked at anyway. */
    if (c->deck == NULL && c->n >= r->cfg.sample) {
        c->deck = wf_calloc(DECK, sizeof *c->deck);
        return c->deck == NULL ? WEFT_ENOMEM : 0;
    }
    return 0;
}

int routing_offer(struct routing *r, uint32_t node, uint32_t capability,
                  const struct route_offer *offer)
{
    struct rrest *n = &r->rest[node];
    struct rcap *c = &r->caps[capability];
    struct entry *e = routing_entry(r, node, capability);

    if (e == NULL) {
        if (reserve(r, n, c) != 0) {
            return WEFT_ENOMEM;
        }
        *place_at(n, n->nplaces++) = (struct rplace){capability, c->n};
        n->offers |= offer_bit(capability);
        e = &c->v[c->n++];
        c->near_stale = 1;
    }
    *e = (struct entry){.node = node,
                        .slots = (uint32_t) wf_max_u64(1, offer->slots),
                        .queue = offer->queue,
                        .assigned = offer->assigned,
                        .warm = offer->warm,
                        .price = price_of(offer->price_pusd_s),
                        .ref = offer->ref};
    weigh_at(r, place_of(n, capability));
    return 0;
}

void routing_withdraw(struct routing *r, uint32_t node, uint32_t capability)
{
    struct rrest *n = &r->rest[node];
    struct rcap *c = &r->caps[capability];
    struct rplace *p = place_of(n, capability);

    if (p == NULL) {
        return;
    }
    /* The last entry moves to where this one was. */
    c->n--;
    if (p->at != c->n) {
        c->v[p->at] = c->v[c->n];
        c->chances[p->at] = c->chances[c->n];
        c->luck[p->at] = c->luck[c->n];
        place_of(&r->rest[c->v[p->at].node], capability)->at = p->at;
    }
    *p = *place_at(n, --n->nplaces);
    n->offers = 0;
    for (uint32_t i = 0; i < n->nplaces; i++) {
        n->offers |= offer_bit(place_at(n, i)->capability);
    }
    c->near_stale = 1;
    c->ndeck = 0; /* its cards tell where nodes stood */
}

/* -- drawing --------------------------------------------------------------------------
 *
 * One at random is taken with the probability of its share of the largest weight, else
 * another is drawn.  Place and luck are the whole and the rest of one product; a byte of
 * the weight tells most of those without luck before their record is looked at.
 */

struct lucky {
    uint32_t at, part;
};

static struct lucky draw(const struct rcap *c, uint32_t x)
{
    const uint64_t product = (uint64_t) x * c->n;

    return (struct lucky){(uint32_t) (product >> 32), (uint32_t) product};
}

static unsigned may_be_lucky(const struct rcap *c, struct lucky l)
{
    return l.part >> 24 <= c->luck[l.at];
}

static unsigned is_lucky(const struct rcap *c, struct lucky l)
{
    return l.part < (uint64_t) c->chances[l.at].weight << (24 - c->luck_shift);
}

void offers_shuffle(struct routing *r, struct rcap *c)
{
    struct wf_rng rng = r->rng;
    struct lucky lucky[DECK + 2];
    unsigned n = 0, kept = 0;

    for (unsigned i = 0; i < NUMBERS && n < DECK; i++) {
        const uint64_t x = wf_rng_next(&rng);
        const struct lucky a = draw(c, (uint32_t) x), b = draw(c, (uint32_t) (x >> 32));

        lucky[n] = a;
        n += may_be_lucky(c, a);
        lucky[n] = b;
        n += may_be_lucky(c, b);
    }
    r->rng = rng;
    for (unsigned i = 0; i < n && i < DECK; i++) {
        __builtin_prefetch(&c->chances[lucky[i].at]);
    }
    for (unsigned i = 0; i < n && i < DECK; i++) {
        c->deck[kept] = (struct card){c->chances[lucky[i].at].node, lucky[i].at};
        kept += is_lucky(c, lucky[i]);
    }
    if (kept == 0) { /* who weighed most left, and the others are light */
        const uint32_t at = (uint32_t) wf_rng_below(&r->rng, c->n);

        c->deck[kept++] = (struct card){c->chances[at].node, at};
    }
    c->ndeck = kept;
}

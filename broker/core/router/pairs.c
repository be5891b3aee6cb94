#include "broker/core/router/pairs.h"

#include "broker/core/router/lines.h"

#include <string.h>

#define WAYS      4u
#define SECOND_US 1000000u
#define KIB       1024u

/* Ages are seconds counted from 1; 0: never.  Rates are KiB a second: 4 TiB/s fit. */
struct seen {
    uint64_t key; /* lower node, then the higher one; equal ones: empty */
    uint32_t touched_s;
    uint32_t rtt_s, rtt_us;
    uint32_t rate_s[2], rate_kib[2]; /* [1]: from the higher node */
};

struct set {
    struct seen way[WAYS];
};

/* Whom nodes of one place were measured with since the last turn, and before it: a turn
 * takes place every ten minutes, so that what is older is forgotten. */
struct company {
    struct pair_company now, before;
};

/* Most pairs that are asked for were never measured: the tags of all sets fit a cache
 * that sits near, and say so without touching a set. */
struct pairs {
    uint32_t mask;
    uint16_t (*tags)[WAYS];  /* owned; of the hash, 0: free */
    void *block;             /* owned; in it, from a line on: */
    struct company *company; /* of nodes, by the low bits of their number */
    uint32_t turned_s;
    struct set sets[];
};

struct pairs *pairs_new(uint32_t cap)
{
    uint32_t nsets = 1;
    struct pairs *p;

    while (nsets < (cap + WAYS - 1) / WAYS && nsets < UINT32_MAX / 2) {
        nsets *= 2;
    }
    p = wf_calloc(1, sizeof *p + (size_t) nsets * sizeof p->sets[0]);
    if (p == NULL) {
        return NULL;
    }
    p->mask = nsets - 1;
    p->tags = wf_calloc(nsets, sizeof *p->tags);
    p->company = lines_calloc(nsets, sizeof *p->company, &p->block);
    if (p->tags == NULL || p->company == NULL) {
        pairs_free(p);
        return NULL;
    }
    return p;
}

void pairs_free(struct pairs *p)
{
    if (p != NULL) {
        wf_free(p->tags);
        wf_free(p->block);
        wf_free(p);
    }
}

static uint64_t key_of(uint32_t a, uint32_t b)
{
    return a < b ? (uint64_t) a << 32 | b : (uint64_t) b << 32 | a;
}

/* The finisher of splitmix64: numbers that follow each other spread over all sets. */
static uint64_t hash(uint64_t z)
{
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static uint16_t tag_of(uint64_t h)
{
    return (uint16_t) (h >> 48 | 1);
}

static uint32_t second(uint64_t now_us)
{
    return (uint32_t) wf_min_u64(now_us / SECOND_US + 1, UINT32_MAX);
}

static int fresh(uint32_t at_s, uint64_t now_us)
{
    uint32_t now_s = second(now_us);

    return at_s != 0 && (at_s >= now_s || now_s - at_s < PAIRS_TTL_S);
}

/* The way of the set that holds this pair, or WAYS. */
static unsigned find(const struct pairs *p, uint32_t at, uint16_t tag, uint64_t key)
{
    const uint64_t ones = UINT64_C(0x0001000100010001);
    uint64_t tags;

    /* All four at once: is one of them 0 once the tag is taken out? */
    memcpy(&tags, p->tags[at], sizeof tags);
    tags ^= tag * ones;
    if (((tags - ones) & ~tags & ones << 15) == 0) {
        return WAYS;
    }
    for (unsigned w = 0; w < WAYS; w++) {
        if (p->tags[at][w] == tag && p->sets[at].way[w].key == key) {
            return w;
        }
    }
    return WAYS;
}

static void clear(struct pairs *p, uint32_t at, unsigned w)
{
    p->tags[at][w] = 0;
    p->sets[at].way[w] = (struct seen){0};
}

/* A way for this pair: its own, or the one touched longest ago, emptied. */
static unsigned take(struct pairs *p, uint32_t at, uint16_t tag, uint64_t key)
{
    const struct set *s = &p->sets[at];
    unsigned w = find(p, at, tag, key);

    if (w == WAYS) {
        w = 0;
        for (unsigned i = 1; i < WAYS; i++) {
            if (s->way[i].touched_s < s->way[w].touched_s) {
                w = i;
            }
        }
        clear(p, at, w);
        p->tags[at][w] = tag;
        p->sets[at].way[w].key = key;
    }
    return w;
}

static void note(struct pair_company *c, uint32_t node)
{
    c->bits[node / 64 % PAIRS_WORDS] |= UINT64_C(1) << node % 64;
}

static void meet(struct pairs *p, uint32_t a, uint32_t b, uint64_t now_us)
{
    const uint32_t now_s = second(now_us);

    if (now_s > p->turned_s && now_s - p->turned_s >= PAIRS_TTL_S) {
        for (uint32_t i = 0; i <= p->mask; i++) {
            p->company[i] = (struct company){.before = p->company[i].now};
        }
        p->turned_s = now_s;
    }
    note(&p->company[a & p->mask].now, b);
    note(&p->company[b & p->mask].now, a);
}

struct pair_company pairs_with(const struct pairs *p, uint32_t node)
{
    const struct company *c = &p->company[node & p->mask];
    struct pair_company ret = c->now;

    for (unsigned i = 0; i < PAIRS_WORDS; i++) {
        ret.bits[i] |= c->before.bits[i];
    }
    return ret;
}

void pairs_prefetch(const struct pairs *p, uint32_t node)
{
    __builtin_prefetch(&p->company[node & p->mask]);
}

void pairs_set(struct pairs *p, uint32_t from, uint32_t to, uint32_t rtt_us,
               uint64_t rate, uint64_t now_us)
{
    const uint64_t key = key_of(from, to), h = hash(key);
    const unsigned d = from > to;
    struct seen *s;

    if (from == to || (rtt_us == 0 && rate == 0)) {
        return;
    }
    meet(p, from, to, now_us);
    s = &p->sets[h & p->mask].way[take(p, (uint32_t) h & p->mask, tag_of(h), key)];
    s->touched_s = second(now_us);
    if (rtt_us != 0) {
        s->rtt_us = rtt_us;
        s->rtt_s = s->touched_s;
    }
    if (rate != 0) {
        s->rate_kib[d] = (uint32_t) wf_min_u64(wf_max_u64(rate / KIB, 1), UINT32_MAX);
        s->rate_s[d] = s->touched_s;
    }
}

struct pair_seen pairs_get(const struct pairs *p, uint32_t from, uint32_t to,
                           uint64_t now_us)
{
    const uint64_t key = key_of(from, to), h = hash(key);
    const unsigned w = find(p, (uint32_t) h & p->mask, tag_of(h), key);
    const unsigned d = from > to;
    struct pair_seen ret = {0};
    const struct seen *s;

    if (w == WAYS || from == to) {
        return ret;
    }
    s = &p->sets[h & p->mask].way[w];
    if (fresh(s->rtt_s, now_us)) {
        ret.rtt_us = s->rtt_us;
    }
    if (fresh(s->rate_s[d], now_us)) {
        ret.rate = (uint64_t) s->rate_kib[d] * KIB;
    }
    return ret;
}

uint32_t pairs_rtt_us(const struct pairs *p, uint32_t a, uint32_t b, uint64_t now_us)
{
    return pairs_get(p, a, b, now_us).rtt_us;
}

uint64_t pairs_rate(const struct pairs *p, uint32_t from, uint32_t to, uint64_t now_us)
{
    return pairs_get(p, from, to, now_us).rate;
}

void pairs_forget(struct pairs *p, uint32_t node)
{
    for (uint32_t i = 0; i <= p->mask; i++) {
        for (unsigned w = 0; w < WAYS; w++) {
            const uint64_t key = p->sets[i].way[w].key;

            if (key != 0 && ((uint32_t) key == node || (uint32_t) (key >> 32) == node)) {
                clear(p, i, w);
            }
        }
    }
}

size_t pairs_bytes(const struct pairs *p)
{
    return sizeof *p + ((size_t) p->mask + 1) *
                           (sizeof p->sets[0] + sizeof p->tags[0] + sizeof *p->company);
}

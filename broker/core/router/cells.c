#include "broker/core/router/cells.h"

#include "common/check.h"
#include "common/err.h"
#include "common/mem.h"

#include <string.h>

#define EVICT_LOOK 8u /* cells of which the oldest makes room */
/* What is left of the distribution when the world changed. */
#define STREAK_LEFT 4u

/* Multiplied and folded twice: not for tables that strangers
 * fill with keys of their choice without bound, which this one does not let them. */
static uint64_t hash(const struct cells *t, const struct cell_key *k)
{
    const uint64_t a = (uint64_t) k->capability << 32 | k->version;
    const uint64_t b = (uint64_t) k->class_ << 32 | (uint32_t) k->bucket << 16 | k->kind;
    uint64_t h = (a ^ t->seed) * UINT64_C(0xbf58476d1ce4e5b9);

    h = ((h ^ h >> 32) + b) * UINT64_C(0x94d049bb133111eb);
    return h >> 32;
}

static int same(const struct cell_key *a, const struct cell_key *b)
{
    return memcmp(a, b, sizeof *a) == 0; /* there are no holes in it */
}

_Static_assert(sizeof(struct cell_key) == 16, "a key without holes");

int cells_init(struct cells *t, size_t max, uint64_t seed)
{
    size_t slots = 16;

    while (slots < 2 * max) {
        slots *= 2;
    }
    *t = (struct cells){
        .max = (uint32_t) max, .mask = (uint32_t) slots - 1, .seed = seed, .rng = {seed}};
    t->cell = wf_calloc(max, sizeof *t->cell);
    t->sketch = wf_calloc(max, sizeof *t->sketch);
    t->capability = wf_calloc(max, sizeof *t->capability);
    t->index = wf_calloc(slots, sizeof *t->index);
    if (t->cell == NULL || t->sketch == NULL || t->capability == NULL ||
        t->index == NULL) {
        cells_fini(t);
        return WEFT_ENOMEM;
    }
    return 0;
}

void cells_fini(struct cells *t)
{
    wf_free(t->cell);
    wf_free(t->sketch);
    wf_free(t->capability);
    wf_free(t->index);
    *t = (struct cells){0};
}

/* The slot of the index where the key stands, or the free one where it would. */
static uint32_t slot_of(const struct cells *t, const struct cell_key *key)
{
    uint32_t at = (uint32_t) hash(t, key) & t->mask;

    while (t->index[at] != 0 && !same(&t->cell[t->index[at] - 1].key, key)) {
        at = (at + 1) & t->mask;
    }
    return at;
}

uint32_t cells_seek(const struct cells *t, const struct cell_key *key)
{
    const uint32_t at = (uint32_t) hash(t, key) & t->mask;

    __builtin_prefetch(&t->index[at]);
    return at;
}

void cells_prefetch(const struct cells *t, uint32_t at)
{
    const uint32_t place = t->index[at];

    if (place != 0) {
        __builtin_prefetch(&t->cell[place - 1]);
        __builtin_prefetch(&t->cell[place - 1].miss);
    }
}

struct cell *cells_find(const struct cells *t, const struct cell_key *key)
{
    const uint32_t place = t->index[slot_of(t, key)];

    return place == 0 ? NULL : &t->cell[place - 1];
}

struct cell *cells_next(const struct cells *t, uint32_t capability, uint32_t *at)
{
    while (*at < t->n) {
        const uint32_t place = (*at)++;

        if (t->capability[place] == capability) {
            return &t->cell[place];
        }
    }
    return NULL;
}

/* Those behind a slot that was freed move up to where they would be looked for. */
static void close_gap(struct cells *t, uint32_t gap)
{
    uint32_t at = gap;

    for (;;) {
        uint32_t home;

        at = (at + 1) & t->mask;
        if (t->index[at] == 0) {
            break;
        }
        home = (uint32_t) hash(t, &t->cell[t->index[at] - 1].key) & t->mask;
        if (((at - home) & t->mask) >= ((at - gap) & t->mask)) {
            t->index[gap] = t->index[at];
            gap = at;
        }
    }
    t->index[gap] = 0;
}

void cells_remove(struct cells *t, struct cell *c)
{
    const uint32_t place = (uint32_t) (c - t->cell), last = t->n - 1;

    WF_CHECK(place < t->n);
    close_gap(t, slot_of(t, &c->key));
    if (place != last) {
        const uint32_t slot = slot_of(t, &t->cell[last].key);

        t->index[slot] = place + 1;
        t->cell[place] = t->cell[last];
        t->sketch[place] = t->sketch[last];
        t->capability[place] = t->capability[last];
    }
    t->n--;
}

/* What was declared is told once, and goes last. */
static int goes_before(const struct cell *a, const struct cell *b)
{
    const int kept_a = a->key.kind == CELL_DECLARED;
    const int kept_b = b->key.kind == CELL_DECLARED;

    return kept_a != kept_b ? kept_b : a->used_us < b->used_us;
}

static void evict(struct cells *t)
{
    struct cell *worst = &t->cell[wf_rng_below(&t->rng, t->n)];

    for (unsigned i = 1; i < EVICT_LOOK; i++) {
        struct cell *c = &t->cell[wf_rng_below(&t->rng, t->n)];

        worst = goes_before(c, worst) ? c : worst;
    }
    cells_remove(t, worst);
}

struct cell *cells_need(struct cells *t, const struct cell_key *key, uint64_t now_us)
{
    struct cell *c = cells_find(t, key);

    if (c != NULL) {
        return c;
    }
    if (t->n == t->max) {
        evict(t);
    }
    c = &t->cell[t->n];
    *c = (struct cell){.key = *key, .used_us = now_us, .aged_us = now_us};
    memset(&t->sketch[t->n], 0, sizeof t->sketch[t->n]);
    t->capability[t->n] = key->capability;
    t->index[slot_of(t, key)] = ++t->n;
    return c;
}

/* So many in a row on one side of the median come once in some thousand samples while
 * the world stays as it is, and soon when it does not: the mean is then that of those in
 * the row, and the distribution is dropped but for a few. */
static void watch(struct cell *c, struct sketch *s, uint64_t x16)
{
    const unsigned is = sketch_bin(x16 / 16), was = sketch_mid(s);

    if (s->total == 0 || is == was) {
        c->streak = 0;
        return;
    }
    if (c->streak == 0 || c->above != (is > was)) {
        c->streak = 0;
        c->streak_x16 = 0;
        c->above = is > was;
    }
    c->streak++;
    c->streak_x16 += x16;
    if (c->streak == CELL_STREAK) {
        while (s->total > STREAK_LEFT) {
            sketch_halve(s);
        }
        c->mean_x16 = c->streak_x16 / CELL_STREAK;
        c->weight = CELL_STREAK;
        c->streak = 0;
    }
}

/* A running mean until the window is full, a decayed one from there on. */
static uint64_t towards(uint64_t from, uint64_t to, unsigned weight)
{
    return to >= from ? from + (to - from) / (weight + 1u)
                      : from - (from - to) / (weight + 1u);
}

void cells_add(struct cells *t, struct cell *c, uint64_t us, uint64_t now_us)
{
    const uint64_t x16 = wf_min_u64(us, CELL_MEAN_MAX) * 16;
    const uint64_t off = x16 > c->mean_x16 ? x16 - c->mean_x16 : c->mean_x16 - x16;
    struct sketch *s = cells_sketch(t, c);

    sketch_add(s, us);
    if (c->weight == 0) {
        c->mean_x16 = x16;
        c->dev_x16 = x16 / 2;
    } else {
        c->dev_x16 = towards(c->dev_x16, off, c->weight);
        c->mean_x16 = towards(c->mean_x16, x16, c->weight);
    }
    c->weight = (uint16_t) wf_min_u64(c->weight + 1u, CELL_WINDOW);
    watch(c, s, x16);
    c->n = c->n == UINT32_MAX ? c->n : c->n + 1;
    c->used_us = now_us;
}

void cells_halve(struct cells *t, struct cell *c)
{
    sketch_halve(cells_sketch(t, c));
    c->weight = (uint16_t) ((c->weight + 1) / 2);
    c->n /= 2;
}

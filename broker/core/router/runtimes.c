#include "broker/core/router/runtimes_int.h"

#include "common/err.h"
#include "common/mem.h"

#define MAX_KEYS_LEAST 64u
#define MAX_KEYS_MOST  (1u << 20)
/* Samples by which the errors of the ways to predict decay. */
#define MISS_WINDOW 32u
/* A way that needs the size must be nearer by a sixteenth. */
#define BETTER_OF  16u
#define NEAR_SIZES 3u /* octaves in which a size that was never seen finds a like one */
#define AGE_US     (UINT64_C(7) * 24 * 3600 * 1000000)
#define AGE_CELLS  64u /* looked at in one tick */
#define ONE        65536u

/* The kinds of cells that know one scope: of a key, or of a capability. */
struct scope {
    enum cell_kind plain, octave, quarter;
};

static const struct scope of_key = {CELL_KEY, CELL_OCTAVE, CELL_QUARTER};
static const struct scope of_capability = {CELL_CAPABILITY, CELL_CAPABILITY_OCTAVE,
                                           CELL_KINDS /* none */};

int runtimes_new(size_t max_keys, uint64_t seed, struct runtimes **ret)
{
    struct runtimes *t;
    int rc;

    if (max_keys < MAX_KEYS_LEAST || max_keys > MAX_KEYS_MOST) {
        return WEFT_EINVAL;
    }
    t = wf_calloc(1, sizeof *t);
    if (t == NULL) {
        return WEFT_ENOMEM;
    }
    rc = cells_init(&t->cells, max_keys, seed);
    if (rc != 0) {
        wf_free(t);
        return rc;
    }
    *ret = t;
    return 0;
}

void runtimes_free(struct runtimes *t)
{
    if (t != NULL) {
        cells_fini(&t->cells);
        wf_free(t);
    }
}

size_t runtimes_cells(const struct runtimes *t)
{
    return t->cells.n;
}

size_t runtimes_bytes(const struct runtimes *t)
{
    const size_t one =
        sizeof *t->cells.cell + sizeof *t->cells.sketch + sizeof *t->cells.capability;

    return sizeof *t + t->cells.max * one +
           ((size_t) t->cells.mask + 1) * sizeof *t->cells.index;
}

/* -- cells -----------------------------------------------------------------------------
 */

static struct cell_key cell_key(const struct runtime_key *k, enum cell_kind kind)
{
    struct cell_key c = {.capability = k->capability, .kind = (uint16_t) kind};

    if (kind == CELL_WARM) {
        c.class_ = k->class_;
    } else if (kind == CELL_KEY || kind == CELL_OCTAVE || kind == CELL_QUARTER) {
        c.class_ = k->class_;
        c.version = k->version;
    }
    if (kind == CELL_OCTAVE || kind == CELL_CAPABILITY_OCTAVE) {
        c.bucket = run_octave(k->size);
    } else if (kind == CELL_QUARTER) {
        c.bucket = run_quarter(k->size);
    }
    return c;
}

static struct cell *find(const struct runtimes *t, const struct runtime_key *k,
                         enum cell_kind kind)
{
    const struct cell_key key = cell_key(k, kind);

    return cells_find(&t->cells, &key);
}

static struct cell *need(struct runtimes *t, const struct runtime_key *k,
                         enum cell_kind kind, uint64_t now_us)
{
    const struct cell_key key = cell_key(k, kind);

    return cells_need(&t->cells, &key, now_us);
}

/* The same of any version. */
static struct runtime_key of_any(const struct runtime_key *k)
{
    struct runtime_key any = *k;

    any.version = 0;
    return any;
}

uint64_t runtimes_count(const struct runtimes *t)
{
    return t->count;
}

uint64_t runtimes_learned_us(const struct runtimes *t, uint32_t capability)
{
    const struct runtime_key key = {.capability = capability};
    const struct cell *run = find(t, &key, CELL_CAPABILITY);
    const struct cell *warm = find(t, &key, CELL_WARM_ANY);

    return wf_max_u64(run == NULL ? 0 : run->used_us, warm == NULL ? 0 : warm->used_us);
}

static int is_enough(const struct cell *c)
{
    return c != NULL && c->n >= RUN_SAMPLES;
}

/* -- does the size explain the time? ---------------------------------------------------
 */

/* log2 in 1/256, of a mantissa taken as linear: good enough to compare errors. */
static unsigned log2_x256(uint64_t v)
{
    const unsigned log2 = 63u - (unsigned) __builtin_clzll(v | 1);
    const uint64_t mantissa = log2 >= 8 ? v >> (log2 - 8) : v << (8 - log2);

    return log2 * 256 + (unsigned) (mantissa & 255);
}

static enum cell_way best_way(const struct cell *plain)
{
    const uint32_t with_octave = plain->miss[WAY_OCTAVE];
    const uint32_t with_quarter = plain->miss[WAY_QUARTER];
    const uint32_t best = with_quarter < with_octave ? with_quarter : with_octave;

    if (best * BETTER_OF >= (uint32_t) plain->miss[WAY_PLAIN] * (BETTER_OF - 1)) {
        return WAY_PLAIN;
    }
    return best == with_octave ? WAY_OCTAVE : WAY_QUARTER;
}

/* A size that was hardly ever seen: what is known of those nearest to it. */
static const struct cell *near_size(const struct runtimes *t,
                                    const struct runtime_key *key, enum cell_kind octave)
{
    struct cell_key at = cell_key(key, octave);
    const unsigned bucket = at.bucket;

    for (unsigned d = 1; d <= NEAR_SIZES; d++) {
        for (unsigned side = 0; side < 2; side++) {
            const struct cell *c;

            at.bucket = (uint16_t) (side == 0 ? bucket - d : bucket + d);
            c = side == 0 && bucket <= d ? NULL : cells_find(&t->cells, &at);
            if (is_enough(c)) {
                return c;
            }
        }
    }
    return NULL;
}

/* The cell of its size, when the size explains the time; else NULL. */
static const struct cell *sized(const struct runtimes *t, const struct runtime_key *key,
                                const struct scope *scope)
{
    const struct cell *plain = key->size == 0 ? NULL : find(t, key, scope->plain);
    const enum cell_way way = plain == NULL ? WAY_PLAIN : best_way(plain);
    const struct cell *octave, *c;

    if (way == WAY_PLAIN) {
        return NULL;
    }
    c = way == WAY_QUARTER ? find(t, key, scope->quarter) : NULL;
    if (is_enough(c)) {
        return c;
    }
    octave = find(t, key, scope->octave);
    if (is_enough(octave)) {
        return octave;
    }
    c = near_size(t, key, scope->octave);
    return c != NULL ? c : octave;
}

/* Of a time that was only named, or whose distribution faded away. */
static uint64_t spread(uint64_t us, unsigned pm)
{
    return wf_min_u64(us * (pm <= 500   ? 1
                            : pm <= 900 ? 2
                            : pm <= 950 ? 3
                                        : 5),
                      CELL_MEAN_MAX);
}

static uint64_t quantile_of(const struct runtimes *t, const struct cell *c, unsigned pm)
{
    const struct sketch *s = cells_sketch(&t->cells, c);

    return s->total == 0 ? spread(c->mean_x16 / 16, pm) : sketch_quantile(s, pm);
}

/* Let each way predict the sample before anybody learns from it. */
static void judge_ways(struct runtimes *t, const struct runtime_key *key,
                       const struct scope *scope, uint64_t work_us)
{
    struct cell *plain = find(t, key, scope->plain);
    const struct cell *by[WAY_COUNT];
    uint64_t said_us = 0;

    if (key->size == 0 || plain == NULL) {
        return;
    }
    by[WAY_PLAIN] = plain;
    by[WAY_OCTAVE] = find(t, key, scope->octave);
    by[WAY_QUARTER] = scope->quarter == CELL_KINDS ? NULL : find(t, key, scope->quarter);
    for (unsigned way = 0; way < WAY_COUNT; way++) {
        const unsigned is = log2_x256(work_us);
        unsigned was, miss;

        if (way == WAY_PLAIN || is_enough(by[way])) {
            said_us = quantile_of(t, by[way], 500);
        }
        was = log2_x256(said_us);
        miss = is > was ? is - was : was - is;
        plain->miss[way] =
            (uint16_t) ((plain->miss[way] * (MISS_WINDOW - 1) + miss) / MISS_WINDOW);
    }
}

/* -- asking ----------------------------------------------------------------------------
 */

static const struct cell *at_level(const struct runtimes *t,
                                   const struct runtime_key *key, enum run_level level)
{
    const struct runtime_key any = of_any(key);
    const struct cell *c;

    switch (level) {
    case RUN_BY_SIZE:
        return sized(t, key, &of_key);
    case RUN_BY_KEY:
        return find(t, key, CELL_KEY);
    case RUN_BY_CLASS:
        c = sized(t, &any, &of_key);
        return c != NULL ? c : find(t, &any, CELL_KEY);
    case RUN_BY_CAPABILITY_SIZE:
        return sized(t, key, &of_capability);
    case RUN_BY_CAPABILITY:
        return find(t, key, CELL_CAPABILITY);
    case RUN_DECLARED:
        return find(t, key, CELL_DECLARED);
    default:
        return NULL;
    }
}

/* What of an estimate rests on which cell; shares are in 1 / ONE, and sum up to ONE
 * unless there is no cell at all. */
struct ladder {
    unsigned n;
    struct {
        const struct cell *cell;
        enum run_level level;
        uint32_t share;
    } rung[RUN_GUESSED];
};

static void climb(const struct runtimes *t, const struct runtime_key *key,
                  struct ladder *ret)
{
    uint32_t left = ONE;

    ret->n = 0;
    for (unsigned level = 0; left != 0 && level < RUN_GUESSED; level++) {
        const struct cell *c = at_level(t, key, (enum run_level) level);
        const int all = is_enough(c) || level == RUN_DECLARED;

        if (c != NULL && c->n != 0) {
            const uint32_t share = all ? left : left / RUN_SAMPLES * c->n;

            ret->rung[ret->n].cell = c;
            ret->rung[ret->n].level = (enum run_level) level;
            ret->rung[ret->n++].share = share;
            left -= share;
        }
    }
    /* Nobody knows better than those few samples. */
    if (ret->n != 0) {
        ret->rung[ret->n - 1].share += left;
    }
}

void runtimes_guess(const struct runtimes *t, const struct runtime_key *key,
                    struct run_guess *ret)
{
    uint64_t mean = 0, dev = 0;
    uint32_t known = 0;
    const struct cell *c = sized(t, key, &of_key);
    const enum run_level level = c != NULL ? RUN_BY_SIZE : RUN_BY_KEY;
    struct ladder l;

    /* Nearly always the first level that there is knows enough. */
    c = c != NULL ? c : find(t, key, CELL_KEY);
    if (is_enough(c)) {
        *ret = (struct run_guess){c->mean_x16 / 16, c->dev_x16 / 16, c->n, c->n, level};
        return;
    }
    climb(t, key, &l);
    if (l.n == 0) {
        *ret = (struct run_guess){RUN_GUESS_US, RUN_GUESS_US / 2, 0, 0, RUN_GUESSED};
        return;
    }
    for (unsigned i = 0; i < l.n; i++) {
        mean += (l.rung[i].cell->mean_x16 / 16) * l.rung[i].share;
        dev += (l.rung[i].cell->dev_x16 / 16) * l.rung[i].share;
        known = l.rung[i].cell->n > known ? l.rung[i].cell->n : known;
    }
    *ret = (struct run_guess){.mean_us = (mean + ONE / 2) / ONE,
                              .dev_us = (dev + ONE / 2) / ONE,
                              .samples = l.rung[0].cell->n,
                              .known = known,
                              .level = l.rung[0].level};
}

void runtimes_seek(const struct runtimes *t, const struct runtime_key *key,
                   struct run_seek *ret)
{
    struct cell_key k = {
        .capability = key->capability, .version = key->version, .class_ = key->class_};
    const uint16_t buckets[RUN_SEEKS] = {0, run_quarter(key->size),
                                         run_octave(key->size)};
    const uint16_t kinds[RUN_SEEKS] = {CELL_KEY, CELL_QUARTER, CELL_OCTAVE};

    for (unsigned i = 0; i < RUN_SEEKS; i++) {
        k.bucket = buckets[i];
        k.kind = kinds[i];
        ret->at[i] = cells_seek(&t->cells, &k);
    }
}

void runtimes_prefetch(const struct runtimes *t, const struct run_seek *seek)
{
    for (unsigned i = 0; i < RUN_SEEKS; i++) {
        cells_prefetch(&t->cells, seek->at[i]);
    }
}

uint64_t runtimes_quantile(const struct runtimes *t, const struct runtime_key *key,
                           unsigned pm)
{
    uint64_t sum = 0;
    struct ladder l;

    climb(t, key, &l);
    if (l.n == 0) {
        return spread(RUN_GUESS_US, pm);
    }
    for (unsigned i = 0; i < l.n; i++) {
        sum += quantile_of(t, l.rung[i].cell, pm) * l.rung[i].share;
    }
    return (sum + ONE / 2) / ONE;
}

void runtimes_tail(const struct runtimes *t, const struct runtime_key *key,
                   struct tail *ret)
{
    unsigned most = 0;
    struct ladder l;

    *ret = (struct tail){0};
    climb(t, key, &l);
    for (unsigned i = 1; i < l.n; i++) {
        most = l.rung[i].share > l.rung[most].share ? i : most;
    }
    if (l.n != 0) {
        tail_of(cells_sketch(&t->cells, l.rung[most].cell), ret);
    }
}

uint64_t runtimes_warm_guess(const struct runtimes *t, uint32_t capability,
                             uint32_t class_)
{
    const struct runtime_key key = {.capability = capability, .class_ = class_};
    const struct cell *c = find(t, &key, CELL_WARM);

    c = c != NULL ? c : find(t, &key, CELL_WARM_ANY);
    return c == NULL ? 0 : (c->mean_x16 + 8) / 16;
}

/* -- learning --------------------------------------------------------------------------
 */

/* What a run would have taken that was stopped after `work_us`; 0: no longer than what
 * is believed already, so nothing was learned. */
static uint64_t lengthen(const struct runtimes *t, const struct runtime_key *key,
                         uint64_t work_us)
{
    uint64_t above_us = 0;

    if (work_us < runtimes_quantile(t, key, 500)) {
        return 0;
    }
    for (unsigned level = 0; above_us == 0 && level <= RUN_BY_CAPABILITY; level++) {
        const struct cell *c = at_level(t, key, (enum run_level) level);

        if (is_enough(c)) {
            above_us = sketch_above(cells_sketch(&t->cells, c), work_us);
            break;
        }
    }
    return above_us > work_us ? above_us : 2 * wf_min_u64(work_us, CELL_MEAN_MAX);
}

static void add_scope(struct runtimes *t, const struct runtime_key *key,
                      const struct scope *scope, uint64_t work_us, int cut,
                      uint64_t now_us)
{
    const enum cell_kind kinds[] = {scope->plain, scope->octave, scope->quarter};

    if (!cut) {
        judge_ways(t, key, scope, work_us);
    }
    for (size_t i = 0; i < (key->size == 0 ? 1 : ARRAY_LEN(kinds)); i++) {
        if (kinds[i] != CELL_KINDS) {
            cells_add(&t->cells, need(t, key, kinds[i], now_us), work_us, now_us);
        }
    }
}

void runtimes_add(struct runtimes *t, const struct runtime_key *key, uint64_t work_us,
                  int cut, uint64_t now_us)
{
    const struct runtime_key any = of_any(key);

    if (cut) {
        work_us = lengthen(t, key, work_us);
        if (work_us == 0) {
            return;
        }
    }
    if (key->version != 0) {
        add_scope(t, key, &of_key, work_us, cut, now_us);
    }
    add_scope(t, &any, &of_key, work_us, cut, now_us);
    add_scope(t, &any, &of_capability, work_us, cut, now_us);
    t->count++;
}

void runtimes_declare(struct runtimes *t, uint32_t capability, uint64_t work_us,
                      uint64_t now_us)
{
    const struct runtime_key key = {.capability = capability};
    struct cell *c = find(t, &key, CELL_DECLARED);

    if (work_us == 0) {
        if (c != NULL) {
            cells_remove(&t->cells, c);
        }
        return;
    }
    c = need(t, &key, CELL_DECLARED, now_us);
    c->n = 1;
    c->mean_x16 = wf_min_u64(work_us, CELL_MEAN_MAX) * 16;
    c->dev_x16 = c->mean_x16 / 2;
}

void runtimes_warm_add(struct runtimes *t, uint32_t capability, uint32_t class_,
                       uint64_t extra_us, uint64_t now_us)
{
    const struct runtime_key key = {.capability = capability, .class_ = class_};

    cells_add(&t->cells, need(t, &key, CELL_WARM, now_us), extra_us, now_us);
    cells_add(&t->cells, need(t, &key, CELL_WARM_ANY, now_us), extra_us, now_us);
    t->count++;
}

void runtimes_forget_capability(struct runtimes *t, uint32_t capability)
{
    struct cell *c;
    uint32_t at = 0;

    while ((c = cells_next(&t->cells, capability, &at)) != NULL) {
        cells_remove(&t->cells, c);
        at--; /* another stands there now */
    }
}

void runtimes_tick(struct runtimes *t, uint64_t now_us)
{
    for (unsigned i = 0; i < AGE_CELLS && t->cells.n != 0; i++) {
        struct cell *c;

        t->aged = t->aged >= t->cells.n ? 0 : t->aged;
        c = &t->cells.cell[t->aged];
        if (c->key.kind != CELL_DECLARED && now_us > c->aged_us &&
            now_us - c->aged_us >= AGE_US) {
            c->aged_us = now_us;
            cells_halve(&t->cells, c);
            if (c->n == 0) {
                cells_remove(&t->cells, c);
                continue;
            }
        }
        t->aged++;
    }
}

/* One capability's cells as bytes.  Numbers are little-endian base 128, texts a length
 * and their bytes:
 *
 *     format (1), capability, classes, that many names of classes, then cells until a 0:
 *     kind + 1, version, class (0 or the place of its name, from 1), bucket, n, weight,
 *     mean, deviation, misses, seconds since it was used, bins in use, and of each the
 *     steps from the one before and the count
 *
 * What comes back is looked at to its end before any of it is taken. */
#include "broker/core/router/runtimes_int.h"

#include "common/err.h"

#include <string.h>

#define FORMAT      1u
#define NAME_CAP    256u
#define CLASSES_MAX 64u
#define CELL_BYTES  600u /* at most, of one cell */
#define VARINT_MAX  10u
#define SECOND_US   1000000u

/* -- writing ---------------------------------------------------------------------------
 */

/* Levels on which others fall back come first. */
static const enum cell_kind kept_kinds[] = {
    CELL_CAPABILITY,        CELL_KEY,    CELL_WARM,    CELL_WARM_ANY,
    CELL_CAPABILITY_OCTAVE, CELL_OCTAVE, CELL_QUARTER,
};

struct classes {
    uint32_t n, number[CLASSES_MAX];
};

static void put_number(struct wf_buf *b, uint64_t v)
{
    uint8_t bytes[VARINT_MAX];
    size_t n = 0;

    while (v >= 128) {
        bytes[n++] = (uint8_t) (v | 128);
        v >>= 7;
    }
    bytes[n++] = (uint8_t) v;
    (void) wf_buf_put(b, bytes, n);
}

static void put_text(struct wf_buf *b, const char *text)
{
    put_number(b, strlen(text));
    (void) wf_buf_put(b, text, strlen(text));
}

/* The place of a class, from 1; 0: it is not among them. */
static uint32_t class_place(const struct classes *k, uint32_t class_)
{
    for (uint32_t i = 0; i < k->n; i++) {
        if (k->number[i] == class_) {
            return i + 1;
        }
    }
    return 0;
}

/* Names of all classes that the capability was seen on; those without one are left out.
 */
static void put_classes(const struct runtimes *t, uint32_t capability,
                        const struct run_names *names, struct classes *ret_k,
                        struct wf_buf *b)
{
    struct classes k = {0};
    struct classes named = {0};
    const struct cell *c;
    uint32_t at = 0;

    while (k.n < CLASSES_MAX && (c = cells_next(&t->cells, capability, &at)) != NULL) {
        if (c->key.class_ != 0 && class_place(&k, c->key.class_) == 0) {
            k.number[k.n++] = c->key.class_;
        }
    }
    for (uint32_t i = 0; i < k.n; i++) {
        if (names->name(names->arg, RUN_CLASS, k.number[i]) != NULL) {
            named.number[named.n++] = k.number[i];
        }
    }
    put_number(b, named.n);
    for (uint32_t i = 0; i < named.n; i++) {
        put_text(b, names->name(names->arg, RUN_CLASS, named.number[i]));
    }
    *ret_k = named;
}

static void put_sketch(struct wf_buf *b, const struct sketch *s)
{
    unsigned used = 0, last = 0;

    for (unsigned i = s->lo; s->total != 0 && i <= s->hi; i++) {
        used += s->count[i] != 0;
    }
    put_number(b, used);
    for (unsigned i = s->lo; s->total != 0 && i <= s->hi; i++) {
        if (s->count[i] != 0) {
            put_number(b, i - last);
            put_number(b, s->count[i]);
            last = i;
        }
    }
}

static void put_cell(struct wf_buf *b, const struct runtimes *t, const struct cell *c,
                     uint32_t class_, uint64_t now_us)
{
    put_number(b, c->key.kind + 1u);
    put_number(b, c->key.version);
    put_number(b, class_);
    put_number(b, c->key.bucket);
    put_number(b, c->n);
    put_number(b, c->weight);
    put_number(b, c->mean_x16);
    put_number(b, c->dev_x16);
    for (unsigned way = 0; way < WAY_COUNT; way++) {
        put_number(b, c->miss[way]);
    }
    put_number(b, now_us > c->used_us ? (now_us - c->used_us) / SECOND_US : 0);
    put_sketch(b, cells_sketch(&t->cells, c));
}

int runtimes_encode(const struct runtimes *t, uint32_t capability,
                    const struct run_names *names, uint64_t now_us, size_t cap,
                    struct wf_buf *ret)
{
    const char *name = names->name(names->arg, RUN_CAPABILITY, capability);
    const size_t start = ret->len;
    struct classes k;
    unsigned put = 0;

    if (name == NULL) {
        return WEFT_ENOENT;
    }
    put_number(ret, FORMAT);
    put_text(ret, name);
    put_classes(t, capability, names, &k, ret);
    for (size_t kind = 0; kind < ARRAY_LEN(kept_kinds); kind++) {
        const struct cell *c;
        uint32_t at = 0;

        while ((c = cells_next(&t->cells, capability, &at)) != NULL) {
            const uint32_t class_ = class_place(&k, c->key.class_);

            if (c->key.kind != kept_kinds[kind] || (c->key.class_ != 0 && class_ == 0) ||
                c->n == 0) {
                continue;
            }
            if (ret->err != 0 || ret->len - start + CELL_BYTES > cap) {
                break;
            }
            put_cell(ret, t, c, class_, now_us);
            put++;
        }
    }
    put_number(ret, 0);
    if (ret->err != 0 || put == 0) {
        const int rc = ret->err != 0 ? ret->err : WEFT_ENOENT;

        wf_buf_truncate(ret, start);
        return rc;
    }
    return 0;
}

/* -- reading ---------------------------------------------------------------------------
 */

/* The first error sticks, and numbers are 0 from there on. */
struct reader {
    const uint8_t *p, *end;
    int bad;
};

/* A number of at most `max`. */
static uint64_t get_number(struct reader *r, uint64_t max)
{
    uint64_t v = 0;

    for (unsigned shift = 0; !r->bad && r->p != r->end && shift < 64; shift += 7) {
        const uint8_t byte = *r->p++;

        if (shift == 63 && byte > 1) {
            break;
        }
        v |= (uint64_t) (byte & 127) << shift;
        if (byte < 128) {
            r->bad = v > max;
            return r->bad ? 0 : v;
        }
    }
    r->bad = 1;
    return 0;
}

static void get_text(struct reader *r, char *ret, size_t cap)
{
    const size_t len = get_number(r, cap - 1);

    ret[0] = '\0';
    if (r->bad || len > (size_t) (r->end - r->p) || len == 0 ||
        memchr(r->p, '\0', len) != NULL) {
        r->bad = 1;
        return;
    }
    memcpy(ret, r->p, len);
    ret[len] = '\0';
    r->p += len;
}

static uint16_t bucket_max(uint64_t kind)
{
    return (uint16_t) (kind == CELL_OCTAVE || kind == CELL_CAPABILITY_OCTAVE ? RUN_OCTAVES
                       : kind == CELL_QUARTER ? RUN_QUARTERS
                                              : 0);
}

static int knows_version(uint64_t kind)
{
    return kind == CELL_KEY || kind == CELL_OCTAVE || kind == CELL_QUARTER;
}

static int knows_class(uint64_t kind)
{
    return knows_version(kind) || kind == CELL_WARM;
}

static void get_sketch(struct reader *r, struct sketch *ret)
{
    const unsigned used = (unsigned) get_number(r, SKETCH_FULL);
    unsigned at = 0;

    memset(ret, 0, sizeof *ret);
    for (unsigned i = 0; i < used && !r->bad; i++) {
        const unsigned step = (unsigned) get_number(r, SKETCH_BINS - 1 - at);
        const unsigned n = (unsigned) get_number(r, SKETCH_FULL - 1 - ret->total);

        r->bad |= n == 0 || (i != 0 && step == 0);
        at += step;
        ret->lo = (uint16_t) (i == 0 ? at : ret->lo);
        ret->hi = (uint16_t) at;
        ret->count[at] = (uint8_t) n;
        ret->total = (uint16_t) (ret->total + n);
    }
    if (!r->bad) {
        sketch_settle(ret);
    }
}

/* 0: that was the last.  The key's class is the place of its name. */
static int get_cell(struct reader *r, uint32_t nclasses, struct cell *ret,
                    struct sketch *ret_sketch)
{
    const uint64_t kind = get_number(r, CELL_DECLARED);

    *ret = (struct cell){0};
    if (r->bad || kind == 0) {
        return 0;
    }
    ret->key.kind = (uint16_t) (kind - 1);
    ret->key.version = (uint32_t) get_number(r, knows_version(kind - 1) ? UINT32_MAX : 0);
    ret->key.class_ = (uint32_t) get_number(r, knows_class(kind - 1) ? nclasses : 0);
    ret->key.bucket = (uint16_t) get_number(r, bucket_max(kind - 1));
    ret->n = (uint32_t) get_number(r, UINT32_MAX);
    ret->weight = (uint16_t) get_number(r, CELL_WINDOW);
    ret->mean_x16 = get_number(r, CELL_MEAN_MAX * 16);
    ret->dev_x16 = get_number(r, CELL_MEAN_MAX * 16);
    for (unsigned way = 0; way < WAY_COUNT; way++) {
        ret->miss[way] = (uint16_t) get_number(r, UINT16_MAX);
    }
    /* Its age, for now. */
    ret->used_us = get_number(r, UINT32_MAX) * SECOND_US;
    get_sketch(r, ret_sketch);
    r->bad |= ret->n == 0 || ret->weight == 0 ||
              (bucket_max(kind - 1) != 0 && ret->key.bucket == 0);
    return !r->bad;
}

static void take_cell(struct runtimes *t, const struct cell *c, const struct sketch *s,
                      uint64_t now_us)
{
    struct cell *at = cells_find(&t->cells, &c->key);

    if (at != NULL) {
        return;
    }
    at = cells_need(&t->cells, &c->key, now_us);
    *at = *c;
    at->used_us = now_us - wf_min_u64(now_us, c->used_us);
    at->aged_us = at->used_us;
    *cells_sketch(&t->cells, at) = *s;
}

/* The head of a record: its capability's name, and the numbers of the classes it names;
 * UINT32_MAX: not known here. */
static void get_head(struct reader *r, const struct run_names *names, int take,
                     char *ret_name, struct classes *ret_k)
{
    char class_[NAME_CAP];

    (void) get_number(r, FORMAT);
    get_text(r, ret_name, NAME_CAP);
    ret_k->n = (uint32_t) get_number(r, CLASSES_MAX);
    for (uint32_t i = 0; i < ret_k->n && !r->bad; i++) {
        get_text(r, class_, sizeof class_);
        if (r->bad || !take ||
            names->number(names->arg, RUN_CLASS, class_, &ret_k->number[i]) != 0) {
            ret_k->number[i] = UINT32_MAX;
        }
    }
}

/* Look through a record, or take it. */
static int go_through(struct runtimes *t, const struct run_names *names, const void *p,
                      size_t len, int take, uint32_t capability, uint64_t now_us,
                      char *ret_name)
{
    const uint8_t *bytes = p;
    struct reader r = {bytes, bytes + len, len == 0 || bytes[0] != FORMAT};
    struct classes k = {0};
    struct sketch s;
    struct cell c;

    get_head(&r, names, take, ret_name, &k);
    while (!r.bad && get_cell(&r, k.n, &c, &s)) {
        const uint32_t place = c.key.class_;

        c.key.capability = capability;
        c.key.class_ = place == 0 ? 0 : k.number[place - 1];
        if (take && c.key.class_ != UINT32_MAX) {
            take_cell(t, &c, &s, now_us);
        }
    }
    return r.bad || r.p != r.end ? WEFT_EPROTO : 0;
}

int runtimes_decode(struct runtimes *t, const struct run_names *names, const void *p,
                    size_t len, uint64_t now_us)
{
    char name[NAME_CAP];
    uint32_t capability;
    int rc = go_through(t, names, p, len, 0, 0, now_us, name);

    if (rc != 0) {
        return rc;
    }
    if (names->number(names->arg, RUN_CAPABILITY, name, &capability) != 0) {
        return WEFT_ENOENT;
    }
    return go_through(t, names, p, len, 1, capability, now_us, name);
}

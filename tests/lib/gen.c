#include "tests/lib/gen.h"

#include "common/check.h"
#include "common/mem.h"

#include <string.h>

void gen_init(struct gen *g, uint64_t seed)
{
    *g = (struct gen){.rng = {seed}};
    g->arena = wf_calloc(1, GEN_ARENA);
    WF_CHECK(g->arena != NULL);
    for (size_t i = 0; i < GEN_LISTS; i++) {
        wf_buf_init(&g->rows[i], GEN_ARENA);
    }
}

void gen_fini(struct gen *g)
{
    for (size_t i = 0; i < GEN_LISTS; i++) {
        wf_buf_fini(&g->rows[i]);
    }
    wf_free(g->arena);
    g->arena = NULL;
}

void gen_reset(struct gen *g)
{
    g->used = 0;
    for (size_t i = 0; i < GEN_LISTS; i++) {
        wf_buf_clear(&g->rows[i]);
    }
}

const struct wf_desc *gen_pick(struct gen *g)
{
    size_t n = 0;

    while (wf_desc_at(n) != NULL) {
        n++;
    }
    return wf_desc_at((size_t) wf_rng_below(&g->rng, n));
}

/* A number in [0, max] as `size` likes it; `small` bounds the ordinary ones. */
static uint64_t amount(struct gen *g, enum gen_size size, uint64_t max, uint64_t small)
{
    switch (size) {
    case GEN_EMPTY:
        return 0;
    case GEN_SMALL:
        return wf_rng_below(&g->rng, wf_min_u64(max, small) + 1);
    case GEN_EDGE:
        switch (wf_rng_below(&g->rng, 4)) {
        case 0:
            return 0;
        case 1:
            return max;
        case 2:
            return max - wf_rng_below(&g->rng, wf_min_u64(max, 2) + 1);
        default:
            /* Shifting makes every width of integer as likely as any other. */
            return wf_min_u64(max, wf_rng_next(&g->rng) >> wf_rng_below(&g->rng, 64));
        }
    case GEN_FULL:
        return max;
    }
    return 0;
}

static uint8_t *lend(struct gen *g, size_t len)
{
    uint8_t *p = g->arena + g->used;

    WF_CHECK(len <= GEN_ARENA - g->used);
    g->used += len;
    return p;
}

static struct wf_slice bytes(struct gen *g, size_t len)
{
    uint8_t *p = lend(g, len);

    for (size_t i = 0; i < len; i++) {
        p[i] = (uint8_t) wf_rng_next(&g->rng);
    }
    return wf_slice_make(p, len);
}

/* Well-formed UTF-8 of exactly `len` bytes, mostly ASCII. */
static struct wf_slice text(struct gen *g, size_t len)
{
    static const char *const wide[] = {"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x9a\x80"};
    uint8_t *p = lend(g, len);
    size_t at = 0;

    while (at < len) {
        size_t k = (size_t) wf_rng_below(&g->rng, 24);

        if (k < 3 && k + 2 <= len - at) {
            memcpy(p + at, wide[k], k + 2);
            at += k + 2;
        } else {
            p[at++] = (uint8_t) (k == 3 ? wf_rng_below(&g->rng, 0x20)
                                        : 0x20 + wf_rng_below(&g->rng, 0x5f));
        }
    }
    return wf_slice_make(p, len);
}

/* Payloads at their limit take a megabyte each, so in between they stay short. */
static size_t payload_len(struct gen *g, enum gen_size size, uint64_t max)
{
    if (size == GEN_EDGE && max > 4096 && !wf_rng_chance(&g->rng, 1, 16)) {
        max = 4096;
    }
    return (size_t) amount(g, size, max, 64);
}

static void fill(struct gen *g, const struct wf_desc *d, enum gen_size size, void *body,
                 unsigned *lists);

static struct wf_rows rows(struct gen *g, const struct wf_field *f, enum gen_size size,
                           unsigned *lists)
{
    union {
        uint64_t align;
        uint8_t room[1024];
    } row;
    const struct wf_desc *rec = f->rec();
    struct wf_rows list = {0};
    uint64_t n = amount(g, size, f->max, 3);
    size_t used = g->used;

    WF_CHECK(*lists < GEN_LISTS && rec->size <= sizeof row.room);
    for (uint64_t i = 0; i < n; i++) {
        fill(g, rec, size, &row, lists);
        WF_CHECK(wf_rows_add(&g->rows[*lists], &list, rec, &row) == 0);
        g->used = used; /* the row is encoded: what it borrowed is free again */
    }
    ++*lists;
    return list;
}

static void fill(struct gen *g, const struct wf_desc *d, enum gen_size size, void *body,
                 unsigned *lists)
{
    memset(body, 0, d->size);
    for (unsigned i = 0; i < d->nfields; i++) {
        const struct wf_field *f = &d->fields[i];
        void *at = (uint8_t *) body + f->offset;

        switch (f->kind) {
        case WF_KIND_U:
            *(uint64_t *) at = amount(g, size, f->max, 1000);
            break;
        case WF_KIND_S:
            *(struct wf_slice *) at = text(g, (size_t) amount(g, size, f->max, 12));
            break;
        case WF_KIND_D:
            *(struct wf_slice *) at = bytes(g, payload_len(g, size, f->max));
            break;
        case WF_KIND_ID:
        case WF_KIND_KEY:
        case WF_KIND_DIG:
            for (uint64_t k = 0; size != GEN_EMPTY && k < f->max; k++) {
                ((uint8_t *) at)[k] = (uint8_t) wf_rng_next(&g->rng);
            }
            break;
        case WF_KIND_L:
            *(struct wf_rows *) at = rows(g, f, size, lists);
            break;
        }
    }
}

void gen_body(struct gen *g, const struct wf_desc *d, enum gen_size size, void *ret_body)
{
    unsigned lists = 0;

    gen_reset(g);
    fill(g, d, size, ret_body, &lists);
}

/* -- mutation --------------------------------------------------------------------------
 */

static size_t mutate_once(struct gen *g, uint8_t *p, size_t len, size_t cap)
{
    /* Tags and lengths on which decoders have stumbled. */
    static const uint8_t telling[] = {
        0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc4, 0xc6, 0xc7,
        0xc9, 0xca, 0xcb, 0xcf, 0xd0, 0xd3, 0xd8, 0xdb, 0xdc, 0xdd, 0xdf, 0xe0, 0xff};
    size_t at = (size_t) wf_rng_below(&g->rng, len);
    size_t n = 1 + (size_t) wf_rng_below(&g->rng, wf_min_u64(16, len - at));

    switch (wf_rng_below(&g->rng, 6)) {
    case 0:
        p[at] ^= (uint8_t) (1u << wf_rng_below(&g->rng, 8));
        return len;
    case 1:
        p[at] = (uint8_t) wf_rng_next(&g->rng);
        return len;
    case 2:
        p[at] = telling[wf_rng_below(&g->rng, ARRAY_LEN(telling))];
        return len;
    case 3: /* remove a piece */
        n = (size_t) wf_min_u64(n, len - at);
        memmove(p + at, p + at + n, len - at - n);
        return len - n;
    case 4: /* repeat a piece */
        n = (size_t) wf_min_u64(wf_min_u64(n, len - at), cap - len);
        memmove(p + at + n, p + at, len - at);
        return len + n;
    default: /* a length that is much too long */
        memset(p + at, 0xff, (size_t) wf_min_u64(n, len - at));
        return len;
    }
}

size_t gen_mutate(struct gen *g, uint8_t *p, size_t len, size_t cap)
{
    for (uint64_t n = 1 + wf_rng_below(&g->rng, 4); n > 0 && len > 0; n--) {
        len = mutate_once(g, p, len, cap);
    }
    return len;
}

/* -- comparison ------------------------------------------------------------------------
 */

static int equal_rows(const struct wf_desc *rec, struct wf_rows a, struct wf_rows b)
{
    union {
        uint64_t align;
        uint8_t room[1024];
    } x, y;

    if (a.count != b.count) {
        return 0;
    }
    for (uint32_t n = a.count; n > 0; n--) {
        if (wf_rows_next(&a, rec, &x) != 1 || wf_rows_next(&b, rec, &y) != 1 ||
            !gen_equal(rec, &x, &y)) {
            return 0;
        }
    }
    return 1;
}

int gen_equal(const struct wf_desc *d, const void *a, const void *b)
{
    for (unsigned i = 0; i < d->nfields; i++) {
        const struct wf_field *f = &d->fields[i];
        const void *x = (const uint8_t *) a + f->offset;
        const void *y = (const uint8_t *) b + f->offset;
        int same = 0;

        switch (f->kind) {
        case WF_KIND_U:
            same = memcmp(x, y, sizeof(uint64_t)) == 0;
            break;
        case WF_KIND_S:
        case WF_KIND_D:
            same =
                wf_slice_eq(*(const struct wf_slice *) x, *(const struct wf_slice *) y);
            break;
        case WF_KIND_ID:
        case WF_KIND_KEY:
        case WF_KIND_DIG:
            same = memcmp(x, y, (size_t) f->max) == 0;
            break;
        case WF_KIND_L:
            same = equal_rows(f->rec(), *(const struct wf_rows *) x,
                              *(const struct wf_rows *) y);
            break;
        }
        if (!same) {
            return 0;
        }
    }
    return 1;
}

#include "proto/msg.h"

#include "common/err.h"
#include "common/str.h"
#include "proto/pack.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* -- tables, made from messages.def ----------------------------------------------------
 *
 * Each description lives in a function of its own, because only there can a local typedef
 * give the fields the name of the struct that they are in. */

#define BODY(name, self_number, self_text)                                               \
    {                                                                                    \
        typedef struct wf_##name self;                                                   \
        enum { number = self_number };                                                   \
        static const char doc[] = self_text;                                             \
        static const struct wf_field fields[] = {
#define REC(name) const struct wf_desc *wf_desc_##name(void) BODY(name, 0, "")
#define MSG(name, num, text)                                                             \
    static const struct wf_desc *wf_desc_##name(void) BODY(name, num, text)
#define END(name)                                                                        \
    }                                                                                    \
    ;                                                                                    \
    static const struct wf_desc desc = {#name,        number, ARRAY_LEN(fields),         \
                                        sizeof(self), fields, doc};                      \
    return &desc;                                                                        \
    }
#define U(name, max)      {#name, WF_KIND_U, offsetof(self, name), max, NULL},
#define S(name, max)      {#name, WF_KIND_S, offsetof(self, name), max, NULL},
#define D(name, max)      {#name, WF_KIND_D, offsetof(self, name), max, NULL},
#define ID(name)          {#name, WF_KIND_ID, offsetof(self, name), WF_ID_SIZE, NULL},
#define KEY(name)         {#name, WF_KIND_KEY, offsetof(self, name), WF_KEY_SIZE, NULL},
#define DIG(name)         {#name, WF_KIND_DIG, offsetof(self, name), WF_DIGEST_SIZE, NULL},
#define L(name, rec, max) {#name, WF_KIND_L, offsetof(self, name), max, wf_desc_##rec},
#include "proto/messages.def"
#undef MSG
#undef REC
#undef END
#undef U
#undef S
#undef D
#undef ID
#undef KEY
#undef DIG
#undef L

#define REC(name)
#define END(name)
#define U(name, max)
#define S(name, max)
#define D(name, max)
#define ID(name)
#define KEY(name)
#define DIG(name)
#define L(name, rec, max)
#define MSG(name, number, doc) [number] = wf_desc_##name,
static const struct wf_desc *(*const by_number[128])(void) = {
#include "proto/messages.def"
};

const struct wf_desc *wf_desc_of(unsigned number)
{
    return number < ARRAY_LEN(by_number) && by_number[number] != NULL
               ? by_number[number]()
               : NULL;
}

const struct wf_desc *wf_desc_at(size_t i)
{
    for (unsigned n = 0; n < ARRAY_LEN(by_number); n++) {
        if (by_number[n] != NULL && i-- == 0) {
            return by_number[n]();
        }
    }
    return NULL;
}

/* Of msgpack, what is read and written here without a call. */
enum { EMPTY_ARRAY = 0x90, EMPTY_STR = 0xa0 };

/* -- encoding --------------------------------------------------------------------------
 */

static int pack_field(struct wf_buf *out, const struct wf_field *f, const uint8_t *at)
{
    const struct wf_slice *s = (const void *) at;
    const struct wf_rows *l = (const void *) at;

    switch (f->kind) {
    case WF_KIND_U: {
        uint64_t v;

        memcpy(&v, at, sizeof v);
        return v > f->max ? WEFT_ETOOBIG : wf_pack_uint(out, v);
    }
    case WF_KIND_S:
        return s->len > f->max ? WEFT_ETOOBIG : wf_pack_str(out, s->p, s->len);
    case WF_KIND_D:
        return s->len > f->max ? WEFT_ETOOBIG : wf_pack_bin(out, s->p, s->len);
    case WF_KIND_ID:
    case WF_KIND_KEY:
    case WF_KIND_DIG:
        return wf_pack_bin(out, at, (uint32_t) f->max);
    case WF_KIND_L:
        if (l->count > f->max) {
            return WEFT_ETOOBIG;
        }
        (void) wf_pack_array(out, l->count);
        return wf_buf_put(out, l->p, l->len);
    }
    return WEFT_EINVAL;
}

/* Ids, keys and digests are multiples of eight bytes. */
static inline int are_zero(const uint8_t *at, size_t len)
{
    uint64_t v = 0;

    for (size_t i = 0; i < len && v == 0; i += sizeof v) {
        memcpy(&v, at + i, sizeof v);
    }
    return v == 0;
}

/* Numbers first: they are what most messages end with. */
static inline int is_default(const struct wf_field *f, const uint8_t *at)
{
    uint64_t v;

    if (f->kind == WF_KIND_U) {
        memcpy(&v, at, sizeof v);
        return v == 0;
    }
    switch (f->kind) {
    case WF_KIND_S:
    case WF_KIND_D:
        return ((const struct wf_slice *) (const void *) at)->len == 0;
    case WF_KIND_ID:
    case WF_KIND_KEY:
    case WF_KIND_DIG:
        return are_zero(at, f->max);
    case WF_KIND_L:
        return ((const struct wf_rows *) (const void *) at)->count == 0;
    default:
        return 0;
    }
}

/* A reader takes missing fields for zero or empty, so those at the end are left out. */
static unsigned fields_said(const struct wf_desc *d, const void *body)
{
    const struct wf_field *end = d->fields + d->nfields;

    while (end > d->fields &&
           is_default(end - 1, (const uint8_t *) body + end[-1].offset)) {
        end--;
    }
    return (unsigned) (end - d->fields);
}

/* A small number, an empty text or an empty list, as most are, is one byte: 1 when it was
 * one and is written. */
static inline int pack_small(struct wf_buf *out, const struct wf_field *f,
                             const uint8_t *at)
{
    uint64_t v;
    uint8_t byte;

    if (out->len >= out->cap || out->err != 0) {
        return 0;
    }
    if (f->kind == WF_KIND_U) {
        memcpy(&v, at, sizeof v);
        if (v > 0x7f || v > f->max) {
            return 0;
        }
        byte = (uint8_t) v;
    } else if (f->kind == WF_KIND_S) {
        if (((const struct wf_slice *) (const void *) at)->len != 0) {
            return 0;
        }
        byte = EMPTY_STR;
    } else if (f->kind == WF_KIND_L) {
        if (((const struct wf_rows *) (const void *) at)->count != 0) {
            return 0;
        }
        byte = EMPTY_ARRAY;
    } else {
        return 0;
    }
    out->p[out->len++] = byte;
    return 1;
}

static int pack_fields(struct wf_buf *out, const struct wf_desc *d, unsigned n,
                       const void *body)
{
    for (unsigned i = 0; i < n; i++) {
        const struct wf_field *f = &d->fields[i];
        const uint8_t *at = (const uint8_t *) body + f->offset;
        int rc = pack_small(out, f, at) ? 0 : pack_field(out, f, at);

        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

int wf_msg_encode(struct wf_buf *out, enum wf_type type, const void *body)
{
    const struct wf_desc *d = wf_desc_of(type);
    size_t was = out->len;
    unsigned n;
    int rc;

    if (d == NULL) {
        return WEFT_EINVAL;
    }
    if (out->err != 0) {
        return out->err;
    }
    n = fields_said(d, body);
    (void) wf_pack_array(out, n + 1);
    (void) wf_pack_uint(out, d->number);
    rc = pack_fields(out, d, n, body);
    if (rc == 0) {
        rc = out->err;
    }
    if (rc != 0) {
        wf_buf_truncate(out, was);
        out->err = 0;
    }
    return rc;
}

int wf_rows_add(struct wf_buf *store, struct wf_rows *rows, const struct wf_desc *rec,
                const void *row)
{
    size_t was = store->len;
    size_t start = was - rows->len;
    unsigned n = fields_said(rec, row);
    int rc;

    if (store->err != 0) {
        return store->err;
    }
    (void) wf_pack_array(store, n);
    rc = pack_fields(store, rec, n, row);
    if (rc == 0) {
        rc = store->err;
    }
    if (rc != 0) {
        wf_buf_truncate(store, was);
        store->err = 0;
        return rc;
    }
    rows->p = store->p + start;
    rows->len = (uint32_t) (store->len - start);
    rows->count++;
    return 0;
}

/* -- decoding --------------------------------------------------------------------------
 */

static int take_fields(struct wf_cursor *c, const struct wf_desc *d, uint32_t given,
                       void *ret);

/* A list is checked row by row here, so that reading it later cannot fail.  Rows do not
 * hold lists, so this nests two levels deep at the most. */
static int take_rows(struct wf_cursor *c, const struct wf_field *f, struct wf_rows *ret)
{
    union {
        uint64_t align;
        uint8_t room[1024];
    } scratch;
    const struct wf_desc *rec = f->rec();
    uint32_t count = wf_cur_array(c);
    const uint8_t *start = c->p;

    if (c->err != 0 || count > f->max || rec->size > sizeof scratch.room) {
        return WEFT_EPROTO;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t given = wf_cur_array(c);

        if (c->err != 0 || take_fields(c, rec, given, &scratch) != 0) {
            return WEFT_EPROTO;
        }
    }
    *ret = (struct wf_rows){start, (uint32_t) (c->p - start), count};
    return 0;
}

static int take_bytes(struct wf_cursor *c, const struct wf_field *f, uint8_t *at)
{
    uint32_t len = 0;
    const uint8_t *p;

    p = f->kind == WF_KIND_S ? wf_cur_str(c, &len) : wf_cur_bin(c, &len);
    if (c->err != 0 || len > f->max) {
        return WEFT_EPROTO;
    }
    if (f->kind == WF_KIND_ID || f->kind == WF_KIND_KEY || f->kind == WF_KIND_DIG) {
        if (len != f->max) {
            return WEFT_EPROTO;
        }
        memcpy(at, p, len);
        return 0;
    }
    if (f->kind == WF_KIND_S && !wf_utf8_ok(p, len)) {
        return WEFT_EPROTO;
    }
    *(struct wf_slice *) (void *) at = (struct wf_slice){p, len};
    return 0;
}

static int take_field(struct wf_cursor *c, const struct wf_field *f, uint8_t *at)
{
    if (f->kind == WF_KIND_U) {
        uint64_t v = wf_cur_uint(c);

        memcpy(at, &v, sizeof v);
        return c->err != 0 || v > f->max ? WEFT_EPROTO : 0;
    }
    if (f->kind == WF_KIND_L) {
        return take_rows(c, f, (struct wf_rows *) (void *) at);
    }
    return take_bytes(c, f, at);
}

/* An empty text or an empty list, as most are: 1 when it was one and is taken. */
static inline int take_small(struct wf_cursor *c, const struct wf_field *f, uint8_t *at)
{
    if (c->p == c->end) {
        return 0;
    }
    if (f->kind == WF_KIND_S && *c->p == EMPTY_STR) {
        *(struct wf_slice *) (void *) at = (struct wf_slice){++c->p, 0};
        return 1;
    }
    if (f->kind == WF_KIND_L && *c->p == EMPTY_ARRAY) {
        *(struct wf_rows *) (void *) at = (struct wf_rows){++c->p, 0, 0};
        return 1;
    }
    return 0;
}

/* Missing trailing fields stay zero, surplus ones are skipped. */
static int take_fields(struct wf_cursor *c, const struct wf_desc *d, uint32_t given,
                       void *ret)
{
    memset(ret, 0, d->size);
    for (uint32_t i = 0; i < given; i++) {
        if (i >= d->nfields) {
            wf_cur_skip(c);
            if (c->err != 0) {
                return WEFT_EPROTO;
            }
        } else {
            const struct wf_field *f = &d->fields[i];
            uint8_t *at = (uint8_t *) ret + f->offset;

            if (!take_small(c, f, at) && take_field(c, f, at) != 0) {
                return WEFT_EPROTO;
            }
        }
    }
    return 0;
}

int wf_msg_decode(struct wf_cursor *c, struct wf_msg *ret_msg)
{
    uint32_t n = wf_cur_array(c);
    uint64_t number = wf_cur_uint(c);
    const struct wf_desc *d;

    if (c->err != 0 || n == 0) {
        c->err = WEFT_EPROTO;
        return WEFT_EPROTO;
    }
    d = number < ARRAY_LEN(by_number) ? wf_desc_of((unsigned) number) : NULL;
    if (d == NULL) {
        while (--n > 0 && c->err == 0) {
            wf_cur_skip(c);
        }
        return c->err != 0 ? WEFT_EPROTO : WEFT_ESUPPORT;
    }
    if (take_fields(c, d, n - 1, &ret_msg->u) != 0) {
        c->err = WEFT_EPROTO;
        return WEFT_EPROTO;
    }
    ret_msg->type = (enum wf_type) number;
    return 0;
}

int wf_msg_read(struct wf_slice bytes, enum wf_type type, struct wf_msg *ret_msg)
{
    struct wf_cursor c;

    wf_cur_init(&c, bytes.p, bytes.len);
    return wf_msg_decode(&c, ret_msg) == 0 && ret_msg->type == type ? 0 : WEFT_EPROTO;
}

int wf_rows_next(struct wf_rows *rows, const struct wf_desc *rec, void *ret_row)
{
    struct wf_cursor c;
    uint32_t given;

    if (rows->count == 0) {
        return 0;
    }
    wf_cur_init(&c, rows->p, rows->len);
    given = wf_cur_array(&c);
    if (c.err != 0 || take_fields(&c, rec, given, ret_row) != 0) {
        rows->count = 0;
        return 0;
    }
    rows->len -= (uint32_t) (c.p - rows->p);
    rows->p = c.p;
    rows->count--;
    return 1;
}

/* -- dumping ---------------------------------------------------------------------------
 */

static size_t dump_field(char *dst, size_t cap, const struct wf_field *f,
                         const uint8_t *at)
{
    const struct wf_slice *s = (const void *) at;
    const struct wf_rows *l = (const void *) at;
    char text[2 * WF_TEXT_MAX + 1];
    uint64_t v;
    int n = 0;

    switch (f->kind) {
    case WF_KIND_U:
        memcpy(&v, at, sizeof v);
        n = snprintf(dst, cap, " %s=%" PRIu64, f->name, v);
        break;
    case WF_KIND_S:
        wf_str_escape(text, sizeof text, (const char *) s->p, s->len);
        n = snprintf(dst, cap, " %s=\"%s\"", f->name, text);
        break;
    case WF_KIND_D:
        n = snprintf(dst, cap, " %s=%" PRIu32 "B", f->name, s->len);
        break;
    case WF_KIND_ID:
    case WF_KIND_KEY:
    case WF_KIND_DIG:
        wf_hex(text, at, f->max);
        n = snprintf(dst, cap, " %s=%s", f->name, text);
        break;
    case WF_KIND_L:
        n = snprintf(dst, cap, " %s=[%" PRIu32 "]", f->name, l->count);
        break;
    }
    return n < 0 ? 0 : (size_t) n < cap ? (size_t) n : cap - 1;
}

void wf_msg_dump(char *dst, size_t cap, enum wf_type type, const void *body)
{
    const struct wf_desc *d = wf_desc_of(type);
    size_t used = 0;
    int n = snprintf(dst, cap, "%s", d != NULL ? d->name : "?");

    used = n < 0 ? 0 : (size_t) n < cap ? (size_t) n : cap - 1;
    for (unsigned i = 0; d != NULL && i < d->nfields && used + 1 < cap; i++) {
        const struct wf_field *f = &d->fields[i];

        used += dump_field(dst + used, cap - used, f, (const uint8_t *) body + f->offset);
    }
}

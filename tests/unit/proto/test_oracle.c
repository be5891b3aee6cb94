/* msgpack-c, which others use, reads from our bytes what we put in. */
#include "proto/msg.h"
#include "tests/lib/gen.h"
#include "tests/lib/tap.h"

#include <msgpack.h>

static int same_bytes(const msgpack_object *o, msgpack_object_type type, const void *p,
                      size_t len)
{
    /* str and bin are laid out alike. */
    return o->type == type && o->via.bin.size == len &&
           (len == 0 || memcmp(o->via.bin.ptr, p, len) == 0);
}

/* What is missing at the end reads as zero or empty. */
static int is_empty(const struct wf_field *f, const uint8_t *at)
{
    static const uint8_t zero[WF_KEY_SIZE];

    switch (f->kind) {
    case WF_KIND_U:
        return memcmp(at, zero, 8) == 0;
    case WF_KIND_S:
    case WF_KIND_D:
        return ((const struct wf_slice *) (const void *) at)->len == 0;
    case WF_KIND_ID:
    case WF_KIND_KEY:
    case WF_KIND_DIG:
        return memcmp(at, zero, (size_t) f->max) == 0;
    case WF_KIND_L:
        return ((const struct wf_rows *) (const void *) at)->count == 0;
    }
    return 0;
}

static int same_fields(const msgpack_object *o, uint32_t n, const struct wf_desc *d,
                       const void *body);

static int same_rows(const msgpack_object *o, const struct wf_desc *rec,
                     struct wf_rows rows)
{
    union {
        uint64_t align;
        uint8_t room[1024];
    } row;

    if (o->type != MSGPACK_OBJECT_ARRAY || o->via.array.size != rows.count) {
        return 0;
    }
    for (uint32_t i = 0; wf_rows_next(&rows, rec, &row); i++) {
        const msgpack_object *r = &o->via.array.ptr[i];

        if (r->type != MSGPACK_OBJECT_ARRAY ||
            !same_fields(r->via.array.ptr, r->via.array.size, rec, &row)) {
            return 0;
        }
    }
    return 1;
}

static int same_field(const msgpack_object *o, const struct wf_field *f, const void *at)
{
    const struct wf_slice *s = at;

    switch (f->kind) {
    case WF_KIND_U:
        return o->type == MSGPACK_OBJECT_POSITIVE_INTEGER &&
               o->via.u64 == *(const uint64_t *) at;
    case WF_KIND_S:
        return same_bytes(o, MSGPACK_OBJECT_STR, s->p, s->len);
    case WF_KIND_D:
        return same_bytes(o, MSGPACK_OBJECT_BIN, s->p, s->len);
    case WF_KIND_ID:
    case WF_KIND_KEY:
    case WF_KIND_DIG:
        return same_bytes(o, MSGPACK_OBJECT_BIN, at, (size_t) f->max);
    case WF_KIND_L:
        return same_rows(o, f->rec(), *(const struct wf_rows *) at);
    }
    return 0;
}

static int same_fields(const msgpack_object *o, uint32_t n, const struct wf_desc *d,
                       const void *body)
{
    if (n > d->nfields) {
        return 0;
    }
    for (unsigned i = 0; i < d->nfields; i++) {
        const struct wf_field *f = &d->fields[i];
        const uint8_t *at = (const uint8_t *) body + f->offset;

        if (i < n ? !same_field(&o[i], f, at) : !is_empty(f, at)) {
            return 0;
        }
    }
    /* Nothing that could be left out was sent. */
    return n == 0 ||
           !is_empty(&d->fields[n - 1], (const uint8_t *) body + d->fields[n - 1].offset);
}

static int same_message(const struct wf_buf *b, const struct wf_desc *d, const void *body)
{
    msgpack_unpacked u;
    size_t off = 0;
    int good;

    msgpack_unpacked_init(&u);
    good = msgpack_unpack_next(&u, (const char *) b->p, b->len, &off) ==
               MSGPACK_UNPACK_SUCCESS &&
           off == b->len && u.data.type == MSGPACK_OBJECT_ARRAY &&
           u.data.via.array.size >= 1 &&
           u.data.via.array.ptr[0].type == MSGPACK_OBJECT_POSITIVE_INTEGER &&
           u.data.via.array.ptr[0].via.u64 == d->number &&
           same_fields(u.data.via.array.ptr + 1, u.data.via.array.size - 1, d, body);
    msgpack_unpacked_destroy(&u);
    return good;
}

int main(void)
{
    struct wf_buf out = WF_BUF_INIT(WF_FRAME_MAX);
    struct gen g;
    struct wf_msg m;

    gen_init(&g, 20);
    for (size_t i = 0; wf_desc_at(i) != NULL; i++) {
        const struct wf_desc *d = wf_desc_at(i);
        unsigned bad = 0;

        for (unsigned k = 0; k < 60; k++) {
            wf_buf_clear(&out);
            gen_body(&g, d, k % 2 == 0 ? GEN_SMALL : GEN_EDGE, &m.u);
            must(wf_msg_encode(&out, (enum wf_type) d->number, &m.u) == 0);
            bad += !same_message(&out, d, &m.u);
        }
        ok(bad == 0, "%s: msgpack-c reads the same", d->name);
    }
    gen_fini(&g);
    wf_buf_fini(&out);
    return done();
}

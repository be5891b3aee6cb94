#include "tests/lib/raw.h"

#include "common/check.h"
#include "proto/pack.h"

#include <stdlib.h>
#include <string.h>

static void tagged(struct wf_buf *out, uint8_t tag, uint64_t v, unsigned width)
{
    uint8_t b[9] = {tag};

    for (unsigned i = 0; i < width; i++) {
        b[width - i] = (uint8_t) (v >> 8 * i);
    }
    WF_CHECK(wf_buf_put(out, b, width + 1) == 0);
}

void raw_array(struct wf_buf *out, uint32_t n, int wide)
{
    if (wide) {
        tagged(out, 0xdd, n, 4);
    } else {
        WF_CHECK(wf_pack_array(out, n) == 0);
    }
}

void raw_uint(struct wf_buf *out, uint64_t v, int wide)
{
    if (wide) {
        tagged(out, 0xcf, v, 8);
    } else {
        WF_CHECK(wf_pack_uint(out, v) == 0);
    }
}

void raw_str(struct wf_buf *out, struct wf_slice s, int wide)
{
    if (wide) {
        tagged(out, 0xdb, s.len, 4);
        WF_CHECK(wf_buf_put(out, s.p, s.len) == 0);
    } else {
        WF_CHECK(wf_pack_str(out, s.p, s.len) == 0);
    }
}

void raw_bin(struct wf_buf *out, struct wf_slice s, int wide)
{
    if (wide) {
        tagged(out, 0xc6, s.len, 4);
        WF_CHECK(wf_buf_put(out, s.p, s.len) == 0);
    } else {
        WF_CHECK(wf_pack_bin(out, s.p, s.len) == 0);
    }
}

void raw_hex(struct wf_buf *out, const char *hex)
{
    for (const char *p = hex; *p != '\0';) {
        char pair[3] = {p[0], p[1], '\0'};
        uint8_t b;

        if (*p == ' ') {
            p++;
            continue;
        }
        b = (uint8_t) strtoul(pair, NULL, 16);
        WF_CHECK(wf_buf_put(out, &b, 1) == 0);
        p += 2;
    }
}

/* One value of each kind that msgpack has, also those the protocol does not use. */
static void unknown(struct wf_buf *out, unsigned i)
{
    static const char *const values[] = {
        "c0",                         /* nil */
        "c3",                         /* true */
        "e0",                         /* -32 */
        "d3 ffffffffffffff00",        /* int64 */
        "ca 3f800000",                /* float32 */
        "cb 3ff0000000000000",        /* float64 */
        "a3 616263",                  /* str */
        "c4 02 0001",                 /* bin8 */
        "82 01 93 02 03 90 a1 61 c2", /* {1: [2, 3, []], "a": false} */
        "d6 05 00000000",             /* fixext4 */
        "c7 03 07 010203",            /* ext8 */
        "dc 0002 91 91 90 81 00 80",  /* array16 of nested containers */
        "df 00000001 a0 de 0000",     /* map32 */
    };

    raw_hex(out, values[i % ARRAY_LEN(values)]);
}

static void fields(struct wf_buf *out, const struct wf_desc *d, const void *body,
                   unsigned n, const struct raw *how);

static void rows(struct wf_buf *out, const struct wf_field *f, struct wf_rows list,
                 const struct raw *how)
{
    union {
        uint64_t align;
        uint8_t room[1024];
    } row;
    const struct wf_desc *rec = f->rec();

    raw_array(out, list.count, how->wide);
    while (wf_rows_next(&list, rec, &row)) {
        raw_array(out, rec->nfields + how->row_extra, how->wide);
        fields(out, rec, &row, rec->nfields, how);
        for (unsigned i = 0; i < how->row_extra; i++) {
            unknown(out, i);
        }
    }
}

static void fields(struct wf_buf *out, const struct wf_desc *d, const void *body,
                   unsigned n, const struct raw *how)
{
    for (unsigned i = 0; i < n; i++) {
        const struct wf_field *f = &d->fields[i];
        const void *at = (const uint8_t *) body + f->offset;

        switch (f->kind) {
        case WF_KIND_U:
            raw_uint(out, *(const uint64_t *) at, how->wide);
            break;
        case WF_KIND_S:
            raw_str(out, *(const struct wf_slice *) at, how->wide);
            break;
        case WF_KIND_D:
            raw_bin(out, *(const struct wf_slice *) at, how->wide);
            break;
        case WF_KIND_ID:
        case WF_KIND_KEY:
        case WF_KIND_DIG:
            raw_bin(out, wf_slice_make(at, (size_t) f->max), how->wide);
            break;
        case WF_KIND_L:
            rows(out, f, *(const struct wf_rows *) at, how);
            break;
        }
    }
}

void raw_encode(struct wf_buf *out, const struct wf_desc *d, const void *body,
                const struct raw *how)
{
    unsigned n = how->fields < d->nfields ? how->fields : d->nfields;

    raw_array(out, 1 + n + how->extra, how->wide);
    raw_uint(out, d->number, how->wide);
    fields(out, d, body, n, how);
    for (unsigned i = 0; i < how->extra; i++) {
        unknown(out, i);
    }
}

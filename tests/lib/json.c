#include "tests/lib/json.h"

#include "common/check.h"

#include <inttypes.h>

static void fields(struct wf_buf *out, const struct wf_desc *d, const void *body);

static void text(struct wf_buf *out, struct wf_slice s)
{
    for (uint32_t i = 0; i < s.len; i++) {
        int plain = s.p[i] >= 0x20 && s.p[i] < 0x7f && s.p[i] != '"' && s.p[i] != '\\';

        (void) wf_buf_printf(out, plain ? "%c" : "\\u%04x", s.p[i]);
    }
}

static void hex(struct wf_buf *out, const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        (void) wf_buf_printf(out, "%02x", p[i]);
    }
}

static void rows(struct wf_buf *out, const struct wf_desc *rec, struct wf_rows list)
{
    union {
        uint64_t align;
        uint8_t room[1024];
    } row;

    (void) wf_buf_printf(out, "[");
    for (uint32_t i = 0; wf_rows_next(&list, rec, &row); i++) {
        (void) wf_buf_printf(out, "%s[", i == 0 ? "" : ",");
        fields(out, rec, &row);
        (void) wf_buf_printf(out, "]");
    }
    (void) wf_buf_printf(out, "]");
}

static void fields(struct wf_buf *out, const struct wf_desc *d, const void *body)
{
    for (unsigned i = 0; i < d->nfields; i++) {
        const struct wf_field *f = &d->fields[i];
        const void *at = (const uint8_t *) body + f->offset;
        const struct wf_slice *s = at;

        (void) wf_buf_put(out, ",", i != 0);
        switch (f->kind) {
        case WF_KIND_U:
            (void) wf_buf_printf(out, "%" PRIu64, *(const uint64_t *) at);
            break;
        case WF_KIND_L:
            rows(out, f->rec(), *(const struct wf_rows *) at);
            break;
        default:
            (void) wf_buf_printf(out, "\"");
            if (f->kind == WF_KIND_S) {
                text(out, *s);
            } else if (f->kind == WF_KIND_D) {
                hex(out, s->p, s->len);
            } else {
                hex(out, at, (size_t) f->max);
            }
            (void) wf_buf_printf(out, "\"");
            break;
        }
    }
}

void json_message(struct wf_buf *out, const struct wf_desc *d, const void *body)
{
    (void) wf_buf_printf(out, "[%u,", d->number);
    fields(out, d, body);
    (void) wf_buf_printf(out, "]");
    WF_CHECK(out->err == 0);
}

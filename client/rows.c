#include "client/rows.h"

#include "common/check.h"
#include "common/err.h"
#include "common/mem.h"

int rows_init(struct rows *r, size_t n, size_t bytes, size_t wire)
{
    *r = (struct rows){.cap = bytes + wire + n * ROWS_ALIGN + 1};
    r->base = wf_calloc(1, r->cap);
    return r->base != NULL ? 0 : WEFT_ENOMEM;
}

void *rows_array(struct rows *r, size_t n, size_t size)
{
    size_t at = (r->used + ROWS_ALIGN - 1) / ROWS_ALIGN * ROWS_ALIGN;

    WF_CHECK(at <= r->cap && n * size <= r->cap - at);
    r->used = at + n * size;
    return r->base + at;
}

const char *rows_text(struct rows *r, struct wf_slice s)
{
    char *at = (char *) r->base + r->used;

    /* A field that an older peer does not send takes no byte at all. */
    if (s.len == 0) {
        return "";
    }
    WF_CHECK(s.len < r->cap - r->used);
    r->used += (size_t) s.len + 1;
    return wf_slice_str(s, at, (size_t) s.len + 1);
}

#include "common/buf.h"

#include "common/check.h"
#include "common/err.h"
#include "common/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void wf_buf_init(struct wf_buf *b, size_t max)
{
    *b = (struct wf_buf) WF_BUF_INIT(max);
}

void wf_buf_fini(struct wf_buf *b)
{
    wf_free(b->p);
    *b = (struct wf_buf) WF_BUF_INIT(b->max);
}

void wf_buf_clear(struct wf_buf *b)
{
    b->len = 0;
    b->err = 0;
}

int wf_buf_reserve(struct wf_buf *b, size_t len)
{
    if (b->err != 0) {
        return b->err;
    }
    if (len > b->max - b->len) {
        return b->err = WEFT_ETOOBIG;
    }
    if (len > b->cap - b->len) {
        /* Never more than the limit: appending looks at the capacity alone. */
        size_t cap = b->cap >= 64 ? b->cap : b->max < 64 ? b->max : 64;
        uint8_t *p;

        while (cap - b->len < len) {
            cap = cap > b->max / 2 ? b->max : cap * 2;
        }
        /* One byte more than counted, for the zero that vsnprintf() writes. */
        p = cap < SIZE_MAX ? wf_realloc(b->p, cap + 1) : NULL;
        if (p == NULL) {
            return b->err = WEFT_ENOMEM;
        }
        b->p = p;
        b->cap = cap;
    }
    return 0;
}

void wf_buf_truncate(struct wf_buf *b, size_t len)
{
    WF_CHECK(len <= b->len);
    b->len = len;
}

int wf_buf_printf(struct wf_buf *b, const char *fmt, ...)
{
    char small[512];
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(small, sizeof small, fmt, ap);
    va_end(ap);
    if (n < 0) {
        return b->err = WEFT_EINVAL;
    }
    if ((size_t) n < sizeof small) {
        return wf_buf_put(b, small, (size_t) n);
    }
    if (wf_buf_reserve(b, (size_t) n) != 0) {
        return b->err;
    }
    va_start(ap, fmt);
    (void) vsnprintf((char *) b->p + b->len, (size_t) n + 1, fmt, ap);
    va_end(ap);
    b->len += (size_t) n;
    return 0;
}

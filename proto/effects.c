#include "proto/effects.h"

#include "common/check.h"
#include "common/err.h"
#include "common/mem.h"

#include <stdarg.h>
#include <stdio.h>

#define BYTES_MAX (256u << 20)

void wf_effects_init(struct wf_effects *e)
{
    *e = (struct wf_effects){.bytes = WF_BUF_INIT(BYTES_MAX)};
}

static void free_owned(struct wf_effects *e)
{
    for (size_t i = 0; e->owned != 0 && i < e->n; i++) {
        if (e->v[i].kind == WF_EFFECT_BLOB_WRITE && e->v[i].obj != NULL) {
            wf_free(e->v[i].obj);
            e->owned--;
        }
    }
}

void wf_effects_fini(struct wf_effects *e)
{
    free_owned(e);
    wf_free(e->v);
    wf_buf_fini(&e->bytes);
    wf_effects_init(e);
}

void wf_effects_clear(struct wf_effects *e)
{
    free_owned(e);
    e->n = 0;
    e->err = 0;
    wf_buf_clear(&e->bytes);
}

static struct wf_effect *next(struct wf_effects *e)
{
    if (e->n == e->cap) {
        size_t cap = e->cap == 0 ? 64 : e->cap * 2;
        struct wf_effect *v = wf_realloc(e->v, cap * sizeof *v);

        if (v == NULL) {
            e->err = WEFT_ENOMEM;
            return NULL;
        }
        e->v = v;
        e->cap = cap;
    }
    return &e->v[e->n];
}

static void commit(struct wf_effects *e, enum wf_effect_kind kind, uint32_t peer,
                   uint64_t arg, size_t at, void *obj)
{
    struct wf_effect *x = next(e);

    if (x == NULL || e->bytes.err != 0) {
        e->err = WEFT_ENOMEM;
        return;
    }
    *x = (struct wf_effect){kind, peer, arg, at, e->bytes.len - at, obj, 0};
    e->n++;
}

void wf_effects_send(struct wf_effects *e, uint32_t peer, enum wf_type type,
                     const void *body)
{
    size_t at = e->bytes.len;
    int rc;

    if (e->err != 0) {
        return;
    }
    rc = wf_msg_encode(&e->bytes, type, body);
    if (rc == WEFT_ENOMEM || e->bytes.max - at < WF_FRAME_MAX) {
        e->err = WEFT_ENOMEM;
        return;
    }
    WF_CHECK(rc == 0);
    commit(e, WF_EFFECT_SEND, peer, type, at, NULL);
}

void wf_effects_send_lazy(struct wf_effects *e, uint32_t peer, enum wf_type type,
                          const void *body)
{
    size_t was = e->n;

    wf_effects_send(e, peer, type, body);
    if (e->n > was) {
        e->v[was].lazy = 1;
    }
}

void wf_effects_close(struct wf_effects *e, uint32_t peer)
{
    commit(e, WF_EFFECT_CLOSE, peer, 0, e->bytes.len, NULL);
}

void wf_effects_trace(struct wf_effects *e, unsigned level, const char *event,
                      const char *fmt, ...)
{
    size_t at = e->bytes.len;
    char line[1024];
    va_list ap;

    va_start(ap, fmt);
    (void) vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    (void) wf_buf_printf(&e->bytes, "%s", line);
    commit(e, WF_EFFECT_TRACE, 0, level, at, (void *) (uintptr_t) event);
}

void wf_effects_add(struct wf_effects *e, enum wf_effect_kind kind, uint32_t peer,
                    uint64_t arg, const void *p, size_t len, void *obj)
{
    size_t at = e->bytes.len;

    (void) wf_buf_put(&e->bytes, p, len);
    commit(e, kind, peer, arg, at, obj);
}

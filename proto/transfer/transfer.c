#include "proto/transfer/transfer.h"

#include "common/check.h"
#include "common/err.h"

#include <string.h>

static void take(const struct wf_effects *e, const struct wf_effect *x, void *ret,
                 size_t size)
{
    WF_CHECK(x->len >= size);
    memcpy(ret, wf_effect_bytes(e, x), size);
}

void wf_lane_to_of(const struct wf_effects *e, const struct wf_effect *x,
                   struct wf_lane_to *ret_to)
{
    take(e, x, ret_to, sizeof *ret_to);
}

void wf_blob_read_of(const struct wf_effects *e, const struct wf_effect *x,
                     struct wf_blob_read *ret_read)
{
    take(e, x, ret_read, sizeof *ret_read);
}

const uint8_t *wf_blob_ref_of(const struct wf_effects *e, const struct wf_effect *x,
                              struct wf_blob_ref *ret_ref, size_t *ret_len)
{
    take(e, x, ret_ref, sizeof *ret_ref);
    *ret_len = x->len - sizeof *ret_ref;
    return x->kind == WF_EFFECT_BLOB_WRITE ? x->obj
                                           : wf_effect_bytes(e, x) + sizeof *ret_ref;
}

uint8_t *wf_blob_take(struct wf_effects *e, struct wf_effect *x)
{
    uint8_t *bytes = x->obj;

    WF_CHECK(x->kind == WF_EFFECT_BLOB_WRITE && bytes != NULL);
    x->obj = NULL;
    e->owned--;
    return bytes;
}

void wf_lane_send(struct wf_effects *out, uint32_t lane, enum wf_type type,
                  const void *body)
{
    size_t was = out->n;

    wf_effects_send(out, lane, type, body);
    if (out->n > was) {
        out->v[was].kind = WF_EFFECT_LANE_SEND;
    }
}

void wf_blob_effect(struct wf_effects *out, enum wf_effect_kind kind, uint32_t peer,
                    uint64_t arg, const struct wf_blob_ref *ref, const void *p,
                    size_t len)
{
    size_t was = out->n;

    wf_effects_add(out, kind, peer, arg, ref, sizeof *ref, NULL);
    /* The bytes of the last effect are the last ones, so that it can be prolonged. */
    if (out->n > was && wf_buf_put(&out->bytes, p, len) == 0) {
        out->v[was].len += len;
    } else {
        out->n = was;
        out->err = WEFT_ENOMEM;
    }
}

void wf_blob_write(struct wf_effects *out, unsigned coding, uint64_t chunk,
                   const struct wf_blob_ref *ref, uint8_t **bytes, size_t len)
{
    size_t was = out->n;

    wf_effects_add(out, WF_EFFECT_BLOB_WRITE, coding, chunk, ref, sizeof *ref, *bytes);
    if (out->n > was) {
        out->v[was].len += len;
        out->owned++;
        *bytes = NULL;
    }
}

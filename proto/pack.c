#include "proto/pack.h"

#include "common/err.h"

#include <msgpack/pack.h>

/* The packer's write hook: 0 or -1, as msgpack-c wants it; the reason stays in the
 * buffer. */
static int put(void *out, const char *p, size_t len)
{
    return wf_buf_put(out, p, len) == 0 ? 0 : -1;
}

static msgpack_packer packer(struct wf_buf *out)
{
    return (msgpack_packer){out, put};
}

int wf_pack_array(struct wf_buf *out, uint32_t n)
{
    msgpack_packer pk = packer(out);

    (void) msgpack_pack_array(&pk, n);
    return out->err;
}

int wf_pack_uint(struct wf_buf *out, uint64_t v)
{
    msgpack_packer pk = packer(out);

    (void) msgpack_pack_uint64(&pk, v);
    return out->err;
}

/* The head of `len` bytes of content and room for these, in one piece.  `tag` is that of
 * a length of one byte; those of two and four follow it. */
static uint8_t *begin(struct wf_buf *out, uint8_t tag, uint32_t len)
{
    const unsigned wide = len <= 0xff ? 0 : len <= 0xffff ? 1 : 2;
    const size_t digits = (size_t) 1 << wide;
    uint8_t *at = wf_buf_extend(out, 1 + digits + len);

    if (at == NULL) {
        return NULL;
    }
    *at++ = (uint8_t) (tag + wide);
    for (size_t i = digits; i != 0; i--) {
        *at++ = (uint8_t) (len >> (8 * (i - 1)));
    }
    return at;
}

/* Strings and bytes are most of what is written: without the packer, which asks for room
 * a second time. */
int wf_pack_str(struct wf_buf *out, const void *p, uint32_t len)
{
    uint8_t *at;

    if (len < 32) {
        at = wf_buf_extend(out, 1 + (size_t) len);
        if (at != NULL) {
            *at++ = (uint8_t) (0xa0 | len);
        }
    } else {
        at = begin(out, 0xd9, len);
    }
    if (at != NULL && len != 0) {
        memcpy(at, p, len);
    }
    return out->err;
}

int wf_pack_bin(struct wf_buf *out, const void *p, uint32_t len)
{
    uint8_t *at = begin(out, 0xc4, len);

    if (at != NULL && len != 0) {
        memcpy(at, p, len);
    }
    return out->err;
}

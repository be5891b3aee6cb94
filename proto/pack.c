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

int wf_pack_str(struct wf_buf *out, const void *p, uint32_t len)
{
    msgpack_packer pk = packer(out);

    (void) msgpack_pack_str(&pk, len);
    return wf_buf_put(out, p, len);
}

int wf_pack_bin(struct wf_buf *out, const void *p, uint32_t len)
{
    msgpack_packer pk = packer(out);

    (void) msgpack_pack_bin(&pk, len);
    return wf_buf_put(out, p, len);
}

/* pack.h - msgpack values into a buffer
 *
 * The only door to msgpack-c's packer.  Errors stick to the buffer (common/buf.h) and are
 * also returned.  Pure.
 */
#ifndef PROTO_PACK_H
#define PROTO_PACK_H

#include "common/buf.h"

int wf_pack_array(struct wf_buf *out, uint32_t n);
int wf_pack_uint(struct wf_buf *out, uint64_t v);
int wf_pack_str(struct wf_buf *out, const void *p, uint32_t len);
int wf_pack_bin(struct wf_buf *out, const void *p, uint32_t len);

#endif

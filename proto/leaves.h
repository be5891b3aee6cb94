/* leaves.h - the leaves of several chunks at once (proto/blob.h)
 *
 * BLAKE2b is a chain that leaves most of a processor idle.  Four chunks of one length
 * side by side, each in its lane of the vectors, take a third of the time that they take
 * one after another (AVX-512), or half of it (AVX2).  Where a processor has neither it is
 * one after another.  The results are the same.  Pure; any thread.
 *
 * Source: RFC 7693; in lanes as "BLAKE2: simpler, smaller, fast as MD5" (2013), 4.2, has
 * it for BLAKE2bp.
 */
#ifndef PROTO_LEAVES_H
#define PROTO_LEAVES_H

#include "proto/blob.h"

#define WF_LEAVES_LANES 4u /* chunks that are worth waiting for, a little */

/* Of `n` chunks with `len` bytes each. */
void wf_leaves(const uint8_t *const *chunks, size_t n, size_t len,
               struct wf_digest *ret_leaves);

#endif

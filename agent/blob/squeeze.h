/* squeeze.h - chunks as they travel: coded with zstd where that pays
 *
 * Unpacking is bounded by the length that the chunk has to have, whatever the coded bytes
 * say.  One thread at a time; memory is taken at the first use of each direction.
 */
#ifndef AGENT_BLOB_SQUEEZE_H
#define AGENT_BLOB_SQUEEZE_H

#include "common/defs.h"

struct squeeze {
    void *c, *d; /* contexts; NULL: none yet */
};

void squeeze_fini(struct squeeze *z);

/* Exactly `want` bytes into `dst`.  WEFT_EPROTO, WEFT_ENOMEM. */
int squeeze_unpack(struct squeeze *z, const void *p, size_t len, void *dst, size_t want);

/* WEFT_ESUPPORT: it does not pay: a first part, or the whole, does not shrink by a tenth.
 * `dst` has `len` bytes.  WEFT_ENOMEM. */
int squeeze_pack(struct squeeze *z, const void *p, size_t len, void *dst,
                 size_t *ret_len);

#endif

/* zap.h - who may connect: the ZAP 1.0 handler (rfc.zeromq.org/spec/27), CURVE only
 *
 * One a context, made before the first router: a CURVE server without a handler accepts
 * every key.  The answer counts for the handshake alone; what a peer may do is checked on
 * each message.  A refused client library never tries again by itself.
 */
#ifndef COMMON_IO_ZAP_H
#define COMMON_IO_ZAP_H

#include "common/io/zsock.h"

/* Nonzero lets the key in.  `address` is the peer's IP, without the port. */
typedef int zap_allow_fn(void *arg, const uint8_t *key, const char *domain,
                         const char *address);

struct zap_stats {
    uint64_t allowed, refused;
    uint64_t malformed; /* requests that were not CURVE */
};

struct zap;

/* 0, WEFT_EIO (a second handler in this context), WEFT_ENOMEM. */
int zap_new(struct wf_loop *l, void *ctx, zap_allow_fn *allow, void *arg,
            struct zap **ret_zap, struct wf_err *err);

/* NULL is allowed. */
void zap_free(struct zap *zap);

const struct zap_stats *zap_stats(const struct zap *zap);

#endif

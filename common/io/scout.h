/* scout.h - does a broker answer?
 *
 * A connection beside the session, as far as the end of the CURVE handshake: then the
 * broker has proved its key, and that it takes ours.  It is dropped at once; nothing is
 * ever sent on it.  Carries out TRY and UNTRY of proto/link.h.
 */
#ifndef COMMON_IO_SCOUT_H
#define COMMON_IO_SCOUT_H

#include "common/io/uplink.h"

struct scout;

/* Called once for each scout_try() that returned 0, unless it is dropped before.
 * `answered` is 1, 0, or WEFT_EAUTH: somebody is there, and refused our key. */
typedef void scout_fn(void *arg, int answered);

/* `keys` is copied.  WEFT_ENOMEM. */
int scout_new(struct wf_loop *l, void *ctx, const struct keys *keys, unsigned dial_ms,
              scout_fn *fn, void *arg, struct scout **ret_scout, struct wf_err *err);

/* NULL is allowed, as in scout_drop(). */
void scout_free(struct scout *s);

/* Of one that is under way nothing is heard any more.  0; else it could not be begun, and
 * counts as not answered. */
int scout_try(struct scout *s, const char *endpoint, const uint8_t *server_key);
void scout_drop(struct scout *s);

#endif

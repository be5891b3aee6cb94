/* price_watch.h - the file of prices, read again when it changes
 *
 * The file is looked at every few seconds, and at once when asked to.  A new one that is
 * wrong changes nothing and is said once; so is one that is gone.
 */
#ifndef BROKER_PRICE_WATCH_H
#define BROKER_PRICE_WATCH_H

#include "broker/price_file.h"
#include "common/io/log.h"
#include "common/io/loop.h"

struct price_watch;

/* Lines of a file that was read; borrowed for the call. */
typedef void price_watch_fn(void *arg, const struct price_line *lines, size_t n);

/* Read the file and call `fn`, now and whenever it changed.  The errors of
 * price_file_load(): then there is no watch. */
int price_watch_new(struct wf_loop *loop, const char *path, const struct log_sink *log,
                    price_watch_fn *fn, void *arg, struct price_watch **ret_watch,
                    struct wf_err *err);
void price_watch_free(struct price_watch *w); /* NULL is allowed */

/* Look whether it changed; `always`: read it in any case. */
void price_watch_look(struct price_watch *w, int always);

#endif

/* ahead.h - memory that the heap will need next is there before it is needed
 *
 * The first write to a page of fresh memory is a fault, in which the kernel finds and
 * clears a page: some 2 us, more than it takes to accept a job that fits three times into
 * it.  So the heap grows by more than it is asked for, and whenever the loop is about to
 * wait, a part of what it grew by is touched: up to AHEAD_BYTES that nobody uses yet, and
 * nothing while the heap does not grow.  Memory that is given back stays with the process
 * up to AHEAD_KEEP, for the same reason.
 *
 * For the GNU C library, whose heap ends at sbrk(0), and Linux 5.14; with others, or
 * under a sanitizer, nothing is touched.  It sets parameters of the process's heap: one
 * loop of a process has this.
 */
#ifndef COMMON_IO_AHEAD_H
#define COMMON_IO_AHEAD_H

#include "common/io/loop.h"

#define AHEAD_BYTES (4u << 20)
#define AHEAD_STEP  (128u << 10) /* before a wait: some 60 us */
#define AHEAD_KEEP  (8u << 20)

struct wf_ahead;

/* Made before anything else on the loop, it acts after all others.  WEFT_ENOMEM. */
int wf_ahead_new(struct wf_loop *l, struct wf_ahead **ret_ahead);

/* NULL is allowed. */
void wf_ahead_free(struct wf_ahead *a);

#endif

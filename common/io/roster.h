/* roster.h - the brokers that a program knows, around its link
 *
 * The file of those that the link learns of (broker_file.h), and its trials (scout.h).
 * Which brokers there are, and which is dialled, is the link's matter (proto/link.h).
 */
#ifndef COMMON_IO_ROSTER_H
#define COMMON_IO_ROSTER_H

#include "common/io/scout.h"
#include "proto/link.h"

struct roster;

struct roster_opts {
    const char *folder;      /* of the file; borrowed for the call */
    const struct keys *keys; /* own; copied */
    unsigned dial_ms;
};

/* Add what the file in `folder` has to those that are given.  A file that cannot be read
 * is like none: the next session tells it all again. */
void roster_recall(const char *folder, struct wf_broker_table *t);

/* `fn` hears what came of a trial.  WEFT_ENOMEM, WEFT_EINVAL. */
int roster_new(struct wf_loop *l, void *ctx, const struct roster_opts *opts, scout_fn *fn,
               void *arg, struct roster **ret_roster, struct wf_err *err);

/* NULL is allowed. */
void roster_free(struct roster *r);

/* Carry out TRY and UNTRY; others are not its own. */
void roster_effect(struct roster *r, const struct wf_link *l, const struct wf_effect *x);

/* 1, once, when a trial could not be begun: it counts as not answered. */
int roster_failed(struct roster *r);

/* After a step: write the file if what it holds has changed.  0; WEFT_EIO, WEFT_ENOMEM:
 * not again for the same change. */
int roster_keep(struct roster *r, const struct wf_link *l, struct wf_err *err);

#endif

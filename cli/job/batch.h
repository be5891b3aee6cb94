/* batch.h - submits many jobs with a bounded number in flight
 *
 * A job in flight is one that was sent and not yet accepted, or, when outcomes are
 * awaited, not yet over.  A broker that is busy says when to come back: the job keeps its
 * id and is sent again then, nothing new is sent before, and fewer at once from then on.
 * Many jobs go on with that for ever, a single one until patience is at its end.
 * Ctrl-C stops submitting; accepted jobs go on.
 */
#ifndef CLI_JOB_BATCH_H
#define CLI_JOB_BATCH_H

#include "cli/job/source.h"

#define BATCH_WINDOW     256
#define BATCH_WINDOW_MAX 4096

struct batch_options {
    int wait;            /* for the outcomes; else only until accepted */
    const char *out;     /* file for the result of the only job; NULL: none */
    const char *out_dir; /* folder for results, each under its piece's name; NULL */
    size_t window;
};

/* Run all of `source` as copies of `job`.  Prints ids or outcomes as they come.  Returns
 * the exit code. */
int batch_run(struct cli *cli, const struct weft_job *job, struct source *source,
              const struct batch_options *options);

#endif

/* await.h - waits for the outcome of jobs that exist */
#ifndef CLI_JOB_AWAIT_H
#define CLI_JOB_AWAIT_H

#include "cli/cli.h"

/* Called for each job once it is over, in the order in which they end; the future has an
 * outcome. */
typedef int await_fn(struct cli *cli, weft_future *future, void *arg);

/* Watch the jobs named by prefixes until all are over, at most --timeout when it is
 * given. Changes of state are told on stderr when `talk`.  Returns the first exit code
 * that was not CLI_OK, of `fn` or its own. */
int await_jobs(struct cli *cli, int n, char **prefixes, int talk, await_fn *fn,
               void *arg);

#endif

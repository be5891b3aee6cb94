/* scratch.h - the private folder of a run
 *
 * One folder, mode 0700, below the base folder that the runner owns.  Handlers are not
 * trusted with its shape: removal follows no link, uses a constant number of
 * descriptors at any depth and puts back the permissions that it needs.
 */
#ifndef AGENT_RUNNER_SCRATCH_H
#define AGENT_RUNNER_SCRATCH_H

#include "common/defs.h"

#include <limits.h>

#define SCRATCH_PREFIX "run-"

struct scratch {
    char path[PATH_MAX]; /* absolute */
    int fd;              /* the folder itself; -1 when there is none */
};

/* Make base/run-<id>.  0, WEFT_EIO (errno tells more). */
int scratch_make(struct scratch *s, const char *base, uint64_t id);

/* Remove it with its content.  A folder with few entries is gone on return; a large one
 * is left to a child process that the caller reaps like any other. */
void scratch_remove(struct scratch *s);

/* Remove what a runner that died left in `base`. */
void scratch_sweep(const char *base);

#endif

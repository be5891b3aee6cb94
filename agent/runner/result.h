/* result.h - the result of a run on its way to the agent
 *
 * A small one is passed on as OUTPUT.  One above `inline_bytes` becomes a file of its
 * own, results/RUN below the base folder, where no sandbox reaches: the file that the
 * handler wrote is moved there once nothing of the run is alive, stdout is written there
 * as it comes, but for its first `inline_bytes` (see wire.h).
 */
#ifndef AGENT_RUNNER_RESULT_H
#define AGENT_RUNNER_RESULT_H

#include "agent/runner/scratch.h"
#include "agent/runner/wire.h"

#define RESULT_NAME "result" /* what the handler writes, in its folder */

struct result {
    int fd;         /* -1, or what is read or written */
    bool kept;      /* there is a file for the agent */
    uint64_t bytes; /* its size */
    char path[PATH_MAX];
};

/* Make the folder below `base`. */
void result_folder(const char *base);

void result_init(struct result *r, const char *base, uint64_t run);

/* Close; a file that was not handed over goes. */
void result_fini(struct result *r);

/* Keep a part of stdout at its place.  0, or WEFT_EIO (errno tells more). */
int result_write(struct result *r, uint64_t at, const uint8_t *p, size_t len);

/* Take what the ended handler wrote: `fd` is there to be read, or it is kept, or there is
 * none.  0, WEFT_ETOOBIG (*ret_size bytes are more than the limit), WEFT_EIO. */
int result_take(struct result *r, const struct scratch *dir,
                const struct wire_limits *limits, uint64_t *ret_size);

/* The file is the agent's now, who will find it by the run's number. */
void result_hand_over(struct result *r);

#endif

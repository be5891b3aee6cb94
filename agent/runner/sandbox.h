/* sandbox.h - the bwrap command line of a run
 *
 * Everything is unshared but, when the capability may use it, the network.  The run sees
 * /usr and its links read-only, the few files of /etc that programs need to start, a
 * fresh /tmp, /proc and /dev, its scratch folder as /scratch, and what the capability
 * binds in addition.  Inside, our own program is pid 1 (see init.h).
 */
#ifndef AGENT_RUNNER_SANDBOX_H
#define AGENT_RUNNER_SANDBOX_H

#include "agent/runner/wire.h"

#define SANDBOX_SCRATCH "/scratch"
#define SANDBOX_SELF    "/run/weft-runner"
#define SANDBOX_ARGS    512

struct sandbox_argv {
    size_t n;
    const char *v[SANDBOX_ARGS]; /* borrowed strings, NULL-terminated */
};

/* `self`: our program; `scratch`: the run's folder, NULL for none; `command`: argument
 * for our program inside. */
void sandbox_argv(struct sandbox_argv *a, const char *bwrap, const char *self,
                  const char *scratch, const struct wire_list *binds, const char *program,
                  bool network, const char *command);

#endif

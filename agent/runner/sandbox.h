/* sandbox.h - the bwrap command line of a run
 *
 * Everything is unshared but, when the capability may use it, the network.  The run sees
 * /usr and its links read-only, the few files of /etc that programs need to start, a
 * fresh /tmp, /proc and /dev, its scratch folder as /scratch, and what the capability
 * binds in addition.  Inputs and a payload given as a file are bound read-only into the
 * scratch folder.  Inside, our own program is pid 1 (see init.h).
 */
#ifndef AGENT_RUNNER_SANDBOX_H
#define AGENT_RUNNER_SANDBOX_H

#include "agent/runner/inputs.h"
#include "agent/runner/wire.h"

#define SANDBOX_SCRATCH "/scratch"
#define SANDBOX_SELF    "/run/weft-runner"
#define SANDBOX_PAYLOAD SANDBOX_SCRATCH "/payload"
#define SANDBOX_ARGS    512

struct sandbox_argv {
    size_t n;
    const char *v[SANDBOX_ARGS]; /* borrowed strings, NULL-terminated */
};

/* What one run differs in; NULL: none. */
struct sandbox_opts {
    const char *bwrap;
    const char *self;    /* our program */
    const char *command; /* argument for it inside */
    const char *program; /* the handler's */
    const char *scratch; /* the run's folder */
    const char *payload; /* a file that becomes SANDBOX_PAYLOAD */
    const struct wire_list *binds;
    const struct inputs *inputs;
    bool network;
};

void sandbox_argv(struct sandbox_argv *a, const struct sandbox_opts *o);

#endif

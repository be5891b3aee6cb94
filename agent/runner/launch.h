/* launch.h - start one run: descriptors, environment, clone
 *
 * The handler's environment is fixed (PATH, HOME, TMPDIR, LANG, WEFT_RESULT, of a worker
 * WEFT_RESULTS, with a payload file WEFT_PAYLOAD, and those of inputs.h); what the
 * request brings is added or takes their place.  The payload becomes fd 0: a memory file,
 * or the file named by the request, which in a sandbox is opened inside, where it is
 * read-only also for its owner.
 */
#ifndef AGENT_RUNNER_LAUNCH_H
#define AGENT_RUNNER_LAUNCH_H

#include "agent/runner/host.h"
#include "agent/runner/scratch.h"
#include "agent/runner/wire.h"
#include "common/err.h"

struct launch {
    pid_t pid; /* root of the tree: init, or bwrap with init inside */
    int ctl;   /* to init; non-blocking */
    int out;   /* what the handler prints; non-blocking */
    int err;
    int worker;     /* our end of a worker's socket, or -1 */
    bool sandboxed; /* runs inside bwrap */
};

/* All descriptors in *ret are owned by the caller.  0, WEFT_ESUPPORT (sandbox required
 * but missing), WEFT_ESPAWN. */
int launch_run(const struct host *h, const struct wire_start *s, const struct scratch *sc,
               struct launch *ret, struct wf_err *err);

#endif

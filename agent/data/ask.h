/* ask.h - `weft-agent data` and `notice`: asking the agent that runs here, at its door
 *
 *     add PATH [--in-place]   stdout: DIGEST SIZE PATH, a file a line
 *     ls                      stdout: DIGEST SIZE HAVE FLAGS, a blob a line
 *     scrub                   stdout: BYTES DAMAGED FOUND RECODED, while it goes on
 *     stats                   stdout: NAME VALUE, a number a line
 *     notice                  this machine is taken away after left_ms
 *
 * Files that cannot be added are told on stderr, each in a line.
 */
#ifndef AGENT_DATA_ASK_H
#define AGENT_DATA_ASK_H

#include "common/err.h"

struct ask_opts {
    const char *state;  /* the agent's state folder */
    const char *action; /* add, ls, scrub, stats or notice */
    const char *path;   /* add; may be relative */
    int in_place;
    uint64_t left_ms;
};

/* 0; WEFT_EINVAL: not such a call; WEFT_EUNREACH: no agent runs with this state folder;
 * WEFT_EPERM: it is another user's; WEFT_EIO: some files could not be added; what the
 * agent says. */
int ask_run(const struct ask_opts *o, struct wf_err *err);

#endif

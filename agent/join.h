/* join.h - `weft-agent join` and `weft-agent leave`
 *
 * Each step prints one line; one that fails prints why and what to do next.  A join that
 * was interrupted goes on with the key that it had drawn.
 */
#ifndef AGENT_JOIN_H
#define AGENT_JOIN_H

#include "common/err.h"

struct join_opts {
    const char *state;
    const char *name;       /* wished for when the token names none; NULL: the host's */
    const char *token_file; /* NULL or "-": stdin */
    uint64_t timeout_ms;
};

/* 0 or the failure: WEFT_ETOKEN*, WEFT_EAUTH, WEFT_EUNREACH, WEFT_EEXIST (the name),
 * WEFT_ESTATE (enrolled with another token), WEFT_EBUSY (an agent runs on this folder),
 * WEFT_EKEY, WEFT_EIO. */
int join_run(const struct join_opts *o, struct wf_err *err);

/* Forget the identity. */
int join_leave(const char *state, struct wf_err *err);

#endif

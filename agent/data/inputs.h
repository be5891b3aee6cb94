/* inputs.h - the blobs that a run needs, as files that its handler can read
 *
 *     inputs_start --> FOLDERS --> BLOBS --> LOCKING --on_ready--> READY
 *                         |          |          |                    |
 *                         +----------+----------+--on_failed-->      | inputs_end
 *                                                          REMOVING <+
 *
 * Below a folder of the run: NAME for an input that is one file, NAME/path for those of a
 * folder, `payload` for a payload that is a blob.  Where the store has a plain file on
 * the same file system it is a link to that, else a copy; files are 0444 (links keep
 * their mode), folders 0555.  The blobs are held by the core from before the start until
 * after the end.
 *
 * Bytes are moved by the store's thread; here are only names, some of them in a turn of
 * the loop.  What the end of the process leaves is removed by the next one (handlers.h).
 */
#ifndef AGENT_DATA_INPUTS_H
#define AGENT_DATA_INPUTS_H

#include "agent/core/runs.h"
#include "agent/data/desk.h"
#include "agent/handlers.h"

struct inputs;

struct inputs_cbs {
    /* All is there; `files` is borrowed.  `r` is that of inputs_start(). */
    void (*on_ready)(void *arg, const struct run *r, const struct handlers_files *files);
    /* It cannot be had.  What there was of it goes. */
    void (*on_failed)(void *arg, uint64_t run, int code, const char *text);
};

/* The desk is borrowed.  WEFT_ENOMEM. */
int inputs_new(struct wf_loop *loop, struct desk *desk, const struct inputs_cbs *cbs,
               void *arg, struct inputs **ret_inputs, struct wf_err *err);

/* After the desk is gone.  No callback runs any more.  NULL is allowed. */
void inputs_free(struct inputs *in);

/* Prepare what `r` needs in a folder of its own below `folder`.  `r` is borrowed until
 * inputs_end() or on_failed, of which one comes, never from inside the call.
 * WEFT_ENOMEM. */
int inputs_start(struct inputs *in, const struct run *r, const char *folder);

/* The run is not wanted any more: if it is not ready yet on_failed follows, with
 * WEFT_ECANCELLED.  WEFT_ENOENT: none is being prepared. */
int inputs_kill(struct inputs *in, uint64_t run);

/* The run is over: what it was given goes.  Unknown runs are allowed. */
void inputs_end(struct inputs *in, uint64_t run);

/* Runs that have files, or whose files are on their way out. */
size_t inputs_count(const struct inputs *in);

#endif

/* given.h - what a job is given by path: its inputs and its payload
 *
 * Checks it and says it to who runs the job: in a START for the runner, where words
 * {input:NAME} of the command become the input's path, and in a JOB_FILES for a worker.
 */
#ifndef AGENT_EXEC_GIVEN_H
#define AGENT_EXEC_GIVEN_H

#include "agent/exec.h"

/* `below`: the folder in which everything has to be; NULL: anywhere.  0, WEFT_EINVAL,
 * WEFT_ETOOBIG (their number). */
int given_check(const struct exec_job *job, const char *below);

/* Put them into a START, which borrows from `text`, an empty buffer.  0, WEFT_ENOENT (the
 * command names an input that is not there), WEFT_ETOOBIG, WEFT_ENOMEM. */
int given_start(struct wire_start *s, const struct exec_job *job, struct wf_buf *text);

/* The first input that the command names and the job lacks: is there one? */
bool given_lacks(const struct wire_start *s, const struct exec_job *job,
                 char ret_name[EXEC_NAME_MAX + 1]);

/* What work_job.files is; appends nothing when the job is given nothing by path.  0,
 * WEFT_ETOOBIG, WEFT_ENOMEM. */
int given_work(const struct exec_job *job, struct wf_buf *b);

#endif

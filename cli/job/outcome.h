/* outcome.h - shows how jobs ended, and puts their results where they are wanted */
#ifndef CLI_JOB_OUTCOME_H
#define CLI_JOB_OUTCOME_H

#include "cli/cli.h"

/* One line: id, state, node, run time, reason; or one JSON document "weft.outcome.v1",
 * with the result. */
void outcome_line(struct cli *cli, const struct weft_outcome *outcome);

/* The members of an outcome, into an open object. */
void outcome_json(struct json *json, const struct weft_outcome *outcome);

/* Say on stderr, once and with the next step, how a job ended that was not OK.  Returns
 * the exit code; CLI_OK and silence for an OK one. */
int outcome_report(struct cli *cli, const struct weft_outcome *outcome);

/* Say why the mesh did not take `job`, and when to come back if it told.  The exit code.
 */
int outcome_refused(struct cli *cli, const struct weft_job *job, weft_future *future);

/* Report that the library did not take `job`, whose payload has so many bytes: `code` is
 * its WEFT_E*. */
int outcome_unsent(struct cli *cli, const struct weft_job *job, size_t len, int code);

/* Write the result of a job that is done; "-" is standard output.  A large one is fetched
 * for that, with a progress bar.  0, or the exit code. */
int outcome_save(struct cli *cli, const char *path, weft_future *future);

/* Fetch a result that is a blob: chunk by chunk to `write`, whose argument is a struct
 * move (cli/data/move.h) or begins with one.  0, or the exit code. */
struct move;
int outcome_stream(struct cli *cli, weft_future *future, weft_write_fn *write,
                   struct move *move);

#endif

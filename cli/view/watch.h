/* watch.h - draws a view again and again
 *
 * In place on a terminal until q or Ctrl-C; one frame after the other when piped (with
 * --json: one document a line).  A frame that fails is shown as an error and tried again:
 * a watch outlives its broker.
 */
#ifndef CLI_VIEW_WATCH_H
#define CLI_VIEW_WATCH_H

#include "cli/cli.h"

#define WATCH_MS 1000

/* Draws one frame to cli->out, errors to cli->err.  Returns an exit code. */
typedef int watch_draw_fn(struct cli *cli, void *arg);

/* CLI_OK after q, CLI_INTERRUPTED after a signal. */
int watch_loop(struct cli *cli, uint64_t interval_ms, watch_draw_fn *draw, void *arg);

#endif

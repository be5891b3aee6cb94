/* shell.h - the broker core on real sockets, a real clock and a real disk
 *
 * Turns frames, connections, time and the store's news into events, steps the core, and
 * carries out the effects in order.  Decides nothing about jobs or agents.
 */
#ifndef BROKER_SHELL_H
#define BROKER_SHELL_H

#include "broker/config.h"
#include "common/io/log.h"

struct shell;

struct shell_options {
    int new_operator; /* make a token for another operator */
    int repair;       /* put damaged rows of the store aside, and go on */
};

/* Open keys (made at the first start), store and sockets.  Errors come with a text. */
int shell_new(const struct config *cfg, const struct log_sink *log,
              const struct shell_options *o, struct shell **ret_shell,
              struct wf_err *err);

/* Serve until SIGTERM or SIGINT; WEFT_ESTATE when another process took our place in the
 * store. */
int shell_run(struct shell *sh);

/* NULL is allowed. */
void shell_free(struct shell *sh);

#endif

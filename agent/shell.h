/* shell.h - the agent at work: loop, uplink and handlers around the core
 *
 * Turns what happens into the core's events and carries out its effects in order.  No
 * decision about a job is made here.
 *
 *   STARTING --runner up--> SERVING --SIGTERM--> DRAINING --nothing left, time over,
 *                                                            second signal--> (the end)
 */
#ifndef AGENT_SHELL_H
#define AGENT_SHELL_H

#include "agent/config.h"
#include "common/io/identity.h"
#include "common/io/log.h"

struct shell;

struct shell_opts {
    const struct agent_config *config; /* borrowed for the shell's life, as is the log */
    const struct identity *id;         /* borrowed for the call */
    struct log_sink *log;
    /* SIGHUP: read the configuration again; it is freed by the shell.  May be NULL. */
    int (*reload)(void *arg, struct agent_config **ret_config, struct wf_err *err);
    void *arg;
};

/* WEFT_ENOMEM, WEFT_EIO, WEFT_ESPAWN, WEFT_ECONF. */
int shell_new(const struct shell_opts *opts, struct shell **ret_shell,
              struct wf_err *err);

/* Serve until told to stop.  0, or what made going on impossible. */
int shell_run(struct shell *sh, struct wf_err *err);

/* NULL is allowed. */
void shell_free(struct shell *sh);

#endif

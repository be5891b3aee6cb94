#include "agent/reload.h"

#include <string.h>

static int same_labels(const struct node_config *a, const struct node_config *b)
{
    return a->nlabels == b->nlabels &&
           memcmp(a->labels, b->labels, sizeof a->labels) == 0;
}

void reload(const struct shell_opts *opts)
{
    struct agent_config *c = NULL;
    struct wf_err err = {0, ""};

    if (opts->reload == NULL || opts->reload(opts->arg, &c, &err) != 0) {
        log_error(opts->log, "agent", "reload-failed", "text=\"%s; nothing was changed\"",
                  err.text);
        return;
    }
    opts->log->level = c->log_level;
    log_info(opts->log, "agent", "reloaded", "log=%s text=\"%s\"", c->log,
             same_labels(&c->node, &opts->config->node) && c->ncaps == opts->config->ncaps
                 ? "the log level is in force; other changes need a restart"
                 : "the log level is in force; labels and capabilities need a restart");
    config_free(c);
}

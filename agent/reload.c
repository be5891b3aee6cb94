#include "agent/reload.h"

#include "agent/data/plane.h"

#include <string.h>

static int same_labels(const struct node_config *a, const struct node_config *b)
{
    return a->nlabels == b->nlabels &&
           memcmp(a->labels, b->labels, sizeof a->labels) == 0;
}

int reload(const struct shell_opts *opts, struct node_limits *ret_limits)
{
    struct agent_config *c = NULL;
    struct wf_err err = {0, ""};
    int rc = opts->reload != NULL ? opts->reload(opts->arg, &c, &err) : WEFT_ESUPPORT;

    if (rc != 0) {
        log_error(opts->log, "agent", "reload-failed", "text=\"%s; nothing was changed\"",
                  err.text);
        return rc;
    }
    opts->log->level = c->log_level;
    *ret_limits = plane_limits(c);
    log_info(opts->log, "agent", "reloaded", "log=%s text=\"%s\"", c->log,
             same_labels(&c->node, &opts->config->node) && c->ncaps == opts->config->ncaps
                 ? "the log level and data limits are in force; all else needs a restart"
                 : "the log level and data limits are in force; labels and capabilities "
                   "need a restart");
    config_free(c);
    return 0;
}

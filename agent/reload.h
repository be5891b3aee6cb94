/* reload.h - reading the configuration again while the agent runs
 *
 * The log level and the limits of transfers (data_rate, data_day, metered) are in force
 * at once; what else was changed needs a restart, which is said.
 */
#ifndef AGENT_RELOAD_H
#define AGENT_RELOAD_H

#include "agent/core/event.h"
#include "agent/shell.h"

/* 0, or what was wrong, which is logged; nothing has changed then. */
int reload(const struct shell_opts *opts, struct node_limits *ret_limits);

#endif

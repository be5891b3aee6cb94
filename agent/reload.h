/* reload.h - reading the configuration again while the agent runs
 *
 * The log level is in force at once; what else was changed needs a restart, which is
 * said.
 */
#ifndef AGENT_RELOAD_H
#define AGENT_RELOAD_H

#include "agent/shell.h"

void reload(const struct shell_opts *opts);

#endif

/* capability.h - what a section `capability` of agent.conf comes to */
#ifndef AGENT_CONFIG_CAPABILITY_H
#define AGENT_CONFIG_CAPABILITY_H

#include "agent/config.h"
#include "agent/config/check.h"

/* Check the i-th; fill in its spec for the runner and c->node.caps[i].  WEFT_ECONF. */
int capability_check(const struct check *k, struct agent_config *c, size_t i);

/* Whether there is a file that may be run. */
int capability_is_program(const char *path);

#endif

/* data.h - the options that say how many blobs this machine keeps and gives
 */
#ifndef AGENT_CONFIG_DATA_H
#define AGENT_CONFIG_DATA_H

#include "agent/config.h"
#include "agent/config/check.h"

/* Check them and fill in what was left out.  WEFT_ECONF. */
int data_check(const struct check *k, struct agent_config *c);

#endif

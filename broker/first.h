/* first.h - the first start of a broker: its keys, and a way in for the first operator */
#ifndef BROKER_FIRST_H
#define BROKER_FIRST_H

#include "broker/config.h"
#include "common/io/keys.h"
#include "common/io/log.h"

/* Load the broker's keys from `state`/broker.key, or make them where there are none. */
int first_keys(const char *state, struct keys *ret_keys, const struct log_sink *log,
               struct wf_err *err);

/* Put a join token for an operator into the core (its effects are appended to `out`) and
 * its text into `state`/operator.token, 0600; say in the log what to do with it. */
int first_operator(const struct config *cfg, struct core *core, const uint8_t *pub,
                   const struct log_sink *log, struct wf_effects *out,
                   struct wf_err *err);

#endif

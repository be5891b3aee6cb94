/* handlers.h - what runs on a device: handlers that only pretend */
#ifndef TESTS_SIM_HANDLERS_H
#define TESTS_SIM_HANDLERS_H

#include "agent/core/runs.h"
#include "tests/sim/device.h"

/* START and KILL of its core. */
void handlers_begin(struct sim *s, struct device *d, const struct run *r);
void handlers_kill(struct sim *s, struct device *d, uint64_t number, uint64_t grace_ms);

/* EV_RUN: the next thing that one does. */
void handlers_go_on(struct sim *s, struct device *d, uint64_t number);

/* The process is gone, and they with it. */
void handlers_end(struct sim *s, struct device *d);

#endif

/* runner.h - the loop of weft-runner: one socket to the agent, a table of runs
 *
 * One thread.  Descriptors of runs sit in two epoll sets: the pipes of handlers in a
 * set of their own, which is taken out of the loop while the agent does not read.
 */
#ifndef AGENT_RUNNER_RUNNER_H
#define AGENT_RUNNER_RUNNER_H

#include "agent/runner/host.h"

#define RUNNER_MAX_RUNS 1024

/* Serve the agent on `sock` until it closes the socket or says QUIT; all runs are ended
 * and reaped by then.  0, or a WEFT_E* when the loop could not be set up. */
int runner_main(const struct host *host, int sock);

#endif

/* sampler.h - when to look at the machine, and what the core is told about it
 *
 * Telemetry is taken every period, up to a quarter of one early or late: whenever the
 * process is awake anyway, so that it wakes up no more often than its heartbeat.  What
 * the machine is, is looked at every few minutes and told when it changed.
 */
#ifndef AGENT_SAMPLER_H
#define AGENT_SAMPLER_H

#include "agent/core/event.h"
#include "agent/core/node.h"
#include "common/err.h"

struct sampler;

/* `folder`: whose disk counts.  WEFT_ENOMEM, WEFT_EIO. */
int sampler_new(const char *folder, uint64_t period_ms, struct sampler **ret_sampler,
                struct wf_err *err);

/* NULL is allowed. */
void sampler_free(struct sampler *s);

/* When sampler_poll() wants to be called; UINT64_MAX: paused. */
uint64_t sampler_due_us(const struct sampler *s);

/* Sample at the next poll; or not before the next sampler_wanted(). */
void sampler_wanted(struct sampler *s, uint64_t now_us);
void sampler_pause(struct sampler *s);

/* Take a sample if it is time: 1, and a NODE_SAMPLE event, which borrows from the
 * sampler until the next poll. */
int sampler_poll(struct sampler *s, uint64_t now_us, const struct node_counts *counts,
                 struct node_event *ret_event);

/* Look at the machine: fills what it is, but for the sandbox. */
void sampler_facts(struct sampler *s, struct node_facts *facts);

#endif

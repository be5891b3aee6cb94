/* held.h - what an agent that roams holds over a change of its link
 *
 * Attempts that wait or run, and results, are of the broker that assigned them.  When a
 * session ends, and when another opens, all of them stay as they are; and nothing that
 * one broker says changes those of another.
 */
#ifndef TESTS_SIM_ROAM_HELD_H
#define TESTS_SIM_ROAM_HELD_H

#include "agent/core/event.h"

#include <stdint.h>

struct device;
struct sim;

/* Before a step: what is not to change in it, as a number. */
uint64_t held_before(const struct sim *s, const struct device *d,
                     const struct node_event *ev);

/* After it. */
void held_after(struct sim *s, const struct device *d, const struct node_event *ev,
                uint64_t before);

#endif

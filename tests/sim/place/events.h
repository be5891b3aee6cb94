/* events.h - what happens when, in nanoseconds from the start of a scenario
 *
 * An event is embedded in what it happens to.  Events of one time happen in the order in
 * which they were set.
 */
#ifndef TESTS_SIM_PLACE_EVENTS_H
#define TESTS_SIM_PLACE_EVENTS_H

#include "common/heap.h"

#define EV_MS UINT64_C(1000000) /* nanoseconds */
#define EV_S  UINT64_C(1000000000)

struct event {
    struct wf_heap_node node;
    void (*happen)(void *world, struct event *e);
};

struct events {
    struct wf_heap heap;
    uint64_t now_ns;
    int err; /* sticks: WEFT_ENOMEM */
};

void events_init(struct events *ev);
void events_fini(struct events *ev);

/* Let it happen then; one that is set already is moved. */
void events_set(struct events *ev, struct event *e, uint64_t at_ns,
                void (*happen)(void *world, struct event *e));
void events_unset(struct events *ev, struct event *e);

/* Let the next one happen, if there is one up to `end_ns`: 1, else 0. */
int events_step(struct events *ev, uint64_t end_ns, void *world);

#endif

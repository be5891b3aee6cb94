/* device.h - an agent: the real core of one, with handlers that only pretend */
#ifndef TESTS_SIM_DEVICE_H
#define TESTS_SIM_DEVICE_H

#include "agent/core/node.h"
#include "proto/join.h"
#include "tests/sim/actor.h"

#define DEVICE_RUNS 32

struct handler {
    uint64_t number; /* the run's; 0: free */
    struct wf_id id;
    unsigned index; /* of the job, when it is one of ours */
    uint64_t attempt;
    unsigned manner, stage;
    int prints; /* its result is what it prints */
    int killed;
    struct event *next;
};

struct device {
    struct actor a;
    struct node_config cfg;
    struct node *node; /* NULL while down or not enrolled */
    struct handler runs[DEVICE_RUNS];
    /* A device that is not enrolled joins first, with a token of the operator. */
    int joining;
    struct wf_joiner joiner;
    struct wf_key own_key, token;
    unsigned tokens; /* asked for */
    int has_token, asks;
    int drained; /* by the owner of the machine */
    uint64_t starts;
};

extern const struct actor_ops device_ops;

/* Draw one; the caller has set name, key and tier. */
void device_draw(struct sim *s, struct device *d, int offers_all);

/* Take no faults any more: undrain. */
void device_heal(struct sim *s, struct device *d);

/* Nothing left to do? */
int device_is_idle(const struct device *d);

#endif

/* device.h - an agent: the real core of one, with handlers that only pretend */
#ifndef TESTS_SIM_DEVICE_H
#define TESTS_SIM_DEVICE_H

#include "agent/core/node.h"
#include "proto/join.h"
#include "tests/sim/actor.h"
#include "tests/sim/data/shelf.h"
#include "tests/sim/disk/spool.h"

#define DEVICE_RUNS   32
#define DEVICE_OUTPUT 2048u /* bytes of stdout that a run may have */

struct handler {
    uint64_t number; /* the run's; 0: free */
    struct wf_id id;
    unsigned index;   /* of the job, when it is one of ours */
    uint64_t attempt; /* of the job, at its home */
    unsigned manner, stage;
    int prints;        /* its result is what it prints */
    unsigned slowness; /* of the tail: times the usual */
    int killed;
    const struct host *from; /* the broker that assigned it */
    uint64_t stop_after_ms;  /* of being cut off from that; 0: it goes on */
    unsigned overdue;        /* looks that found it running after that */
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
    int noticed; /* the machine is to be taken away: it is of no use until that */
    uint64_t starts;
    struct spool spool;
    struct shelf shelf;
    uint64_t cut_us;     /* by its own clock: no session since; 0: there is one */
    struct host *broker; /* of its session, or of the last; NULL: there was none */
    uint64_t
        seen_us[SIM_HOSTS]; /* and when the last session with each broker still was */
};

extern const struct actor_ops device_ops;

/* Draw one; the caller has set name, key and tier. */
void device_draw(struct sim *s, struct device *d, int offers_all);

/* Its store and its lanes go into its configuration. */
void device_stock(struct sim *s, struct device *d);

/* Step its core, which is there.  The caller sees to the effects. */
void device_do(struct sim *s, struct device *d, struct node_event *ev);

/* Its machine lost its power while it was down. */
void device_power_cut(struct sim *s, struct device *d);

/* With --verbose: what it still has to do. */
void device_say(const struct sim *s, const struct device *d);

/* Nothing left to do? */
int device_is_idle(const struct device *d);

#endif

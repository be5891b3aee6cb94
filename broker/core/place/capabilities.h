/* capabilities.h - what can be asked for: who offers it, and who waits for it
 *
 * One entry a capability name, made by the first agent or job that names it.  Its ready
 * queues are ordered by priority, then deadline, then age; a job without a deadline comes
 * as if it had one a minute after it was accepted, so that those with one do not starve
 * it.  Jobs for different capabilities do not block
 * each other, nor do jobs that ask for a certain node, version or label those that do
 * not. Their number is bounded: those that nobody offers and no job names make
 * room, and jobs never take the half that is for agents.
 */
#ifndef BROKER_CORE_CAPABILITIES_H
#define BROKER_CORE_CAPABILITIES_H

#include "broker/core/jobs/jobs.h"

#define PRIORITIES 10

struct runtimes;

/* One agent's offer of one version of a capability.  Owned by the agent. */
struct offer {
    struct agent *agent;
    struct capability *capability;
    uint32_t version;
    unsigned kind;
    uint64_t slots, queue, wall_ms;
    int net, warm;
    unsigned hops;             /* of a neighbour's: further brokers in between, */
    uint64_t price_pusd;       /* and of a slot-second, as it told; 0: as its others */
    uint64_t assigned;         /* attempts there now, as this broker counts */
    struct wf_list_node peers; /* capability.offers */
    uint64_t done, failed;
};

struct capability {
    char name[WF_CAP_NAME_MAX + 1]; /* first: the map's key */
    uint32_t number;                /* for the router, below the table's maximum */
    struct wf_list_node offers;     /* offer.peers, in order of arrival */
    size_t noffers;
    size_t njobs; /* that name it, finished ones included */
    struct wf_list_node
        ready[PRIORITIES]; /* job.in_queue: any agent that offers it will do */
    struct wf_list_node picky[PRIORITIES]; /* job.in_queue: of those that ask for more */
    uint32_t hedge_tokens; /* what copies may still be started: see hedge.h */
    size_t nready;         /* in both */
};

struct capabilities {
    struct wf_map *by_name; /* owned */
    size_t max;
    uint32_t *numbers; /* owned; the first `nnumbers` are free */
    size_t nnumbers;
    struct runtimes *runtimes; /* borrowed: forgets a capability that goes; NULL: none */
    struct capability *recent; /* borrowed: the last one asked for */
};

int capabilities_init(struct capabilities *t, size_t max, struct runtimes *runtimes,
                      uint64_t seed);
void capabilities_fini(struct capabilities *t);

struct capability *capabilities_get(struct capabilities *t, struct wf_slice name);

/* Unless `n` more fit, drop those that nobody offers and no job names. */
void capabilities_make_room(struct capabilities *t, size_t n);

/* Get or make, for an agent that offers it.  WEFT_EFULL, WEFT_ENOMEM. */
int capabilities_need(struct capabilities *t, struct wf_slice name,
                      struct capability **ret_capability);

/* The same for a job that waits for it: full when half of the table is taken. */
int capabilities_ask(struct capabilities *t, struct wf_slice name,
                     struct capability **ret_capability);

/* Put a QUEUED job in its place, or first (a retried one is older than the rest). */
void capability_enqueue(struct capability *c, struct job *j, int first);
void capability_dequeue(struct capability *c, struct job *j);

/* It could not be placed after all: those behind it have their turn. */
void capability_requeue(struct capability *c, struct job *j);

/* When the first of a priority was accepted; UINT64_MAX: none waits. */
uint64_t capability_oldest_us(const struct capability *c, unsigned priority);

/* The best waiting job of one priority that `fits`, or NULL.  Of the picky ones a bounded
 * number is looked at; those that did not fit go behind the rest when there are more. */
struct job *capability_pick(struct capability *c, unsigned priority,
                            int (*fits)(const struct job *j, void *arg), void *arg);

#endif

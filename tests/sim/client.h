/* client.h - a client, or an operator: the real core of one, and somebody who uses it
 *
 * Submits, submits again, cancels, watches, asks, forgets what it was told, crashes and
 * fetches by id.  Once the world is healed it goes on until it knows of each of its jobs
 * how it ended.
 */
#ifndef TESTS_SIM_CLIENT_H
#define TESTS_SIM_CLIENT_H

#include "client/core/calls.h"
#include "tests/sim/actor.h"

#define CLIENT_CALLS 64

struct sim;
struct hjob;

struct client_call {
    struct wf_call call;
    int used, keeps; /* keeps: a handle of the job, not a look at it */
    int other_work;  /* submits a known id with another payload */
    unsigned ends;
    struct hjob *job; /* NULL: none */
    enum wf_type asked;
    uint64_t arg; /* of an operator's request */
};

struct client {
    struct actor a;
    struct wf_calls calls;
    int live; /* calls is initialised */
    struct client_call slots[CLIENT_CALLS];
    unsigned made; /* jobs */
    unsigned audited;
    int done; /* healed, and knows all it wants to */
};

extern const struct actor_ops client_ops;

/* Ask with a free slot; NULL when there is none or the core refuses.  The caller has
 * filled `body` but for its request number. */
struct client_call *client_ask(struct sim *s, struct client *c, enum wf_type type,
                               void *body);

/* Follow a job. */
struct client_call *client_watch(struct sim *s, struct client *c, struct hjob *j,
                                 unsigned flags);

#endif

/* host.h - a broker's shell in the world: frames in, step, effects out
 *
 * Each has a machine with clocks of its own, a store, and ports: its ends of the links
 * that it dials to other brokers.
 */
#ifndef TESTS_SIM_HOST_H
#define TESTS_SIM_HOST_H

#include "broker/core/core_int.h"
#include "tests/sim/disk/disk.h"
#include "tests/sim/lite.h"
#include "tests/sim/local.h"
#include "tests/sim/port.h"
#include "tests/sim/shared/joint.h"

struct sim;

#define HOST_PORTS 2

struct host {
    unsigned index;
    char name[16];
    struct wf_key key;
    struct core *core; /* NULL while down */
    struct core_config cfg;
    struct disk disk;
    struct lite lite;
    struct joint joint;
    struct port ports[HOST_PORTS];
    unsigned nports;
    int up;
    uint64_t inc; /* of the process: 1, 2, ... */
    uint64_t old; /* a bit each: processes that lived on an old copy of the store */
    uint64_t paused_until_us;
    uint64_t awake_us; /* since when it runs, and does not stand still */
    struct local own;  /* the clocks of its machine */
    int power;         /* when it ends in the middle of a commit, its machine does */
    unsigned starved; /* so many allocations of the next step succeed, less one; 0: all */
    int must_stop;    /* what was just heard shows that its store is old */
    int reads_only;   /* it knew that before this step */
    struct event *tick;
    struct wf_effects fx;
    struct wf_list_node turn; /* conn.turn: who is spoken to in this turn */
};

void host_init(struct host *h, struct clock *c);
void host_fini(struct host *h);

/* A new world: a machine that is down and has an empty store.  Its name, key and
 * configuration are the caller's to set. */
void host_reset(struct sim *s, struct host *h);

/* Begin a process; when its store does not open, one is begun again later. */
void host_start(struct sim *s, struct host *h);

/* End it as by kill -9; `power`: the whole machine. */
void host_crash(struct sim *s, struct host *h, int power);

/* Tell everybody that it stops; the crash that follows is then no surprise. */
void host_stop(struct sim *s, struct host *h);

/* Did this process live on an old copy of the store? */
int host_was_old(const struct host *h, uint64_t inc);

/* Take an event that is meant for the broker. */
void host_take(struct sim *s, struct host *h, struct event *e);

/* Step its core, and carry out what that asks for.  For its ports. */
void host_step(struct sim *s, struct host *h, struct broker_event *ev);

/* A message of another broker is about to be stepped. */
void host_heard(struct sim *s, struct host *h, const struct conn *c,
                const struct wf_msg *m);

#endif

/* sim.h - a world: one broker or some, their agents, clients, operators and enemies
 *
 * The real cores and the real codec on one virtual clock in one thread.  A seed draws
 * what may go wrong (swarm), lets it go wrong for a number of steps, then heals and asks
 * that everything comes to its end.  The first thing that does not hold is the result.
 */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include "common/err.h"
#include "proto/words.h"
#include "tests/lib/gen.h"
#include "tests/sim/chaos.h"
#include "tests/sim/client.h"
#include "tests/sim/data/goods.h"
#include "tests/sim/data/lanes.h"
#include "tests/sim/device.h"
#include "tests/sim/history.h"
#include "tests/sim/host.h"
#include "tests/sim/net.h"
#include "tests/sim/operator.h"
#include "tests/sim/rogue.h"
#include "tests/sim/swarm.h"

#define SIM_DEVICES 8
#define SIM_CLIENTS 6 /* the last are the operators, one of each broker */
#define SIM_ROGUES  3
#define SIM_LINKS   3
#define SIM_ACTORS  (SIM_DEVICES + SIM_CLIENTS + SIM_ROGUES + SIM_LINKS)

struct sim {
    uint64_t seed;
    struct clock clock;
    struct swarm swarm;
    struct net net;
    struct host hosts[SIM_HOSTS];
    unsigned nhosts;
    struct base base; /* of brokers that share a store */
    int shares;       /* the first two do, in this world */
    unsigned brokers; /* so many, whatever the seed says; 0: as that says */
    int may_roam;     /* whether agents and clients do is for the seed to say */
    int roams;        /* some do, in this world */
    struct history history;
    struct chaos chaos;
    struct gen gen;
    struct goods goods; /* for all worlds */
    struct lanes lanes;
    struct shelf_counts moved;
    int data; /* has this world goods? */
    struct device devices[SIM_DEVICES];
    struct client clients[SIM_CLIENTS];
    struct rogue rogues[SIM_ROGUES];
    unsigned ndevices, nrogues;
    unsigned nclients; /* less the operators */
    struct actor *actors[SIM_ACTORS];
    unsigned nactors;
    int healed;
    uint64_t healed_us;
    uint64_t ended_us; /* when a job was last heard of for the first time to be over */
    uint64_t replays;
    struct verdict_counts verdict; /* of this world; all 0 where it is not asked for */
    char fail[200];                /* what did not hold; empty: nothing */
    int verbose;
    int canary; /* fail on purpose */
};

/* Once for all worlds; large. */
struct sim *sim_new(void);
void sim_free(struct sim *s);

/* Live through one seed.  1 when all held, else s->fail says what did not. */
int sim_run(struct sim *s, uint64_t seed, uint64_t steps);

/* End what is left of a world, also one that was left in the middle. */
void sim_clear(struct sim *s);

/* Note the first thing that did not hold. */
void sim_fail(struct sim *s, const char *fmt, ...) WF_PRINTF(2, 3);

/* With --verbose: a line about who did what. */
void sim_log(const struct sim *s, const char *who, const char *fmt, ...) WF_PRINTF(3, 4);
void sim_log_msg(const struct sim *s, const char *from, const char *to,
                 const struct wf_msg *m);

#endif

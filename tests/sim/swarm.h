/* swarm.h - what a seed is about: which faults are on, how often, and the shape of work
 *
 * Each seed draws a few faults rather than all, because faults hide each other: a world
 * that loses its broker every second never gets far enough to show a slow leak.
 */
#ifndef TESTS_SIM_SWARM_H
#define TESTS_SIM_SWARM_H

#include "tests/sim/clock.h"

enum fault {
    FAULT_CUT,          /* a connection breaks, both sides learn of it */
    FAULT_SILENT_CUT,   /* it breaks, and at least one side does not */
    FAULT_PARTITION,    /* nothing passes for a while, then all of it */
    FAULT_SLOW,         /* one direction of a connection stalls */
    FAULT_PAUSE,        /* a process stands still */
    FAULT_PAUSE_BROKER, /* and so does the broker */
    FAULT_AGENT_CRASH,
    FAULT_AGENT_DEATH, /* it never comes back */
    FAULT_CLIENT_CRASH,
    FAULT_BROKER_CRASH,
    FAULT_POWER,        /* the broker's machine loses its power */
    FAULT_AGENT_POWER,  /* a device does */
    FAULT_DISK,         /* the store fails for a while */
    FAULT_FULL,         /* it has no room for a while */
    FAULT_ROT,          /* a stored record is damaged */
    FAULT_BACKUP,       /* an old copy of the store takes its place */
    FAULT_SPOOL,        /* a device's spool fails for a while */
    FAULT_CLOCK,        /* somebody's wall clock jumps */
    FAULT_MEMORY,       /* the broker has no memory left in one step */
    FAULT_AGENT_MEMORY, /* a device has none */
    FAULT_KINDS
};

struct swarm {
    unsigned nagents, nclients, ncaps;
    unsigned hedge_pct;
    int notices; /* machines are often taken away, and soon */
    int calm;    /* no fault, nobody hostile, nobody who operates */
    uint8_t on[FAULT_KINDS];
    uint64_t fault_us;   /* mean time between faults */
    uint64_t down_us;    /* a broker that ended is down so long, on average */
    unsigned corrupt_pm; /* frames in a thousand */
    unsigned dup_pm;
    uint64_t latency_us, jitter_us;
    int operator_acts, revokes, late_agents;
    int rogue_client, rogue_agent;
    int rogue_broker; /* drawn apart: mesh_has_rogue() */
    int clones;       /* devices with a key that another one has too */
    int skewed;       /* clocks run at their own speed */
    int slow;         /* somebody reads slowly */
    int on_sqlite;    /* the store is the real driver on simulated sectors */
    unsigned jobs;    /* of one client */
    unsigned burst;
    uint64_t work_us; /* mean time between two acts of a client */
    unsigned durable_pct, policy_pct, reuse_pct, repeat_pct;
    uint64_t offer_ms; /* how long clients go on offering to a store that fails */
    unsigned forget_pct, dup_submit_pct, cancel_pct, watch_pct, query_pct, picky_pct;
    unsigned fail_pct, hang_pct, odd_pct; /* of handlers */
    uint64_t run_us;
    uint64_t disk_us;
    uint64_t max_jobs, retain_jobs, retain_ms, max_bytes;
    unsigned max_attempts;
};

void swarm_draw(struct swarm *s, struct clock *c);

#endif

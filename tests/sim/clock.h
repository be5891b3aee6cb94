/* clock.h - virtual time: what will happen, in order, and all randomness of a world
 *
 * Events leave in order of time, then of scheduling, so that a seed is one history.
 * Microseconds.
 */
#ifndef TESTS_SIM_CLOCK_H
#define TESTS_SIM_CLOCK_H

#include "common/buf.h"
#include "common/heap.h"
#include "common/list.h"
#include "common/rng.h"

#define MS     1000u
#define SECOND 1000000u

enum event_kind {
    EV_DIAL,       /* conn: the dialled broker answers, or not yet */
    EV_UP,         /* conn: the dialler learns that it is connected */
    EV_REFUSED,    /* conn: the dialler learns that its key was refused */
    EV_TO_BROKER,  /* conn, bytes: a frame arrives */
    EV_TO_ACTOR,   /* conn, bytes */
    EV_GONE_THERE, /* conn: the broker learns that it broke */
    EV_GONE_HERE,  /* conn: the dialler learns */
    EV_TICK,       /* who, or host */
    EV_WORK,       /* who: does something of its own accord */
    EV_RUN,        /* who, arg: a handler goes on */
    EV_SYNCED,     /* host, arg: lsn */
    EV_SHELF,      /* who, bytes: its store has done what was asked */
    EV_LANE_DIAL,  /* lane: who is dialled answers, or not yet */
    EV_LANE_UP,    /* who or host, lane, arg: its end */
    EV_LANE_FRAME,
    EV_LANE_DOWN,
    EV_LANE_ROOM,
    EV_FAULT,
    EV_START, /* who, or host */
    EV_TRIAL, /* who, host, arg: a trial of that broker goes on */
    EV_POLL   /* host: it looks what others left in the store that it shares */
};

struct actor;
struct conn;
struct host;
struct pipe;

struct event {
    struct wf_heap_node at;
    struct wf_list_node spare;
    enum event_kind kind;
    struct actor *who;
    struct host *host; /* who is NULL: the broker that it is for */
    struct conn *conn;
    struct pipe *lane;
    uint64_t inc; /* of the process it is meant for: a later one does not get it */
    uint64_t arg;
    struct wf_buf bytes;
};

struct clock {
    uint64_t now_us;
    struct wf_rng rng;
    struct wf_heap queue;
    struct wf_list_node spare; /* struct event: kept with its buffer for the next use */
    uint64_t hash;             /* of all that happened */
    uint64_t steps;
    uint64_t still; /* events since time moved on */
};

void clock_init(struct clock *c);
void clock_fini(struct clock *c);
void clock_reset(struct clock *c, uint64_t seed);

/* Schedule at or soon after `at_us`; the caller fills the rest.  Aborts without memory,
 * as everything in this folder does. */
struct event *clock_add(struct clock *c, uint64_t at_us, enum event_kind kind);

/* The next event, out of the queue, with the time set to it; NULL: there is none. */
struct event *clock_next(struct clock *c);

/* An event that is in no queue, to keep bytes in. */
struct event *clock_parcel(struct clock *c);

/* Put an event that clock_next() gave back into the queue. */
void clock_again(struct clock *c, struct event *e, uint64_t at_us);

/* Done with an event: in the queue or not. */
void clock_drop(struct clock *c, struct event *e);

void clock_mix(struct clock *c, uint64_t v);
void clock_mix_bytes(struct clock *c, const void *p, size_t len);

/* At most one of these in an expression or a list of initialisers: the order in which a
 * compiler evaluates them is its own.
 * 0 .. n-1; 1 with a chance of `pct` in a hundred; somewhere around `mean`. */
uint64_t below(struct clock *c, uint64_t n);
int percent(struct clock *c, unsigned pct);
uint64_t around(struct clock *c, uint64_t mean);

#endif

/* ways.h - the addresses that a link may dial, and what became of each
 *
 * A row for each row of the table of brokers, under the same number: the least round trip
 * of late, a back-off of its own, why it failed last, and what its broker said of its
 * store.  A way that failed is not dialled before its time; the others are ready all the
 * while, so that the loss of one broker costs no waiting for the next.  Times are
 * microseconds.  Pure.
 */
#ifndef PROTO_WAYS_H
#define PROTO_WAYS_H

#include "common/backoff.h"
#include "common/rng.h"
#include "proto/brokers.h"

#define WF_HOLDS       1 /* something that any broker with its store has */
#define WF_HOLDS_ALONE 2 /* something that it alone has */

/* Is there unfinished work of this broker: WF_HOLDS* bits.  Of the link's owner; pure.
 * Of an agent's work both are true at the broker that assigned it; at another one with
 * its store the first. */
typedef int wf_holds_fn(const void *owner, const struct wf_home *home);

struct wf_way {
    uint64_t row;       /* digest of the row that this is about; 0: of none */
    uint64_t rtt_us;    /* the least of late; 0: not measured yet */
    uint64_t rtt_at_us; /* when it was */
    uint64_t ready_us;  /* not dialled before */
    uint64_t visit_us;  /* not moved to before */
    uint64_t tried_us;  /* when it was last */
    struct wf_backoff backoff;
    int error;                 /* why its last session or dial ended; 0: it did not yet */
    int opened;                /* it let us in once */
    uint64_t store, store_lsn; /* its broker's, as it said last; 0: it did not */
    uint64_t shared;
    unsigned good; /* trials in a row that spoke for it */
    unsigned vain; /* moves there in a row that brought nothing yet */
};

struct wf_ways {
    struct wf_broker_table brokers;
    uint64_t retry_min_ms, retry_max_ms;
    struct wf_way v[WF_BROKERS_MAX];
};

/* `brokers` is copied; NULL: `n` ways to one broker, which need no more than a number. */
void wf_ways_init(struct wf_ways *w, const struct wf_broker_table *brokers, unsigned n,
                  uint64_t retry_min_ms, uint64_t retry_max_ms);

/* Take what a broker said of others; `present` stays, where there is unfinished work
 * (`holds` may be NULL), and one address of each of the brokers that may wait for us, of
 * eight at most, those that were missed least.  1: something changed. */
int wf_ways_learn(struct wf_ways *w, struct wf_rows rows, unsigned present,
                  wf_holds_fn *holds, const void *owner);

/* This broker was named as the one that has something: a way to it, if there is room or
 * was one.  1: there is. */
int wf_ways_named(struct wf_ways *w, const struct wf_broker_row *row, unsigned present,
                  wf_holds_fn *holds, const void *owner);

/* There is an address. */
int wf_ways_is(const struct wf_ways *w, unsigned i);

/* Nobody was there yet, so its store is not known; and work waits at a broker that shares
 * its store with others and failed: this may be one of them. */
int wf_ways_may_have(const struct wf_ways *w, unsigned i, wf_holds_fn *holds,
                     const void *owner);

/* How many there are. */
unsigned wf_ways_count(const struct wf_ways *w);

struct wf_home wf_ways_home(const struct wf_ways *w, unsigned i);

/* What to tell a broker in hello that we know of its store. */
void wf_ways_store(const struct wf_ways *w, unsigned i, uint64_t *ret_store,
                   uint64_t *ret_lsn);

/* The one to dial: of those that are ready one that did not fail last time; of these
 * where work waits or we are awaited and did not find it gone, else where it may, else
 * the nearest, else those not measured, in turn after `last`. None is ready: the one that
 * will be first. */
unsigned wf_ways_pick(const struct wf_ways *w, uint64_t now_us, unsigned last,
                      wf_holds_fn *holds, const void *owner);

/* The same but for the present one; WF_BROKERS_NONE: there is no other. */
unsigned wf_ways_pick_other(const struct wf_ways *w, uint64_t now_us, unsigned present,
                            wf_holds_fn *holds, const void *owner);

/* It failed: not again before its back-off, at least `min_ms`.  A key that was refused
 * was so at all addresses of its broker. */
void wf_ways_failed(struct wf_ways *w, unsigned i, uint64_t now_us, int error,
                    uint64_t min_ms, struct wf_rng *rng);

/* It answered: what was wrong with it is over, and a refusal at all its addresses. */
void wf_ways_answered(struct wf_ways *w, unsigned i);

/* Nobody let us in there, so who may wait for us there may be gone for good: that counts
 * for more after a move, which was made for nothing. */
void wf_ways_missed(struct wf_ways *w, unsigned i, int moved);

/* It is moved to.  Until that is found to have been of use it counts as made in vain, and
 * the next one waits twice as long, `most_us` at most. */
void wf_ways_visit(struct wf_ways *w, unsigned i, uint64_t now_us, uint64_t most_us);
void wf_ways_served(struct wf_ways *w, unsigned i);

/* A session has opened there. */
void wf_ways_opened(struct wf_ways *w, unsigned i, const struct wf_welcome *m);

void wf_ways_measured(struct wf_ways *w, unsigned i, uint64_t now_us, uint64_t rtt_us);

/* `i` is nearer than `than` by more than what measuring may err: a quarter, and 2 ms. */
int wf_ways_nearer(const struct wf_ways *w, unsigned i, unsigned than);

/* That broker refused our key when it was last asked: 1; else, or not known, 0. */
int wf_ways_refused(const struct wf_ways *w, const struct wf_home *home);

/* Whom to reach is known, and nobody of those lets us in: why, or 0. */
int wf_ways_barred(const struct wf_ways *w);

#endif

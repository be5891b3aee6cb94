/* homes.h - which broker a job was submitted to
 *
 * A submit or a watch is of the broker that it was first sent to.  At a broker with
 * another store it is not sent again: a job whose acceptance is unknown could then run
 * twice, with two outcomes.  It waits, and the link prefers to go back.  Of two calls
 * with one id both are of the same broker.  What was never sent, or was refused, is of
 * whoever is there.
 *
 * A fast job is in the memory of one broker, so that it is not sent to another one that
 * shares the store either; nor is a second call with its id.
 *
 * A broker that shares the store and does not know a job may just not have taken it over,
 * because the first one lives: the job is in doubt, asked for again, and the link prefers
 * to go back.  A broker that was asked for a job by its id may know which other one has
 * it: the call is that one's from then on.
 */
#ifndef CLIENT_CORE_HOMES_H
#define CLIENT_CORE_HOMES_H

#include "client/core/call.h"
#include "proto/ways.h"

#define WF_HOMES_MAX 32u

struct wf_homes {
    struct wf_home here; /* of the present session, or of the last */
    struct {
        struct wf_home home;
        int alone;      /* of this broker, not of all with its store */
        size_t n;       /* calls of it that are not done */
        size_t doubted; /* of these, that another one with its store does not know */
    } v[WF_HOMES_MAX];
};

/* May it be sent here?  If it is nobody's yet it is this broker's from now on, or that of
 * `twin` (NULL: none), a call with the same id.  With calls at as many brokers as there
 * is room for it is sent in a later session. */
int wf_homes_take(struct wf_homes *h, struct wf_call *call, const struct wf_call *twin);

/* The present broker accepted it, as a job of `call->class_`. */
void wf_homes_accepted(struct wf_homes *h, struct wf_call *call);

/* The broker with that key has it, says the present one.  0: there is no room. */
int wf_homes_led(struct wf_homes *h, struct wf_call *call, const struct wf_key *key);

/* The present broker does not know it.  1: it is another one's, which may, and it is to
 * be asked for again; that ends after an hour. */
int wf_homes_doubt(struct wf_homes *h, struct wf_call *call, uint64_t now_us);

/* It is nobody's any more. */
void wf_homes_drop(struct wf_homes *h, struct wf_call *call);

/* It was sent to the broker of this session; or, unless it is fast, to one with the same
 * store. */
int wf_homes_here(const struct wf_homes *h, const struct wf_call *call);

/* It is of the broker with this key alone, which is not the present one. */
int wf_homes_away_at(const struct wf_homes *h, const struct wf_call *call,
                     const struct wf_key *key);

/* Are there calls of this broker's store, or of this broker alone?  WF_HOLDS* bits. */
int wf_homes_hold(const struct wf_homes *h, const struct wf_home *home);

#endif

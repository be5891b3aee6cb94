/* brokers.h - the brokers that a peer may turn to
 *
 * A table of addresses, each with the key of the broker behind it; a broker with several
 * addresses has several rows.  Given ones (identity, context, configuration) come first
 * and stay; learned ones are what the last `brokers` message said, which replaces those
 * of the one before.  The place of a row is its number for as long as it is there: links
 * dial by it.  Nothing here makes a broker trusted but its key, which came over an
 * encrypted session or from a file of our own.  Pure.
 */
#ifndef PROTO_BROKERS_H
#define PROTO_BROKERS_H

#include "common/err.h"
#include "proto/msg.h"

#define WF_BROKERS_MAX     32u
#define WF_BROKERS_LEARNED 16u
#define WF_BROKERS_NONE    WF_BROKERS_MAX /* the number of no row */
/* After so many who waited is gone: nine days of a trial every 30 s. */
#define WF_BROKERS_MISSED 25600u

/* Whose a job is: the broker that took it, by its key; `store` is its own store, `shared`
 * the one that it shares with others of its site (0: with none), as welcome said. */
struct wf_home {
    struct wf_key key;
    uint64_t store, shared;
};

/* The same broker.  One key is also that of two brokers that share it and a store. */
int wf_home_same_broker(const struct wf_home *a, const struct wf_home *b);

/* What the one accepted the other can answer for, in the end. */
int wf_home_same_store(const struct wf_home *a, const struct wf_home *b);

struct wf_broker {
    struct wf_key key;
    char name[WF_NAME_MAX + 1], site[WF_NAME_MAX + 1]; /* may be empty */
    char endpoint[WF_ENDPOINT_MAX + 1];                /* empty: the row is free */
    int learned;
    int awaited;     /* an agent's: it left without a word, and may be waited for there */
    unsigned missed; /* so often it could not get there since, while awaited */
};

struct wf_broker_table {
    unsigned n;       /* rows, free ones included */
    uint64_t changes; /* of what is learned or awaited; grows */
    struct wf_broker v[WF_BROKERS_MAX];
};

/* Add a given one; one that is there already is not there twice.  WEFT_EINVAL (not an
 * endpoint), WEFT_EFULL. */
int wf_brokers_give(struct wf_broker_table *b, const struct wf_key *key,
                    const char *endpoint);

/* The same from a line of configuration, "tcp://HOST:PORT KEY", the key in hex. */
int wf_brokers_parse(struct wf_broker_table *b, const char *line, struct wf_err *err);

/* Take rows of broker_row; those that are given, malformed or too many are passed over.
 * The rows whose bits are set in `keep` stay.  1 when that changed something, which
 * counts as a change; no rows change nothing: a broker that knows of no other yet forgets
 * none for us. */
int wf_brokers_learn(struct wf_broker_table *b, struct wf_rows rows, uint32_t keep);

/* One row of such a message, on its own.  Without room a learned one whose bit is not set
 * in `keep` makes way.  1: it is in the table. */
int wf_brokers_named(struct wf_broker_table *b, const struct wf_broker_row *row,
                     uint32_t keep);

/* Note at all addresses of a broker that we may be waited for there, or are not. */
void wf_brokers_await(struct wf_broker_table *b, const struct wf_key *key, int on);

/* Who may wait there could not be reached, `by` more times.  Only the first time and
 * every few hours that is a change, which is worth writing down; after
 * WF_BROKERS_MISSED it is given up. */
void wf_brokers_missed(struct wf_broker_table *b, const struct wf_key *key, unsigned by);

/* One learned or awaited before this process began, from our own file. */
void wf_brokers_recall(struct wf_broker_table *b, const struct wf_broker *row);

/* Its number, or WF_BROKERS_NONE. */
unsigned wf_brokers_find(const struct wf_broker_table *b, const struct wf_key *key,
                         const char *endpoint);

#endif

/* actor.h - whoever dials: agent, client, operator, somebody hostile, or another broker
 *
 * What all of them share: a key, at most one connection, a tick, effects to carry out,
 * and that they crash, pause and are cut off.  The kinds differ in their table.
 */
#ifndef TESTS_SIM_ACTOR_H
#define TESTS_SIM_ACTOR_H

#include "proto/effects.h"
#include "tests/sim/local.h"
#include "tests/sim/roam/roam.h"

struct host;
struct sim;

enum link_news { LINK_NEWS_UP, LINK_NEWS_DOWN, LINK_NEWS_REFUSED };

struct conn;

/* All called with the actor up and effects clear, and carried out afterwards. */
struct actor_ops {
    void (*link)(struct sim *s, struct actor *a, enum link_news news);
    void (*msg)(struct sim *s, struct actor *a, const struct wf_msg *msg,
                struct wf_slice raw);
    void (*tick)(struct sim *s, struct actor *a);
    uint64_t (*wakeup_us)(const struct actor *a);
    void (*work)(struct sim *s, struct actor *a);
    void (*run)(struct sim *s, struct actor *a, uint64_t arg); /* NULL: has none */
    /* One effect that is not of the link; NULL: has none. */
    void (*effect)(struct sim *s, struct actor *a, const struct wf_effect *x);
    /* One that only its kind knows of; NULL: there are none. */
    void (*event)(struct sim *s, struct actor *a, const struct event *e);
    /* What carrying out the effects has brought on, as a further step: 1 when there was
     * something; NULL: never. */
    int (*again)(struct sim *s, struct actor *a);
    /* Of one that may roam: what its link is now, NULL when it knows one broker only; and
     * that the trial has answered, or was refused. */
    const struct wf_link *(*link_of)(const struct actor *a);
    void (*tried)(struct sim *s, struct actor *a, int answered);
    void (*start)(struct sim *s, struct actor *a);
    void (*leave)(struct sim *s, struct actor *a); /* say good bye; NULL: never does */
    void (*end)(struct sim *s, struct actor *a);   /* the process is gone */
};

struct actor {
    const struct actor_ops *ops;
    unsigned index;
    unsigned identity; /* index of who had this key first */
    char name[16];
    unsigned role, tier;
    struct host
        *home; /* the broker that it is enrolled at, and dials if it knows no other */
    struct host *at; /* the one dialled now or last */
    struct roam roam;
    struct wf_key key;
    int enrolled; /* its key is in the store when the world begins */
    int up;
    int dead; /* never started again */
    int revoked;
    uint64_t inc;
    uint64_t paused_until_us, parted_until_us;
    struct conn *conn;
    struct event *tick;
    struct wf_effects fx;
    struct wf_buf frame;
    struct local own; /* the clocks of its machine */
    unsigned starved; /* so many allocations of the next step succeed, less one; 0: all */
    int forgetful;    /* effects of a step were lost for want of memory: ops->again */
    uint64_t read_us; /* a slow consumer takes so long for each frame */
};

/* It lives at that broker. */
void actor_settle(struct actor *a, struct host *h);

/* Begin a process, or end it as by kill -9. */
void actor_start(struct sim *s, struct actor *a);
void actor_crash(struct sim *s, struct actor *a);

/* What its monotonic clock says. */
uint64_t actor_us(const struct sim *s, const struct actor *a);

/* End it in order, as far as the network lets it. */
void actor_leave(struct sim *s, struct actor *a);

/* Take an event that is meant for it.  Those for an earlier process are dropped. */
void actor_take(struct sim *s, struct actor *a, struct event *e);

/* Something for it to do at a time. */
struct event *actor_at(struct sim *s, struct actor *a, uint64_t at_us,
                       enum event_kind kind);

/* Encoded messages for its next frame. */
void actor_put(struct actor *a, const void *p, size_t len);

/* Send a message of its own, outside any core. */
void actor_say(struct sim *s, struct actor *a, enum wf_type type, const void *body);

#endif

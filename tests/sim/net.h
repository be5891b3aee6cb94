/* net.h - connections between actors and brokers, as ZeroMQ gives them
 *
 * In a live connection nothing is lost and nothing overtakes; when it breaks, all that is
 * on the way is gone, and each side learns of it at its own time or not at all.  A
 * connection that a side hung up still brings what was sent before, so the old one's last
 * words can come after the new one's first.  Frames carry encoded messages.
 */
#ifndef TESTS_SIM_NET_H
#define TESTS_SIM_NET_H

#include "proto/msg.h"
#include "tests/sim/clock.h"

#define NET_CONNS 8192
#define NET_HEARD 16

struct sim;

enum net_dir { NET_TO_BROKER, NET_TO_ACTOR };

struct conn {
    uint32_t peer; /* the broker's handle; never used again */
    struct actor *who;
    struct host *to;
    struct wf_key key; /* as the handshake proved it */
    uint64_t who_inc, broker_inc;
    int wanted; /* still dialling */
    int here;   /* the actor holds it */
    int let_in; /* the broker's shell holds it */
    int there;  /* the core was told of it */
    int broken; /* nothing passes any more */
    uint64_t free_us[2];
    uint64_t slow_until_us[2];
    struct wf_list_node line[2]; /* event.spare: frames on the way, in order */
    size_t queued[2];
    struct wf_buf out; /* what the broker says in this turn */
    struct wf_list_node turn;
};

struct net {
    struct conn conns[NET_CONNS];
    uint32_t n;
    uint64_t sent, corrupted, doubled, cut;
    /* Frames that went to the broker, for those who listen and say them again. */
    struct wf_buf heard[NET_HEARD];
    unsigned nheard;
};

void net_init(struct net *n);
void net_fini(struct net *n);
void net_reset(struct sim *s);

struct conn *net_peer(struct net *n, uint32_t peer);

/* Dial the broker that the actor is `at`. */
void net_dial(struct sim *s, struct actor *a);

/* How long something takes now between the two, one way; does it get there? */
uint64_t net_latency(struct sim *s, const struct actor *a, const struct host *h);
int net_reaches(const struct sim *s, const struct actor *a, const struct host *h);

/* Hand over a frame; `frame` is emptied. */
void net_send(struct sim *s, struct conn *c, enum net_dir dir, struct wf_buf *frame);

/* The actor hangs up; the broker does. */
void net_hang_up(struct sim *s, struct conn *c);
void net_close(struct sim *s, struct conn *c);

/* It breaks.  Silent: one side does not learn of it, or both. */
void net_cut(struct sim *s, struct conn *c, int silent);

/* A process ended: what it held breaks. */
void net_cut_all(struct sim *s, const struct actor *who, int silent);
void net_cut_host(struct sim *s, const struct host *to, int silent);

/* A frame arrives: the first of those on the way, whichever event brings it.  The caller
 * drops it. */
struct event *net_arrive(struct conn *c, enum net_dir dir);

/* EV_DIAL. */
void net_on_dial(struct sim *s, struct event *e);

#endif

/* conns.h - the router's TCP connections, by descriptor, and what is held against them
 *
 * Fed by the socket monitor, whose events come beside the messages and whose descriptors
 * are used again; a connection is therefore known by its socket cookie, and an event
 * about another cookie than the one noted is about another connection.
 *
 * A connection is unready until its first message.  When there are too many, the one that
 * has been unready for the longest goes: an honest peer needs a few round trips, a silent
 * one keeps its place only as long as nobody wants it.
 *
 * Flood guard: ZeroMQ bounds whole messages, but not the frames of one that never
 * ends.  So a connection that received more than a cap without a message coming out goes.
 */
#ifndef COMMON_IO_NET_CONNS_H
#define COMMON_IO_NET_CONNS_H

#include "common/defs.h"

#include <stdbool.h>

struct conn {
    uint64_t cookie;   /* 0: no connection */
    uint64_t since_us; /* unready since */
    uint64_t base;     /* bytes received when a message last came out */
    uint64_t last;     /* bytes received at the last look */
    uint32_t handle;   /* its session; 0: none yet */
    int prev, next;    /* unready ones by age; -1 */
    bool unready;      /* in that list */
    bool moved;        /* a message came out since the last look */
    bool suspect;      /* said to be gone, but its descriptor is still there */
    bool unguarded;    /* not TCP */
};

struct conns {
    struct conn *tab; /* by descriptor */
    int cap;
    int oldest, newest;
    uint32_t n, unready, suspects;
};

void conns_init(struct conns *t);
void conns_fini(struct conns *t);

/* The connection, or NULL. */
struct conn *conns_get(const struct conns *t, int fd);

/* A connection was accepted.  What was noted of another one on the descriptor is dropped;
 * its session's handle, or 0, is returned in ret_old.  0 or WEFT_ENOMEM (not noted). */
int conns_accepted(struct conns *t, int fd, uint64_t now_us, uint32_t *ret_old);

/* A session's first message came over this descriptor.  As above. */
int conns_bind(struct conns *t, int fd, uint32_t handle, uint32_t *ret_old);

/* Forget the connection, if it is this session's (handle 0: in any case). */
void conns_drop(struct conns *t, int fd, uint32_t handle);

/* No longer count it as unready (it was cut, or has a session). */
void conns_settle(struct conns *t, int fd);

enum conns_look {
    CONNS_QUIET,
    CONNS_BUSY,  /* receiving: look again soon */
    CONNS_NEAR,  /* a good part of the cap: look again at once */
    CONNS_FLOOD, /* over the cap */
    CONNS_GONE,  /* the descriptor is closed or another's */
};

/* The guard's look at one connection. */
enum conns_look conns_look(struct conns *t, int fd, uint64_t flood_cap);

/* Raise the process's descriptor limit to what it may be and return it. */
unsigned conns_raise_nofile(void);

#endif

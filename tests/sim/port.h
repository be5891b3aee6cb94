/* port.h - the end of a link between brokers at the one that dials
 *
 * To the network it is an actor like any other, so that links are cut, parted and slowed
 * as all connections are.  It lives and dies with its broker's process; what it hears is
 * an event of that broker's core.
 */
#ifndef TESTS_SIM_PORT_H
#define TESTS_SIM_PORT_H

#include "tests/sim/actor.h"

struct host;
struct wf_effect;

struct port {
    struct actor a; /* its `home` is the broker that it dials */
    struct host *of;
    uint32_t peer; /* the core's number of the link */
};

extern const struct actor_ops port_ops;

static inline int actor_is_port(const struct actor *a)
{
    return a->ops == &port_ops;
}

static inline struct port *port_of(struct actor *a)
{
    return CONTAINER_OF(a, struct port, a);
}

/* Its broker's process begins: the core is told to dial. */
void port_start(struct sim *s, struct port *p);

/* The process ended. */
void port_crash(struct sim *s, struct port *p);

/* CONNECT, DISCONNECT, SEND of the core; and the end of a turn. */
void port_effect(struct sim *s, struct port *p, const struct wf_effect *x);
void port_flush(struct sim *s, struct port *p);

#endif

/* cast.h - who lives in a world: its devices, clients, operators and enemies */
#ifndef TESTS_SIM_CAST_H
#define TESTS_SIM_CAST_H

struct actor;
struct actor_ops;
struct sim;

/* All of them, each at its broker; links between brokers come later. */
void cast_all(struct sim *s);

/* One more of them.  It has the world's first broker, until the caller says otherwise. */
void sim_add_actor(struct sim *s, struct actor *a, const struct actor_ops *ops,
                   unsigned role, const char *kind, unsigned number);

#endif

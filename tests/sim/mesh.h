/* mesh.h - how many brokers a world has, who dials whom, and who lives where
 *
 * Half of the worlds have one broker.  The others have two, or three in a chain or a
 * triangle; each has an operator, and any part of the agents and clients, also none.
 * Agents offer less in these, so that work has to go where it can be done.
 */
#ifndef TESTS_SIM_MESH_H
#define TESTS_SIM_MESH_H

struct actor;
struct host;
struct sim;

/* Brokers of a world: drawn apart from all else, so that the worlds of one broker are
 * those that their seeds have always been. */
unsigned mesh_size(unsigned long long seed);

/* Has a world of several brokers a hostile one? */
int mesh_has_rogue(unsigned long long seed);

/* Name the brokers and configure them. */
void mesh_found(struct sim *s);

/* The broker that the next actor has; its stores know who is enrolled. */
struct host *mesh_home(struct sim *s);
void mesh_enrol(struct host *h, const struct actor *a);

/* The links, when all else is there. */
void mesh_link(struct sim *s);

#endif

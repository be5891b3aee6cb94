/* mesh.h - how many brokers a world has, who dials whom, and who lives where
 *
 * Two, or three in a chain or a triangle; each has an operator, and any part of the
 * agents and clients, also none.  Agents offer less where there are several, so that work
 * has to go where it can be done.
 */
#ifndef TESTS_SIM_MESH_H
#define TESTS_SIM_MESH_H

struct actor;
struct host;
struct sim;

/* Name the brokers and configure them. */
void mesh_found(struct sim *s);

/* The broker that the next actor has; its stores know who is enrolled. */
struct host *mesh_home(struct sim *s);
void mesh_enrol(struct host *h, const struct actor *a);

/* The links, when all else is there. */
void mesh_link(struct sim *s);

#endif

/* roam.h - actors that know several brokers, and go from one to another
 *
 * In half of the worlds of several brokers some agents and clients may turn to any of
 * them.  Whom they dial, whom they try and when they move is for the cores to decide
 * (proto/link.h).  Here is what the world adds: how far each broker is from each of them,
 * which changes; trials, that take four round trips; being cut off from one broker alone;
 * and a watch over how often they move without need.
 */
#ifndef TESTS_SIM_ROAM_ROAM_H
#define TESTS_SIM_ROAM_ROAM_H

#include "proto/link.h"
#include "tests/sim/clock.h"

#define SIM_HOSTS 3

struct actor;
struct host;
struct sim;
struct swarm;

struct roam {
    int on;
    unsigned known;             /* brokers that a process begins with, a bit each */
    uint64_t far_us[SIM_HOSTS]; /* one way, beside what everybody has */
    uint64_t apart_until_us[SIM_HOSTS];
    struct event *trial; /* NULL: none is under way */
    unsigned awaited;    /* an agent's file says that these may wait for it, a bit each */
    uint64_t left_us; /* by its own clock: it left for a better one; 0: it did not yet */
};

/* Do agents and clients roam in a world of several brokers? */
int roam_wanted(unsigned long long seed);

/* In a world where some do more jobs wait for their agents, and brokers are down longer.
 */
void roam_swarm(struct swarm *w, struct clock *c);

/* In a world where some do: does it, what does it know, and who knows it. */
void roam_draw(struct sim *s, struct actor *a);

/* A process begins: its link gets what it knows.  `table` is the caller's, and has to
 * last until the core is made. */
void roam_equip(struct sim *s, struct actor *a, struct wf_link_config *cfg,
                struct wf_broker_table *table);

/* After a step: what is in its file of brokers. */
void roam_keep(struct sim *s, struct actor *a);

/* The broker that a link dials as that number; NULL: nobody is there. */
struct host *roam_to(struct sim *s, const struct actor *a, uint64_t way);

/* The broker with that key, or NULL. */
struct host *roam_host(struct sim *s, const struct wf_key *key);

/* TRY, UNTRY; and EV_TRIAL. */
void roam_try(struct sim *s, struct actor *a, uint64_t way);
void roam_untry(struct sim *s, struct actor *a);
void roam_take(struct sim *s, struct actor *a, const struct event *e);

/* It says good bye and dials another: without need it may do so only now and then. */
void roam_left(struct sim *s, struct actor *a, uint64_t way);

/* Until when nothing passes between the two. */
uint64_t roam_apart_us(const struct actor *a, const struct host *h);

/* Faults: nothing passes between it and a broker for a while; the ways get longer or
 * shorter.  0: it does not roam. */
int roam_part(struct sim *s, struct actor *a, uint64_t mean_us);
int roam_shift(struct sim *s, struct actor *a);

#endif

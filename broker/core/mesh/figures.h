/* figures.h - what of a broker changes all the time, and when it is said
 *
 * Two facts: how much room there is and how much waits (LOAD), and the links to its
 * neighbours (LINKS), which are ten times as long and change seldom.  All brokers get
 * every fact, so what they cost grows with the brokers: what is not urgent is said no
 * sooner than so many bytes a second allow if all say as much, and figures that hardly
 * changed only as a sign of life.  Placement goes by what neighbours tell each other
 * (5.2); these figures are for people and for who is further away.
 * docs/spec/9-gossip.md, 9.1.
 */
#ifndef BROKER_CORE_MESH_FIGURES_H
#define BROKER_CORE_MESH_FIGURES_H

#include "proto/effects.h"
#include "proto/msg.h"

struct core;

/* What there is to say of the links. */
enum figures_links { LINKS_TOLD, LINKS_MEASURED, LINKS_CHANGED };

struct figures {
    uint64_t said_us;         /* the load; 0: not yet */
    uint64_t free_, queued;   /* as they were then */
    enum figures_links links; /* since they were said */
    uint64_t links_us;        /* when that was; 0: not yet */
};

/* A link was measured anew; one came or went. */
static inline void figures_measured(struct figures *f)
{
    f->links = f->links == LINKS_TOLD ? LINKS_MEASURED : f->links;
}

static inline void figures_linked(struct figures *f)
{
    f->links = LINKS_CHANGED;
}

/* How much room there is here, and how much waits. */
void figures_now(const struct core *c, struct wf_site_fact *ret);

/* Say what is to be said by now. */
void figures_say(struct core *c, struct wf_effects *out);

#endif

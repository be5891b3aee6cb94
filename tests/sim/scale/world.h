/* world.h - many brokers with their agents at work, on one virtual clock
 *
 * The brokers are real cores: every step, message between them and fact is that of the
 * daemon, but for signatures (tests/sim/sign.c) and the store, which has everything safe
 * after 2 ms.  Agents and clients are the messages they say (site.h).  A message takes
 * half a round trip of its link and a tenth more or less, in order; all for one neighbour
 * in a step is one frame.
 *
 * Sites stand around the centres of regions, ten to each, on a plane: some 2 ms to the
 * next site, up to 80 ms to the far side.  Each dials the next one, so that the mesh is
 * whole, and one to three more, of its region mostly.  A site has a quarter of the mean
 * number of agents up to more than twice as many, but gets as many jobs as any other.
 */
#ifndef TESTS_SIM_SCALE_WORLD_H
#define TESTS_SIM_SCALE_WORLD_H

#include "broker/core/core_int.h"
#include "tests/sim/place/events.h"
#include "tests/sim/scale/memory.h"

#include <time.h>

#define WORLD_BROKERS_MAX 1000u
#define WORLD_DIALS       4u
#define WORLD_NEIGHBOURS  64u

enum world_mode {
    WORLD_DIGESTS, /* as it is: neighbours are known by what they last told */
    WORLD_TRUTH,   /* at each decision the figures of all neighbours are those of now */
    WORLD_ALONE,   /* no broker is linked to another */
    WORLD_MODES
};

struct options {
    unsigned brokers, agents; /* agents a broker, in the mean */
    unsigned warm_s, seconds; /* until jobs come; while they come */
    unsigned load_pm;         /* of all slots */
    unsigned follow;          /* changes that are followed */
    unsigned limit_s;         /* of processor, for one mode: then it stops where it is */
    uint64_t seed;
    int keys;  /* agents' keys are told to all brokers */
    int check; /* invariants of every core at the end */
};

struct samples {
    uint64_t *v; /* owned */
    size_t n, cap;
};

struct broker;
struct device;
struct world;

/* One direction of a link. */
struct way {
    struct link *link;
    struct broker *from, *to;
    uint32_t at_from, at_to; /* the other side's peer number at each */
    uint64_t last_ns;        /* keeps the order */
    struct wf_buf out;       /* of the step under way */
};

/* A link; the first way leads from who dialled. */
struct link {
    struct event event;
    struct way ways[2];
    uint64_t delay_ns;
    uint32_t session; /* frames of others are lost */
    int up;
};

struct broker {
    unsigned index;
    double x, y;
    struct core *core;
    struct account account;
    struct core_config cfg;
    struct event tick, start, durable;
    uint64_t durable_lsn;
    struct wf_effects fx;
    struct way *ways[WORLD_NEIGHBOURS]; /* out of here, whoever dialled */
    unsigned nways, ndials;
    struct link *dials[WORLD_DIALS + 2]; /* by number */
    uint32_t next_peer;
    struct device *devices; /* owned */
    unsigned ndevices;
    uint32_t client; /* its peer number */
    uint64_t gossip_bytes, gossip_frames, link_bytes, link_frames, steps;
};

/* A job, and what became of it. */
struct work {
    uint64_t at_ns, run_us;
    uint64_t done_ns; /* 0: not yet */
    uint32_t broker;
    uint8_t kind;
    uint8_t refused;
};

/* A change at a broker, on its way to all. */
struct followed {
    unsigned origin;
    uint64_t from_ns, said_ns, until_ns; /* 0: not yet */
    uint64_t was_seq;
    unsigned reached;
    uint8_t *has; /* owned, a flag for each broker */
};

struct world {
    const struct options *o;
    enum world_mode mode;
    struct events ev;
    struct wf_rng rng;
    struct broker *b; /* owned */
    struct link *links;
    unsigned nlinks;
    struct work *works; /* owned; by the time when they come */
    size_t nworks, next, ndone, nrefused;
    struct event submit, watch;
    struct followed *followed; /* owned */
    unsigned nfollowed;
    uint64_t slots;
    struct samples decide_ns;
    uint64_t breaks; /* of links: there should be none */
    clock_t began;
};

/* Steps a core and carries out its effects. */
void world_step(struct world *w, struct broker *b, struct broker_event *ev);

void world_new(struct world *w, const struct options *o, enum world_mode mode);
void world_free(struct world *w);

/* Let time pass until then, or until the processor's time is up: 0. */
int world_run(struct world *w, uint64_t until_ns);

/* Let jobs come, from now on. */
void world_begin_work(struct world *w);

/* The next of the changes that are followed: an agent there offers something new. */
void world_change(struct world *w);

/* Brokers that know the sites of all others. */
unsigned world_knowing(const struct world *w);

/* A job was given to its broker, or its outcome came. */
void world_submitted(struct world *w, struct work *x);

void samples_add(struct samples *s, uint64_t v);
uint64_t samples_at(struct samples *s, double percent);

/* Memory that must be there. */
void *room(size_t n, size_t size);

#endif

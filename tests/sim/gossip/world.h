/* world.h - many brokers that gossip, on a virtual clock
 *
 * A random partial mesh: a ring through all brokers in a random order, and links by
 * chance up to the mean degree.  A message takes half a round trip, of a measured matrix
 * or of a made-up plane (2 to 80 ms), plus up to a tenth; links keep their order.  All
 * brokers are enrolled everywhere.  Each says its site once and its figures again and
 * again.  Some changes are followed until all brokers have them.
 */
#ifndef TESTS_SIM_GOSSIP_WORLD_H
#define TESTS_SIM_GOSSIP_WORLD_H

#include "broker/core/mesh/gossip/gossip.h"
#include "common/heap.h"
#include "tests/sim/gossip/site.h"
#include "tests/sim/links/matrix.h"

#define WORLD_BROKERS_MAX 4096u
#define FOLLOWED_MAX      32u

struct options {
    const char *rtt;
    unsigned brokers, degree, seconds, warm;
    uint64_t interval_us, batch_us, change_us, partition_us, seed;
    int verify, whole, flood;
};

struct broker {
    struct gossip *g;
    struct wf_key key;
    struct site site;
    struct wf_heap_node timer;
    uint64_t change_us;
    unsigned *peers; /* owned: numbers of neighbours */
    unsigned npeers;
    uint64_t bytes_out, bytes_in, frames_out, frames_in; /* bytes: of messages */
    double x, y;
};

/* A change on its way to all. */
struct followed {
    int on;
    unsigned origin, kind, about; /* about: of facts about keys */
    uint64_t seq, from_us;
    unsigned reached;
    uint8_t *has; /* owned, a flag for each broker */
};

struct samples {
    uint64_t *v; /* owned */
    size_t n, cap;
};

struct world {
    const struct options *o;
    const struct matrix *matrix; /* NULL: a plane */
    struct broker *b;            /* owned */
    struct wf_heap timers, messages;
    struct wf_rng rng;
    uint64_t now_us, follow_us;
    uint64_t *last_us;  /* owned, n x n: keeps the order of a link */
    uint32_t *sessions; /* owned, n x n: counts cuts */
    uint8_t *up;        /* owned, n x n */
    struct followed followed[FOLLOWED_MAX];
    struct samples all, each; /* us until all have a change, until each has it */
    unsigned lost;            /* followed changes that were not everywhere in time */
};

void world_new(struct world *w, const struct options *o, const struct matrix *m);
void world_free(struct world *w);

/* Let time pass; `follow`: changes are followed. */
void world_run(struct world *w, uint64_t us, int follow);

/* Follow what a broker has said now. */
void world_follow(struct world *w, unsigned origin, unsigned kind, unsigned about);

/* Cut, or join again, all links between the first half and the others. */
void world_part(struct world *w, int cut);

/* Broker `by` revokes another. */
void world_revoke(struct world *w, unsigned by, unsigned whom);

/* 1 when every broker has of every other what it had said at that time or newer; the
 * seqs are of world_said(). */
int world_caught_up(const struct world *w, const uint64_t *said);
uint64_t *world_said(const struct world *w);

void samples_add(struct samples *s, uint64_t v);
uint64_t samples_at(struct samples *s, unsigned percent);

#endif

/* router_int.h - the tables of the router, for the files beside it
 *
 * What a decision looks at of a candidate stands in two cache lines that are neighbours,
 * and its offer in a third.
 */
#ifndef BROKER_CORE_ROUTER_ROUTER_INT_H
#define BROKER_CORE_ROUTER_ROUTER_INT_H

#include "broker/core/router/crowd.h"
#include "broker/core/router/distance.h"
#include "broker/core/router/filters.h"
#include "broker/core/router/pairs.h"
#include "broker/core/router/prices.h"
#include "broker/core/router/router.h"
#include "broker/core/router/runtimes.h"

#define ROUTE_SITES_MAX 65536u
/* Of each capability's nodes, the nearest are kept in order, */
#define NEAR_KEPT 64u
/* and looked through at most so far for those that are idle. */
#define NEAR_LOOKS 16u
/* Nodes near to one that holds data are kept for so many holders, in sets.  They are
 * looked for among all when there are so few, else among so many of its site and others
 * at random. */
#define AROUND_KEPT    12u
#define AROUND_SETS    4096u
#define AROUND_WAYS    4u
#define AROUND_ALL     512u
#define AROUND_MATES   64u
#define AROUND_RANDOM  128u
#define CLASSES_LATELY 4u
#define DECK           512u /* cards: of each capability, drawn at once */
#define PLACES_FEW     8u
#define FRESH_US       UINT64_C(10000000)

/* A node's offer of a capability, in the capability's table. */
struct entry {
    uint32_t node;
    uint32_t slots, queue;
    uint32_t assigned; /* by this broker, not ended */
    int warm;
    uint32_t price; /* of a slot-second, PRICE_UNIT; 0: the node's */
    void *ref;
};

#define PRICE_UNIT UINT64_C(1000) /* pusd */

/* The same place of the table, for sampling. */
struct chance {
    uint32_t node;
    uint32_t weight; /* slots x speed; less than 256 << luck_shift */
};

/* One that was drawn by capacity, and where it stands in the table. */
struct card {
    uint32_t node, at;
};

struct rcap {
    void *block; /* owned; in it, from a line on: */
    struct entry *v;
    struct card *deck;      /* owned, once there are many; drawn ahead for decisions, */
    uint32_t n, ndeck;      /* which take from its end */
    struct chance *chances; /* owned */
    uint8_t *luck;          /* owned; weight >> luck_shift, of which many are looked at */
    uint32_t cap, cap_chances, cap_luck;
    unsigned luck_shift;
    uint32_t near[NEAR_KEPT]; /* nodes, the nearest first */
    uint32_t at[NEAR_KEPT];   /* where they stood in the table when they were found */
    uint32_t nnear;
    int near_stale;
    uint64_t near_us; /* when they were found */
};

/* Where a node stands in the table of a capability that it offers. */
struct rplace {
    uint32_t capability, at;
};

/* What a decision looks at of every candidate: a line of what is believed of it now, and
 * its way to the brokers.  What is reckoned from the rest is reckoned when that changes.
 */
struct rnode {
    uint64_t wait_us; /* for a slot, by load_view(), */
    uint32_t jobs;    /* and so many are there */
    uint32_t slots;
    uint64_t reported_us;
    uint64_t down_share; /* bytes a second that one more flow to it would get */
    uint64_t price_pusd_s;
    uint32_t speed_pm, rtt_us, dev_us;
    uint32_t site, class_;
    uint8_t tier : 4, used : 1, open : 1, spot : 1, whole : 1;
    uint8_t yielding; /* runs there, that nothing is to have the slot of yet; as many as
                         fit */
    uint16_t crowd;   /* of wait_us, by crowd_of() */

    uint16_t to_broker[ROUTE_BROKERS_MAX] __attribute__((aligned(64)));
} __attribute__((aligned(128)));

/* The rest of it, of the same number: for those that hold data, and when something
 * changes.  Three lines: where it stands, what it gives to others, its load. */
struct rrest {
    struct rplace few[PLACES_FEW]; /* the first nplaces, */

    struct rplace *more; /* owned; and those behind them */
    uint32_t nplaces, cap_more;
    uint64_t offers;   /* bit k: some capability whose number is k modulo 64 */
    uint64_t up, down; /* bytes a second */
    uint32_t up_told, down_told, up_own, down_own; /* flows */
    uint32_t site_next, site_prev;                 /* ring of its site's nodes */

    struct load load;
    struct crowd crowd;
} __attribute__((aligned(64)));

static inline struct rplace *place_at(struct rrest *n, uint32_t i)
{
    return i < PLACES_FEW ? &n->few[i] : &n->more[i - PLACES_FEW];
}

/* Nodes near to one that holds data, and what they offered when they were found: one that
 * offers more since is seen FRESH_US later. */
struct around {
    uint32_t n;
    uint32_t v[AROUND_KEPT];
    uint64_t offers[AROUND_KEPT];
} __attribute__((aligned(64)));

/* Which holders a set is of; the same of each way. */
struct around_set {
    uint32_t held[AROUND_WAYS]; /* the holder + 1; 0: free */
    uint64_t found_us[AROUND_WAYS];
} __attribute__((aligned(64)));

struct routing {
    struct routing_config cfg;
    unsigned vector;           /* entries of to_broker that are looked at */
    struct prices *prices;     /* borrowed */
    struct runtimes *runtimes; /* borrowed */
    struct pairs *pairs;       /* owned */
    struct wf_rng rng;
    void *block;         /* owned; in it, from a cache line on: */
    struct rnode *nodes; /* grows by doubling, */
    struct rrest *rest;  /* as does this */
    uint32_t nnodes, cap_nodes;
    uint64_t *idle;        /* owned; a bit a node: open, with a slot free */
    uint64_t slots, taken; /* of all that are open */
    uint32_t *free_nodes;  /* owned */
    uint32_t nfree;
    uint32_t *site_heads; /* owned; a node of each site, or ROUTE_NONE */
    uint32_t nsites;
    struct rcap *caps;                /* owned; max_capabilities of them */
    void *around_block, *set_block;   /* owned; in them, from a line on: */
    struct around_set *sets;          /* AROUND_SETS of them, */
    struct around *around;            /* AROUND_WAYS for each */
    uint32_t classes[CLASSES_LATELY]; /* of nodes, in the last decisions */
    uint32_t class_at;
};

/* The entry of a node's offer, or NULL. */
struct entry *routing_entry(const struct routing *r, uint32_t node, uint32_t capability);

/* RTT between two nodes, and a rank to compare with. */
struct distance routing_distance(const struct routing *r, uint32_t a, uint32_t b,
                                 uint64_t now_us);

/* offers.c: its weight in all tables where it stands, after its slots or speed changed.
 */
void offers_reweigh(struct routing *r, uint32_t node);

/* Draw a deck, of one card at least.  What is left of it is dropped. */
void offers_shuffle(struct routing *r, struct rcap *c);

#define PICK_MAYBE 256u

/* The candidates of a decision are found in steps: what is looked at in one is on its way
 * to the cache since the one before, so that there should be some other work in between;
 * and as are the records of the candidates that it finds. */
struct picking {
    struct routing *r;
    const struct route_job *job;
    uint64_t now_us;
    struct rcap *cap;
    uint32_t holder; /* of the largest input, or ROUTE_NONE */
    unsigned n;      /* candidates, of which */
    struct entry *v[ROUTE_ROWS_MAX];
    uint32_t nodes[ROUTE_ROWS_MAX];
    uint64_t maybe[PICK_MAYBE / 64]; /* bit k: some number is k modulo PICK_MAYBE */
    struct hand {
        unsigned n;
        struct card card[ROUTE_ROWS_MAX];
        uint32_t left[ROUTE_ROWS_MAX + 1]; /* cards in the deck, once so many are taken */
    } hand;                                /* those at random, perhaps too many */
    unsigned naround; /* around the holder, most likely offering it */
    uint32_t around[AROUND_KEPT];
};

void picking_begin(struct picking *p, struct routing *r, const struct route_job *job,
                   uint64_t now_us);
void picking_near(struct picking *p);

/* Those at random, in as many places as those around the data will leave; and these.  How
 * many there are in `v` by now. */
unsigned picking_random(struct picking *p);
unsigned picking_data(struct picking *p);

/* When the decision was made: what the next one of it will most likely draw. */
void picking_ahead(struct routing *r, uint32_t capability);

/* All of these bits are near, the records of the nodes are not. */
static inline int routing_is_idle(const struct routing *r, uint32_t node)
{
    return (r->idle[node / 64] >> node % 64 & 1) != 0;
}

/* `a` or `b`, without a branch where nobody can predict which. */
static inline uint64_t routing_either(int is_a, uint64_t a, uint64_t b)
{
    return b ^ ((a ^ b) & (0 - (uint64_t) (is_a != 0)));
}

/* Tells nearly always that a node does not offer it, without a look at its places. */
static inline uint64_t offer_bit(uint32_t capability)
{
    return UINT64_C(1) << capability % 64;
}

/* near.c: find the near ones of a capability anew if that is due, which is as seldom as
 * it takes long. */
void near_refresh(struct routing *r, struct rcap *c, uint64_t now_us);
const struct around *around_of(struct routing *r, uint32_t holder, uint64_t now_us);

/* around_of() will be called soon: where that stands is found out in two steps. */
void around_prefetch(const struct routing *r, uint32_t holder, unsigned step);

/* Its number means another node from now on. */
void around_forget(struct routing *r, uint32_t holder);

/* RTT between two nodes of which no measured one is known. */
uint32_t routing_guess_us(const struct routing *r, uint32_t a, uint32_t b);

/* What a link gives to one more flow, when nodes told of so many and this broker promised
 * so many. */
uint64_t routing_share(uint64_t rate, uint32_t told, uint32_t own);

/* X and the bytes and money of it. */
struct fetch_plan {
    uint64_t us, bytes, pusd;
    uint32_t from;   /* the holder of most of it */
    uint32_t way_us; /* it goes on to a site that is so far behind that node */
};

/* What is the same for all candidates of a decision; borrows what it is made of. */
struct fetching {
    const struct routing *r;
    const struct route_job *job;
    uint64_t now_us;
    int simple; /* one input, which all of its holders have in full, and nobody else */
    struct fetch_from {
        uint32_t node, site;
        uint64_t up;    /* what its link gives, */
        uint64_t up_us; /* and how long it takes for all of the input */
        struct pair_company pairs;
        const uint16_t *to_broker;
    } from[ROUTE_INPUTS_MAX][ROUTE_HOLDERS_MAX]; /* of each holder */
};

void fetching_begin(struct fetching *f, const struct routing *r,
                    const struct route_job *job, uint64_t now_us);
void fetch_plan(const struct fetching *f, uint32_t node, struct fetch_plan *ret);

/* Of several nodes, at most ROUTE_ROWS_MAX, which takes less than one after the other. */
void fetch_plan_all(const struct fetching *f, const uint32_t *nodes, unsigned n,
                    struct fetch_plan *ret);

/* decide.c: the lowest total of all nodes that offer the capability and pass, UINT64_MAX:
 * there is none.  For comparison; `ret` is scratch. */
uint64_t decide_scan(const struct routing *r, const struct route_job *job,
                     uint64_t now_us, struct route_decision *ret);

#endif

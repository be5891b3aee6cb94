/* gossip_int.h - what the files of the gossip share
 *
 * gossip.c is the door and the owner's questions, trust.c who counts, take.c facts that
 * come in, table.c how far they are known, spread.c what goes out.
 */
#ifndef BROKER_CORE_MESH_GOSSIP_GOSSIP_INT_H
#define BROKER_CORE_MESH_GOSSIP_GOSSIP_INT_H

#include "broker/core/mesh/gossip/gossip.h"
#include "broker/core/mesh/gossip/keys.h"
#include "common/rng.h"

struct glink {
    uint32_t peer;
    int up;
    int stalled; /* its window is full: it was asked for its table */
    struct wf_key key;
    uint64_t up_us;
    uint64_t unheard; /* bytes of facts since its last word on tables */
    uint64_t forged;
};

/* Of the signatures of what we say first, to know what an earlier life said. */
#define GOSSIP_SAID 256u

struct gossip {
    struct gossip_config cfg;
    struct facts facts;
    struct origin *self; /* borrowed */
    uint64_t seq;        /* the last that was used */
    uint64_t first;      /* what we have said in this life is above */
    uint8_t secret[SIGN_SECRET_SIZE];
    uint64_t said[GOSSIP_SAID]; /* of seq first + 1 and on */
    struct wf_rng rng;
    struct glink links[GOSSIP_LINKS_MAX];
    unsigned nlinks;          /* numbers in use are below */
    struct wf_list_node busy; /* origins with something to send */
    int urgent;               /* news about keys: not to wait for the batch */
    uint64_t flush_us;        /* not before */
    uint64_t tick_us;         /* the next turn of anti-entropy */
    struct wf_key slice_from; /* where the next slice begins */
    unsigned slices;          /* told so far */
    unsigned recalls;         /* links that were asked for facts of ours */
    struct wf_buf rows;       /* scratch */
    struct gossip_stats stats;
};

/* -- spread.c */

/* The number of the link, -1 when it is not up. */
int link_of(const struct gossip *g, uint32_t peer);

/* News: owed to every link that wants them, but the one they came on (-1: our own). */
void spread_news(struct gossip *g, struct fact *f, int from);

/* Facts with seq > after are owed to a link that lacks them: all when it asked for them,
 * those from before the link when it is told for the first time.  Else younger ones than
 * an interval are left out: they are under way to it, from here or by another way. */
enum spread_why { SPREAD_ASKED, SPREAD_FIRST, SPREAD_COMPARED };
void spread_lacking(struct gossip *g, struct origin *o, unsigned link, uint64_t after,
                    enum spread_why why, uint64_t now_us);

/* Ask all links but one (-1: all) for an origin's facts, those to come included. */
void spread_ask(struct gossip *g, struct origin *o, int but);

/* The origin has something to be told to a link. */
void spread_tell(struct gossip *g, struct origin *o, struct mask *which, unsigned link);

/* Send what is owed, if it is time. */
void spread_settle(struct gossip *g, uint64_t now_us, struct wf_effects *out);

/* Forget all about a link. */
void spread_forget(struct gossip *g, unsigned link);

/* Send a message, counted. */
void spread_send(struct gossip *g, unsigned link, enum wf_type type, const void *m,
                 struct wf_effects *out);

/* -- table.c */

/* How far an origin is known, as it is told. */
uint64_t table_seen(const struct origin *o);

/* Tell a link the whole table, or the next slice of it. */
void table_all(struct gossip *g, unsigned link, struct wf_effects *out);
void table_slice(struct gossip *g, unsigned link, struct wf_effects *out);

/* -- take.c */

/* Say again what others have numbers above of. */
void take_again(struct gossip *g, uint64_t now_us);

/* Sign and keep a fact of ours. */
int take_own(struct gossip *g, unsigned kind, struct wf_slice key, struct wf_slice body,
             uint64_t now_us);

/* -- trust.c */

/* A fact about a key is new: it may introduce a broker or revoke one. */
void trust_key(struct gossip *g, const struct fact *f);

/* Whether the link's other end was revoked: nothing of it counts. */
int trust_gone(const struct gossip *g, const struct glink *l);

#endif

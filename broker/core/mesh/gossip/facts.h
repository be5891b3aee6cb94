/* facts.h - what all brokers of the mesh have said, as far as it came here
 *
 * An origin is a broker whose word counts here: it is its CURVE key, and there is one
 * only after somebody vouched for it.  It says facts; one (kind, key) of it holds one
 * fact, the newest by seq.  An empty body is a fact that was taken back; it stays, so
 * that nobody tells the older one again.
 *
 * How far an origin is known is one number, `seen`.  The promise behind it:
 *
 *     (J)  every fact of the origin with seq <= seen that no newer fact of its kind and
 *          key has replaced at the origin is here.
 *
 * Each fact travels with a claim, `base` < seq: no fact of the origin with a seq between
 * the two is valid any more, all were replaced.  What is so once stays so, whoever says
 * it, and in whatever order it is heard.  So a fact that is here moves seen up to its seq
 * when base <= seen, and J holds again: what is valid up to seen was here, between seen
 * and seq there is nothing, seq itself is here.  A sender may claim as base the fact
 * before it that it has, for facts up to its own seen (by J); beyond that it passes on
 * the claim that it heard, or none (base = seq - 1).  When nothing is said any more and
 * everyone's seen is the origin's newest seq, by J all have the same valid facts; older
 * ones of the same kind and key are nowhere, since the newest one holds the place.
 *
 * The claim is the neighbour's word, unlike the fact: a liar can hide facts from who
 * asks for what is newer than `seen`, for a while (gossip.h, "recheck"), never make one.
 *
 * Facts of an origin stand by seq, origins by key: iteration is deterministic.  Every
 * origin has a share of facts and bytes; all together have a limit as well.
 */
#ifndef BROKER_CORE_MESH_GOSSIP_FACTS_H
#define BROKER_CORE_MESH_GOSSIP_FACTS_H

#include "broker/core/mesh/gossip/mask.h"
#include "broker/core/mesh/gossip/sign.h"
#include "common/list.h"
#include "common/map.h"

#define FACT_SEQ_MAX (UINT64_MAX >> 1)

struct origin;

struct fact {
    struct origin *of; /* borrowed */
    uint64_t seq;
    uint64_t base;
    uint64_t at_us;                 /* when it was said or came here */
    struct mask owed;               /* links on which it is to be sent */
    struct wf_list_node in_news;    /* not yet told to the owner */
    struct wf_list_node in_subject; /* key facts: with the others about that key */
    uint8_t id[2 * WF_KEY_SIZE + 1];
    uint8_t key_len;
    uint32_t body_len;
    uint8_t sign[WF_SIGN_SIZE];
    uint8_t body[]; /* owned, as is all of it */
};

struct origin {
    struct wf_key key;
    struct wf_key sign;
    uint64_t seen;
    uint64_t bytes;      /* of facts */
    struct fact **facts; /* owned, by seq */
    unsigned n, cap;
    unsigned introduced;      /* origins that came in by its word */
    unsigned revoked : 1;     /* its facts are refused */
    unsigned direct : 1;      /* the owner vouches for it */
    struct wf_list_node busy; /* has something to be sent */

    /* Spreading (spread.h). */
    int parent;         /* link that brought its newest news; -1: none */
    uint64_t owed_low;  /* no fact below is owed to anyone */
    struct mask owes;   /* links to which some fact may be owed */
    struct mask quiet;  /* links that asked not to push its facts */
    struct mask silent; /* links that were asked not to push them here */
    struct mask tell_lack, tell_stop, tell_push; /* links that are to be told so */
};

struct facts_limits {
    unsigned origins;
    unsigned facts;        /* of an origin */
    uint64_t origin_bytes; /* of the facts of one origin */
    uint64_t bytes;        /* of all facts */
};

struct facts {
    struct facts_limits limit;
    struct wf_map *origins;  /* by key */
    struct origin **order;   /* owned, by key */
    struct wf_map *facts;    /* by id */
    struct wf_map *subjects; /* key facts, by what they are about */
    unsigned n, cap;
    uint64_t bytes;
    struct wf_list_node news;
};

/* 0 or WEFT_ENOMEM. */
int facts_init(struct facts *s, const struct facts_limits *limit, uint64_t seed);
void facts_fini(struct facts *s);

/* Borrowed; NULL: nobody vouched for it. */
struct origin *facts_origin(const struct facts *s, const struct wf_key *key);

/* A further origin, borrowed.  WEFT_EEXIST, WEFT_EFULL, WEFT_ENOMEM. */
int facts_add_origin(struct facts *s, const struct wf_key *key,
                     struct origin **ret_origin);

/* The first place in the order whose key is not below. */
unsigned facts_place(const struct facts *s, const struct wf_key *key);

struct fact *facts_find(const struct facts *s, const struct wf_key *origin, unsigned kind,
                        struct wf_slice key);

/* Whether the fact has room: 0, WEFT_EFULL (the share, or all). */
int facts_room(const struct facts *s, const struct origin *o, const struct said *f);

/* Take a fact that is newer than what is there, instead of it; seen moves as its claim
 * allows.  Everything is copied.  0, WEFT_EFULL, WEFT_ENOMEM: then nothing changed. */
int facts_put(struct facts *s, struct origin *o, const struct said *f,
              const uint8_t sign[WF_SIGN_SIZE], uint64_t base, uint64_t now_us,
              struct fact **ret_fact);

/* What a fact claims that is here already, that `held` has replaced, or that was verified
 * but has no room (held is NULL). */
void facts_claim(struct origin *o, struct fact *held, uint64_t seq, uint64_t base);

/* What may be claimed of it to others. */
uint64_t facts_base(const struct origin *o, unsigned at);

/* Number of the first fact of the origin with seq > after; o->n when there is none. */
unsigned facts_after(const struct origin *o, uint64_t after);

/* Whether a fact with that very seq is here. */
int facts_has(const struct origin *o, uint64_t seq);

/* Forget all facts of an origin but those about keys. */
void facts_keep_keys(struct facts *s, struct origin *o);

/* Walk the facts about a key, NULL at the end; start with NULL. */
struct fact *facts_about(const struct facts *s, const struct wf_key *key,
                         const struct fact *before);

/* Hash of all that is known: the same at brokers that know the same. */
uint64_t facts_hash(const struct facts *s);
void facts_check(const struct facts *s);

static inline unsigned fact_kind(const struct fact *f)
{
    return f->id[WF_KEY_SIZE];
}

static inline struct wf_slice fact_key(const struct fact *f)
{
    return wf_slice_make(f->id + WF_KEY_SIZE + 1, f->key_len);
}

/* Bytes of memory that it stands for. */
static inline uint64_t fact_cost(uint32_t body_len)
{
    return sizeof(struct fact) + body_len;
}

#endif

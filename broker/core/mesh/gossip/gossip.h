/* gossip.h - what brokers tell each other about themselves (docs/spec/9-gossip.md)
 *
 * Each broker says facts (facts.h): signed, numbered by one count, the newest of a kind
 * and key in place of the older.  Gossip brings them to every broker that a path of links
 * leads to.  It is advice: nothing of it is needed to keep a job.
 *
 * Spread.  News go on at once, at most once a `batch` in one message for each neighbour,
 * over every link but the one that they came on.  What comes twice is no news and ends
 * there; the second link is told to STOP for that origin, so what is left for each origin
 * is a tree of the fastest ways (as in Plumtree: Leitao, Pereira, Rodrigues 2007).  Facts
 * about keys go over all links always.  A link that breaks is the way of some origins:
 * the other neighbours are told to PUSH these, and a neighbour that is told so by the
 * very link that is its own way passes the call on.
 *
 * Anti-entropy (Demers et al. 1987; one number for each origin as in Scuttlebutt: van
 * Renesse, Dumitriu, Gough, Thomas 2008).  A link that comes up begins with both tables
 * of how far origins are known.  Each interval a slice of the table goes to one
 * neighbour, by chance; both sides owe each other what the other lacks and what they
 * themselves have had for an interval at least (younger facts are under way) or since
 * before the link. Who lacked something is pushed that origin again.  Every few slices
 * one origin is told as known less far than it is ("recheck"), which in time heals what a
 * lying neighbour hid.
 *
 * Trust.  Facts count only of origins whose signing key is known: told by the owner, who
 * learned it on an authenticated session (gossip_trust), or by a fact about a key of role
 * broker, of an origin that is trusted already.  Revoked origins are refused for ever.
 * A signature is looked at last, and only of what would be news.
 *
 * Bounds.  Origins, facts and bytes an origin, bytes in all; nobody introduces more than
 * half of the origins.  At most `window` bytes are under way to a neighbour that has not
 * told its table since (twice that, when it told in between).
 *
 * Pure: time is given, randomness seeded, messages are effects.  Times are microseconds
 * of a clock that never goes back.  Peers are numbers of the owner's.
 */
#ifndef BROKER_CORE_MESH_GOSSIP_GOSSIP_H
#define BROKER_CORE_MESH_GOSSIP_GOSSIP_H

#include "proto/effects.h"
#include "proto/msg.h"
#include "proto/words.h"

struct gossip;

/* What is 0 takes the default. */
struct gossip_config {
    struct wf_key self; /* this broker's CURVE public key: its name as an origin */
    uint8_t
        seed[WF_KEY_SIZE]; /* of its signing key: from its secret key, by a keyed hash */
    uint64_t boot;         /* how often it has started, kept in its store; < 2^31 */
    uint64_t rng;          /* any number, another for each broker */
    uint64_t interval_us;  /* 1 s */
    uint64_t batch_us;     /* an eighth of the interval */
    unsigned slice;        /* rows of a table told each interval; 64, at most 254 */
    unsigned max_origins;  /* 2,048 */
    unsigned max_facts;    /* of an origin; 4,096 */
    uint64_t origin_bytes; /* of the facts of an origin; 2 MiB */
    uint64_t max_bytes;    /* of all facts; 128 MiB */
    uint64_t window;       /* 256 KiB */
};

/* Why a fact was not taken. */
enum gossip_refusal {
    GOSSIP_MALFORMED, /* a seq, kind or length that cannot be */
    GOSSIP_UNKNOWN,   /* nobody vouched for its origin */
    GOSSIP_REVOKED,   /* of a revoked origin */
    GOSSIP_TWICE,     /* it is here */
    GOSSIP_STALE,     /* a newer one is here */
    GOSSIP_FORGED,    /* not signed by its origin */
    GOSSIP_FULL,      /* the share of its origin is used up, or all room */
    GOSSIP_NOMEM,     /* it will be asked for again */
    GOSSIP_REFUSALS
};

struct gossip_stats {
    uint64_t bytes_out, bytes_in; /* of messages, without frames */
    uint64_t messages_out, messages_in;
    uint64_t facts_out, facts_in; /* rows */
    uint64_t news;                /* facts taken */
    uint64_t verified;            /* signatures looked at */
    uint64_t signed_;
    uint64_t gaps;    /* news that came while some before them were missing */
    uint64_t stops;   /* times a neighbour was told to stop pushing an origin */
    uint64_t pushes;  /* and to push one */
    uint64_t stalls;  /* times a neighbour's window was full */
    uint64_t jumps;   /* our own seq was behind what others had of us */
    uint64_t adopted; /* facts of ours that only others still had */
    uint64_t refused[GOSSIP_REFUSALS];
    uint64_t memory; /* bytes, about */
    uint64_t facts;
    unsigned origins, links;
};

/* A fact; borrowed until the next call that is not const. */
struct gossip_fact {
    const struct wf_key *origin;
    uint64_t seq;
    unsigned kind;        /* enum wf_fact_kind */
    struct wf_slice key;  /* empty: about the origin itself */
    struct wf_slice body; /* empty: taken back */
    uint64_t at_us;       /* when it was said, or came here */
};

/* NULL when out of memory. */
struct gossip *gossip_new(const struct gossip_config *cfg);
void gossip_free(struct gossip *g);

/* What this broker's facts are signed with: for its hello and welcome. */
const struct wf_key *gossip_sign_key(const struct gossip *g);

/* Say something; the same again is nothing.  `key` is empty or a key, `body` is copied;
 * an empty one takes back what was said.  0, WEFT_EINVAL, WEFT_ETOOBIG, WEFT_EFULL,
 * WEFT_ENOMEM.  How often figures are said is the owner's matter. */
int gossip_say(struct gossip *g, unsigned kind, struct wf_slice key, struct wf_slice body,
               uint64_t now_us, struct wf_effects *out);

/* The owner vouches for a broker, with the key that its facts are signed with.  0,
 * WEFT_EREVOKED, WEFT_EFULL, WEFT_ENOMEM.  Facts of it are asked for. */
int gossip_trust(struct gossip *g, const struct wf_key *origin, const struct wf_key *sign,
                 uint64_t now_us, struct wf_effects *out);

/* Refuse a broker from now on, as when it was revoked here.  0, WEFT_EFULL, WEFT_ENOMEM:
 * there was no room to remember it. */
int gossip_distrust(struct gossip *g, const struct wf_key *origin);

/* A session with a broker opened or ended.  0, WEFT_EFULL (more than GOSSIP_LINKS_MAX).
 * A number that is up already is taken as down first. */
int gossip_link_up(struct gossip *g, uint32_t peer, const struct wf_key *key,
                   uint64_t now_us, struct wf_effects *out);
void gossip_link_down(struct gossip *g, uint32_t peer, uint64_t now_us,
                      struct wf_effects *out);

/* A message from a peer that is up; of others nothing is taken. */
void gossip_on_seen(struct gossip *g, uint32_t peer, const struct wf_seen *m,
                    uint64_t now_us, struct wf_effects *out);
void gossip_on_facts(struct gossip *g, uint32_t peer, const struct wf_facts *m,
                     uint64_t now_us, struct wf_effects *out);

/* Do what is due.  Call it when gossip_wakeup_us() is reached; earlier is harmless. */
void gossip_tick(struct gossip *g, uint64_t now_us, struct wf_effects *out);
uint64_t gossip_wakeup_us(const struct gossip *g);

/* 0, or WEFT_ENOENT: never heard, or taken back. */
int gossip_get(const struct gossip *g, const struct wf_key *origin, unsigned kind,
               struct wf_slice key, struct gossip_fact *ret_fact);

/* The word on a key that stands among all that is said of it (keys.h). */
int gossip_key(const struct gossip *g, const struct wf_key *key,
               struct gossip_fact *ret_fact);

/* Walk all facts of a kind that were not taken back, by origin, then seq; start with
 * {0}.  1, or 0 at the end. */
struct gossip_at {
    unsigned origin, fact;
};
int gossip_next(const struct gossip *g, unsigned kind, struct gossip_at *at,
                struct gossip_fact *ret_fact);

/* Walk the origins, by key; start with 0.  1, or 0 at the end.  *ret_seen: how far. */
int gossip_next_origin(const struct gossip *g, unsigned *at, struct wf_key *ret_key,
                       uint64_t *ret_seen, int *ret_revoked);

/* The next fact that is new since it was last asked, our own included: 1, or 0.  What was
 * taken back has an empty body.  What was replaced before it was asked is not told. */
int gossip_next_news(struct gossip *g, struct gossip_fact *ret_fact);

void gossip_stats(const struct gossip *g, struct gossip_stats *ret_stats);

/* Facts not signed by their origins that this neighbour passed on: more than none means
 * it is broken or hostile. */
uint64_t gossip_forged_by(const struct gossip *g, uint32_t peer);

/* Hash of all facts: equal at brokers that know the same. */
uint64_t gossip_hash(const struct gossip *g);
void gossip_check(const struct gossip *g);

#endif

/* word.h - what this broker tells the mesh, and makes of what others tell
 *
 * Facts (gossip.h) of itself: name, addresses and capabilities; figures and links; which
 * large blobs are there (holds.h) and which datasets are at home (named.h); the keys that
 * were enrolled here, and every key that was revoked here.  Of others: a key that another
 * broker enrolled is let in here as well, and kept once it was seen, so that it is known
 * when that broker cannot be reached; one that was revoked anywhere is revoked here.  A
 * broker without neighbours says nothing.  Gossip is advice: a key is the only thing that
 * is taken from it, and only from brokers that are trusted.
 */
#ifndef BROKER_CORE_MESH_WORD_H
#define BROKER_CORE_MESH_WORD_H

#include "broker/core/mesh/data/holds.h"
#include "broker/core/mesh/figures.h"
#include "broker/core/mesh/gossip/names.h"
#include "broker/core/mesh/where.h"
#include "proto/effects.h"
#include "proto/words.h"

struct core;
struct gossip;
struct principal;
struct session;
struct turn;

struct word {
    struct gossip *gossip; /* owned */
    int speaks;            /* there has been a neighbour since the start */
    uint64_t due_us;       /* when we are looked at again */
    struct figures figures;
    struct where where;  /* in network coordinates */
    struct holds holds;  /* the large blobs that are here */
    uint64_t brokers_us; /* when those who listen are told of brokers again */
    int brokers_changed;
    struct names names;           /* datasets of others: named.h */
    uint8_t places[NAMES_OF_ONE]; /* of ours: 1 where one was said */
    uint64_t names_bytes;         /* of what stands there */
};

/* WEFT_ENOMEM. */
int word_init(struct core *c);
void word_fini(struct word *w);

/* What our facts are signed with. */
struct wf_slice word_sign(const struct core *c);

/* A session with a broker opened, which signs with that key; it ended. */
void word_opened(struct core *c, struct session *s, struct wf_slice sign,
                 struct wf_effects *out);
void word_gone(struct core *c, const struct session *s, struct wf_effects *out);

void on_seen(struct turn *t);
void on_facts(struct turn *t);

/* A key was enrolled, changed or revoked here. */
void word_key(struct core *c, const struct principal *p, struct wf_effects *out);

/* Is it enrolled somewhere, and revoked nowhere, as far as is known? */
int word_admits(const struct core *c, const struct wf_key *key);

/* Is it a broker's, by what was enrolled here or is known of the mesh? */
int word_is_broker(const struct core *c, const struct wf_key *key);

/* As word_admits(), and a principal is made of it; NULL: it is not, or there is no room.
 * `any`: also of a role that is not let in, to be revoked. */
struct principal *word_adopt(struct core *c, const struct wf_key *key, int any,
                             struct wf_effects *out);

/* By name, wherever it was enrolled.  *ret_home (may be NULL): the broker that says so.
 */
int word_named(const struct core *c, struct wf_slice name, struct wf_key *ret_key,
               struct wf_key *ret_home);

/* What a broker says of itself, which borrows: 1; 0: nothing is known, and *ret_fact is
 * empty. */
int word_site(const struct core *c, const struct wf_key *broker,
              struct wf_site_fact *ret_fact);

/* Tell a session of an agent or client which brokers there are. */
void word_tell_brokers(struct core *c, const struct session *s, struct wf_effects *out);

/* Rows of broker_row, one for each address of a broker that others can use, until there
 * are so many. */
void word_addresses(struct wf_buf *b, struct wf_rows *rows, unsigned most,
                    const struct wf_key *key, const struct wf_site_fact *site);

void word_step(struct core *c, struct wf_effects *out);
uint64_t word_due_us(const struct core *c);

/* What became of the facts of others, by name: 1, or 0 behind the last. */
int word_count(const struct core *c, unsigned i, const char **ret_name,
               uint64_t *ret_value);

/* Say a fact of ours: a message of that type.  What cannot be said is counted. */
void word_say(struct core *c, unsigned kind, struct wf_slice key, enum wf_type type,
              const void *body, struct wf_effects *out);

/* on_map.c */
void query_map(struct turn *t);

#endif

/* names.h - datasets that are at home at other brokers: which names there are
 *
 * Each is a version of a name at one home, as that broker's fact says (dataset_fact in
 * docs/spec/9-gossip.md, 9.9).  Two homes may say the same name and version, when they
 * were cut off from each other.  The rule, for all brokers the same:
 *
 *     of one name and version that was made first has the name, by the wall clocks of
 *     the homes; then that of the home with the lower key.
 *
 * The others are called NAME.<8hex>, the first digits of their home's key.  What two
 * homes say alike, to the listing of the files, is one dataset: brokers that share a
 * store say so.
 *
 * A home numbers what it says: a fact is about a place (names_place) in its list, which
 * is used again when what stood there is gone, so that what was taken back does not
 * gather.
 *
 * Sorted by name, then the newest version first, then by the rule.  Bounded; who says
 * more is refused and counted.  What is broken is no name: WEFT_EPROTO.
 */
#ifndef BROKER_CORE_MESH_GOSSIP_NAMES_H
#define BROKER_CORE_MESH_GOSSIP_NAMES_H

#include "common/map.h"
#include "proto/msg.h"

#define NAMES_MAX    65536u
#define NAMES_OF_ONE 1024u /* of one home */

struct name {
    struct wf_key home; /* first, with what follows: the map's key */
    struct wf_key id;   /* of the fact */
    struct wf_key owner;
    struct wf_digest listing;
    char name[WF_DATASET_MAX + 1];
    uint32_t version;
    int is_public; /* it has the label public=yes */
    uint64_t created_ms;
};

struct names {
    struct wf_map *by_id; /* of struct name, owned */
    struct wf_map *homes; /* how many of each, owned */
    struct name **v;      /* owned */
    size_t n, cap;
};

/* WEFT_ENOMEM. */
int names_init(struct names *t, uint64_t seed);
void names_fini(struct names *t);

/* What the fact is about that stands at this place of a home's list, from 0 on. */
struct wf_key names_place(unsigned place);

/* A home's word.  WEFT_EPROTO: it is no name, or `id` no place; WEFT_EFULL;
 * WEFT_ENOMEM: what it said before is gone then. */
int names_take(struct names *t, const struct wf_key *home, struct wf_slice id,
               const struct wf_dataset_fact *m);

/* It was taken back. */
void names_drop(struct names *t, const struct wf_key *home, struct wf_slice id);

/* All of a home go. */
void names_drop_home(struct names *t, const struct wf_key *home);

/* The place of the first of that name, t->n when there is none; a name's stand together.
 */
size_t names_first(const struct names *t, struct wf_slice name);

/* Which of two that have one name and version has it: below 0 the first, above 0 the
 * second; never 0 for two homes. */
int names_rule(uint64_t a_ms, const struct wf_key *a, uint64_t b_ms,
               const struct wf_key *b);

/* "NAME.0a1b2c3d" in `room`; WEFT_ETOOBIG: it is too long for that. */
int names_by_home(const char *name, const struct wf_key *home,
                  char room[WF_DATASET_MAX + 1]);

/* The same, read: 1, the name, and the digits as bytes. */
#define NAMES_DIGITS 4u
int names_split(struct wf_slice text, struct wf_slice *ret_name,
                uint8_t ret_home[NAMES_DIGITS]);

void names_check(const struct names *t);

#endif
